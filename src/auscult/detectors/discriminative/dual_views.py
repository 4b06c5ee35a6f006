"""The two inputs of the discriminative detector: the frames of a clip, and the spectrum of the entire clip.

Wilkinghoff, "Design choices for learning embeddings from auxiliary tasks for domain generalization in
anomalous sound detection", ICASSP 2023: a spectrogram shows what changes in time, the spectrum of the entire
clip resolves steady tones far more finely. Both are kept in dB, computed once per clip: 112 kB for ten
seconds in the compact size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip
from auscult.errors import TooShortAudio
from auscult.spectrum import FrontEnd

#: Smallest power that counts as more than silence: 16-bit rounding noise is at 1e-10.
_FLOOR = 1e-12


@dataclass(frozen=True)
class DualViews:
    """The inputs of both branches for one clip.

    Attributes:
        frames: (T', F) float32, dB: log-mel frames or all bins of the short-time Fourier transform, with
            neighbouring frames averaged.
        spectrum: (P,) float32, dB: power spectrum of the entire clip; P does not depend on its length.
    """

    frames: np.ndarray
    spectrum: np.ndarray


def dual_views(
    recording: AudioClip, front_end: FrontEnd, *, mels: bool, joined: int, points: int
) -> DualViews:
    """Compute both views of a recording.

    Args:
        mels: use log-mel frames; otherwise all bins of the short-time Fourier transform.
        joined: number of neighbouring frames that are averaged, in power, into one.
        points: of the spectrum, evenly spaced from 0 Hz to half the sample rate.

    Raises:
        AudioError: the recording cannot be used, or is shorter than one window.
    """
    samples = recording.waveform().samples
    if len(samples) < front_end.n_fft:
        needed = front_end.n_fft / front_end.sample_rate
        raise TooShortAudio(recording.clip.path, f"shorter than the {needed:.3f} s that discriminative needs")
    frames = recording.log_mel(front_end) if mels else _stft_frames(samples, front_end)
    edge = edge_frames(front_end)
    if len(frames) >= 2 * edge + joined:
        frames = frames[edge : len(frames) - edge]
    return DualViews(_average_frames(frames, joined), clip_spectrum(samples, points))


def edge_frames(front_end: FrontEnd) -> int:
    """Number of frames at each end of a clip whose windows extend beyond it.

    They are weaker than the rest because of where the clip was cut, not because of the sound. They are left
    out if the clip is long enough.
    """
    return -(-front_end.n_fft // (2 * front_end.hop))


def clip_spectrum(samples: np.ndarray, points: int) -> np.ndarray:
    """Power spectrum of an entire clip on a fixed number of points.

    Each point is the mean power over its share of the frequency axis, so that clips of different length have
    the same noise floor: in a long clip a point averages many bins, in a short one a bin spans several
    points.

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
    return _to_db(mean)


def _stft_frames(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """(T, n_fft // 2 + 1) short-time power spectra in dB, centred like the log-mel frames."""
    padded = np.pad(samples.astype(np.float64), front_end.n_fft // 2)
    segments = np.lib.stride_tricks.sliding_window_view(padded, front_end.n_fft)[:: front_end.hop]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front_end.n_fft) / front_end.n_fft)
    out = np.empty((len(segments), front_end.n_fft // 2 + 1), np.float32)
    for start in range(0, len(segments), 512):
        transform = np.fft.rfft(segments[start : start + 512] * window)
        out[start : start + 512] = _to_db(transform.real**2 + transform.imag**2)
    return out


def _average_frames(frames: np.ndarray, count: int) -> np.ndarray:
    """Mean power of every ``count`` frames, in dB, without incomplete groups; (max(1, T // count), F)."""
    count = min(count, len(frames))
    complete = frames[: len(frames) // count * count].astype(np.float64)
    return _to_db((10 ** (complete / 10)).reshape(-1, count, frames.shape[1]).mean(axis=1))


def _to_db(power: np.ndarray) -> np.ndarray:
    return (10 * np.log10(np.maximum(power, _FLOOR))).astype(np.float32)
