"""Noise has a smooth mean spectrum, a machine has not."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.spectrum import FrontEnd, log_mel, spectral_detail


def detail(samples: np.ndarray, front_end: FrontEnd) -> float:
    return spectral_detail(log_mel(samples, front_end), front_end)


@pytest.mark.parametrize(("rate", "n_fft"), [(16000, 1024), (8000, 512), (48000, 4096)])
@pytest.mark.parametrize("seconds", [1, 5])
def test_noise_has_little_detail_at_any_length_and_slope(rate, n_fft, seconds):
    front_end = FrontEnd(sample_rate=rate, n_fft=n_fft, hop=n_fft // 2)
    white = np.random.default_rng(3).standard_normal(seconds * rate)
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(1 + np.arange(len(white) // 2 + 1)), len(white))
    tones = sum(np.sin(2 * np.pi * f * np.arange(len(white)) / rate) for f in (310, 620, 1240, 2480))
    assert detail(white, front_end) < 1.0
    assert detail(pink, front_end) < 1.0
    assert detail(0.1 * white + tones, front_end) > 2.5


def test_the_level_does_not_matter():
    front_end = FrontEnd()
    samples = np.random.default_rng(0).standard_normal(32000) + np.sin(np.arange(32000) * 0.4)
    assert detail(1e-3 * samples, front_end) == pytest.approx(detail(samples, front_end), abs=1e-3)


def test_few_bands_have_no_detail():
    front_end = FrontEnd(n_mels=2)
    assert detail(np.random.default_rng(0).standard_normal(16000), front_end) == 0
