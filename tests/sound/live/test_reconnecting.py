"""Connecting again: the index and the times continue, pauses grow, and other sample rates are refused."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from auscult.errors import OptionError, SourceError
from auscult.sound.live import Block, Interruption, Reconnecting
from auscult.sound.live.replay import Replay
from auscult.sound.live.source import WrongLayout

RATE = 16_000


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


class Connections:
    """An opener that plays recordings, one for each connection; an error in place of one is raised."""

    def __init__(self, *results):
        self.results, self.times = list(results), []

    def __call__(self, closed):
        self.times.append(time.monotonic())
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        path, start = result
        return Replay(path, speed=np.inf, start_time=start, block_seconds=1)


def test_the_index_jumps_by_the_time_without_a_connection(write, collect, noise):
    path = write("a.wav")
    opener = Connections(
        (path, 1000.0), (path, 1004.5), (path, 1006.5), (path, 1008.0), (path, 900.0), SourceError("x", "off")
    )
    items = collect(Reconnecting(opener, "x", first_pause=0.01), lambda items: "off" in str(items[-1]))
    blocks = blocks_of(items)
    assert [block.first / RATE for block in blocks] == pytest.approx(
        [0, 1, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5], abs=1e-3
    )
    assert [block.time for block in blocks] == pytest.approx(
        [1000, 1001, 1004.5, 1005.5, 1006.5, 1007.5, 1008.5, 1009.5, 900, 901], abs=1e-3
    ), "estimates that overlap are put in order, a clock that was set back is followed"
    firsts = np.array([block.first for block in blocks])
    gaps = firsts[1:] - firsts[:-1] - RATE
    assert (gaps[1::2] >= 1).all(), "each new connection is a gap"
    assert (gaps[0::2] == 0).all()
    assert {item.kind for item in items if isinstance(item, Interruption)} == {"gone"}


def test_pauses_grow_and_start_again_after_a_stable_connection(write, collect, monkeypatch):
    opener = Connections(SourceError("x", "off"))
    source = Reconnecting(opener, "x", first_pause=0.05)
    items = collect(source, lambda items: len(opener.times) == 6)
    pauses = np.diff(opener.times)
    assert (pauses >= np.array([0.05, 0.1, 0.2, 0.4, 0.8]) / 2).all()
    assert [item.reason for item in items] == ["off"] * 6
    monkeypatch.setattr("auscult.sound.live.reconnecting.STABLE_SECONDS", 0.0)
    opener = Connections(*[SourceError("x", "off")] * 5, (write("a.wav"), 0.0))
    source = Reconnecting(opener, "x", first_pause=0.05, stall_seconds=0.05)
    items = collect(source, lambda items: len(opener.times) == 7)
    connected = items[items.index(blocks_of(items)[0]) :]
    assert sum(isinstance(item, Interruption) for item in connected) == 1, "one per 50 ms of the pause"


def test_interruptions_are_repeated_during_a_long_pause(collect):
    opener = Connections(SourceError("x", "off"))
    start = time.monotonic()
    items = collect(
        Reconnecting(opener, "x", first_pause=60, stall_seconds=0.1), lambda items: len(items) == 4
    )
    assert time.monotonic() - start >= 0.3
    assert items == [Interruption("off", "gone")] * 4
    assert len(opener.times) == 1


def test_another_sample_rate_than_before_is_refused_until_it_returns(write, collect, noise):
    good, slow, mono = write("a.wav"), write("b.wav", rate=8000), write("c.wav", noise[:, 0])
    opener = Connections((good, 0.0), (slow, 1.0), (mono, 1.0), (good, 9.0))
    source = Reconnecting(opener, "x", first_pause=0.01)
    items = collect(source, lambda items: len(blocks_of(items)) == 4)
    kinds = [getattr(item, "kind", "block") for item in items]
    assert kinds == ["block", "block", "gone", "wrong_rate", "wrong_rate", "block", "block"]
    assert "8000 Hz" in items[3].reason
    assert (source.sample_rate, source.channels) == (RATE, 2)


def test_a_wrong_rate_at_the_start_is_reported_as_such(collect):
    opener = Connections(WrongLayout("x", "has 8000 Hz"))
    assert collect(Reconnecting(opener, "x"), lambda items: True) == [
        Interruption("has 8000 Hz", "wrong_rate")
    ]


def test_errors_that_would_return_each_time_are_raised():
    with pytest.raises(OptionError):
        Reconnecting(Connections(OptionError("no such option")), "x")


def test_closing_ends_a_pause(collect):
    source = Reconnecting(Connections(SourceError("x", "off")), "x", first_pause=200, stall_seconds=200)
    threading.Timer(0.2, source.close).start()
    assert len(collect(source)) == 1
