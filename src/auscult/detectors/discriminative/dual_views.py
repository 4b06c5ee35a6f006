"""The two ways in which the discriminative detector hears a clip: as it changes, and as a whole.

Wilkinghoff, "Design choices for learning embeddings from auxiliary tasks for domain generalization in
anomalous sound detection", ICASSP 2023: a spectrogram shows what changes in time, the spectrum of the whole
clip resolves steady tones far more finely. Both are kept in dB, once for each clip, 112 kB for ten seconds
in the compact size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip
from auscult.errors import TooShortAudio
from auscult.spectrum import FrontEnd

#: Smallest power that is told from none: 16-bit rounding noise lies at 1e-10.
_FLOOR = 1e-12


@dataclass(frozen=True)
class DualViews:
    """One clip as both branches hear it.

    Attributes:
        frames: (T', F) float32, dB: log-mel frames, or the bins of the short-time transform, some joined.
        spectrum: (P,) float32, dB: power spectrum of the whole clip, the same points whatever its length.
    """

    frames: np.ndarray
    spectrum: np.ndarray


def dual_views(
    recording: AudioClip, front_end: FrontEnd, *, mels: bool, joined: int, points: int
) -> DualViews:
    """Both views of a recording.

    Args:
        mels: frames are log-mel; otherwise all bins of the short-time Fourier transform.
        joined: so many neighbouring frames become one, by their mean power.
        points: of the spectrum, evenly from 0 Hz to half the sample rate.

    Raises:
        AudioError: the recording cannot be used, or is shorter than one window.
    """
    samples = recording.waveform().samples
    if len(samples) < front_end.n_fft:
        needed = front_end.n_fft / front_end.sample_rate
        raise TooShortAudio(recording.clip.path, f"shorter than the {needed:.3f} s that discriminative needs")
    frames = recording.log_mel(front_end) if mels else _bins(samples, front_end)
    edge = edge_frames(front_end)
    if len(frames) >= 2 * edge + joined:
        frames = frames[edge : len(frames) - edge]
    return DualViews(_joined(frames, joined), clip_spectrum(samples, points))


def edge_frames(front_end: FrontEnd) -> int:
    """Frames at each end of a clip whose windows reach beyond it: weaker than the rest, by where the clip was
    cut and not by what it sounds like, so that a clip is heard without them if it is long enough."""
    return -(-front_end.n_fft // (2 * front_end.hop))


def clip_spectrum(samples: np.ndarray, points: int) -> np.ndarray:
    """Power spectrum of a whole clip on a fixed number of points.

    A point is the mean power over its share of the frequency axis, so that clips of different length give
    the same noise floor: many bins of a long clip make one point, a bin of a short one makes several.

    Args:
        samples: (N,).

    Returns:
        (points,) float32, dB.
    """
    transform = np.fft.rfft(samples.astype(np.float64))
    power = (transform.real**2 + transform.imag**2) / len(samples)
    below = np.concatenate([[0.0], np.cumsum(power)])  # power below each edge of a bin
    edges = np.linspace(0, len(power), points + 1)
    mean = np.diff(np.interp(edges, np.arange(len(below)), below)) * (points / len(power))
    return _db(mean)


def _bins(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """(T, n_fft // 2 + 1) dB, frames centred as those of the log-mel."""
    padded = np.pad(samples.astype(np.float64), front_end.n_fft // 2)
    cuts = np.lib.stride_tricks.sliding_window_view(padded, front_end.n_fft)[:: front_end.hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front_end.n_fft) / front_end.n_fft)
    out = np.empty((len(cuts), front_end.n_fft // 2 + 1), np.float32)
    for start in range(0, len(cuts), 512):
        transform = np.fft.rfft(cuts[start : start + 512] * window)
        out[start : start + 512] = _db(transform.real**2 + transform.imag**2)
    return out


def _joined(frames: np.ndarray, count: int) -> np.ndarray:
    """Every ``count`` frames as one, without what is left over; (max(1, T // count), F)."""
    count = min(count, len(frames))
    whole = frames[: len(frames) // count * count].astype(np.float64)
    return _db((10 ** (whole / 10)).reshape(-1, count, frames.shape[1]).mean(axis=1))


def _db(power: np.ndarray) -> np.ndarray:
    return (10 * np.log10(np.maximum(power, _FLOOR))).astype(np.float32)
