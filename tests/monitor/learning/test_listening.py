"""Which sound is normal running, without a model."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, noise

from auscult.monitor.learning.listening import NormalListener
from auscult.sound.live import Block


def pieces_of(*parts: np.ndarray, first: int = 0) -> tuple[list[tuple[float, float]], NormalListener]:
    """What is taken of samples, from and to in seconds."""
    listener = NormalListener(RATE)
    samples = np.concatenate(parts)
    pieces = [
        piece
        for start in range(0, len(samples), 3000)
        for piece in listener.push(
            Block(samples[start : start + 3000, None], first + start, 100 + start / RATE)
        )
    ]
    pieces += listener.interrupt()
    for piece in pieces:
        at = piece.first - first
        np.testing.assert_array_equal(piece.samples, samples[at : at + len(piece.samples)])
        assert piece.time == pytest.approx(100 + at / RATE)
    spans = [((p.first - first) / RATE, (p.first - first + len(p.samples)) / RATE) for p in pieces]
    return spans, listener


def covered(spans):
    return sum(end - start for start, end in spans)


def test_steady_running_is_taken_completely():
    spans, listener = pieces_of(noise(50.5))
    assert spans == [(0, 20), (20, 40), (40, 50)]
    assert (listener.state, listener.condition) == ("running", None)
    assert listener.level == pytest.approx(-20, abs=0.5)


def test_a_stop_and_a_start_are_left_out_with_what_is_around_them():
    spans, _ = pieces_of(noise(40, 1), noise(30, 2, level=0.01), noise(40, 3))
    assert covered(spans) == pytest.approx(37 + 30, abs=2)
    assert all(end <= 37 or start >= 79 for start, end in spans)


def test_what_was_before_the_machine_was_switched_on_is_quieter():
    spans, _ = pieces_of(noise(60, 1, level=0.01), noise(40, 3))
    assert not [span for span in spans if span[0] < 60 < span[1]], "no segment is half of each"
    assert [span for span in spans if span[0] >= 69]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (np.zeros(20 * RATE), "silent"),
        (np.clip(noise(20, 9, level=0.8), -0.5, 0.5), "clipped"),
        (np.repeat(noise(20, 9)[::400], 400), "stuck"),
    ],
)
def test_faults_of_the_sensor_do_not_count(fault, kind):
    spans, listener = pieces_of(noise(40, 1), fault.astype(np.float32), noise(40, 3))
    assert all(end <= 40 or start >= 60 for start, end in spans)
    assert covered(spans) >= 60
    _, listener = pieces_of(noise(40, 1), fault.astype(np.float32))
    assert listener.condition.kind == kind
    assert listener.state == "sensor"


def test_gaps_are_in_no_segment():
    listener = NormalListener(RATE)
    pieces = []
    for first in (0, 100 * RATE):
        samples = noise(30, first)
        for start in range(0, len(samples), 2000):
            block = Block(samples[start : start + 2000, None], first + start, float(first + start))
            pieces += listener.push(block)
    pieces += listener.interrupt()
    spans = [(p.first / RATE, (p.first + len(p.samples)) / RATE) for p in pieces]
    assert spans == [(0, 20), (20, 30), (100, 120), (120, 130)]


def test_only_the_first_channel_is_taken():
    listener = NormalListener(RATE)
    samples = np.stack([noise(6, 1), noise(6, 2)], axis=1)
    (piece,) = [*listener.push(Block(samples, 0, 0.0)), *listener.interrupt()]
    np.testing.assert_array_equal(piece.samples, samples[:, 0])
