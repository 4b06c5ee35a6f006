"""A pretrained audio encoder that the user brings as an ONNX file: opened, checked, and run window by window.

One float32 input, a waveform or log-mel frames, and one output, frames × features; ``docs/encoders.md`` says
it in full. Long clips are cut into windows, the last of which ends with the clip; what it covers again of the
window before is left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError

INPUTS = ("auto", "waveform", "log_mel")
_SEE = "docs/encoders.md says what an encoder file must be and how to make one"


def read_encoder(path: str) -> np.ndarray:
    """The bytes of an encoder file, (L,) uint8.

    Raises:
        OptionError: there is no such file, or it cannot be read.
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
    """An encoder that can be run.

    Attributes:
        path: the file it came from, for messages.
        session: ONNX Runtime's.
        kind: what it hears, ``waveform`` or ``log_mel``.
        rank: of its input; dimensions before the last one of a waveform, or the last two of log-mel
            frames, are 1.
        length: samples, or frames, that it takes at once, where its file fixes them.
        bands: mel bands that it takes, where its file fixes them.
    """

    path: str
    session: Any
    kind: str
    rank: int
    length: int | None
    bands: int | None

    @classmethod
    def open(cls, blob: np.ndarray, path: str, *, kind: str = "auto", threads: int = 1) -> Encoder:
        """Opens and checks the bytes of an ONNX file.

        Args:
            blob: (L,) uint8.
            kind: one of `INPUTS`; ``auto`` takes an input of rank 3 for log-mel frames unless its middle
                dimension is fixed at 1, and others for a waveform.
            threads: of one run; 0: as many as there are cores.

        Raises:
            OptionError: no ONNX model, or not with one input and one output as `docs/encoders.md` asks.
        """
        session = _session(blob, path, threads)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            told = f"inputs {[i.name for i in inputs]}, outputs {[o.name for o in outputs]}"
            raise _wrong(path, f"one input and one output are needed, and it has {told}")
        shape, rank = inputs[0].shape, len(inputs[0].shape)
        if inputs[0].type != "tensor(float)" or outputs[0].type != "tensor(float)":
            raise _wrong(path, f"float32 is needed, and it has {inputs[0].type} in, {outputs[0].type} out")
        if kind == "auto":
            kind = "log_mel" if rank == 3 and shape[1] != 1 else "waveform"
        if not (1 <= rank <= 3 if kind == "waveform" else rank == 3):
            wanted = "(N,), (1, N) or (1, 1, N)" if kind == "waveform" else "(1, T, bands)"
            raise _wrong(path, f"a {kind} of shape {wanted} must go in, and its input is {shape}")
        if len(outputs[0].shape) not in (2, 3):
            raise _wrong(path, f"frames × features must come out, and its output is {outputs[0].shape}")
        fixed = [size if isinstance(size, int) and size > 0 else None for size in shape]
        before = fixed[:-1] if kind == "waveform" else fixed[:-2]
        if any(size not in (None, 1) for size in before):
            raise _wrong(path, f"one clip at a time must go in, and its input is {shape}")
        length, bands = (fixed[-1], None) if kind == "waveform" else (fixed[-2], fixed[-1])
        return cls(path, session, kind, rank, length, bands)

    def encode(self, signal: np.ndarray, window: int, least: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames of a whole clip.

        Args:
            signal: (N,) samples or (T, bands) log-mel frames, at least one.
            window: samples, or log-mel frames, that go in at once, unless the file fixes them.
            least: what a shorter clip is repeated up to before it goes in.

        Returns:
            (F, D) float32, and (F,) float64 places of their middles in the signal, rising.

        Raises:
            OptionError: the file does not run on such input, or gives no frames × features.
        """
        whole = len(signal)
        window = self.length or window
        least = self.length or min(least, window)
        if whole < least:
            signal = np.resize(signal, (least, *signal.shape[1:]))
        starts = list(range(0, max(1, len(signal) - window + 1), window))
        if starts[-1] + window < len(signal):
            starts.append(len(signal) - window)
        frames, places, covered = [], [], 0
        for start in starts:
            piece = signal[start : start + window]
            out = self._run(piece)  # (F, D)
            middles = start + (np.arange(len(out)) + 0.5) * (len(piece) / len(out))
            new = (middles >= covered) & (middles < whole)
            new[0] |= start == 0  # of the shortest clip the first frame counts, whatever its middle
            frames.append(out[new])
            places.append(middles[new])
            covered = start + len(piece)
        return np.concatenate(frames), np.concatenate(places)

    def _run(self, piece: np.ndarray) -> np.ndarray:
        """(F, D) float32 of one window."""
        given = piece.reshape((1,) * (self.rank - piece.ndim) + piece.shape)
        name = self.session.get_inputs()[0].name
        try:
            (out,) = self.session.run(None, {name: np.ascontiguousarray(given, np.float32)})
        except Exception as error:  # ONNX Runtime has a class for each failure, and no base of its own
            raise _wrong(self.path, f"does not run on {self.kind} of shape {given.shape}: {error}") from error
        if out.ndim not in (2, 3) or (out.ndim == 3 and len(out) != 1) or not out.size:
            raise _wrong(
                self.path, f"gives {out.shape} for one clip; (1, frames, features) or (frames, features)"
            )
        return out.reshape(-1, out.shape[-1])


def _session(blob: np.ndarray, path: str, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(blob.tobytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each failure, and no base of its own
        apart = "external" in str(error).lower() or Path(f"{path}.data").exists()
        hint = " (its weights lie in a file beside it: export with external_data=False)" if apart else ""
        raise _wrong(path, f"no ONNX model that can be opened{hint}: {error}") from error


def _wrong(path: str, reason: str) -> OptionError:
    return OptionError(f"encoder={path!r}: {reason}; {_SEE}")
