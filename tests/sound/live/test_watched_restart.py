"""A watched folder continues after a restart where it ended."""

from __future__ import annotations

import os

import numpy as np
import soundfile

from auscult.sound.live import Block, Interruption, PartlyRead, WatchedFolder

RATE = 8000
START = 1_700_000_000.0


def write(folder, name, begin, seconds=2.0):
    """A recording whose samples count from ``begin`` · RATE on, divided by a million."""
    path = folder / name
    first = round(begin * RATE)
    soundfile.write(path, np.arange(first, first + round(seconds * RATE)) / 1e6, RATE, subtype="FLOAT")
    os.utime(path, (START, START + begin + seconds))


def watch(folder, **options):
    return WatchedFolder(
        folder, settle_seconds=0.2, poll_seconds=0.05, stall_seconds=0.6, block_seconds=0.5, **options
    )


def read(source, blocks):
    """Return the indexes of samples of so many blocks, and what was delivered with them."""
    samples = []
    for item in source:
        if isinstance(item, Interruption):
            break
        samples.append(np.rint(item.samples[:, 0] * 1e6).astype(int))
        if len(samples) == blocks:
            break
    return np.concatenate(samples) if samples else np.zeros(0, int), source.delivered


def state_of(source, delivered, before=None):
    """The state as a reader of `changes` knows it."""
    state = dict(before or {})
    for name, version in source.changes[: delivered.changes]:
        if version is None:
            del state[name]
        else:
            state[name] = version
    return state


def test_it_continues_within_a_recording(tmp_path):
    for number in range(3):
        write(tmp_path, f"{number}.wav", 2.0 * number)
    first = watch(tmp_path)
    before, delivered = read(first, 6)
    assert delivered.partly is not None
    assert (delivered.partly.name, delivered.partly.position) == ("1.wav", RATE)
    state = state_of(first, delivered)
    assert list(state) == ["0.wav"]

    second = watch(tmp_path, state=state, partly=delivered.partly)
    after, delivered = read(second, 100)
    np.testing.assert_array_equal(np.concatenate([before, after]), np.arange(6 * RATE))
    assert sorted(state_of(second, delivered, state)) == ["0.wav", "1.wav", "2.wav"]
    assert delivered.partly is None
    assert state_of(second, delivered, state) == second._files.read


def test_times_go_on(tmp_path):
    write(tmp_path, "0.wav", 0.0)
    status = (tmp_path / "0.wav").stat()
    partly = PartlyRead("0.wav", status.st_size, status.st_mtime_ns, RATE)
    items = [item for item, _ in zip(watch(tmp_path, partly=partly), range(2), strict=False)]
    assert all(isinstance(item, Block) for item in items)
    assert [item.time for item in items] == [START + 1.0, START + 1.5]


def test_after_the_last_block_nothing_is_read_again(tmp_path):
    write(tmp_path, "0.wav", 0.0)
    _, delivered = read(watch(tmp_path), 4)
    assert delivered.changes == 0
    again, delivered = read(watch(tmp_path, partly=delivered.partly), 4)
    assert not len(again)
    assert delivered.changes == 1


def test_files_that_disappeared_are_removed_after_a_day(tmp_path):
    write(tmp_path, "0.wav", 0.0)
    write(tmp_path, "1.wav", 2.0)
    source = watch(tmp_path)
    read(source, 100)
    (tmp_path / "0.wav").unlink()
    write(tmp_path, "2.wav", 90_000.0)
    source = watch(tmp_path, state=source.state)
    _, delivered = read(source, 100)
    assert ("0.wav", None) in source.changes[: delivered.changes]
    assert sorted(source.state) == ["1.wav", "2.wav"]
