"""Running a detector's network, stored as ONNX bytes, by ONNX Runtime in one thread."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

#: Recordings may be scored in several threads; the session is opened by the first and shared by all.
_SESSION_LOCK = Lock()


class OnnxNetwork:
    """Mixin for detectors whose ``arrays["network"]`` is an ONNX file, (L,) uint8."""

    arrays: dict[str, np.ndarray]

    def run_network(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run the network: input name to array in, output name to array out."""
        session = self._session()
        names = [o.name for o in session.get_outputs()]
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        return dict(zip(names, session.run(names, feeds), strict=True))

    def _session(self) -> Any:
        """Return the ONNX Runtime session, opened on first use and again after the network has changed."""
        network = self.arrays["network"]
        with _SESSION_LOCK:
            if getattr(self, "_session_network", None) is not network:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3
                options.intra_op_num_threads = 1  # as in training: further threads would only spin
                self._live_session = onnxruntime.InferenceSession(
                    network.tobytes(), options, providers=["CPUExecutionProvider"]
                )
                self._session_network = network
            return self._live_session
