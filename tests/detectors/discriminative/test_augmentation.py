"""Pseudo-anomalies by a random gain in a narrow band."""

from __future__ import annotations

import numpy as np
import torch

from auscult.detectors.discriminative.augmentation import GAINS, RandomBandGain

BANDS, POINTS, FRAMES, CLIPS = 40, 200, 30, 64


def with_random_gain(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames and spectra of clips that are 0 dB everywhere before the gain."""
    positions = [(np.arange(n) + 0.5) / n for n in (BANDS, POINTS)]
    random_gain = RandomBandGain(*positions, torch.Generator().manual_seed(seed))
    frames, spectrum = random_gain(torch.zeros(CLIPS, FRAMES, BANDS), torch.zeros(CLIPS, POINTS))
    return frames.numpy(), spectrum.numpy()


def test_gain_is_bounded_narrow_and_of_either_sign():
    frames, spectrum = with_random_gain()
    largest = np.abs(spectrum).max(axis=1)
    assert np.abs(frames).max() <= GAINS[1]
    assert largest.max() <= GAINS[1]
    assert {-1, 1} <= set(np.sign(spectrum[np.arange(CLIPS), np.abs(spectrum).argmax(axis=1)]))
    affected = (np.abs(spectrum) > 0.1 * largest[:, None]).mean(axis=1)
    assert np.median(affected) < 0.3
    assert len({row.tobytes() for row in frames}) > CLIPS / 2  # the gain differs between clips


def test_both_views_get_the_same_gain():
    """The spectrum is the mean power over the frames, at the same position in frequency."""
    frames, spectrum = with_random_gain()
    from_frames = 10 * np.log10((10 ** (frames.astype(np.float64) / 10)).mean(axis=1))  # (B, bands)
    from_spectrum = spectrum.reshape(CLIPS, BANDS, -1).mean(axis=2)
    wide = np.abs(from_spectrum).max(axis=1) > 1
    pairs = zip(from_frames[wide], from_spectrum[wide], strict=True)
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]) > 0.9


def test_some_gains_are_constant_and_some_vary_in_time():
    frames, _ = with_random_gain()
    spread = np.ptp(frames, axis=1).max(axis=1)  # (B,)
    assert 0.15 < np.mean(spread == 0) < 0.7


def test_the_seed_fixes_the_gains():
    frames, _ = with_random_gain()
    np.testing.assert_array_equal(frames, with_random_gain()[0])
    assert not np.array_equal(frames, with_random_gain(1)[0])
