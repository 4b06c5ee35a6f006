"""The recordings of normal running on disk."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest
from tests.helpers import RATE, noise

from auscult.errors import OptionError
from auscult.monitor.learning.folder import NormalFolder


def filled(path):
    folder = NormalFolder(path, "fan")
    for index in range(3):
        folder.add(noise(5, index), index * 5 * RATE, 100.0 + 5 * index, RATE)
    return folder


def test_a_restart_goes_on(tmp_path):
    filled(tmp_path / "fan-normal")
    again = NormalFolder(tmp_path / "fan-normal", "fan")
    assert (again.seconds, again.sample_rate) == (15, RATE)
    again.add(noise(5, 9), 0, 500.0, RATE)
    assert [segment.run for segment in again.segments] == [1, 1, 1, 2]
    blocks = [block for block, _ in again.blocks(again.counted)]
    np.testing.assert_allclose(blocks[1].samples[:, 0], noise(5, 1), atol=1e-6)
    assert [block.first // (5 * RATE) for block in blocks[:3]] == [0, 1, 2]
    assert blocks[3].first > blocks[2].end, "a gap between both runs"
    assert len({segment.file for segment in again.segments}) == 4


def test_one_process_at_a_time_records(tmp_path):
    late = NormalFolder(tmp_path / "fan-normal", "fan")
    first = NormalFolder(tmp_path / "fan-normal", "fan")
    with first.only_writer():
        first.add(noise(5, 1), 0, 100.0, RATE)
        with pytest.raises(OptionError, match="another process"), late.only_writer():
            pass
    with late.only_writer():
        late.add(noise(5, 2), 0, 200.0, RATE)
    assert [segment.run for segment in NormalFolder(late.path, "fan").segments] == [1, 2]


def test_what_an_interrupted_write_left_is_no_segment(tmp_path):
    folder = filled(tmp_path / "fan-normal")
    (folder.path / ".00004.flac").write_bytes(b"fLaC")
    (folder.path / folder.segments[1].file).unlink()
    again = NormalFolder(folder.path, "fan")
    assert again.seconds == 10
    again.add(noise(5, 9), 0, 500.0, RATE)
    assert again.segments[-1].file == "00004.flac"


def test_without_room_the_message_says_so_and_nothing_partial_stays(tmp_path, monkeypatch):
    folder = filled(tmp_path / "fan-normal")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OptionError, match=r"00004.flac: cannot be written: No space left on device"):
            folder.add(noise(5, 9), 0, 500.0, RATE)
    assert sorted(os.listdir(folder.path)) == [*(f"0000{n}.flac" for n in (1, 2, 3)), "recording.json"]
    folder.add(noise(5, 9), 0, 500.0, RATE)
    assert NormalFolder(folder.path, "fan").seconds == 20


def test_a_first_segment_that_was_interrupted_is_no_other_file(tmp_path):
    folder = NormalFolder(tmp_path / "fan-normal", "fan")
    folder.add(noise(5), 0, 0.0, RATE)
    (folder.path / "00001.flac").unlink()  # killed before it was written
    assert NormalFolder(folder.path, "fan").segments == []


def test_quiet_segments_do_not_count(tmp_path):
    folder = filled(tmp_path / "fan-normal")
    folder.add(noise(5, 7, level=0.01), 0, 500.0, RATE)
    assert (len(folder.segments), len(folder.counted)) == (4, 3)


def test_samples_beyond_full_scale_are_kept(tmp_path):
    folder = NormalFolder(tmp_path / "n", "fan")
    samples = noise(5, level=10.0)
    folder.add(samples, 0, 0.0, RATE)
    ((block, rate),) = folder.blocks(folder.counted)
    np.testing.assert_array_equal(block.samples[:, 0], samples)
    assert rate == RATE


def test_recordings_of_another_machine_are_refused(tmp_path):
    folder = filled(tmp_path / "fan-normal")
    with pytest.raises(OptionError, match="recordings of fan, not of pump"):
        NormalFolder(folder.path, "pump")
    with pytest.raises(OptionError, match="16000 Hz"):
        folder.add(noise(5), 0, 0.0, 16000)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("hello")
    with pytest.raises(OptionError, match="notes"):
        NormalFolder(tmp_path / "other", "fan")
    (folder.path / "recording.json").write_text("{")
    with pytest.raises(OptionError, match="cannot be read"):
        NormalFolder(folder.path, "fan")
    with pytest.raises(OptionError, match="cannot be used"):
        NormalFolder(tmp_path / "other" / "notes.txt", "fan")
