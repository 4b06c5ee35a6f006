"""Resampling."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.findings import Finding
from auscult.sound import Waveform, resample
from auscult.sound.resampling import BlockResampler


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
    before = Finding("other", "before")
    result = resample(Waveform(tone(440, old), old, path="a.wav", notes=(before,)), new)
    assert result.samples.dtype == np.float32
    assert (result.sample_rate, result.path) == (new, "a.wav")
    limit = f": it contains nothing above {old / 2:g} Hz" if new > old else ""
    assert result.notes == (before, Finding("resampled", f"resampled from {old} Hz to {new} Hz{limit}"))
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


@pytest.mark.parametrize("size", [100, 4410])
def test_blocks_of_a_stream_are_resampled_as_one_recording(size):
    samples = np.random.default_rng(0).normal(0, 0.1, (22050, 2)).astype(np.float32)
    resampler = BlockResampler(44100, 16000, 2)
    parts = [resampler.push(samples[i : i + size], i) for i in range(0, len(samples), size)]
    starts = [first for block, first in parts if len(block)]
    joined = np.concatenate([block for block, _ in parts])
    assert starts[0] == 0
    assert len(joined) >= 8000 - 800
    for channel in range(2):
        expected = resample(Waveform(samples[:, channel].copy(), 44100), 16000).samples
        np.testing.assert_allclose(joined[:, channel], expected[: len(joined)], atol=1e-6)


def test_a_gap_in_a_stream_is_kept_when_it_is_resampled():
    resampler = BlockResampler(32000, 16000, 1)
    block = np.ones((3200, 1), np.float32)
    first, start = resampler.push(block, 0)
    _, after = resampler.push(block, 32000)
    assert start == 0
    assert after == 16000
    assert after > len(first)


def test_a_stream_of_the_target_rate_is_unchanged():
    block = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    samples, first = BlockResampler(16000, 16000, 3).push(block, 7)
    assert first == 7
    np.testing.assert_array_equal(samples, block)
