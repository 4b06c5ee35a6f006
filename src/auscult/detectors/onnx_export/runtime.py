"""Running a detector's networks, stored as ONNX bytes, by ONNX Runtime in one thread."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np

#: Recordings may be scored in several threads; a session is opened by the first and shared by all.
_SESSION_LOCK = Lock()


class OnnxNetwork:
    """Mixin for detectors whose ``arrays`` contain ONNX files, (L,) uint8; usually only ``network``."""

    arrays: dict[str, np.ndarray]

    def run_network(
        self, inputs: Mapping[str, np.ndarray], network: str = "network"
    ) -> dict[str, np.ndarray]:
        """Run ``arrays[network]``: input name to array in, output name to array out."""
        session = self._session(network)
        names = [o.name for o in session.get_outputs()]
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        return dict(zip(names, session.run(names, feeds), strict=True))

    def _session(self, name: str) -> Any:
        """Return the ONNX Runtime session, opened on first use and again after the network has changed."""
        network = self.arrays[name]
        with _SESSION_LOCK:
            sessions = self.__dict__.setdefault("_sessions", {})  # name to network and session
            opened, session = sessions.get(name, (None, None))
            if opened is not network:
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.log_severity_level = 3
                options.intra_op_num_threads = 1  # as in training: further threads would only spin
                session = onnxruntime.InferenceSession(
                    network.tobytes(), options, providers=["CPUExecutionProvider"]
                )
                sessions[name] = network, session
            return session
