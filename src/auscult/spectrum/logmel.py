"""Log-mel spectrogram, whole or piece by piece, with the same numbers.

The features of the DCASE Task 2 baseline (2023–2026): centred short-time Fourier transform with zero
padding, periodic Hann window, power, Slaney mel filters with Slaney norm, 10·log10 with a floor. The
transform runs in float64, since a float32 FFT is 25 dB off beside a pure tone; results are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auscult.errors import OptionError

_BREAK_HZ = 1000.0  # Slaney's mel scale is linear below, logarithmic above
_HZ_PER_MEL = 200.0 / 3.0
_LOG_STEP = np.log(6.4) / 27.0  # 27 mels for a factor of 6.4 in frequency
_BLOCK = 2**16  # samples in the frames that are transformed at a time: 512 KiB


@dataclass(frozen=True)
class FrontEnd:
    """How a waveform becomes log-mel frames. The defaults are the DCASE baseline's."""

    sample_rate: int = 16000  # Hz; a clip of another rate is resampled before it comes here
    n_fft: int = 1024  # samples in one transform
    hop: int = 512  # samples from frame to frame
    n_mels: int = 128  # mel bands
    f_min: float = 0.0  # Hz, lower edge of the lowest band
    f_max: float | None = None  # Hz, upper edge of the highest band; None: half the sample rate
    floor: float = 2.220446e-16  # smallest mel power; below it the logarithm is cut off

    def __post_init__(self) -> None:
        top = self.sample_rate / 2 if self.f_max is None else self.f_max
        if self.n_fft < 2 or self.n_fft % 2 or not 1 <= self.hop <= self.n_fft:
            raise OptionError(
                f"n_fft must be even and hop between 1 and n_fft, not n_fft={self.n_fft} hop={self.hop}"
            )
        if not 0 <= self.f_min < top <= self.sample_rate / 2:
            raise OptionError(
                f"f_min={self.f_min} f_max={top} do not fit a sample rate of {self.sample_rate} Hz"
            )
        if self.n_mels < 1 or not self.floor > 0:
            raise OptionError(f"n_mels={self.n_mels} and floor={self.floor} must both be positive")

    def frames_in(self, samples: int) -> int:
        """Number of frames that a waveform of so many samples gives."""
        return 1 + samples // self.hop


def log_mel(samples: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Log-mel spectrogram of a whole waveform.

    Args:
        samples: (N,) one channel at ``front_end.sample_rate``.

    Returns:
        (1 + N // hop, n_mels) float32, dB.
    """
    return log_mels([samples], front_end)[0]


def log_mels(waveforms: Sequence[np.ndarray], front_end: FrontEnd) -> list[np.ndarray]:
    """Log-mel spectrograms of several whole waveforms, whose frames are transformed together.

    Args:
        waveforms: (N,) each, of any lengths, at ``front_end.sample_rate``.

    Returns:
        (1 + N // hop, n_mels) float32 for each, dB; the numbers that `log_mel` gives.
    """
    counts = [front_end.frames_in(len(samples)) for samples in waveforms]
    # One after the other, each in its own zeros, so that the frames of all lie on one grid of hops. Those
    # few between two waveforms are of no use.
    apart = -(-front_end.n_fft // front_end.hop)
    firsts = np.cumsum([0, *(count + apart for count in counts)])  # frame on the grid, of each
    padded = np.zeros(int(firsts[-1]) * front_end.hop + front_end.n_fft)
    for samples, first in zip(waveforms, firsts[:-1], strict=True):
        start = int(first) * front_end.hop + front_end.n_fft // 2
        padded[start : start + len(samples)] = samples
    frames = _log_mel_frames(padded, max(0, int(firsts[-1]) - apart), front_end)
    return [frames[first : first + count] for first, count in zip(firsts[:-1], counts, strict=True)]


@dataclass(frozen=True)
class LogMelStream:
    """State of a log-mel in progress: handed in and handed back, never changed in place."""

    front_end: FrontEnd
    pending: np.ndarray  # (P,) float64 samples that the next frame still needs


def log_mel_start(front_end: FrontEnd) -> LogMelStream:
    """State before the first sample: half a window of the zeros that centre the first frame."""
    return LogMelStream(front_end, np.zeros(front_end.n_fft // 2))


def log_mel_push(samples: np.ndarray, state: LogMelStream) -> tuple[np.ndarray, LogMelStream]:
    """Takes the next piece of a waveform, of any length.

    Returns:
        The frames that are complete now, (T, n_mels) float32 in dB, and the state for the next call.
    """
    front_end = state.front_end
    pending = np.concatenate([state.pending, np.asarray(samples, dtype=np.float64)])
    count = max(0, 1 + (len(pending) - front_end.n_fft) // front_end.hop)
    frames = _log_mel_frames(pending, count, front_end)
    return frames, LogMelStream(front_end, pending[count * front_end.hop :])


def log_mel_finish(state: LogMelStream) -> np.ndarray:
    """The last frames, (T, n_mels) float32 in dB, centred by zeros after the end."""
    frames, _ = log_mel_push(np.zeros(state.front_end.n_fft // 2), state)
    return frames


@lru_cache(maxsize=8)
def mel_filters(front_end: FrontEnd) -> np.ndarray:
    """Slaney mel filter bank with Slaney norm (each triangle has unit area in Hz).

    M. Slaney, "Auditory Toolbox", Technical Report 1998-010, Interval Research.

    Returns:
        (n_fft // 2 + 1, n_mels) float64, read-only.
    """
    top = front_end.sample_rate / 2 if front_end.f_max is None else front_end.f_max
    edges = _mel_to_hz(np.linspace(_hz_to_mel(front_end.f_min), _hz_to_mel(top), front_end.n_mels + 2))
    bins = np.arange(front_end.n_fft // 2 + 1) * (front_end.sample_rate / front_end.n_fft)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (centre - low)  # (bins, n_mels)
    falling = (high - bins[:, None]) / (high - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))
    filters.flags.writeable = False
    return filters


def band_centres(front_end: FrontEnd) -> np.ndarray:
    """(n_mels,) centre frequency of every band, Hz."""
    top = front_end.sample_rate / 2 if front_end.f_max is None else front_end.f_max
    return _mel_to_hz(np.linspace(_hz_to_mel(front_end.f_min), _hz_to_mel(top), front_end.n_mels + 2))[1:-1]


def _log_mel_frames(padded: np.ndarray, count: int, front_end: FrontEnd) -> np.ndarray:
    """``count`` frames of an already padded waveform, a block at a time.

    A block and what becomes of it stay in the processor's cache and in the same memory: two to three times as
    fast as whole arrays one after the other.
    """
    out = np.empty((count, front_end.n_mels), dtype=np.float32)
    if not count:
        return out
    views = np.lib.stride_tricks.sliding_window_view(padded, front_end.n_fft)[:: front_end.hop]
    window, most = _hann(front_end.n_fft), min(count, max(16, _BLOCK // front_end.n_fft))
    windowed = np.empty((most, front_end.n_fft))
    spectra = np.empty((most, front_end.n_fft // 2 + 1), dtype=np.complex128)
    powers, mels = np.empty(spectra.shape), np.empty((most, front_end.n_mels))
    groups = _filter_groups(front_end)
    for start in range(0, count, most):
        cuts, block = views[start : min(start + most, count)], out[start : start + most]  # (B, …)
        parts = np.fft.rfft(
            np.multiply(cuts, window, out=windowed[: len(cuts)]), out=spectra[: len(cuts)]
        ).view(np.float64)  # real and imaginary by turns
        parts *= parts
        power = np.add(parts[:, 0::2], parts[:, 1::2], out=powers[: len(cuts)])
        mel = mels[: len(cuts)]
        for bins, bands, filters in groups:
            np.matmul(power[:, bins], filters, out=mel[:, bands])
        np.maximum(mel, front_end.floor, out=mel)
        np.log10(mel, out=mel)
        np.multiply(mel, 10.0, out=block, casting="same_kind")
    return out


@lru_cache(maxsize=8)
def _filter_groups(front_end: FrontEnd) -> list[tuple[slice, slice, np.ndarray]]:
    """`mel_filters` in parts: bins, bands, and the filters of these. Neighbouring bands need few of the bins;
    a quarter of the product is a third of the time of a log-mel."""
    filters, groups = mel_filters(front_end), []
    for bands in np.array_split(np.arange(front_end.n_mels), min(4, front_end.n_mels)):
        its = slice(bands[0], bands[-1] + 1)
        used = np.flatnonzero(filters[:, its].any(axis=1))  # none, where bands are narrower than bins
        bins = slice(used[0], used[-1] + 1) if len(used) else slice(0, 0)
        groups.append((bins, its, np.ascontiguousarray(filters[bins, its])))
    return groups


@lru_cache(maxsize=8)
def _hann(length: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return float(_BREAK_HZ / _HZ_PER_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    knee = _BREAK_HZ / _HZ_PER_MEL
    return np.where(mel < knee, mel * _HZ_PER_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mel - knee)))
