"""Recordings that are played back: all samples, at the right time, and what is left out."""

from __future__ import annotations

import doctest
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import MissingExtraError, OptionError, SourceError
from auscult.sound.live import Block, Interruption, open_source

RATE = 16_000


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


def interruptions_of(items):
    return [item for item in items if isinstance(item, Interruption)]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.parametrize("block_seconds", [0.25, 0.333, 10.0])
def test_all_samples_of_all_channels_are_played(write, collect, noise, name, block_seconds):
    source = open_source(str(write(name)), speed="max", block_seconds=block_seconds)
    assert (source.sample_rate, source.channels) == (RATE, 2)
    items = collect(source)
    blocks = blocks_of(items)
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), noise)
    assert all(block.samples.dtype == np.float32 for block in blocks)
    assert [block.first for block in blocks] == [0, *(block.end for block in blocks[:-1])]
    assert {len(block.samples) for block in blocks[:-1]} <= {round(block_seconds * RATE)}
    assert items[-1].kind == "ended"


def test_only_the_required_channels_are_played(write, collect, noise):
    (block, _) = collect(open_source(str(write("a.wav")), speed="max", channels=1, block_seconds=2))
    np.testing.assert_array_equal(block.samples, noise[:, :1])


def test_times_follow_from_when_the_file_was_written_or_are_given(write, collect):
    path = write("a.wav")
    os.utime(path, (1e9, 1e9))
    blocks = blocks_of(collect(open_source(str(path), speed="max")))
    assert [block.time for block in blocks] == pytest.approx([1e9 - 2 + 0.25 * i for i in range(8)])
    blocks = blocks_of(collect(open_source(str(path), speed="max", start_time=5e8)))
    assert blocks[-1].time == 5e8 + 1.75


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 0.5), (4.0, 0.125)])
def test_speed_is_kept_by_the_clock(write, collect, noise, speed, seconds):
    source = open_source(str(write("a.wav", noise[: RATE // 2])), speed=speed, block_seconds=0.05)
    start = time.monotonic()
    items = collect(source)
    assert time.monotonic() - start >= seconds
    assert len(blocks_of(items)) == 10


def test_a_block_is_complete_before_it_comes(write, collect):
    source = open_source(str(write("a.wav")), block_seconds=0.3)
    start = time.monotonic()
    collect(source, lambda items: len(items) == 1)
    assert time.monotonic() - start >= 0.3


def test_a_folder_is_played_in_natural_order(write, collect, noise, tmp_path):
    for name, number in (("a10.wav", 3), ("a2.wav", 2), ("a1.flac", 1), (".hidden.wav", 9)):
        write(name, np.full(1000, number / 8))
    (tmp_path / "notes.txt").write_text("no recording")
    items = collect(open_source(str(tmp_path), speed="max"))
    assert [block.samples[0, 0] * 8 for block in blocks_of(items)] == [1, 2, 3]
    assert [block.first for block in blocks_of(items)] == [0, 1000, 2000]
    assert [item.kind for item in interruptions_of(items)] == ["ended"]


def test_unusable_files_of_a_folder_are_named_and_leave_a_gap(write, collect, noise, tmp_path):
    write("1.wav")
    (tmp_path / "2.wav").write_bytes(b"no audio at all, but long enough to look at")
    complete = write("3.wav").read_bytes()
    (tmp_path / "3.wav").write_bytes(complete[: len(complete) // 2])
    write("4.wav", rate=8000)
    write("5.wav", noise[:, 0])
    write("6.wav")
    items = collect(open_source(str(tmp_path), speed="max"))
    first, *_, last = blocks_of(items)
    problems = interruptions_of(items)
    assert [item.kind for item in problems] == ["gone", "gone", "wrong_rate", "wrong_rate", "ended"]
    for name, item in zip(("2.wav", "3.wav", "4.wav", "5.wav"), problems, strict=False):
        assert str(tmp_path / name) in item.reason
    assert first.first == 0
    assert last.end == 2 * len(noise) + 4  # both recordings, and a gap for each that is missing
    assert last.time - first.time == pytest.approx((last.first - first.first) / RATE)
    assert sum(len(block.samples) for block in blocks_of(items)) == 2 * len(noise)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in Unicode only")
def test_names_that_are_not_unicode_can_be_printed_and_stored(write, collect, noise, tmp_path):
    write("a.wav", noise)
    (tmp_path / "\udcff\n.wav").write_bytes(b"no audio")
    first, _ = interruptions_of(collect(open_source(str(tmp_path), speed="max")))
    assert first.kind == "gone"
    assert first.reason.isprintable()
    assert first.reason.encode()


def test_damage_within_a_recording_is_a_gap_of_the_declared_length(write, collect, noise, tmp_path):
    data = bytearray(write("1.flac", np.tile(noise, (5, 1))).read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = bytes(20_000)
    (tmp_path / "1.flac").write_bytes(data)
    write("2.flac")
    items = collect(open_source(str(tmp_path), speed="max"))
    problem, _ = interruptions_of(items)
    assert "1.flac" in problem.reason
    index = items.index(problem)
    assert items[index - 1].end < 10 * RATE
    assert items[index + 1].first == 10 * RATE


def test_another_rate_than_the_required_one_is_refused(write):
    with pytest.raises(SourceError) as error:
        open_source(str(write("a.wav")), sample_rate=48_000)
    assert "16000 Hz" in error.value.reason
    with pytest.raises(SourceError):
        open_source(str(write("a.wav")), channels=3)


def test_a_recording_is_read_while_it_is_played(tmp_path, collect, monkeypatch):
    """The first blocks of a long recording come before most of it is read."""
    path, seconds, read = tmp_path / "long.wav", 600, []
    soundfile.write(path, np.zeros(seconds * 8000, np.int16), 8000)
    decode = soundfile.SoundFile.read

    def counting(self, *arguments, **options):
        samples = decode(self, *arguments, **options)
        read.append(len(samples))
        return samples

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    collect(open_source(str(path), speed="max"), lambda items: len(items) == 10)
    assert 10 * 2000 <= sum(read) < seconds * 8000 / 2


def test_closing_ends_the_iteration_from_another_thread(write, collect):
    source = open_source(str(write("a.wav")), block_seconds=2, speed=0.01)  # due after 200 s
    threading.Timer(0.1, source.close).start()
    assert collect(source) == []


def test_errors_of_opening_name_the_source(tmp_path):
    with pytest.raises(SourceError) as error:
        open_source(str(tmp_path / "absent.wav"))
    assert error.value.source == str(tmp_path / "absent.wav")
    with pytest.raises(SourceError):
        open_source(str(tmp_path))  # no recordings
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(SourceError) as error:
        open_source(str(tmp_path / "a.wav"))
    assert error.value.reason == "the file is empty (0 bytes)"
    with pytest.raises(SourceError) as error:
        open_source(str(tmp_path))
    assert "a.wav" in error.value.reason


@pytest.mark.parametrize(
    "options",
    [
        {"speed": 0},
        {"speed": float("nan")},
        {"block_seconds": 0},
        {"block_seconds": 1e9},
        {"sample_rate": 1},
        {"channels": 0},
        {"channels": 99},
        {"stall_seconds": 0},
    ],
)
def test_invalid_options_are_refused(write, options):
    with pytest.raises(OptionError):
        open_source(str(write("a.wav")), **options)


def test_a_missing_reader_of_tables_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 ... PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError):
        open_source(str(tmp_path / "a.parquet"))


def test_the_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(open_source, "open_source", globs={})
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0
    assert Path("fan.wav").exists()
