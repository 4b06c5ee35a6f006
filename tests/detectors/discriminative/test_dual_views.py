"""The two views of a clip: its frames, and the spectrum of the entire clip at any length."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors.discriminative.dual_views import clip_spectrum, dual_views
from auscult.errors import TooShortAudio
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, log_mel

RATE = 8000
FRONT_END = FrontEnd(sample_rate=RATE, n_fft=512, hop=256, n_mels=16)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def views(samples: np.ndarray, **options):
    options = {"mels": True, "joined": 2, "points": 200, **options}
    return dual_views(AudioClip(Clip("a.wav"), lambda: Waveform(samples, RATE)), FRONT_END, **options)


def test_the_noise_floor_does_not_depend_on_the_length():
    for samples in (RATE, 5 * RATE, 30 * RATE):
        spectrum = clip_spectrum(noise(samples), 100)
        assert spectrum.shape == (100,)
        assert 10 * np.log10(np.mean(10 ** (spectrum / 10))) == pytest.approx(-20, abs=0.3)  # 0.1² of power


def test_a_tone_appears_at_the_right_frequency():
    tone = np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE)
    assert abs(int(clip_spectrum(tone, 4000).argmax()) - 1000) <= 1  # one point per hertz
    assert abs(int(clip_spectrum(tone, 100_000).argmax()) - 25_000) <= 25  # points finer than its bins


def test_the_spectrum_preserves_the_power():
    samples = noise(RATE + 1)
    power = np.abs(np.fft.rfft(samples)) ** 2 / len(samples)
    for points in (64, 999, len(power), 20_000):
        mean = np.mean(10 ** (clip_spectrum(samples, points).astype(np.float64) / 10))
        assert mean == pytest.approx(power.mean(), rel=1e-5)


def test_neighbouring_frames_are_averaged_in_power_and_the_ends_left_out():
    samples = noise(2 * RATE)
    frames, power = views(samples).frames, 10 ** (log_mel(samples, FRONT_END).astype(np.float64) / 10)
    assert len(power) == 63
    assert frames.shape == (30, 16)  # of 61
    np.testing.assert_allclose(frames[3], 10 * np.log10(power[7:9].mean(axis=0)), rtol=1e-5)
    np.testing.assert_allclose(frames[-1], 10 * np.log10(power[59:61].mean(axis=0)), rtol=1e-5)


def test_frames_of_all_bins_of_the_transform():
    frames = views(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE), mels=False, joined=1).frames
    assert frames.shape == (FRONT_END.frames_in(RATE) - 2, 257)
    assert np.all(frames.argmax(axis=1) == 64)


def test_silence_is_finite_and_a_too_short_clip_is_an_error():
    silent = views(np.zeros(RATE))
    assert np.all(np.isfinite(silent.frames))
    assert np.all(np.isfinite(silent.spectrum))
    assert len(views(noise(512)).frames) == 1
    with pytest.raises(TooShortAudio, match=r"a\.wav.*0\.064 s"):
        views(noise(511))
