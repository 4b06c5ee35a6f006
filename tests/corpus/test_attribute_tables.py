"""Attribute tables of machine folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.corpus.attribute_tables import read_attribute_table
from auscult.corpus.machine_folder import machine_corpus
from auscult.errors import CorpusError


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def write_table(folder: Path, *lines: str, name: str = "attributes_00.csv", encoding: str = "utf-8") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    return path


def test_attribute_table_completes_file_names(tmp_path: Path) -> None:
    touch(tmp_path / "train", "section_00_source_train_normal_0000_m-n_W.wav")
    touch(tmp_path / "test", "section_00_0000.wav", "section_00_0001.wav")
    write_table(
        tmp_path,
        "file_name,d1p,d1v,d2p,d2v",
        "fan/train/section_00_source_train_normal_0000_m-n_W.wav,m-n,W,rec,12",
        "fan/test/section_00_0000.wav,vel,-0.5,domain,target",
        "fan/train/section_00_0001.wav,vel,99,,",  # this name is in test/, not in train/
        encoding="utf-8-sig",
    )
    train, first, second = machine_corpus(tmp_path)
    assert (train.attributes, train.source_recording, train.raw_attributes) == (
        {"m-n": "W", "rec": "12"},
        "12",
        "m-n_W",
    )
    assert (first.attributes, first.domain, first.condition) == (
        {"vel": "-0.5", "domain": "target"},
        "target",
        None,
    )
    assert (second.attributes, second.domain) == ({}, None)


def test_reads_attribute_tables_of_all_sections(tmp_path: Path) -> None:
    touch(tmp_path / "test", "section_00_0000.wav", "section_01_0000.wav")
    write_table(tmp_path, "section_00_0000.wav,vel,1")  # no header
    write_table(
        tmp_path, "file_name,condition,d1p,d1v", "section_01_0000.wav,anomaly,vel,2", name="attributes_01.csv"
    )
    first, second = machine_corpus(tmp_path)
    assert (first.attributes, first.condition) == ({"vel": "1"}, None)
    assert (second.attributes, second.condition) == ({"condition": "anomaly", "vel": "2"}, "anomaly")


def test_file_name_takes_precedence_over_table(tmp_path: Path) -> None:
    name = "section_00_source_test_normal_0000.wav"
    touch(tmp_path / "test", name)
    write_table(tmp_path, "file_name,domain,condition", f"{name},target,anomaly")
    clip = machine_corpus(tmp_path)[0]
    assert (clip.domain, clip.condition) == ("source", "normal")


def test_incomplete_table_rows_are_ignored(tmp_path: Path) -> None:
    path = write_table(
        tmp_path, "", "file_name,d1p,d1v", "a.wav,vel", "b.wav", ",,", "c.wav,vel,3,load,,mic,1"
    )
    table = read_attribute_table(path)
    assert table[None, "b"] == {}
    assert table[None, "c"] == {"vel": "3", "mic": "1"}
    assert table[None, "a"] == {}


def test_a_binary_table_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    touch(tmp_path / "train", "a.wav")
    (tmp_path / "attributes_00.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(CorpusError, match=r"attributes_00\.csv: attribute table cannot be read"):
        machine_corpus(tmp_path)


@pytest.mark.parametrize("header", [True, False])
def test_names_without_extension_match(tmp_path: Path, header: bool) -> None:
    touch(tmp_path / "train", "section_00_source_train_normal_0000_.wav")
    row = "section_00_source_train_normal_0000_,car,B1"
    write_table(tmp_path, *(["file_name,d1p,d1v"] if header else []), row)
    assert machine_corpus(tmp_path)[0].attributes == {"car": "B1"}


def test_tables_complete_each_other(tmp_path: Path) -> None:
    touch(tmp_path / "test", "section_00_0000.wav")
    write_table(tmp_path, "section_00_0000.wav,vel,1")
    write_table(
        tmp_path, "file_name,condition", "section_00_0000.wav,anomaly", name="attributes_ground_truth.csv"
    )
    clip = machine_corpus(tmp_path)[0]
    assert (clip.condition, clip.attributes["vel"]) == ("anomaly", "1")


def test_a_table_of_which_no_row_matches_is_reported_once(tmp_path: Path, caplog) -> None:
    touch(tmp_path / "test", "section_00_0000.wav")
    path = write_table(tmp_path, "file_name,d1p,d1v", "clip_1.wav,vel,1", "clip_2.wav,vel,2")
    for _ in range(2):
        machine_corpus(tmp_path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: none of the 2 rows names a recording of the folder; the table was not used"
    ]


@pytest.mark.parametrize("described_first", [True, False])
def test_a_correspondence_gives_labels_to_hidden_names(tmp_path: Path, described_first: bool) -> None:
    touch(tmp_path / "test", "section_00_0000.wav", "section_00_0001.wav")
    pairs = [
        ("section_00_0000.wav", "section_00_target_test_anomaly_0000_car_B1.wav"),
        ("section_00_0001.wav", "section_00_source_test_normal_0001_noAttribute"),
    ]
    rows = [",".join(reversed(pair) if described_first else pair) for pair in pairs]
    write_table(tmp_path, "original,renamed", *rows, name="fan_correspondence.csv")
    first, second = machine_corpus(tmp_path)
    assert (first.condition, first.domain, first.attributes["car"]) == ("anomaly", "target", "B1")
    assert (second.condition, second.domain) == ("normal", "source")
