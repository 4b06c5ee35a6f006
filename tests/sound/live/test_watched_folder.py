"""A folder that a recorder fills: nothing is read too early, twice or in the wrong order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import soundfile

from auscult.errors import SourceError
from auscult.sound.live import Block, WatchedFolder, open_source

RATE = 16_000
START = 1_700_000_000.0


@pytest.fixture
def watch(tmp_path):
    """``watch(**options)`` watches the folder of the test, impatiently."""

    def watch(**options):
        return WatchedFolder(
            tmp_path, **{"settle_seconds": 0.2, "poll_seconds": 0.05, "stall_seconds": 0.6, **options}
        )

    return watch


@pytest.fixture
def recorded(write, noise):
    """``recorded(name, begin, seconds=1)`` writes a recording that began so many seconds after a start."""

    def recorded(name, begin, seconds=1.0, **options):
        path = write(name, noise[: round(seconds * RATE)], **options)
        os.utime(path, (START, START + begin + seconds))
        return path

    return recorded


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


def until_stalled(items):
    return getattr(items[-1], "kind", None) == "stalled"


def test_recordings_are_read_by_time_with_gaps_in_the_index(watch, recorded, collect, noise):
    recorded("b.wav", 0)
    recorded("a.wav", 1.3)  # no gap: files are closed a little late
    recorded("day2/0.flac", 12)
    items = collect(watch(), until_stalled)
    blocks = blocks_of(items)
    assert [block.first / RATE for block in blocks] == pytest.approx(
        [*np.arange(0, 2, 0.25), *(2 + 9.7 + np.arange(0, 1, 0.25))], abs=1e-3
    )
    times = [block.time - START for block in blocks]
    expected = [begin + i for begin in (0, 1.3, 12) for i in np.arange(0, 1, 0.25)]
    assert times == pytest.approx(expected, abs=1e-3)
    received = np.concatenate([block.samples for block in blocks])
    np.testing.assert_array_equal(received, np.tile(noise[:RATE], (3, 1)))
    assert "no new recording" in items[-1].reason


def test_a_recording_that_is_being_written_is_read_once_it_is_complete(watch, tmp_path, collect, noise):
    """The recorder writes pieces, with pauses that are longer than the time without a change."""
    code = (
        "import soundfile, numpy, sys, time\n"
        "noise = numpy.load(sys.argv[1])\n"
        "with soundfile.SoundFile(sys.argv[2], 'w', 16000, 2) as file:\n"
        "    for piece in numpy.array_split(noise, 4):\n"
        "        file.write(piece); file.flush(); time.sleep(0.4)\n"
    )
    np.save(tmp_path / "noise", noise)
    for name in ("a.wav", "b.flac"):
        recorder = subprocess.Popen([sys.executable, "-c", code, tmp_path / "noise.npy", tmp_path / name])
        items = collect(
            watch(stall_seconds=5), lambda items: sum(len(b.samples) for b in blocks_of(items)) >= len(noise)
        )
        assert recorder.wait(10) == 0
        received = np.concatenate([block.samples for block in blocks_of(items)])
        np.testing.assert_array_equal(received, noise)
        blocks = blocks_of(items)
        assert [block.first for block in blocks] == [0, *(block.end for block in blocks[:-1])]
        (tmp_path / name).unlink()


def test_a_copy_that_is_interrupted_is_tried_again_and_read_from_where_it_was(
    watch, write, tmp_path, collect, noise
):
    """A truncated FLAC is detected only at its end: what was read before is not read twice."""
    content = write("a.flac").read_bytes()
    path = tmp_path / "a.flac"
    path.write_bytes(content[: len(content) // 2])

    def control(items):
        if until_stalled(items):
            path.write_bytes(content)
        return sum(len(block.samples) for block in blocks_of(items)) >= len(noise)

    blocks = blocks_of(collect(watch(), control))
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), noise)
    assert [block.first for block in blocks[1:]] == [block.end for block in blocks[:-1]]


def test_the_rest_of_a_recording_that_becomes_longer_is_read(watch, recorded, collect, noise):
    recorded("a.wav", 0, 1)

    def control(items):
        if until_stalled(items):
            recorded("a.wav", 0.3, 1.75)  # its times are not exact
        return sum(len(block.samples) for block in blocks_of(items)) == 1.75 * RATE

    blocks = blocks_of(collect(watch(), control))
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks]), noise[: round(1.75 * RATE)])
    assert [block.first for block in blocks[1:]] == [block.end for block in blocks[:-1]]


def test_unusable_recordings_are_left_out_after_a_while(watch, recorded, tmp_path, collect, monkeypatch):
    monkeypatch.setattr("auscult.sound.live.watched_folder.RETRY_PAUSES", (0.05, 0.1))
    recorded("1.wav", 0)
    bad = recorded("2.wav", 1)
    bad.write_bytes(bad.read_bytes()[:20_000])
    os.utime(bad, (START, START + 2))
    recorded("3.wav", 2, rate=8000)
    recorded("4.wav", 12)
    source = watch()
    items = collect(source, until_stalled)
    problems = [item for item in items if not isinstance(item, Block)]
    assert [item.kind for item in problems] == ["gone", "wrong_rate", "stalled"]
    assert str(bad) in problems[0].reason
    assert "3.wav" in problems[1].reason
    assert [block.first / RATE for block in blocks_of(items)][4] == pytest.approx(12, abs=1e-3)
    assert set(source.state) == {"1.wav", "2.wav", "3.wav", "4.wav"}


def test_after_a_restart_nothing_is_read_twice_and_nothing_left_out(watch, recorded, collect):
    for number in range(3):
        recorded(f"{number}.wav", number)
    source = watch(block_seconds=1)
    collect(source, lambda items: len(items) == 2)  # the second recording was not processed yet
    state = json.loads(json.dumps(source.state))
    assert set(state) == {"0.wav"}
    source = watch(state=state, block_seconds=1)
    assert len(blocks_of(collect(source, until_stalled))) == 2
    assert until_stalled(collect(watch(state=source.state), until_stalled)[:1])
    recorded("1.wav", 5)  # a recorder that uses names again
    source = watch(state=source.state, block_seconds=1)
    (block, _) = collect(source, until_stalled)
    assert block.time == pytest.approx(START + 5, abs=1e-3)


def test_recordings_from_before_are_left_out(watch, recorded, collect):
    recorded("old.wav", 0)
    recorded("new.wav", 100)
    items = collect(watch(since=START + 50, block_seconds=1), until_stalled)
    assert [block.time - START for block in blocks_of(items)] == pytest.approx([100], abs=1e-3)


@pytest.mark.parametrize("modified", [-1e9, 0.5, 1e10, 1.5e10])
def test_times_that_cannot_be_are_not_those_of_recordings(watch, recorded, collect, modified):
    os.utime(recorded("a.wav", 0), (modified, modified))
    before = time.time()
    source = watch()
    blocks = blocks_of(collect(source, until_stalled))
    assert sum(len(block.samples) for block in blocks) == RATE
    assert before - 1 <= blocks[0].time <= time.time()
    assert all(abs(number) < 2**63 for number in source.state["a.wav"])


def test_folders_may_be_nested_as_deeply_as_paths_allow(watch, recorded, collect, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    try:
        recorded("a.wav", 0)
        assert blocks_of(collect(watch(), until_stalled))
    finally:
        for _ in range(1500):  # tools that delete folders recurse
            os.chdir("..")
            os.rmdir("d")


def test_recordings_that_appear_later_are_read(watch, recorded, collect):
    source = watch(block_seconds=1)
    assert (source.sample_rate, source.channels) == (0, 0)

    def control(items):
        if until_stalled(items):
            recorded("a.wav", 0)
        return isinstance(items[-1], Block)

    items = collect(source, control)
    assert (source.sample_rate, source.channels) == (RATE, 2)
    assert len(blocks_of(items)) == 1


def test_other_files_do_not_count(watch, tmp_path, collect):
    (tmp_path / "a.wav.part").write_bytes(b"x" * 100)
    (tmp_path / ".hidden.wav").write_bytes(b"x" * 100)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "link.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [item.kind for item in collect(watch(), until_stalled)] == ["stalled"]


def test_a_folder_that_disappears_is_waited_for(tmp_path, write, collect):
    folder = tmp_path / "drive"
    folder.mkdir()
    source = WatchedFolder(folder, settle_seconds=0.1, poll_seconds=0.05, stall_seconds=0.3)
    shutil.rmtree(folder)

    def control(items):
        if items[-1:] and getattr(items[-1], "kind", None) == "gone" and not folder.exists():
            write("drive/a.wav")
        return isinstance(items[-1], Block)

    items = collect(source, control)
    assert items[0].kind == "gone"


def test_what_was_read_is_remembered_while_a_drive_is_missing(watch, recorded, tmp_path, collect):
    recorded("drive/a.wav", 0)
    source = watch(block_seconds=1)

    def control(items):
        if len(items) == 2:
            (tmp_path / "drive").rename(tmp_path / ".unmounted")
        if len(items) == 3:
            (tmp_path / ".unmounted").rename(tmp_path / "drive")
        return len(items) == 4

    items = collect(source, control)
    assert [getattr(item, "kind", "block") for item in items] == ["block", "stalled", "stalled", "stalled"]


def test_what_was_read_is_forgotten_after_a_day(watch, recorded, collect):
    old = recorded("old.wav", 0)
    source = watch(block_seconds=1)
    collect(source, until_stalled)
    old.unlink()
    recorded("new.wav", 25 * 3600)
    source = watch(state=source.state)
    assert set(source.state) == {"old.wav"}
    collect(source, until_stalled)
    assert set(source.state) == {"new.wav"}


def test_the_required_rate_holds_from_the_first_recording_on(watch, recorded, collect):
    recorded("1.wav", 0, rate=8000)
    recorded("2.wav", 9)
    items = collect(watch(sample_rate=RATE, channels=1), until_stalled)
    assert [getattr(item, "kind", "block") for item in items] == ["wrong_rate", *["block"] * 4, "stalled"]
    assert items[1].samples.shape == (4000, 1)


def test_closing_ends_the_waiting(tmp_path, collect):
    source = open_source(f"watch:{tmp_path}")
    assert isinstance(source, WatchedFolder)
    threading.Timer(0.2, source.close).start()
    assert collect(source) == []


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no such folder"):
        open_source(f"watch:{tmp_path / 'absent'}")


def test_recordings_that_were_read_are_listed_and_not_opened(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "auscult.sound.live.watched_folder.open_recording", lambda path, *_, **__: opened.append(path)
    )
    soundfile.write(tmp_path / "0.wav", np.zeros(10), RATE)
    for number in range(1, 1000):
        os.link(tmp_path / "0.wav", tmp_path / f"{number}.wav")
    status = (tmp_path / "0.wav").stat()
    state = {f"{number}.wav": [status.st_size, status.st_mtime_ns] for number in range(1000)}
    source = WatchedFolder(tmp_path, state=state, stall_seconds=0.01, poll_seconds=0.01)
    assert next(iter(source)).kind == "stalled"
    assert opened == []
    assert len(source.state) == 1000
