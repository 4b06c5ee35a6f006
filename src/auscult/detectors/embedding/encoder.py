"""A pretrained audio encoder in an ONNX file provided by the user: opened, checked, and run window by window.

One float32 input, a waveform or log-mel frames, and one output, frames × features;
``docs/reference/encoder-file.md`` has the full requirements. Long clips are split into windows, the last of
which ends with the clip; frames of it that the window before covers completely are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auscult.detectors.embedding.device import open_session, providers
from auscult.detectors.embedding.other_formats import conversion_hint
from auscult.errors import OptionError

INPUTS = ("auto", "waveform", "log_mel")
#: Share of a frame by which rounding may make it overlap a boundary.
_ROUNDING = 1e-6
_SEE = "see docs/how-to/export-an-encoder.md for the requirements and how to export an encoder"


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
        batches: whether it takes several inputs of equal length at once.
        providers: execution providers of ONNX Runtime that it runs on, in the order of preference.
    """

    path: str
    session: Any
    kind: str
    rank: int
    length: int | None
    bands: int | None
    output: str
    sample_rate: str | None
    batches: bool
    providers: Sequence[str]

    @classmethod
    def open(
        cls,
        blob: np.ndarray,
        path: str,
        *,
        kind: str = "auto",
        output: str = "",
        threads: int = 1,
        device: str = "cpu",
        fallback: bool = False,
    ) -> Encoder:
        """Open and check the bytes of an ONNX file.

        Args:
            blob: (L,) uint8.
            path: of the file, for messages.
            kind: one of `INPUTS`; ``auto`` takes an input of rank 3 as log-mel frames unless its middle
                dimension is fixed at 1, and any other input as a waveform.
            output: name of the output to use; required if there are several.
            threads: per run; 0: one per core.
            device: as for `auscult.detectors.embedding.device.providers`.
            fallback: use the CPU, with a warning, if the device is not available.

        Raises:
            OptionError: not an ONNX model, its inputs and outputs do not meet
                `docs/reference/encoder-file.md`, or the device is not available.
        """
        session = _session(blob, path, threads, providers(device, fallback=fallback), fallback)
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
        batches = len(leading) > 0 and fixed[0] is None and len(chosen.shape) == 3 and chosen.shape[0] != 1
        used = session.get_providers()
        return cls(path, session, kind, rank, length, bands, chosen.name, sample_rate, batches, used)

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
        return self.encode_all([signal], window, minimum)[0]

    def encode_all(
        self, signals: Sequence[np.ndarray], window: int, minimum: int, *, batch: int = 1
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """The frames and positions of several entire clips, each as from `encode`.

        Args:
            signals: as for `encode`.
            window: as for `encode`.
            minimum: as for `encode`.
            batch: number of windows of equal length per run. Results of different batches agree to rounding.

        Raises:
            OptionError: as for `encode`, or the encoder takes only one input at a time.
        """
        if batch > 1 and not self.batches:
            raise _error(
                self.path,
                f"encoder_batch={batch}, but it takes one clip at a time: set encoder_batch=1, or export it "
                "with a first dimension of any size in input and output",
            )
        window = self.length or window
        minimum = self.length or min(minimum, window)
        repeated = [
            np.resize(signal, (minimum, *signal.shape[1:])) if len(signal) < minimum else signal
            for signal in signals
        ]
        parts = [
            (clip, start, signal[start : start + window])
            for clip, signal in enumerate(repeated)
            for start in _window_starts(len(signal), window)
        ]
        outputs: dict[tuple[int, int], np.ndarray] = {}  # clip and start to (F, D)
        for length in sorted({len(part) for _, _, part in parts}):
            equal = [p for p in parts if len(p[2]) == length]
            for first in range(0, len(equal), batch):
                chunk = equal[first : first + batch]
                frames = self._run(np.stack([part for _, _, part in chunk]))
                outputs |= {(clip, start): out for (clip, start, _), out in zip(chunk, frames, strict=True)}
        joined = []
        for clip, signal in enumerate(signals):
            of_clip = [(start, len(part), outputs[i, start]) for i, start, part in parts if i == clip]
            joined.append(_joined(of_clip, len(signal)))
        return joined

    def _run(self, parts: np.ndarray) -> np.ndarray:
        """(B, F, D) float32 of B windows, (B, N) samples or (B, T, bands) log-mel frames."""
        count, dimensions = len(parts), self.rank - parts[0].ndim
        leading = (count, *(1,) * (dimensions - 1)) if dimensions else ()
        x = parts.reshape(*leading, *parts.shape[1:])
        name = self.session.get_inputs()[0].name
        try:
            (out,) = self.session.run([self.output], {name: np.ascontiguousarray(x, np.float32)})
        except Exception as error:  # the exceptions of ONNX Runtime have no base class of their own
            raise _error(self.path, f"cannot run on a {self.kind} of shape {x.shape}: {error}") from error
        if out.ndim not in (2, 3) or (out.ndim == 3 and len(out) != count) or not out.size:
            expected = f"({count}, frames, features)" + (" or (frames, features)" if count == 1 else "")
            raise _error(self.path, f"its output must have shape {expected}, got {out.shape}")
        return out.reshape(count, -1, out.shape[-1])


def _window_starts(length: int, window: int) -> list[int]:
    """The starts of the windows of a signal; the last one ends with the signal."""
    starts = list(range(0, max(1, length - window + 1), window))
    if starts[-1] + window < length:
        starts.append(length - window)
    return starts


def _joined(windows: Sequence[tuple[int, int, np.ndarray]], length: int) -> tuple[np.ndarray, np.ndarray]:
    """The frames (F, D) and positions (F,) of a signal of this length.

    Args:
        windows: start, length and frames of each window.
        length: of the signal before it was repeated.
    """
    frames, positions, covered = [], [], 0
    for start, window, out in windows:
        size = window / len(out)  # samples or log-mel frames in each of the F frames
        begins = start + np.arange(len(out)) * size
        margin = _ROUNDING * size
        new = (begins + size > covered + margin) & (begins < length - margin)
        frames.append(out[new])
        positions.append(begins[new] + size / 2)
        covered = start + window
    return np.concatenate(frames), np.concatenate(positions)


def _session(blob: np.ndarray, path: str, threads: int, chosen: list[str], fallback: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        return open_session(blob.tobytes(), chosen, options, fallback=fallback)
    except OptionError:
        raise
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
