"""What is kept of a recording to recognise others that were cut from the same one: its sound print."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auscult.corpus.stationary import END, MIN_ENDS, autocovariance

#: Length of the transform of the phases, samples.
PERIOD = 16384
#: Share of a recording that is faded in and out before the phases are computed; without it, a tone would
#: spread to all bins.
TAPER = 0.1
#: Bins below this fraction of the strongest one hold rounding errors only.
_SMALLEST_BIN = 1e-9
#: Relative power below which a signal is constant but for the rounding of single precision.
_CONSTANT = 1e-12
#: Power below which a signal is nothing but rounding, in whatever unit.
_SMALLEST_POWER = 1e-30


@dataclass(frozen=True)
class SoundPrint:
    """The sound print of one recording; 20 kB at any length.

    Attributes:
        samples: length of the recording.
        deviation: standard deviation of the samples.
        start: (END,) float16: its first samples, less the mean and divided by the deviation.
        end: (END,) float16: its last samples, likewise.
        autocovariance: (2 · END,) float32 at lags from 0, divided by the variance. This and the two above are
            empty if the recording is too short or constant.
        phase_codes: (PERIOD / 2 + 1, 2) int8: `phases` times 127, real and imaginary part.
        spectrum: (n_mels,) mean log-mel, dB, less its mean over the bands: independent of the level.
        half_distance: RMS difference between the spectra of its two halves, dB; NaN if it has one frame.
    """

    samples: int
    deviation: float
    start: np.ndarray
    end: np.ndarray
    autocovariance: np.ndarray
    phase_codes: np.ndarray
    spectrum: np.ndarray
    half_distance: float

    @property
    def phases(self) -> np.ndarray:
        """(PERIOD / 2 + 1,) complex64: its spectrum divided by the modulus; 0 where there is no sound."""
        return self.phase_codes.astype(np.float32).view(np.complex64)[:, 0] / np.float32(127)


def sound_print(samples: np.ndarray, frames: np.ndarray) -> SoundPrint:
    """Compute the sound print of a recording.

    Args:
        samples: (N,) its samples.
        frames: (T, n_mels) its log-mel, dB.
    """
    centred = samples.astype(np.float64)
    offset = centred.mean()
    centred -= offset
    power = float(np.mean(centred**2))
    if power <= _CONSTANT * offset**2 or power < _SMALLEST_POWER:
        centred[:] = 0.0
        power = 0.0
    start = end = covariance = np.empty(0, np.float16)
    deviation = float(np.sqrt(power))
    if power and len(centred) >= MIN_ENDS * END:
        start, end = (
            part.astype(np.float16) for part in (centred[:END] / deviation, centred[-END:] / deviation)
        )
        covariance = autocovariance(centred).astype(np.float32)
    spectra = [_without_level(part) for part in np.array_split(frames, 2) if len(part)]
    return SoundPrint(
        samples=len(samples),
        deviation=deviation,
        start=start,
        end=end,
        autocovariance=covariance,
        phase_codes=_phase_codes(centred),
        spectrum=_without_level(frames),
        half_distance=_rms(spectra[0] - spectra[1]) if len(spectra) == 2 else np.nan,
    )


def nearest_spectra(spectra: np.ndarray, count: int) -> list[np.ndarray]:
    """Return for each of (N, n_mels) spectra the indices of the ``count`` nearest others, nearest first."""
    spectra = spectra.astype(np.float64)
    squares = (spectra**2).sum(axis=1)
    nearest = []
    for i, spectrum in enumerate(spectra):
        distances = squares - 2.0 * spectra @ spectrum
        distances[i] = np.inf
        nearest.append(np.argsort(distances, kind="stable")[: min(count, len(spectra) - 1)])
    return nearest


def _phase_codes(centred: np.ndarray) -> np.ndarray:
    """(PERIOD / 2 + 1, 2) the phases of the spectrum at equally spaced frequencies."""
    faded = np.pad(centred, (0, -len(centred) % PERIOD))
    rise = _rise(len(centred))
    faded[: len(rise)] *= rise
    faded[len(centred) - len(rise) : len(centred)] *= rise[::-1]
    folded = faded.reshape(-1, PERIOD).sum(axis=0)
    spectrum = np.fft.rfft(folded)
    modulus = np.abs(spectrum)
    audible = modulus > _SMALLEST_BIN * modulus.max(initial=0.0)
    phases = np.where(audible, spectrum / np.where(audible, modulus, 1.0), 0)
    return np.round(127 * np.stack([phases.real, phases.imag], axis=1)).astype(np.int8)


def _rise(length: int) -> np.ndarray:
    """Factors from 0 to 1, a half cosine over `TAPER` / 2 of a recording of this length."""
    rising = max(1.0, 0.5 * TAPER * length)
    return 0.5 - 0.5 * np.cos(np.pi * (np.arange(min(math.ceil(rising), length)) / rising))


def _without_level(frames: np.ndarray) -> np.ndarray:
    spectrum = frames.mean(axis=0, dtype=np.float64)
    return (spectrum - spectrum.mean()).astype(np.float32)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
