"""A pretrained audio encoder in an ONNX file provided by the user: opened, checked, and run window by window.

One float32 input, a waveform or log-mel frames, and one output, frames × features; ``docs/encoders.md`` has
the full requirements. Long clips are split into windows, the last of which ends with the clip; frames of it
that the window before covers completely are left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auscult.detectors.embedding.other_formats import conversion_hint
from auscult.errors import OptionError

INPUTS = ("auto", "waveform", "log_mel")
#: Share of a frame by which rounding may make it overlap a boundary.
_ROUNDING = 1e-6
_SEE = "see docs/encoders.md for the requirements and how to export an encoder"


def read_encoder(path: str) -> np.ndarray:
    """Return the bytes of an encoder file, (L,) uint8.

    Raises:
        OptionError: the file does not exist or cannot be read.
    """
    try:
        return np.frombuffer(Path(path).read_bytes(), dtype=np.uint8)
    except OSError as error:
        hint = conversion_hint(path, b"")
        reason = f"this is {hint}" if hint and Path(path).exists() else error.strerror or str(error)
        raise _error(path, reason) from error


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
        output: name of the output that is used.
        sample_rate: of its input, as the file's metadata give it, Hz; ``None`` if they do not.
    """

    path: str
    session: Any
    kind: str
    rank: int
    length: int | None
    bands: int | None
    output: str
    sample_rate: str | None

    @classmethod
    def open(
        cls, blob: np.ndarray, path: str, *, kind: str = "auto", output: str = "", threads: int = 1
    ) -> Encoder:
        """Open and check the bytes of an ONNX file.

        Args:
            blob: (L,) uint8.
            path: of the file, for messages.
            kind: one of `INPUTS`; ``auto`` takes an input of rank 3 as log-mel frames unless its middle
                dimension is fixed at 1, and any other input as a waveform.
            output: name of the output to use; required if there are several.
            threads: per run; 0: one per core.

        Raises:
            OptionError: not an ONNX model, or its inputs and outputs do not meet `docs/encoders.md`.
        """
        session = _session(blob, path, threads)
        inputs, chosen = session.get_inputs(), _chosen_output(session, path, output)
        if len(inputs) != 1:
            raise _error(path, f"it must have one input, got {[i.name for i in inputs]}")
        shape, rank = inputs[0].shape, len(inputs[0].shape)
        if inputs[0].type != "tensor(float)" or chosen.type != "tensor(float)":
            types = f"{inputs[0].type} and {chosen.type}"
            raise _error(path, f"its input and output must be float32, got {types}")
        if kind == "auto":
            kind = "log_mel" if rank == 3 and shape[1] != 1 else "waveform"
        if not (1 <= rank <= 3 if kind == "waveform" else rank == 3):
            expected = "(N,), (1, N) or (1, 1, N)" if kind == "waveform" else "(1, T, bands)"
            raise _error(path, f"its {kind} input must have shape {expected}, got {shape}")
        if len(chosen.shape) not in (2, 3):
            expected = "(1, frames, features) or (frames, features)"
            raise _error(path, f"its output must have shape {expected}, got {chosen.shape}")
        fixed = [size if isinstance(size, int) and size > 0 else None for size in shape]
        leading = fixed[:-1] if kind == "waveform" else fixed[:-2]
        if any(size not in (None, 1) for size in leading):
            raise _error(path, f"its input must take one clip at a time, got shape {shape}")
        length, bands = (fixed[-1], None) if kind == "waveform" else (fixed[-2], fixed[-1])
        sample_rate = session.get_modelmeta().custom_metadata_map.get("sample_rate")
        return cls(path, session, kind, rank, length, bands, chosen.name, sample_rate)

    def encode(self, signal: np.ndarray, window: int, minimum: int) -> tuple[np.ndarray, np.ndarray]:
        """The frames of an entire clip; every sample of it is in one of them.

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
            size = len(part) / len(out)  # samples or log-mel frames in each of the F frames
            begins = start + np.arange(len(out)) * size
            margin = _ROUNDING * size
            new = (begins + size > covered + margin) & (begins < length - margin)
            frames.append(out[new])
            positions.append(begins[new] + size / 2)
            covered = start + len(part)
        return np.concatenate(frames), np.concatenate(positions)

    def _run(self, part: np.ndarray) -> np.ndarray:
        """(F, D) float32 of one window."""
        x = part.reshape((1,) * (self.rank - part.ndim) + part.shape)
        name = self.session.get_inputs()[0].name
        try:
            (out,) = self.session.run([self.output], {name: np.ascontiguousarray(x, np.float32)})
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
        if other := conversion_hint(path, blob.tobytes()):
            raise _error(path, f"this is not an ONNX file but {other}") from error
        hint = " (its weights are in a separate file: export with external_data=False)" if external else ""
        raise _error(path, f"cannot be opened as an ONNX model{hint}: {error}") from error


def _chosen_output(session: Any, path: str, name: str) -> Any:
    """The output with this name, or the only one if no name is given."""
    outputs = {output.name: output for output in session.get_outputs()}
    shapes = ", ".join(f"{output.name} {output.shape}" for output in outputs.values())
    if name and name not in outputs:
        raise _error(path, f"it has no output {name!r}: set encoder_output to one of {shapes}")
    if not name and len(outputs) != 1:
        raise _error(path, f"it has several outputs: set encoder_output to that with features, of {shapes}")
    return outputs[name or next(iter(outputs))]


def _error(path: str, reason: str) -> OptionError:
    return OptionError(f"encoder={path!r}: {reason}; {_SEE}")
