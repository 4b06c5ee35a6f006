"""Faults of a sensor in a live stream."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import noise

from auscult.monitor.stream.sensor import SensorWatch

RATE = 8000
NOISE = np.random.default_rng(0).normal(0, 0.1, 20 * RATE).astype(np.float32)


def watch(samples, rate=1.0):
    """Conditions after each second, with samples that arrive at a multiple of their rate."""
    sensor, conditions = SensorWatch(RATE), []
    for start in range(0, len(samples), RATE // 4):
        condition = sensor.push(samples[start : start + RATE // 4], start, start / RATE / rate)
        if (start + RATE // 4) % RATE == 0:
            conditions.append(condition.kind if condition else None)
    return conditions


def held(samples, length=400):
    return np.repeat(samples[::length], length)


@pytest.mark.parametrize(
    ("kind", "faulty"),
    [
        ("silent", np.zeros(4 * RATE, np.float32)),
        ("silent", 1e-6 * NOISE[: 4 * RATE]),
        ("silent", np.sign(NOISE[: 4 * RATE]).astype(np.float32)),
        ("stuck", held(NOISE[: 4 * RATE])),
        ("stuck", np.full(4 * RATE, np.nan, np.float32)),
        ("clipped", np.clip(NOISE[: 4 * RATE], -0.05, 0.05)),
    ],
)
def test_a_fault_appears_after_two_seconds_and_clears_after_three(kind, faulty):
    conditions = watch(np.concatenate([NOISE[: 3 * RATE], faulty, NOISE[: 5 * RATE]]))
    assert conditions == [None] * 4 + [kind] * 5 + [None] * 3


def test_good_samples_have_no_fault():
    assert set(watch(NOISE)) == {None}


def test_a_wrong_rate():
    samples = np.tile(NOISE, 5)
    assert set(watch(samples, rate=1.01)) == {None}
    conditions = watch(samples, rate=44.1 / 48)
    assert conditions[-1] == "wrong rate"
    assert conditions[20] is None


def test_nothing_arrives():
    sensor = SensorWatch(RATE)
    sensor.push(NOISE[:RATE], 0, 0.0)
    assert sensor.interrupt("no data for 5 s").kind == "source gone"
    seconds = [sensor.push(NOISE[:RATE], RATE * k, float(k)) for k in range(100, 104)]
    assert [c.kind if c else None for c in seconds] == ["source gone", "source gone", None, None]


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_clock_that_is_set_is_no_wrong_rate(jump):
    sensor = SensorWatch(RATE)
    samples = noise(90)
    for start in range(0, len(samples), RATE // 4):
        time = start / RATE + (jump if start >= 20 * RATE else 0)
        assert sensor.push(samples[start : start + RATE // 4], start, time) is None
