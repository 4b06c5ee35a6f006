"""Pseudo-anomalies: altered normal recordings, to compare detectors if there are no recordings of anomalies.

After Wilkinghoff & Tan (2026): a detector that separates altered from normal recordings better tends to be
better at real anomalies, too. Each alteration represents a way in which the sound of machines changes, with
random strength, from hardly detectable to easily detectable; none is a model of a specific fault.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from auscult.corpus import AudioClip
from auscult.sound import Waveform

#: Takes samples (N,) float64, a second normal clip (M,), the rate in Hz and a generator; returns (N,).
Alteration = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], np.ndarray]

#: Frequency, as a share of the rate, up to which `faster` moves the spectrum: half the rate falls to it when
#: slowed down by 12 %.
_MOVED_BELOW = 0.44
#: Oversampling before the linear interpolation in `faster`.
_OVERSAMPLING = 4


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2))) + 1e-12


def _amplitude(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _random_hertz(rate: int, rng: np.random.Generator, low: float = 60.0, high: float = 0.4) -> float:
    """Draw a frequency, log-uniform between ``low`` Hz and ``high`` times the rate.

    If that range is less than an octave, the lower limit is an octave below the upper one.
    """
    top = high * rate
    return float(np.exp(rng.uniform(np.log(min(low, top / 2)), np.log(top))))


def tones(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Add a tone and its harmonics, 10 to 35 dB below the machine."""
    hertz, time = _random_hertz(rate, rng), np.arange(len(x)) / rate
    count = rng.integers(1, 6)
    orders = [k for k in range(1, count + 1) if k * hertz < 0.45 * rate]
    whine = np.sum([np.cos(2 * np.pi * (k * hertz * time + rng.uniform())) / k for k in orders], axis=0)
    return x + whine * _rms(x) * _amplitude(rng.uniform(-35, -10)) / _rms(whine)


def knocks(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Add 1 to 30 ringing knocks per second at one resonance, with peaks at -15 to 15 dB of the RMS."""
    period = rate / np.exp(rng.uniform(np.log(1.0), np.log(30.0)))
    onsets = np.arange(rng.uniform(0, min(period, len(x))), len(x), period)
    onsets = onsets + rng.normal(0, 0.02 * period, len(onsets))
    train = np.zeros(len(x))
    train[np.clip(onsets.astype(int), 0, len(x) - 1)] = rng.lognormal(0, 0.2, len(onsets))
    time = np.arange(int(0.1 * rate)) / rate
    decay, hertz = rng.uniform(0.003, 0.02), _random_hertz(rate, rng, 300.0)
    ring = np.exp(-time / decay) * np.sin(2 * np.pi * hertz * time)
    added = signal.fftconvolve(train, ring)[: len(x)]
    return x + added / np.abs(ring).max() * _rms(x) * _amplitude(rng.uniform(-15, 15))


def coloured(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Amplify or attenuate a region of the spectrum, about an octave wide, by 1 to 8 dB."""
    hertz = np.fft.rfftfreq(len(x), 1 / rate)
    octaves = np.log2(np.maximum(hertz, 1.0) / _random_hertz(rate, rng))
    bump = np.exp(-0.5 * (octaves / rng.uniform(0.2, 0.8)) ** 2)
    decibels = rng.choice([-1, 1]) * rng.uniform(1, 8)
    return np.fft.irfft(np.fft.rfft(x) * 10 ** (decibels * bump / 20), len(x))


def swelling(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Modulate the amplitude above some frequency by 10 to 80 %, at 0.5 to 30 Hz."""
    above = signal.sosfilt(signal.butter(2, _random_hertz(rate, rng), "high", fs=rate, output="sos"), x)
    swing = np.sin(2 * np.pi * (np.exp(rng.uniform(np.log(0.5), np.log(30))) * np.arange(len(x)) / rate))
    return x + rng.uniform(0.1, 0.8) * swing * above


def hiss(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Add stationary noise in a band of one to three octaves, 5 to 30 dB below the machine."""
    low = _random_hertz(rate, rng, 100.0, 0.2)
    high = min(low * 2 ** rng.uniform(1, 3), 0.49 * rate)
    noise = signal.sosfilt(
        signal.butter(2, [low, high], "band", fs=rate, output="sos"), rng.normal(size=len(x))
    )
    return x + noise / _rms(noise) * _rms(x) * _amplitude(rng.uniform(-30, -5))


def faster(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Play the clip 1 to 12 % faster or slower, with its pitch, continuing backwards after its end.

    Only frequencies below `_MOVED_BELOW` are affected: slowing down the full spectrum would leave an empty
    band at the top, which is trivial to detect and which no machine produces.
    """
    factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.01), np.log(1.12)))
    spectrum = np.fft.rfft(x)
    # Oversampled, since linear interpolation between the samples themselves would attenuate high frequencies.
    fine = np.fft.irfft(spectrum, _OVERSAMPLING * len(x)) * _OVERSAMPLING
    last = max(len(x) - 1, 1)
    position = np.arange(len(x)) * factor % (2 * last)
    position = np.minimum(position, 2 * last - position)
    moved = np.fft.rfft(np.interp(_OVERSAMPLING * position, np.arange(len(fine)), fine))
    unchanged = np.fft.rfftfreq(len(x)) > _MOVED_BELOW
    moved[unchanged] = spectrum[unchanged]
    return np.fft.irfft(moved, len(x))


def interrupted(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Amplify or attenuate one to four segments of 20 to 200 ms by 3 to 15 dB."""
    gain = np.zeros(len(x))
    for _ in range(rng.integers(1, 5)):
        length = int(rng.uniform(0.02, 0.2) * rate)
        start = rng.integers(0, max(len(x) - length, 1))
        segment = gain[start : start + length]
        segment += rng.choice([-1, 1]) * rng.uniform(3, 15) * np.hanning(len(segment) + 2)[1:-1]
    return x * 10 ** (np.clip(gain, -20, 20) / 20)


def exchanged(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Replace the sound below a frequency by that of the second clip, pitch-shifted and 0 to 6 dB louder."""
    moved = faster(np.resize(other, len(x)), x, rate, rng)
    relative = np.fft.rfftfreq(len(x), 1 / rate) / _random_hertz(rate, rng, 200.0, 0.3)
    below = 1 / (1 + relative**8)  # power gain of the low-pass; the high-pass has the complement
    low, low_other = (np.fft.irfft(np.fft.rfft(y) * np.sqrt(below), len(x)) for y in (x, moved))
    high = np.fft.irfft(np.fft.rfft(x) * np.sqrt(1 - below), len(x))
    return high + low_other * _rms(low) / _rms(low_other) * _amplitude(rng.uniform(0, 6))


#: Kind of pseudo-anomaly to its alteration.
ALTERATIONS: dict[str, Alteration] = {
    f.__name__: f for f in (tones, knocks, coloured, swelling, hiss, faster, interrupted, exchanged)
}


def pseudo_anomaly(recording: AudioClip, kind: str, other: AudioClip, seed: tuple[int, ...]) -> AudioClip:
    """Alter a normal recording; the waveform is computed when requested.

    Args:
        recording: the recording to alter.
        kind: one of `ALTERATIONS`.
        other: another normal recording of the machine; the same one if there is no other.
        seed: of the random strength and frequencies.
    """

    def load() -> Waveform:
        rng = np.random.default_rng([*seed, list(ALTERATIONS).index(kind)])
        waveform = recording.waveform()
        x, y = waveform.samples.astype(np.float64), other.waveform().samples.astype(np.float64)
        altered = ALTERATIONS[kind](x, y, waveform.sample_rate, rng)
        return Waveform(altered.astype(np.float32), waveform.sample_rate, path=waveform.path)

    return AudioClip(recording.clip, load)
