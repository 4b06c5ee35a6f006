"""The sound of an explained recording as WAV files next to the picture, for comparison by ear."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.errors import OptionError
from auscult.report.explanation import Explanation
from auscult.runtime.files import write_atomically
from auscult.sound import Waveform

MAX_SECONDS = 10.0  # of an excerpt
#: A recording up to this length is written completely, seconds.
COMPLETE_SECONDS = 60.0
_PEAK = 0.8  # of the loudest of several waveforms


@dataclass(frozen=True)
class Fragments:
    """The files that were written.

    Attributes:
        recording: the fragment of the recording.
        nearest: the nearest normal recording, or ``None``.
        start_seconds: start of the fragment in its file.
        gain_db: gain of both files, dB.
    """

    recording: str
    nearest: str | None
    start_seconds: float
    gain_db: float


def fragment_paths(picture: str | os.PathLike[str], *sources: str | None) -> tuple[str, str]:
    """Return the paths for the fragment of the recording and of the nearest normal one next to a picture.

    Args:
        picture: the picture.
        sources: recordings that must not be overwritten.

    Raises:
        OptionError: one of the paths is one of the recordings.
    """
    path = Path(picture)
    names = str(path.with_suffix(".fragment.wav")), str(path.with_suffix(".nearest.wav"))
    known = {os.path.realpath(source) for source in sources if source}
    for name in names:
        if os.path.realpath(name) in known:
            raise OptionError(f"{name} would be overwritten by the sound beside {picture}: name it otherwise")
    return names


def write_fragments(explained: Explanation, paths: tuple[str, str]) -> Fragments:
    """Write the explained recording and the nearest normal one, with the same gain.

    Of a recording above `COMPLETE_SECONDS`, only the 10 s with the largest deviation are written.

    Raises:
        OptionError: a file cannot be written.
    """
    part, offset = explained.waveform, 0.0
    if part.seconds > COMPLETE_SECONDS:
        part, offset = excerpt(part, np.maximum(explained.map, 0).sum(axis=1))
    parts = [part]
    if explained.nearest is not None:
        parts.append(excerpt(explained.nearest, np.ones(1))[0])
    gain = common_gain(parts)
    for path, waveform in zip(paths, parts, strict=False):
        try:
            write_atomically(path, wav_bytes(waveform.samples * gain, waveform.sample_rate))
        except OSError as error:
            raise OptionError(f"{path}: cannot be written: {error.strerror or error}") from error
    nearest = paths[1] if len(parts) > 1 else None
    return Fragments(paths[0], nearest, explained.start_seconds + offset, float(20 * np.log10(gain)))


def wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """Return a 16-bit mono WAV of (N,) samples with full scale ±1; values beyond are clipped."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return stream.getvalue()


def excerpt(waveform: Waveform, weight: np.ndarray) -> tuple[Waveform, float]:
    """Return at most `MAX_SECONDS` of a waveform, where the weight is largest, and the start in seconds.

    Args:
        waveform: the waveform.
        weight: (T,) weights of equal parts of the waveform.
    """
    length = round(MAX_SECONDS * waveform.sample_rate)
    if len(waveform.samples) <= length:
        return waveform, 0.0
    span = max(1, round(len(weight) * length / len(waveform.samples)))
    sums = np.convolve(np.maximum(weight, 0), np.ones(span), mode="valid")
    start = round(int(np.argmax(sums)) / len(weight) * len(waveform.samples))
    start = min(start, len(waveform.samples) - length)
    part = Waveform(waveform.samples[start : start + length], waveform.sample_rate, waveform.path)
    return part, start / waveform.sample_rate


def common_gain(waveforms: Sequence[Waveform]) -> float:
    """Return the gain that all waveforms are played with, so that they can be compared by ear."""
    peak = max((float(np.max(np.abs(w.samples))) for w in waveforms if len(w.samples)), default=0.0)
    return _PEAK / peak if peak > 0 else 1.0
