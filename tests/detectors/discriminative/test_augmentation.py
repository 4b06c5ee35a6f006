"""Clips made odd on purpose."""

from __future__ import annotations

import numpy as np
import torch

from auscult.detectors.discriminative.augmentation import GAINS, Disturbance

BANDS, POINTS, FRAMES, CLIPS = 40, 200, 30, 64


def disturbed(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Frames and spectra of clips that were 0 dB everywhere."""
    places = [(np.arange(n) + 0.5) / n for n in (BANDS, POINTS)]
    draw = Disturbance(*places, torch.Generator().manual_seed(seed))
    frames, spectrum = draw(torch.zeros(CLIPS, FRAMES, BANDS), torch.zeros(CLIPS, POINTS))
    return frames.numpy(), spectrum.numpy()


def test_a_gain_is_bounded_local_and_of_either_sign():
    frames, spectrum = disturbed()
    largest = np.abs(spectrum).max(axis=1)
    assert np.abs(frames).max() <= GAINS[1]
    assert largest.max() <= GAINS[1]
    assert {-1, 1} <= set(np.sign(spectrum[np.arange(CLIPS), np.abs(spectrum).argmax(axis=1)]))
    touched = (np.abs(spectrum) > 0.1 * largest[:, None]).mean(axis=1)
    assert np.median(touched) < 0.3
    assert len({row.tobytes() for row in frames}) > CLIPS / 2  # every clip has its own


def test_both_views_tell_the_same():
    """The spectrum is the mean power over the frames, at the same place in frequency."""
    frames, spectrum = disturbed()
    mean = 10 * np.log10((10 ** (frames.astype(np.float64) / 10)).mean(axis=1))  # (B, bands)
    seen = spectrum.reshape(CLIPS, BANDS, -1).mean(axis=2)
    wide = np.abs(seen).max(axis=1) > 1
    assert np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(mean[wide], seen[wide], strict=True)]) > 0.9


def test_some_last_and_some_come_and_go():
    frames, _ = disturbed()
    spread = np.ptp(frames, axis=1).max(axis=1)  # (B,)
    assert 0.15 < np.mean(spread == 0) < 0.7
    np.testing.assert_array_equal(frames, disturbed()[0])
    assert not np.array_equal(frames, disturbed(1)[0])
