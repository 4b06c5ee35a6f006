"""Pseudo-anomalies: what each alteration changes, and that it accepts any sound."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from bench.pseudo_anomalies import ALTERATIONS, pseudo_anomaly

from auscult.corpus import AudioClip, Clip
from auscult.sound import Waveform

KINDS = list(ALTERATIONS)
SEEDS = range(8)


def noise(seed: int, samples: int = 16000) -> np.ndarray:
    return np.random.default_rng([seed, 1]).normal(0, 0.1, samples)


def altered(kind: str, x: np.ndarray, rate: int, seed: int, other: np.ndarray | None = None) -> np.ndarray:
    return ALTERATIONS[kind](x, noise(99) if other is None else other, rate, np.random.default_rng(seed))


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2)))


def power(x: np.ndarray) -> np.ndarray:
    """Power spectrum, from 0 to half the rate."""
    return np.abs(np.fft.rfft(x)) ** 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("samples", "rate"), [(16000, 16000), (48000, 48000), (8001, 8000), (800, 8000), (10, 16000), (500, 250)]
)
def test_any_sound_gives_a_finite_sound_of_the_same_length(kind, samples, rate):
    x = noise(0, samples)
    before = x.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = [altered(kind, x, rate, seed) for seed in SEEDS]
    for y in results:
        assert y.shape == x.shape
        assert np.all(np.isfinite(y))
    changes = [rms(y - x) / rms(x) for y in results]
    assert max(changes) > 0.01, "the strongest one; others are weak on purpose"
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "transform",
    [lambda x: 0 * x, lambda x: 0 * x + 0.5, lambda x: 1e-6 * x, lambda x: 40 * x, lambda x: x[:1]],
    ids=["silence", "DC", "quiet", "loud", "one sample"],
)
def test_degenerate_sounds_stay_finite(kind, transform):
    x = transform(noise(1, 4000))
    for other in (noise(2, 4000), 0 * x, noise(2, 7)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y = altered(kind, x, 8000, 3, other)
        assert y.shape == x.shape
        assert np.all(np.isfinite(y))
        assert rms(y) < 100 * rms(x) + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_the_alteration_depends_only_on_the_seed(kind):
    x = noise(4)
    np.testing.assert_array_equal(altered(kind, x, 16000, 5), altered(kind, x, 16000, 5))
    assert rms(altered(kind, x, 16000, 5) - altered(kind, x, 16000, 6)) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_strength_is_relative_to_the_level_of_the_machine(kind):
    """Ten times the amplitude gives ten times the altered sound."""
    x = noise(7)
    np.testing.assert_allclose(altered(kind, 10 * x, 16000, 8), 10 * altered(kind, x, 16000, 8), atol=1e-8)


def test_tones_adds_spectral_lines_well_below_the_machine():
    x = noise(0)
    for seed in SEEDS:
        added = altered("tones", x, 16000, seed) - x
        assert 10**-1.76 < rms(added) / rms(x) < 10**-0.49
        lines = np.sort(power(added * np.hanning(len(x))))[::-1]
        assert lines[:25].sum() > 0.98 * lines.sum()  # up to five lines, a few bins each


def test_knocks_adds_short_knocks_with_pauses():
    x = noise(0, 32000)
    crest_factors = []
    for seed in SEEDS:
        added = altered("knocks", x, 16000, seed) - x
        assert 10**-0.9 < np.abs(added).max() / rms(x) < 10**1.5
        crest_factors.append(np.abs(added).max() / rms(added))
    assert max(crest_factors) > 6


def test_coloured_changes_only_one_region_of_the_spectrum():
    x = noise(0)
    for seed in SEEDS:
        gain = 10 * np.log10(power(altered("coloured", x, 16000, seed))[1:-1] / power(x)[1:-1])
        strongest = np.abs(gain).argmax()
        assert 1 - 0.1 < np.abs(gain[strongest]) <= 8
        octaves = np.log2((np.arange(len(gain)) + 1) / (strongest + 1))
        assert np.abs(gain[np.abs(octaves) > 2.8]).max(initial=0.0) < 0.03


def test_swelling_keeps_low_frequencies_and_the_level():
    x = noise(0, 64000)
    for seed in SEEDS:
        y = altered("swelling", x, 16000, seed)
        assert rms(y) == pytest.approx(rms(x), rel=0.2)
        low = slice(4 * 2, 4 * 15)  # 2 to 15 Hz, two octaves below the lowest modulated frequency
        assert power(y)[low].sum() == pytest.approx(power(x)[low].sum(), rel=0.05)


def test_hiss_adds_a_band_of_noise():
    x = noise(0)
    for seed in SEEDS:
        added = altered("hiss", x, 16000, seed) - x
        assert 10**-1.51 < rms(added) / rms(x) < 10**-0.24
        spectrum = power(added)
        peak = np.convolve(spectrum, np.ones(50) / 50, "same").max()
        assert 40 < (spectrum > 0.05 * peak).sum() < len(spectrum)


def test_faster_moves_a_tone_up_or_down_by_1_to_12_percent():
    t = np.arange(32000) / 16000
    frequencies = []
    for seed in range(20):
        y = altered("faster", np.sin(2 * np.pi * 1000 * t), 16000, seed)[:24000]  # before it plays backwards
        frequencies.append(power(y * np.hanning(len(y))).argmax() * 16000 / 24000)
        assert 1000 / 1.125 < frequencies[-1] < 995 or 1005 < frequencies[-1] < 1125
        assert np.abs(y[100:-100]).max() == pytest.approx(1, abs=0.02)
    assert min(frequencies) < 1000 < max(frequencies)


def test_faster_attenuates_no_frequencies():
    """Slowing down leaves no empty band at the top, by which the alteration could be detected."""
    x = noise(0, 64000)
    for seed in SEEDS:
        before, after = (
            power(y)[:-1].reshape(16, -1).sum(axis=1) for y in (x, altered("faster", x, 16000, seed))
        )
        np.testing.assert_allclose(10 * np.log10(after / before), 0, atol=1.0)


def test_faster_is_continuous_at_the_end_of_the_clip():
    t = np.arange(16000) / 16000
    x = np.sin(2 * np.pi * 40 * t + 1)
    for seed in SEEDS:
        y = altered("faster", x, 16000, seed)
        assert np.abs(np.diff(y))[50:-50].max() < 0.04  # a jump back to the beginning would be about 1


def test_interrupted_changes_only_short_segments():
    x = noise(0, 64000)
    for seed in SEEDS:
        y = altered("interrupted", x, 16000, seed)
        changed = np.abs(y - x) > 1e-12
        assert 0.01 * 16000 < changed.sum() <= 4 * 0.2 * 16000
        assert np.all(np.abs(y) <= 10 * np.abs(x) + 1e-12)
        assert np.all(y * x >= 0)


def test_exchanged_replaces_low_frequencies_and_keeps_high_ones():
    t = np.arange(16000) / 16000
    x = noise(0) + 0.2 * np.sin(2 * np.pi * 6000 * t)
    other = 0.5 * np.sin(2 * np.pi * 150 * t)
    for seed in SEEDS:
        y = power(altered("exchanged", x, 16000, seed, other) * np.hanning(len(t)))
        assert y[5990:6011].sum() == pytest.approx(power(x * np.hanning(len(t)))[5990:6011].sum(), rel=0.1)
        low = y[130:172]
        assert low.max() > 30 * np.median(low)  # the hum of the second clip, at another pitch
        assert low.argmax() + 130 != 150


def test_a_pseudo_anomaly_is_lazy_and_reproducible():
    loaded = []

    def recording(seed: int) -> AudioClip:
        def load() -> Waveform:
            loaded.append(seed)
            return Waveform(noise(seed, 8000).astype(np.float32), 8000, path=f"{seed}.wav")

        return AudioClip(Clip(f"{seed}.wav", domain="target"), load)

    first, second = recording(1), recording(2)
    clip = pseudo_anomaly(first, "exchanged", second, (5, 6))
    assert loaded == [], "nothing is loaded before the waveform is requested"
    assert clip.clip == first.clip
    waveform = clip.waveform()
    assert (waveform.samples.dtype, waveform.samples.shape) == (np.float32, (8000,))
    assert waveform.sample_rate == 8000
    assert loaded == [1, 2]
    np.testing.assert_array_equal(waveform.samples, clip.waveform().samples)
    equal = pseudo_anomaly(first, "exchanged", second, (5, 6)).waveform().samples
    np.testing.assert_array_equal(waveform.samples, equal)
    for different in (
        pseudo_anomaly(first, "exchanged", second, (5, 7)),
        pseudo_anomaly(first, "exchanged", recording(3), (5, 6)),
        pseudo_anomaly(first, "hiss", second, (5, 6)),
    ):
        assert rms(different.waveform().samples - waveform.samples) > 1e-4
