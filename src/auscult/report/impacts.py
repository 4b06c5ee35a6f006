"""What an ear or an envelope analyser would name in a recording: tones, and impacts that repeat regularly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auscult.sound import Waveform

#: A line is called a tone if it exceeds the spectrum around it by this, dB.
TONE_DB = 12.0
#: … and the same line in the recording it is compared with by this, dB.
NEW_TONE_DB = 6.0
#: Repetitions from this to that many per second are looked for.
IMPACT_HERTZ = (2.0, 500.0)
#: The line of the repetition must exceed the median of the envelope spectrum around it by this factor …
IMPACT_FACTOR = 6.0
#: … and the same line in the recording it is compared with by this one, at a speed that differs by up to …
NEW_IMPACT_FACTOR = 2.0
#: … this share.
SPEED = 0.06
#: The median is of so many frequencies on either side.
NEIGHBOURS = 15
#: The fundamental of a repetition stands out by this factor at least (noise does in 0.2 % of bins) …
LINE_FACTOR = 3.0
#: … and by this share of what the strongest harmonic does …
FUNDAMENTAL_SHARE = 0.3
#: … and so does this share of the harmonics between the two.
HARMONICS_SHARE = 0.75
#: A fundamental below the noise is accepted if all harmonics that only it explains do, at least so many.
BURIED_HARMONICS = 2
#: The octaves that are searched start here, Hz; lower at sample rates at which this leaves none.
LOWEST_OCTAVE = 500.0
#: At least so many impacts.
MIN_IMPACTS = 6
_LEAST_POWER = 1e-20


def tone(waveform: Waveform, low: float, high: float, other: Waveform | None = None) -> float | None:
    """Return the frequency of a tone in a band, Hz, or ``None`` if the band has none.

    Args:
        waveform: the recording.
        low: lower edge of the band, Hz.
        high: upper edge, Hz.
        other: a recording to compare with; a tone that it also has is none.
    """
    hertz, prominence = _prominence(waveform)
    if other is not None and other.sample_rate == waveform.sample_rate:
        other_hertz, other_prominence = _prominence(other)
        same = np.maximum.reduce(
            [np.interp(hertz + shift, other_hertz, other_prominence) for shift in (-4.0, 0.0, 4.0)]
        )
        prominence = np.where(prominence > same + NEW_TONE_DB, prominence, 0.0)
    inside = np.flatnonzero((hertz >= low) & (hertz <= high))
    if not len(inside):
        return None
    peak = inside[np.argmax(prominence[inside])]
    return float(hertz[peak]) if prominence[peak] >= TONE_DB else None


def _prominence(waveform: Waveform) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, Hz, and by how much the spectrum exceeds its median around each, dB."""
    from scipy.ndimage import median_filter
    from scipy.signal import welch

    length = min(len(waveform.samples), waveform.sample_rate // 2)  # bins of 2 Hz
    hertz, power = welch(waveform.samples.astype(np.float64), waveform.sample_rate, nperseg=length)
    decibels = 10 * np.log10(power + _LEAST_POWER)
    return hertz, decibels - median_filter(decibels, size=min(41, len(decibels)), mode="nearest")


@dataclass(frozen=True)
class Impacts:
    """Impacts that repeat regularly, from the spectrum of the envelope in one band.

    Attributes:
        hertz: repetitions per second.
        low_hz, high_hz: the band whose envelope repeats.
        frequencies: (K,) frequencies of the envelope spectrum, Hz.
        spectrum: (K,) the envelope spectrum: amplitude relative to the mean of the envelope.
    """

    hertz: float
    low_hz: float
    high_hz: float
    frequencies: np.ndarray
    spectrum: np.ndarray

    @property
    def band(self) -> str:
        """The band in words."""
        if self.high_hz < 1000:
            return f"{self.low_hz:.0f}–{self.high_hz:.0f} Hz"
        return f"{self.low_hz / 1000:.1f}–{self.high_hz / 1000:.1f} kHz"


def repeating_impacts(waveform: Waveform, other: Waveform | None = None) -> Impacts | None:
    """Find impacts that repeat regularly, as of a damaged bearing; ``None`` if there are none.

    The envelope of each octave above 500 Hz, or of the two highest octaves at low sample rates, is searched
    for a line with at least one harmonic, and the octave in which it is strongest is returned (Randall &
    Antoni, Mech. Syst. Signal Process. 25, 2011).

    Args:
        waveform: the recording.
        other: a recording to compare with; what it also has does not count.
    """
    if waveform.seconds < MIN_IMPACTS / IMPACT_HERTZ[1]:
        return None
    best: tuple[float, Impacts] | None = None
    top = 0.45 * waveform.sample_rate
    low = min(LOWEST_OCTAVE, top / 4)
    while low < 0.75 * top:
        high = min(2 * low, top)
        candidate = _repetition(waveform, low, high, other)
        if candidate and (best is None or candidate[0] > best[0]):
            best = candidate
        low *= 2
    return best[1] if best else None


def _repetition(
    waveform: Waveform, low: float, high: float, other: Waveform | None
) -> tuple[float, Impacts] | None:
    """Return the strength of the repetition in a band, and the impacts."""
    hertz, spectrum = envelope_spectrum(waveform, low, high)
    least = max(IMPACT_HERTZ[0], MIN_IMPACTS / waveform.seconds)
    candidates = np.flatnonzero((hertz >= least) & (hertz <= min(IMPACT_HERTZ[1], (high - low) / 2)))
    if len(candidates) < 8:
        return None
    excess = _excess(spectrum)
    new = strength = _strength(excess, candidates)
    if other is not None and other.sample_rate == waveform.sample_rate:
        other_hertz, other_spectrum = envelope_spectrum(other, low, high)
        other_excess = _excess(other_spectrum)
        new = np.zeros(len(strength))
        for i in np.flatnonzero(strength):
            width = SPEED * hertz[i] + 1
            same = other_excess[np.abs(other_hertz - hertz[i]) <= width].max(initial=0.0)
            new[i] = strength[i] if strength[i] > NEW_IMPACT_FACTOR * same else 0.0
    strongest = int(np.argmax(new))
    if new[strongest] < IMPACT_FACTOR:
        return None
    position = _line_position(spectrum, strongest)
    repetitions = position * float(hertz[1]) / _order(excess, position, int(candidates[0]))
    shown = hertz <= min(hertz[-1], max(10 * repetitions, 50.0))
    return float(new[strongest]), Impacts(repetitions, low, high, hertz[shown], spectrum[shown])


def _strength(excess: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """By how much each candidate line and its second harmonic stand out; 0 where there is no line."""
    strength = np.zeros(len(excess))
    for i in candidates:
        if excess[i] == excess[max(0, i - 2) : i + 3].max():
            strength[i] = min(excess[i], 2 * excess[2 * i - 2 : 2 * i + 3].max(initial=0.0))
    return strength


def _line_position(spectrum: np.ndarray, peak: int) -> float:
    """The position of a line between bins, from a parabola through the logarithms around its largest bin."""
    left, middle, right = np.log(np.maximum(spectrum[peak - 1 : peak + 2], 1e-12))
    curvature = left - 2 * middle + right
    return peak + (float(0.5 * (left - right) / curvature) if curvature < 0 else 0.0)


def _order(excess: np.ndarray, strongest: float, lowest: int) -> int:
    """Which harmonic of the repetition the strongest line is.

    A rate of 1/n of the strongest line is accepted on the evidence of its own multiples only: those that
    have no divisor in common with n, since all others are multiples of a higher rate too.

    Args:
        excess: of `_excess`.
        strongest: position of the strongest line, in bins.
        lowest: the lowest bin that a repetition may have.
    """
    least = max(LINE_FACTOR, FUNDAMENTAL_SHARE * excess[round(strongest)])
    for order in range(int(strongest / lowest), 1, -1):
        multiples = np.array([m for m in range(1, max(order, 6) + 1) if math.gcd(m, order) == 1])
        positions = np.round(multiples * strongest / order).astype(int)
        multiples, positions = multiples[positions < len(excess) - 1], positions[positions < len(excess) - 1]
        lines = np.max([excess[positions - 1], excess[positions], excess[positions + 1]], axis=0) >= least
        fundamental, below = lines[0], lines[1:][multiples[1:] < order]
        if fundamental and (not len(below) or np.mean(below) >= HARMONICS_SHARE):
            return order
        if not fundamental and len(lines) > BURIED_HARMONICS and lines[1:].all():
            return order
    return 1


def _excess(spectrum: np.ndarray) -> np.ndarray:
    """A spectrum relative to its median around each frequency: what stands out as a line."""
    from scipy.ndimage import median_filter

    return spectrum / np.maximum(median_filter(spectrum, size=2 * NEIGHBOURS + 1, mode="nearest"), 1e-12)


def envelope_spectrum(waveform: Waveform, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, Hz, and the amplitude spectrum of the envelope of a band, relative to its mean."""
    samples = waveform.samples.astype(np.float64)
    spectrum = np.fft.fft(samples)
    hertz = np.fft.fftfreq(len(samples), 1 / waveform.sample_rate)
    envelope = np.abs(np.fft.ifft(np.where((hertz >= low) & (hertz < high), 2 * spectrum, 0.0)))
    mean = max(float(envelope.mean()), 1e-12)
    window = np.hanning(len(envelope) + 1)[:-1]
    amplitude = 2 * np.abs(np.fft.rfft((envelope / mean - 1) * window)) / np.sum(window)
    return np.fft.rfftfreq(len(envelope), 1 / waveform.sample_rate), amplitude
