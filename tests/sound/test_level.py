"""Level, clipping and DC offset of samples in any unit."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.sound import Waveform
from auscult.sound.level import clipped_samples, has_offset, level_db

RATE = 16000
T = np.arange(3 * RATE) / RATE
NOISE = np.random.default_rng(0).standard_normal(3 * RATE)


def waveform(samples: np.ndarray) -> Waveform:
    return Waveform(samples.astype(np.float32), RATE)


def rounded(samples: np.ndarray, bits: int = 15) -> np.ndarray:
    return np.round(samples * 2**bits) / 2**bits


@pytest.mark.parametrize("scale", [1e-3, 0.2, 9.81, 5000.0])
def test_physical_units_are_not_clipped(scale: float) -> None:
    assert clipped_samples(waveform(scale * NOISE)) == 0
    assert level_db(waveform(scale * NOISE)) == pytest.approx(20 * np.log10(scale), abs=0.1)


@pytest.mark.parametrize("top", [0.3, 1.0, 50.0])
@pytest.mark.parametrize("bits", [7, 15, 40])
def test_a_flat_top_at_any_value_is_clipping(top: float, bits: int) -> None:
    slow = np.sin(2 * np.pi * 50 * T) + 0.1 * NOISE
    clipped = clipped_samples(waveform(rounded(top * np.clip(2 * slow, -1, 1), bits)))
    assert clipped > 0.3 * len(T)
    one_sided = clipped_samples(waveform(rounded(top * np.minimum(2 * slow, 1), bits)))
    assert 0.15 * len(T) < one_sided < 0.6 * clipped


@pytest.mark.parametrize("top", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("bits", [9, 15, 40])
def test_fast_oscillations_are_clipped_without_runs(top: float, bits: int) -> None:
    samples = 0.2 * np.clip(NOISE, -top, top)
    clipped = clipped_samples(waveform(rounded(samples, bits)))
    assert clipped == pytest.approx(np.mean(np.abs(NOISE) >= top) * len(T), rel=0.1)
    assert clipped_samples(waveform(rounded(0.2 * NOISE, bits))) == 0


@pytest.mark.parametrize("frequency", [0.5, 3.0, 50.0, 400.0])
@pytest.mark.parametrize("bits", [7, 11, 15])
def test_rounded_peaks_are_not_clipped(frequency: float, bits: int) -> None:
    assert clipped_samples(waveform(rounded(0.6 * np.sin(2 * np.pi * frequency * T), bits))) == 0
    in_g = 0.00244 * np.round(
        1500 * np.sin(2 * np.pi * frequency * T)
    )  # counts of a converter times a factor
    assert clipped_samples(waveform(in_g)) == 0


@pytest.mark.parametrize("level", [1e-5, 3e-5, 1e-4, 1e-3])
def test_quiet_recordings_of_few_values_are_not_clipped(level: float) -> None:
    smooth = np.convolve(NOISE, np.ones(20) / 4.5, "same")
    for samples in (NOISE, smooth):
        assert clipped_samples(waveform(rounded(level * samples))) == 0


def test_peaks_of_one_or_two_samples() -> None:
    samples = 0.1 * NOISE
    samples[[10, 11, 500, 900]] = [1.0, 1.0, -1.0, -1.0]
    assert clipped_samples(waveform(samples)) == 0
    samples[12] = 1.0
    assert clipped_samples(waveform(samples)) == 3


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(2), np.full(100, 0.7)])
def test_no_signal(samples: np.ndarray) -> None:
    assert clipped_samples(waveform(samples)) == 0


def test_offset() -> None:
    assert not has_offset(0.02, -20.0)  # of an RMS of 0.1
    assert has_offset(0.03, -20.0)
    assert has_offset(-0.03, -20.0)
    assert not has_offset(1.0, -20.0, (0.98, 1.02))  # gravity, in all recordings
    assert has_offset(0.0, -20.0, (0.98, 1.02))
