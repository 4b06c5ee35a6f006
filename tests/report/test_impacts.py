"""Tones and impacts that repeat."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.report.impacts import repeating_impacts, tone
from auscult.sound import Waveform

RATE = 16000


def noise(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.02, round(seconds * RATE))


def impacts(hertz: float, seconds: float = 2.0, resonance: float = 3000.0) -> np.ndarray:
    sound, ring = np.zeros(round(seconds * RATE)), np.arange(400) / RATE
    shape = np.exp(-ring / 0.002) * np.sin(2 * np.pi * resonance * ring)
    for start in np.arange(0.01, seconds - 0.03, 1 / hertz):
        first = round(start * RATE)
        sound[first : first + 400] += shape
    return sound


def waveform(samples: np.ndarray) -> Waveform:
    return Waveform(samples.astype(np.float32), RATE)


@pytest.mark.parametrize("hertz", [3.2, 12.0, 37.0, 76.3, 160.0])
def test_the_rate_of_impacts_and_their_resonance_are_detected(hertz):
    result = repeating_impacts(waveform(noise() + 0.3 * impacts(hertz)))
    assert result is not None
    assert result.hertz == pytest.approx(hertz, abs=0.5)
    assert result.low_hz < 3000 < result.high_hz
    assert result.frequencies[-1] >= min(10 * hertz, 50.0) * 0.99
    assert len(result.frequencies) == len(result.spectrum)


@pytest.mark.parametrize("hertz", [24.4, 75.0, 99.3])
@pytest.mark.parametrize("seed", range(8))
def test_a_lower_rate_is_not_reported_from_noise_at_the_fundamental(hertz, seed):
    alternating = 0.1 * impacts(hertz) - 0.015 * impacts(hertz / 2)  # every second one is weaker by 15 %
    for sound in (0.1 * impacts(hertz), alternating):
        result = repeating_impacts(waveform(noise(seed=seed) + sound))
        assert result.hertz == pytest.approx(hertz, abs=0.5)


def test_impacts_that_are_strong_and_weak_in_turn_repeat_at_half_the_rate():
    result = repeating_impacts(waveform(noise() + 0.3 * impacts(80.0) - 0.2 * impacts(40.0)))
    assert result.hertz == pytest.approx(40.0, abs=0.3)


@pytest.mark.parametrize("hertz", [20.0, 37.5, 75.0])
def test_a_fundamental_below_the_noise_is_inferred_from_harmonics_that_only_it_explains(hertz):
    time = np.arange(2 * RATE) / RATE
    envelope = 1 + sum(0.15 * np.cos(2 * np.pi * k * hertz * time + k) for k in (2, 3, 4, 5))
    assert repeating_impacts(waveform(envelope * noise())).hertz == pytest.approx(hertz, abs=0.3)
    only_even = 1 + sum(0.15 * np.cos(2 * np.pi * k * hertz * time + k) for k in (2, 4, 6))
    assert repeating_impacts(waveform(only_even * noise())).hertz == pytest.approx(2 * hertz, abs=0.3)


@pytest.mark.parametrize("hertz", [25.0, 51.0, 75.0])
def test_mains_hum_does_not_change_the_rate(hertz):
    time = np.arange(2 * RATE) / RATE
    hum = sum(0.5 / k * np.sin(2 * np.pi * 50 * k * time) for k in range(1, 7))
    assert repeating_impacts(waveform(hum + noise())) is None
    assert repeating_impacts(waveform(hum + noise() + 0.1 * impacts(hertz))).hertz == pytest.approx(
        hertz, abs=0.3
    )


@pytest.mark.parametrize("rate", [500, 1000, 3200])
def test_impacts_are_detected_at_low_sample_rates(rate):
    ring = np.arange(rate // 10) / rate
    shape = np.exp(-ring / 0.01) * np.sin(2 * np.pi * 0.3 * rate * ring)
    sound = np.random.default_rng(0).normal(0, 0.02, 4 * rate)
    for start in np.arange(0.01, 3.8, 1 / 9.3):
        first = round(start * rate)
        sound[first : first + len(shape)] += shape
    result = repeating_impacts(Waveform(sound.astype(np.float32), rate))
    assert result.hertz == pytest.approx(9.3, abs=0.05)
    assert result.low_hz < 0.3 * rate < result.high_hz
    assert result.band.endswith("Hz")


def test_noise_a_single_knock_and_silence_have_no_repetition():
    for seed in range(10):
        assert repeating_impacts(waveform(noise(seed=seed))) is None
    once = noise()
    once[10000:10400] += impacts(1.0)[160:560]
    assert repeating_impacts(waveform(once)) is None
    assert repeating_impacts(waveform(np.zeros(RATE))) is None
    assert repeating_impacts(waveform(noise(0.01))) is None


@pytest.mark.parametrize("speed", [1.0, 0.97, 1.04])
def test_impacts_that_a_normal_recording_has_do_not_count(speed):
    normal = waveform(noise(seed=1) + 0.1 * impacts(24.0 * speed))
    assert repeating_impacts(waveform(noise() + 0.1 * impacts(24.0)), normal) is None
    assert repeating_impacts(waveform(noise() + 0.1 * impacts(60.0)), normal).hertz == pytest.approx(
        60, abs=1
    )


def test_a_new_tone_is_detected_only_in_the_band_around_it():
    time = np.arange(2 * RATE) / RATE
    sound = waveform(noise() + 0.01 * np.sin(2 * np.pi * 1234 * time))
    assert tone(sound, 1100, 1400) == pytest.approx(1234, abs=2)
    assert tone(sound, 2000, 3000) is None
    assert tone(sound, 1100, 1400, waveform(noise(seed=1))) == pytest.approx(1234, abs=2)
    assert tone(sound, 1100, 1400, sound) is None, "the normal recording has it, too"
    assert tone(sound, 1234.5, 1234.6) is None, "no bin of the spectrum is in the band"
