"""What shows a sensor fault in the samples, measured at the rate of the file."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.sound import Waveform, resample
from auscult.sound.defects import held_values, level_without_hum, measure

RATE = 16000


def noise(seed: int = 0, *, seconds: float = 1.0, level: float = 0.05) -> np.ndarray:
    samples = level * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return samples.astype(np.float32)


def rounded(samples: np.ndarray, bits: int) -> np.ndarray:
    return (np.round(samples * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_a_gap_is_held_whether_it_is_filled_with_zeros_or_with_a_value(value):
    samples = noise()
    samples[3000:3080] = value
    samples[9000:9160] = value
    seconds, share = held_values(samples, RATE)
    assert seconds == pytest.approx(0.01)
    assert share == pytest.approx(240 / RATE)


@pytest.mark.parametrize("level", [0.3, 0.03, 0.01, 0.005])
def test_quiet_recordings_of_eight_bits_are_not_held(level):
    for seed in range(20):
        assert held_values(rounded(noise(seed, level=level), 8), RATE) == (0.0, 0.0)


@given(start=st.integers(0, RATE - 1), length=st.integers(0, 12))
def test_short_runs_are_chance(start, length):
    samples = noise()
    samples[start : start + length] = 0.0
    assert held_values(samples, RATE) == (0.0, 0.0)


def test_flat_tops_are_clipping_and_no_gaps():
    t = np.arange(RATE) / RATE
    loud = np.clip(3 * np.sin(2 * np.pi * 40 * t), -0.5, 0.5).astype(np.float32)
    assert measure(Waveform(loud, RATE)).held_seconds == 0


def test_a_channel_that_stays_at_the_limit_is_held():
    samples = np.clip(noise(), -0.1, 0.1)
    samples[4000:12000] = samples.max()
    assert measure(Waveform(samples, RATE)).held_share == pytest.approx(0.5, abs=0.01)


def test_defects_are_measured_before_resampling():
    samples = noise(seconds=2.0)
    samples[5000:5400] = 0.0
    samples[10000:10400] = 0.2
    resampled = resample(Waveform(samples, RATE), 8000)
    assert measure(resampled) == measure(Waveform(samples, RATE))
    assert (measure(resampled).sample_rate, resampled.file_rate) == (RATE, RATE)
    again = resample(resampled, 4000)
    assert measure(again) == measure(resampled)


def test_zeros_that_were_resampled_are_still_held():
    samples = noise(seconds=2.0)
    samples[8000:16000] = 0.0
    late = Waveform(resample(Waveform(samples, RATE), 8000).samples, 8000)
    assert measure(late).held_share == pytest.approx(0.25, abs=0.02)


def test_constant_and_few_values():
    assert measure(Waveform(np.full(100, 0.25, np.float32), RATE)).constant == 0.25
    flicker = np.random.default_rng(0).integers(-1, 2, RATE) / np.float32(128)
    assert measure(Waveform(flicker, RATE)).few_values
    assert not measure(Waveform(noise(), RATE)).few_values


@pytest.mark.parametrize("mains", [50, 60])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.7])
def test_hum_is_separated_from_the_rest(mains, seconds):
    t = np.arange(round(seconds * RATE)) / RATE
    hum = 0.1 * np.sin(2 * np.pi * mains * t) + 0.03 * np.sin(2 * np.pi * 3 * mains * t + 1)
    rest = level_without_hum(hum + noise(seconds=seconds, level=1e-4), RATE)
    assert rest == pytest.approx(-80, abs=1.5)
    machine = hum + 0.02 * np.sin(2 * np.pi * 137 * t)
    assert level_without_hum(machine, RATE) == pytest.approx(-37, abs=1)


def test_a_short_recording_does_not_separate_hum():
    assert level_without_hum(noise(seconds=0.4), RATE) is None


def test_noise_is_steady_and_knocks_are_not():
    samples = noise()
    steady = measure(Waveform(samples, RATE)).fluctuation
    samples[::1600] += 2.0
    assert measure(Waveform(samples, RATE)).fluctuation > 3 * steady
