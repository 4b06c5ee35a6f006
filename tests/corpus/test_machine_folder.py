"""Machine folders of DCASE Task 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auscult.corpus.machine_folder import is_machine_folder, machine_corpus
from auscult.errors import CorpusError


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_a_machine_folder_has_audio_only_in_split_folders(tmp_path: Path) -> None:
    touch(tmp_path / "fan" / "train", "notes.txt", "._hum.wav", ".hum.wav")
    assert not is_machine_folder(tmp_path / "fan")
    touch(tmp_path / "fan" / "train", "hum.wav")
    assert is_machine_folder(tmp_path / "fan")
    touch(tmp_path / "fan", "loose.wav")
    assert not is_machine_folder(tmp_path / "fan")


def test_machine_folder_of_2021(tmp_path: Path) -> None:
    fan = tmp_path / "fan"
    touch(fan / "train", "section_03_source_train_normal_0000_strength_1.wav")
    touch(fan / "source_test", "section_03_source_test_0000.wav")
    touch(fan / "target_test", "section_03_target_test_0000.wav", "section_03_0001.wav")
    corpus = machine_corpus(fan)
    assert corpus.machines == ("fan",)
    assert [(c.split, c.domain, c.condition) for c in corpus] == [
        ("train", "source", "normal"),
        ("test", "source", None),
        ("test", "target", None),
        ("test", "target", None),
    ]


def test_labelled_copies_replace_unlabelled_clips(tmp_path: Path) -> None:
    touch(tmp_path / "train", "section_00_source_train_normal_0000.wav")
    touch(tmp_path / "test", "section_00_0000.wav", "section_00_0001.wav")
    touch(tmp_path / "test_rename", "section_00_source_anomaly_0000_weight_5.wav")
    test = machine_corpus(tmp_path).where(split="test")
    assert [(c.domain, c.condition, c.attributes) for c in test] == [("source", "anomaly", {"weight": "5"})]


def test_labelled_copies_without_originals_are_used(tmp_path: Path) -> None:
    touch(tmp_path / "test_rename", "section_00_source_test_normal_0000.wav")
    assert len(machine_corpus(tmp_path)) == 1


def test_an_empty_test_rename_folder_is_ignored(tmp_path: Path) -> None:
    touch(tmp_path / "test", "section_00_0000.wav")
    touch(tmp_path / "test_rename")
    assert len(machine_corpus(tmp_path)) == 1


def test_supplemental_clips_have_a_tag_and_no_condition(tmp_path: Path) -> None:
    touch(tmp_path / "supplemental", "section_00_machine_0001_.wav", "hum.wav")
    tagged = machine_corpus(tmp_path, machine="ToyPet").where(section="00")[0]
    assert (tagged.split, tagged.condition, tagged.attributes) == ("supplemental", None, {"tag": "machine"})
    assert {c.split for c in machine_corpus(tmp_path)} == {"supplemental"}


def test_clips_are_in_natural_order_within_each_split(tmp_path: Path) -> None:
    touch(tmp_path / "train", "clip10.wav", "clip2.wav", "Clip1.wav")
    touch(tmp_path / "test", "a.wav")
    assert [os.path.basename(c.path) for c in machine_corpus(tmp_path)] == [
        "Clip1.wav", "clip2.wav", "clip10.wav", "a.wav",
    ]  # fmt: skip


def test_no_audio_is_an_error_that_lists_the_folders(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no audio files in any of train, test") as caught:
        machine_corpus(tmp_path)
    assert caught.value.path == str(tmp_path)
