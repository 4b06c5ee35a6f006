"""How a detector runs the network that it keeps as ONNX bytes: ONNX Runtime, one thread."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

#: Recordings may be scored in several threads, and the first of them opens the session for all.
_OPENING = Lock()


class OnnxNetwork:
    """For detectors whose ``arrays["network"]`` is an ONNX file, (L,) uint8."""

    arrays: dict[str, np.ndarray]

    def run_network(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The network's named outputs for its named inputs."""
        session = self._session()
        names = [o.name for o in session.get_outputs()]
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        return dict(zip(names, session.run(names, feeds), strict=True))

    def _session(self) -> Any:
        """ONNX Runtime's session, made when first needed and again after the network changed."""
        blob = self.arrays["network"]
        with _OPENING:
            if getattr(self, "_session_of", None) is not blob:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3
                options.intra_op_num_threads = 1  # as in training: more would only spin
                self._live_session = onnxruntime.InferenceSession(
                    blob.tobytes(), options, providers=["CPUExecutionProvider"]
                )
                self._session_of = blob
            return self._live_session
