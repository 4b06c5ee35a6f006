import os
from pathlib import Path

import pytest

from auscult.corpus import hidden_names
from auscult.errors import CorpusError


def write(folder: Path, **contents: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.wav").write_bytes(content)


def test_a_copy_is_told_by_its_content_not_by_its_place(tmp_path: Path) -> None:
    write(tmp_path / "test", section_00_0000=b"fault", section_00_0001=b"calm!", section_00_0002=b"alone")
    write(
        tmp_path / "test_rename",
        section_00_source_test_normal_0000_spd_1=b"calm!",
        section_00_target_test_anomaly_0000_=b"fault",
    )
    assert hidden_names(tmp_path) == {
        "section_00_source_test_normal_0000_spd_1.wav": "section_00_0001.wav",
        "section_00_target_test_anomaly_0000_.wav": "section_00_0000.wav",
    }


def test_the_test_clips_of_2021_lie_in_two_folders(tmp_path: Path) -> None:
    write(tmp_path / "source_test", section_03_source_test_0000=b"a")
    write(tmp_path / "target_test", section_03_target_test_0000=b"b")
    write(tmp_path / "test_rename", section_03_target_test_normal_0000=b"b")
    assert list(hidden_names(tmp_path).values()) == ["section_03_target_test_0000.wav"]


def test_clips_of_the_same_content_each_get_a_name_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "test", section_00_0000=b"same", section_00_0001=b"same")
    write(tmp_path / "test_rename", a=b"same", b=b"same", c=b"same", d=b"other")
    assert hidden_names(tmp_path) == {
        "a.wav": "section_00_0000.wav",
        "b.wav": "section_00_0001.wav",
        "c.wav": None,
        "d.wav": None,
    }


@pytest.mark.parametrize("present", ["test", "test_rename", "train"])
def test_without_both_folders_there_is_nothing_to_match(tmp_path: Path, present: str) -> None:
    write(tmp_path / present, section_00_0000=b"a")
    assert hidden_names(tmp_path) == {}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    write(tmp_path / "test_rename", a=b"a")
    (tmp_path / "test").mkdir()
    os.symlink(tmp_path / "gone.wav", tmp_path / "test" / "section_00_0000.wav")
    with pytest.raises(CorpusError, match=r"section_00_0000\.wav.*cannot be read"):
        hidden_names(tmp_path)
