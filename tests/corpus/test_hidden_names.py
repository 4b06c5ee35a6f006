import os
from pathlib import Path

import pytest

from auscult.corpus import hidden_names
from auscult.errors import CorpusError


def write(folder: Path, **contents: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}.wav").write_bytes(content)


def test_copies_are_matched_by_content_not_by_order(tmp_path: Path) -> None:
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


def test_clips_of_2021_are_in_two_folders(tmp_path: Path) -> None:
    write(tmp_path / "source_test", section_03_source_test_0000=b"a")
    write(tmp_path / "target_test", section_03_target_test_0000=b"b")
    write(tmp_path / "test_rename", section_03_target_test_normal_0000=b"b")
    assert list(hidden_names(tmp_path).values()) == ["section_03_target_test_0000.wav"]


def test_clips_with_equal_content_get_different_names(tmp_path: Path) -> None:
    write(tmp_path / "test", section_00_0000=b"same", section_00_0001=b"same")
    write(tmp_path / "test_rename", a=b"same", b=b"same", c=b"same", d=b"other")
    assert hidden_names(tmp_path) == {
        "a.wav": "section_00_0000.wav",
        "b.wav": "section_00_0001.wav",
        "c.wav": None,
        "d.wav": None,
    }


@pytest.mark.parametrize("folder", ["test", "test_rename", "train"])
def test_without_both_folders_the_result_is_empty(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder, section_00_0000=b"a")
    assert hidden_names(tmp_path) == {}


def test_an_unreadable_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    write(tmp_path / "test_rename", a=b"a")
    (tmp_path / "test").mkdir()
    os.symlink(tmp_path / "missing.wav", tmp_path / "test" / "section_00_0000.wav")
    with pytest.raises(CorpusError, match=r"section_00_0000\.wav.*cannot be read"):
        hidden_names(tmp_path)
