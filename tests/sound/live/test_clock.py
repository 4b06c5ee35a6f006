"""Times of samples by when they arrive: delays, drifting clocks, and pauses."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from auscult.sound.live import clock as clock_module
from auscult.sound.live.clock import ArrivalClock, Instant, Pacer

RATE = 16_000
BLOCK = 4000  # samples, 0.25 s


def at(time: float, clock_set_by: float = 0.0) -> Instant:
    """A moment; the clock of the system has been set by so many seconds since the start."""
    return Instant(time - 900.0, time + clock_set_by)


def times(arrivals: np.ndarray) -> np.ndarray:
    clock = ArrivalClock(RATE)
    return np.array([clock.time_of(i * BLOCK, BLOCK, at(arrival)) for i, arrival in enumerate(arrivals)])


def test_delays_of_single_blocks_do_not_change_the_times():
    recorded = 1e9 + 0.25 * np.arange(2000)
    delays = np.random.default_rng(0).exponential(0.1, 2000)
    delays[0] = 0
    estimated = times(recorded + 0.25 + delays)
    assert np.abs(estimated - recorded).max() < 0.02
    assert (np.diff(estimated) >= 0).all()


@pytest.mark.parametrize("drift", [1e-4, -1e-4])
def test_a_drifting_clock_is_followed_all_day(drift):
    recorded = 1e9 + 0.25 * (1 + drift) * np.arange(24 * 3600 * 4 // 8)  # three hours
    estimated = times(recorded + 0.25)
    assert np.abs(estimated - recorded).max() < 0.013
    assert (np.diff(estimated) >= 0).all()


def test_blocks_that_arrive_faster_than_in_real_time_have_the_time_of_their_arrival():
    arrivals = 1e9 + 0.01 * np.arange(100)
    assert times(arrivals) == pytest.approx(arrivals - 0.25)


def test_after_a_pause_times_continue_with_the_arrivals():
    clock = ArrivalClock(RATE)
    assert clock.time_of(0, BLOCK, at(1000.25)) == 1000
    clock.reset()
    assert clock.time_of(BLOCK, BLOCK, at(1100.25)) == 1100
    assert clock.time_of(2 * BLOCK, BLOCK, at(1100.3)) == pytest.approx(1100.05)


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1e9])
def test_if_the_system_clock_is_set_the_times_jump_by_as_much(jump):
    clock = ArrivalClock(RATE)
    assert clock.time_of(0, BLOCK, at(1000.25)) == 1000
    assert clock.time_of(BLOCK, BLOCK, at(1000.5, jump)) == pytest.approx(1000.25 + jump)
    assert clock.time_of(2 * BLOCK, BLOCK, at(1000.75, jump)) == pytest.approx(1000.5 + jump)
    assert clock.delay(3 * BLOCK, BLOCK, at(1001.0, jump)) == pytest.approx(0.0)


def test_a_clock_that_is_adjusted_by_little_does_not_make_times_decrease():
    clock = ArrivalClock(RATE)
    assert clock.time_of(0, BLOCK, at(1000.25)) == 1000
    assert clock.time_of(BLOCK, BLOCK, at(1000.5, -0.5)) == pytest.approx(1000.25)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_playback_waits_until_the_samples_would_have_been_recorded(monkeypatch, speed):
    now, pauses = 100.0, []

    class Closed(threading.Event):
        def wait(self, timeout):
            nonlocal now
            pauses.append(timeout)
            now += timeout

    monkeypatch.setattr(clock_module, "time", SimpleNamespace(monotonic=lambda: now))
    pacer = Pacer(speed, Closed())
    pacer.wait_until(2.0)
    pacer.wait_until(3.0)
    now += 8.0  # something else took longer
    pacer.wait_until(8.0)
    assert pauses == pytest.approx([2.0 / speed, 1.0 / speed])
