"""Anomalies made out of normal recordings, to compare detectors where no real anomaly was ever heard.

After Wilkinghoff & Tan (2026): a detector that tells altered normals from normals better tends to tell real
anomalies better, too. Each alteration is a stand-in for a way in which machines change, at random strength,
from what nearly nothing hears to what nearly everything hears; none is a model of any fault.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from auscult.corpus import AudioClip
from auscult.sound import Waveform

#: Samples (N,) float64, another normal clip (M,), rate in Hz and random numbers in; altered (N,) out.
Alteration = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], np.ndarray]

#: Share of the rate below which `faster` moves a spectrum: what is slowed down by 12 % still reaches it.
_MOVED = 0.44
#: Points to a sample between which `faster` draws straight lines.
_FINER = 4


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2))) + 1e-12


def _gain(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _hertz(rate: int, rng: np.random.Generator, low: float = 60.0, high: float = 0.4) -> float:
    """A frequency between ``low`` Hz and the share ``high`` of the rate, every octave as likely; where the
    rate leaves less than an octave for that, in the octave below ``high``."""
    top = high * rate
    return float(np.exp(rng.uniform(np.log(min(low, top / 2)), np.log(top))))


def tones(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A whine: a tone and its harmonics, 10 to 35 dB below the machine."""
    hertz, time = _hertz(rate, rng), np.arange(len(x)) / rate
    count = rng.integers(1, 6)
    orders = [k for k in range(1, count + 1) if k * hertz < 0.45 * rate]
    whine = np.sum([np.cos(2 * np.pi * (k * hertz * time + rng.uniform())) / k for k in orders], axis=0)
    return x + whine * _rms(x) * _gain(rng.uniform(-35, -10)) / _rms(whine)


def knocks(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Blows that ring: 1 to 30 a second through one resonance, peaks 15 dB below to 15 dB above the rms."""
    period = rate / np.exp(rng.uniform(np.log(1.0), np.log(30.0)))
    moments = np.arange(rng.uniform(0, min(period, len(x))), len(x), period)
    moments = moments + rng.normal(0, 0.02 * period, len(moments))
    train = np.zeros(len(x))
    train[np.clip(moments.astype(int), 0, len(x) - 1)] = rng.lognormal(0, 0.2, len(moments))
    time = np.arange(int(0.1 * rate)) / rate
    ring = np.exp(-time / rng.uniform(0.003, 0.02)) * np.sin(2 * np.pi * _hertz(rate, rng, 300.0) * time)
    blows = signal.fftconvolve(train, ring)[: len(x)]
    return x + blows / np.abs(ring).max() * _rms(x) * _gain(rng.uniform(-15, 15))


def coloured(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """One region of the spectrum, an octave or so wide, louder or weaker by 1 to 8 dB."""
    hertz = np.fft.rfftfreq(len(x), 1 / rate)
    octaves = np.log2(np.maximum(hertz, 1.0) / _hertz(rate, rng))
    bump = np.exp(-0.5 * (octaves / rng.uniform(0.2, 0.8)) ** 2)
    decibels = rng.choice([-1, 1]) * rng.uniform(1, 8)
    return np.fft.irfft(np.fft.rfft(x) * 10 ** (decibels * bump / 20), len(x))


def swelling(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Loudness above some frequency that rises and falls 0.5 to 30 times a second, by 10 to 80 %."""
    above = signal.sosfilt(signal.butter(2, _hertz(rate, rng), "high", fs=rate, output="sos"), x)
    swing = np.sin(2 * np.pi * (np.exp(rng.uniform(np.log(0.5), np.log(30))) * np.arange(len(x)) / rate))
    return x + rng.uniform(0.1, 0.8) * swing * above


def hiss(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Steady noise in a band of one to three octaves, 5 to 30 dB below the machine."""
    low = _hertz(rate, rng, 100.0, 0.2)
    high = min(low * 2 ** rng.uniform(1, 3), 0.49 * rate)
    noise = signal.sosfilt(
        signal.butter(2, [low, high], "band", fs=rate, output="sos"), rng.normal(size=len(x))
    )
    return x + noise / _rms(noise) * _rms(x) * _gain(rng.uniform(-30, -5))


def faster(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The clip 1 to 12 % faster or slower, pitch and all, and played backwards where it comes to its end.

    Only below `_MOVED`: a clip that was wholly slowed down would leave nothing above, which every detector
    hears and no machine does.
    """
    factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.01), np.log(1.12)))
    spectrum = np.fft.rfft(x)
    fine = np.fft.irfft(spectrum, _FINER * len(x)) * _FINER  # the curve between samples: straight lines dull
    last = max(len(x) - 1, 1)
    place = np.arange(len(x)) * factor % (2 * last)
    place = np.minimum(place, 2 * last - place)
    moved = np.fft.rfft(np.interp(_FINER * place, np.arange(len(fine)), fine))
    stays = np.fft.rfftfreq(len(x)) > _MOVED
    moved[stays] = spectrum[stays]
    return np.fft.irfft(moved, len(x))


def interrupted(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A few moments of 20 to 200 ms that are 3 to 15 dB louder or weaker."""
    gain = np.zeros(len(x))
    for _ in range(rng.integers(1, 5)):
        length = int(rng.uniform(0.02, 0.2) * rate)
        start = rng.integers(0, max(len(x) - length, 1))
        piece = gain[start : start + length]
        piece += rng.choice([-1, 1]) * rng.uniform(3, 15) * np.hanning(len(piece) + 2)[1:-1]
    return x * 10 ** (np.clip(gain, -20, 20) / 20)


def exchanged(x: np.ndarray, other: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The machine above one frequency and, 0 to 6 dB louder, another clip of it moved in pitch below."""
    moved = faster(np.resize(other, len(x)), x, rate, rng)
    times = np.fft.rfftfreq(len(x), 1 / rate) / _hertz(rate, rng, 200.0, 0.3)
    below = 1 / (1 + times**8)  # share of the power: the two add up to it at every frequency
    low, low_other = (np.fft.irfft(np.fft.rfft(y) * np.sqrt(below), len(x)) for y in (x, moved))
    high = np.fft.irfft(np.fft.rfft(x) * np.sqrt(1 - below), len(x))
    return high + low_other * _rms(low) / _rms(low_other) * _gain(rng.uniform(0, 6))


#: Name to alteration.
ALTERATIONS: dict[str, Alteration] = {
    f.__name__: f for f in (tones, knocks, coloured, swelling, hiss, faster, interrupted, exchanged)
}


def pseudo_anomaly(recording: AudioClip, kind: str, other: AudioClip, seed: tuple[int, ...]) -> AudioClip:
    """A normal recording altered in one way; the same seed alters it the same.

    Args:
        kind: one of `ALTERATIONS`.
        other: another normal recording of the machine, or the same where there is none.
    """

    def altered() -> Waveform:
        rng = np.random.default_rng([*seed, list(ALTERATIONS).index(kind)])
        heard = recording.waveform()
        x, y = heard.samples.astype(np.float64), other.waveform().samples.astype(np.float64)
        sound = ALTERATIONS[kind](x, y, heard.sample_rate, rng)
        return Waveform(sound.astype(np.float32), heard.sample_rate, path=heard.path)

    return AudioClip(recording.clip, altered)
