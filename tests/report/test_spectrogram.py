"""Spectrograms for pictures: level, frequency and time of what is in the sound."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.report.spectrogram import ROWS, height, row_edges, spectrogram
from auscult.sound import Waveform


def waveform(samples: np.ndarray, rate: int) -> Waveform:
    return Waveform(np.asarray(samples, np.float32), rate)


def middles(rate: int) -> np.ndarray:
    edges = row_edges(rate)
    return (edges[1:] + edges[:-1]) / 2


@pytest.mark.parametrize("rate", [1000, 16000, 64000])
def test_rows_cover_all_frequencies_and_resolve_10_hz(rate):
    edges = row_edges(rate)
    assert (len(edges), edges[0]) == (ROWS + 1, 0.0)
    assert edges[-1] == pytest.approx(rate / 2)
    assert np.diff(edges)[0] < 2.0
    np.testing.assert_allclose(np.diff(height(edges)), np.diff(height(edges))[0])


@pytest.mark.parametrize(("hertz", "tolerance"), [(10.0, 3.0), (33.0, 3.0), (50.0, 3.0), (3000.0, 40.0)])
def test_a_tone_is_in_the_right_row(hertz, tolerance):
    rate = 25600
    time = np.arange(2 * rate) / rate
    levels = spectrogram(waveform(np.sin(2 * np.pi * hertz * time), rate)).mean(axis=0)
    assert abs(middles(rate)[np.argmax(levels)] - hertz) <= tolerance


def test_a_tone_has_no_traces_at_the_ends_of_a_recording():
    rate = 8000
    levels = spectrogram(waveform(np.sin(2 * np.pi * 25 * np.arange(2 * rate) / rate), rate))
    row = np.argmin(np.abs(middles(rate) - 100.0))
    assert levels[[0, -1], row].max() < levels[len(levels) // 2, row] + 3


def test_two_lines_at_20_and_30_hz_are_separate():
    rate = 25600
    time = np.arange(4 * rate) / rate
    sound = np.sin(2 * np.pi * 20 * time) + np.sin(2 * np.pi * 30 * time)
    levels = spectrogram(waveform(sound, rate)).mean(axis=0)
    low, between, high = (levels[np.argmin(np.abs(middles(rate) - hertz))] for hertz in (20, 25, 30))
    assert min(low, high) > between + 6


def test_white_noise_has_a_flat_power_density():
    rate, deviation = 16000, 0.1
    noise = np.random.default_rng(0).normal(0, deviation, 10 * rate)
    levels = 10 * np.log10(np.mean(10 ** (spectrogram(waveform(noise, rate)) / 10), axis=0))
    expected = 10 * np.log10(2 * deviation**2 / rate)
    np.testing.assert_allclose(levels[20:-5], expected, atol=2.5)


@pytest.mark.parametrize("seconds", [0.5, 2.0, 120.0])
def test_a_click_is_in_the_right_column(seconds):
    rate = 8000
    sound = np.random.default_rng(0).normal(0, 1e-3, round(seconds * rate))
    sound[len(sound) // 4] = 1.0
    levels = spectrogram(waveform(sound, rate))
    upper = levels[:, middles(rate) > 1000].mean(axis=1)
    assert np.argmax(upper) == pytest.approx(len(levels) / 4, abs=2)
    assert upper.max() > np.median(upper) + 20
    assert len(levels) <= 1200


@pytest.mark.parametrize("count", [1, 7, 100])
def test_the_shortest_sounds_are_drawn(count):
    levels = spectrogram(waveform(np.ones(count), 8000))
    assert levels.shape[1] == ROWS
    assert np.all(np.isfinite(levels))
