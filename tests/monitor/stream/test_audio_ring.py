"""The last seconds of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.monitor.stream.audio_ring import AudioRing

SAMPLES = np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)


def filled(size: int, capacity: int = 2000) -> AudioRing:
    ring = AudioRing(capacity)
    for start in range(0, len(SAMPLES), size):
        ring.push(SAMPLES[start : start + size], start)
    return ring


@pytest.mark.parametrize("size", [1, 7, 1000, 5000])
def test_samples_come_back(size):
    cut, first = filled(size).cut(3100, 4900)
    assert first == 3100
    np.testing.assert_allclose(cut, SAMPLES[3100:4900], atol=2e-5)


def test_only_the_last_samples_are_held():
    ring = filled(100)
    cut, first = ring.cut(0, 5000)
    assert 2000 <= len(cut) <= 2100
    assert first == 5000 - len(cut)
    assert sum(len(block[2]) for block in ring._blocks) <= 2100


def test_nothing_from_before_a_gap():
    ring = AudioRing(10_000)
    ring.push(SAMPLES[:1000], 0)
    ring.push(SAMPLES[1000:2000], 1500)
    cut, first = ring.cut(500, 2200)
    assert first == 1500
    np.testing.assert_allclose(cut, SAMPLES[1000:1700], atol=2e-5)


def test_nothing_that_was_never_there():
    cut, first = filled(100).cut(0, 100)
    assert len(cut) == 0
    assert first == 100


def test_large_values_keep_their_precision():
    ring = AudioRing(100)
    ring.push(1000 * SAMPLES[:100], 0)
    ring.push(np.zeros(50, np.float32), 100)
    np.testing.assert_allclose(ring.cut(0, 100)[0], 1000 * SAMPLES[:100], atol=0.02)
    assert not ring.cut(100, 150)[0].any()
