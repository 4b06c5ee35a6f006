"""What waits between the thread that reads a source and those that score."""

from __future__ import annotations

import threading

import numpy as np

from auscult.monitor.service.backlog import MAX_BACKLOG, Backlog
from auscult.sound.live import Block, Interruption

RATE = 100


def block(first: int, time: float | None = None, samples: int = 25) -> Block:
    values = np.arange(first, first + samples, dtype=np.float32)[:, None]
    return Block(values, first, first / RATE if time is None else time)


def added(*items: Block | Interruption) -> Backlog:
    backlog = Backlog(waits=False)
    for item in items:
        backlog.add(item, len(item.samples) / RATE if isinstance(item, Block) else 0.0)
    return backlog


def taken(backlog: Backlog) -> list[Block | Interruption]:
    items = []
    while one := backlog.take():
        items.append(one.item)
    assert backlog.seconds == 0
    return items


def test_blocks_that_follow_each_other_are_joined_up_to_a_second():
    parts = taken(added(*(block(25 * index) for index in range(9))))
    assert [(part.first, part.time, len(part.samples)) for part in parts] == [
        (0, 0.0, 100),
        (100, 1.0, 100),
        (200, 2.0, 25),
    ]
    np.testing.assert_array_equal(np.concatenate([p.samples[:, 0] for p in parts]), np.arange(225))


def test_gaps_interruptions_and_clocks_that_are_set_separate_blocks():
    gone = Interruption("lost", "gone")
    items = [block(0), block(50), gone, block(75), block(100, time=9.0)]
    assert taken(added(*items)) == items


def test_without_room_all_that_waits_is_skipped_once():
    backlog = added(*(block(100 * index, samples=100) for index in range(round(MAX_BACKLOG) + 1)))
    assert backlog.skipped == MAX_BACKLOG
    first = backlog.take()
    assert (first.item.first, first.seconds, first.skipped) == (1000, 1.0, True)
    backlog.add(block(1100), 0.25)
    assert not backlog.take().skipped


def test_adding_waits_for_room_if_the_source_can_wait():
    backlog = Backlog(waits=True)

    def add() -> None:
        for index in range(40):
            backlog.add(block(100 * index, samples=100), 1.0)

    thread = threading.Thread(target=add)
    thread.start()
    items = []
    while len(items) < 40:
        if one := backlog.take():
            items.append(one.item)
    thread.join(10)
    assert [item.first for item in items] == list(range(0, 4000, 100))
    assert backlog.skipped == 0


def test_closing_ends_the_waiting():
    backlog = Backlog(waits=True)
    backlog.add(block(0), MAX_BACKLOG)
    thread = threading.Thread(target=backlog.add, args=(block(25), 1.0))
    thread.start()
    backlog.close()
    thread.join(10)
    assert not thread.is_alive()
    assert backlog.take() is None
