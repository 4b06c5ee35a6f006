"""Resampling."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.sound import Waveform, resample


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize("rate", [None, 16000])
def test_the_same_rate_returns_the_same_object(rate: int | None) -> None:
    waveform = Waveform(tone(440, 16000), 16000)
    assert resample(waveform, rate) is waveform


@pytest.mark.parametrize(
    ("old", "new"),
    [(44100, 16000), (48000, 16000), (16000, 44100), (8000, 16000), (384000, 4000), (11025, 11024)],
)
def test_a_tone_keeps_frequency_and_level(old: int, new: int) -> None:
    result = resample(Waveform(tone(440, old), old, path="a.wav", notes=("before",)), new)
    assert result.samples.dtype == np.float32
    assert (result.sample_rate, result.path) == (new, "a.wav")
    limit = f": it contains nothing above {old / 2:g} Hz" if new > old else ""
    assert result.notes == ("before", f"resampled from {old} Hz to {new} Hz{limit}")
    assert abs(result.seconds - 1.0) <= 1 / new
    middle = slice(new // 4, new // 2)
    np.testing.assert_allclose(result.samples[middle], tone(440, new)[middle], atol=1e-4)


def test_frequencies_above_half_the_new_rate_are_removed() -> None:
    result = resample(Waveform(tone(12000, 44100), 44100), 16000)
    assert np.abs(result.samples[1000:-1000]).max() < 1e-4


def test_the_input_is_not_modified() -> None:
    samples = tone(440, 44100)
    before = samples.copy()
    resample(Waveform(samples, 44100), 16000)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_very_short_waveforms(count: int) -> None:
    result = resample(Waveform(np.ones(count, dtype=np.float32), 48000), 16000)
    assert abs(len(result.samples) - count / 3) <= 1


@pytest.mark.parametrize("rate", [0, -16000])
def test_invalid_rates_are_refused(rate: int) -> None:
    with pytest.raises(OptionError, match=f"sample_rate must be positive, got {rate}"):
        resample(Waveform(tone(440, 16000), 16000), rate)
