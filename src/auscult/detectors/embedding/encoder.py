"""A pretrained audio encoder in an ONNX file provided by the user: opened, checked, and run window by window.

One float32 input, a waveform or log-mel frames, and one output, frames × features; ``docs/encoders.md`` has
the full requirements. Long clips are split into windows, the last of which ends with the clip; the part of it
that the window before already covers is left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError

INPUTS = ("auto", "waveform", "log_mel")
_SEE = "see docs/encoders.md for the requirements and how to export an encoder"


def read_encoder(path: str) -> np.ndarray:
    """Return the bytes of an encoder file, (L,) uint8.

    Raises:
        OptionError: the file does not exist or cannot be read.
    """
    try:
        return np.frombuffer(Path(path).read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise OptionError(f"encoder={path!r}: {error.strerror or error}; {_SEE}") from error


def digest(blob: np.ndarray) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal."""
    return hashlib.sha256(blob.tobytes()).hexdigest()


@dataclass(frozen=True)
class Encoder:
    """An opened encoder.

    Attributes:
        path: the file it was read from, for messages.
        session: of ONNX Runtime.
        kind: of its input, ``waveform`` or ``log_mel``.
        rank: of its input; all dimensions are 1 except the last one of a waveform or the last two of
            log-mel frames.
        length: samples or frames of its input if the file fixes them, else ``None``.
        bands: mel bands of its input if the file fixes them, else ``None``.
    """

    path: str
    session: Any
    kind: str
    rank: int
    length: int | None
    bands: int | None

    @classmethod
    def open(cls, blob: np.ndarray, path: str, *, kind: str = "auto", threads: int = 1) -> Encoder:
        """Open and check the bytes of an ONNX file.

        Args:
            blob: (L,) uint8.
            path: of the file, for messages.
            kind: one of `INPUTS`; ``auto`` takes an input of rank 3 as log-mel frames unless its middle
                dimension is fixed at 1, and any other input as a waveform.
            threads: per run; 0: one per core.

        Raises:
            OptionError: not an ONNX model, or its inputs and outputs do not meet `docs/encoders.md`.
        """
        session = _session(blob, path, threads)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            names = f"inputs {[i.name for i in inputs]} and outputs {[o.name for o in outputs]}"
            raise _error(path, f"it must have one input and one output, got {names}")
        shape, rank = inputs[0].shape, len(inputs[0].shape)
        if inputs[0].type != "tensor(float)" or outputs[0].type != "tensor(float)":
            types = f"{inputs[0].type} and {outputs[0].type}"
            raise _error(path, f"its input and output must be float32, got {types}")
        if kind == "auto":
            kind = "log_mel" if rank == 3 and shape[1] != 1 else "waveform"
        if not (1 <= rank <= 3 if kind == "waveform" else rank == 3):
            expected = "(N,), (1, N) or (1, 1, N)" if kind == "waveform" else "(1, T, bands)"
            raise _error(path, f"its {kind} input must have shape {expected}, got {shape}")
        if len(outputs[0].shape) not in (2, 3):
            expected = "(1, frames, features) or (frames, features)"
            raise _error(path, f"its output must have shape {expected}, got {outputs[0].shape}")
        fixed = [size if isinstance(size, int) and size > 0 else None for size in shape]
        leading = fixed[:-1] if kind == "waveform" else fixed[:-2]
        if any(size not in (None, 1) for size in leading):
            raise _error(path, f"its input must take one clip at a time, got shape {shape}")
        length, bands = (fixed[-1], None) if kind == "waveform" else (fixed[-2], fixed[-1])
        return cls(path, session, kind, rank, length, bands)

    def encode(self, signal: np.ndarray, window: int, minimum: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames of an entire clip.

        Args:
            signal: (N,) samples or (T, bands) log-mel frames, at least one.
            window: maximum samples or log-mel frames per run, unless the file fixes them.
            minimum: length up to which a shorter clip is repeated.

        Returns:
            (F, D) float32 frames, and (F,) float64 positions of their middles in the signal, rising.

        Raises:
            OptionError: the encoder cannot run on this input, or its output is not frames × features.
        """
        length = len(signal)
        window = self.length or window
        minimum = self.length or min(minimum, window)
        if length < minimum:
            signal = np.resize(signal, (minimum, *signal.shape[1:]))
        starts = list(range(0, max(1, len(signal) - window + 1), window))
        if starts[-1] + window < len(signal):
            starts.append(len(signal) - window)
        frames, positions, covered = [], [], 0
        for start in starts:
            part = signal[start : start + window]
            out = self._run(part)  # (F, D)
            middles = start + (np.arange(len(out)) + 0.5) * (len(part) / len(out))
            new = (middles >= covered) & (middles < length)
            new[0] |= start == 0  # a very short clip keeps its first frame, wherever the middle of it is
            frames.append(out[new])
            positions.append(middles[new])
            covered = start + len(part)
        return np.concatenate(frames), np.concatenate(positions)

    def _run(self, part: np.ndarray) -> np.ndarray:
        """(F, D) float32 of one window."""
        x = part.reshape((1,) * (self.rank - part.ndim) + part.shape)
        name = self.session.get_inputs()[0].name
        try:
            (out,) = self.session.run(None, {name: np.ascontiguousarray(x, np.float32)})
        except Exception as error:  # the exceptions of ONNX Runtime have no base class of their own
            raise _error(self.path, f"cannot run on a {self.kind} of shape {x.shape}: {error}") from error
        if out.ndim not in (2, 3) or (out.ndim == 3 and len(out) != 1) or not out.size:
            expected = "(1, frames, features) or (frames, features)"
            raise _error(self.path, f"its output for one clip must have shape {expected}, got {out.shape}")
        return out.reshape(-1, out.shape[-1])


def _session(blob: np.ndarray, path: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(blob.tobytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the exceptions of ONNX Runtime have no base class of their own
        external = "external" in str(error).lower() or Path(f"{path}.data").exists()
        hint = " (its weights are in a separate file: export with external_data=False)" if external else ""
        raise _error(path, f"cannot be opened as an ONNX model{hint}: {error}") from error


def _error(path: str, reason: str) -> OptionError:
    return OptionError(f"encoder={path!r}: {reason}; {_SEE}")
