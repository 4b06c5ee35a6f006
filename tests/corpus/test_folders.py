"""Opening the clips of a path."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from auscult.corpus import Clip, Corpus, attribute_groups, machine_folders, open_corpus
from auscult.errors import CorpusError, OptionError


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def names(corpus: Corpus) -> list[str]:
    return [os.path.basename(clip.path) for clip in corpus]


def test_a_plain_folder_is_searched_recursively_without_guessing_metadata(tmp_path: Path) -> None:
    touch(tmp_path, "b2.wav", "b10.FLAC", "notes.txt", ".hidden.wav", "._b2.wav")
    touch(tmp_path / "monday" / "early", "a.mp3")
    touch(tmp_path / ".trash", "deleted.wav")
    touch(tmp_path / "__MACOSX", "b2.wav")
    corpus = open_corpus(tmp_path)
    assert names(corpus) == ["b2.wav", "b10.FLAC", "a.mp3"]
    assert {(c.machine, c.split, c.domain, c.condition) for c in corpus} == {(None, None, None, None)}
    assert corpus.root == str(tmp_path)


def test_a_given_condition_applies_only_to_unknown_ones(tmp_path: Path) -> None:
    touch(tmp_path, "hum.wav", "anomaly_id_00_00000000.wav")
    assert [c.condition for c in open_corpus(tmp_path, condition="normal")] == ["anomaly", "normal"]
    assert [c.condition for c in open_corpus(tmp_path)] == ["anomaly", None]


@pytest.mark.parametrize("faulty", ["anomaly", "abnormal", "Anomaly", "faulty", "NOK"])
def test_folder_names_set_the_condition(tmp_path: Path, faulty: str) -> None:
    touch(tmp_path / "normal" / "monday", "a.wav")
    touch(tmp_path / faulty, "a.wav")
    touch(tmp_path / "later", "a.wav")
    conditions = {os.path.relpath(c.path, tmp_path): c.condition for c in open_corpus(tmp_path)}
    assert conditions == {"normal/monday/a.wav": "normal", f"{faulty}/a.wav": "anomaly", "later/a.wav": None}
    assert open_corpus(tmp_path / faulty)[0].condition == "anomaly"


def test_condition_folders_within_a_split_folder(tmp_path: Path) -> None:
    touch(tmp_path / "pump" / "train" / "normal", "a.wav")
    touch(tmp_path / "pump" / "test" / "normal", "b.wav")
    touch(tmp_path / "pump" / "test" / "anomaly", "c.wav")
    corpus = open_corpus(tmp_path / "pump")
    assert [(c.machine, c.split, c.condition) for c in corpus] == [
        ("pump", "train", "normal"),
        ("pump", "test", "anomaly"),
        ("pump", "test", "normal"),
    ]


def test_folders_above_the_given_path_are_ignored(tmp_path: Path) -> None:
    touch(tmp_path / "normal" / "june", "a.wav")
    assert open_corpus(tmp_path / "normal" / "june")[0].condition is None


def test_a_machine_folder_and_one_of_the_split_folders(tmp_path: Path) -> None:
    touch(tmp_path / "fan" / "train", "section_00_source_train_normal_0000.wav")
    touch(tmp_path / "fan" / "test", "section_00_0000.wav")
    machine, split = open_corpus(tmp_path / "fan"), open_corpus(tmp_path / "fan" / "train")
    assert len(machine) == 2
    assert list(split) == [machine[0]]
    assert machine.machines == ("fan",)
    file = open_corpus(machine[0].path)
    assert list(file) == [machine[0]]


def test_a_relative_path_gives_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "fan" / "train", "a.wav")
    monkeypatch.chdir(tmp_path / "fan")
    corpus = open_corpus(".")
    assert corpus.machines == ("fan",)
    assert corpus[0].path == os.path.join(".", "train", "a.wav")


def year_layout(root: Path, *parts: str, name: str = "section_00_source_train_normal_0000.wav") -> Path:
    folder = root.joinpath(*parts)
    touch(folder / "train", name)
    return folder


def test_machine_folders_of_the_year_layout(tmp_path: Path) -> None:
    fan = year_layout(tmp_path, "dcase2024t2", "dev_data", "raw", "fan")
    scanner = year_layout(tmp_path, "dcase2024t2", "eval_data", "raw", "Scanner")
    touch(tmp_path / "noise" / "rain", "a.ogg")
    expected = {"fan": str(fan), "Scanner": str(scanner)}
    for root in (tmp_path, tmp_path / "dcase2024t2"):
        assert machine_folders(root) == expected
        assert set(open_corpus(root).machines) == {"fan", "Scanner"}
    assert machine_folders(fan) == {"fan": str(fan)}
    assert machine_folders(tmp_path / "noise") == {}


def test_a_repeated_machine_name_includes_the_folders_above(tmp_path: Path) -> None:
    development = year_layout(tmp_path, "dcase2021t2", "dev_data", "raw", "fan")
    evaluation = year_layout(tmp_path, "dcase2021t2", "eval_data", "raw", "fan")
    pump = year_layout(tmp_path, "dcase2021t2", "dev_data", "raw", "pump")
    folders = machine_folders(tmp_path / "dcase2021t2")
    assert folders == {"dev_data-fan": str(development), "pump": str(pump), "eval_data-fan": str(evaluation)}
    assert open_corpus(tmp_path / "dcase2021t2").machines == ("dev_data-fan", "pump", "eval_data-fan")


def test_links_are_followed_and_cycles_end(tmp_path: Path) -> None:
    touch(tmp_path / "store", "a.wav")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "store").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "cycle").symlink_to(tmp_path / "data")
    assert names(open_corpus(tmp_path / "data")) == ["a.wav"]


def test_errors_list_what_was_searched_for_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder"):
        open_corpus(tmp_path / "nowhere")
    touch(tmp_path / "papers", "a.pdf", "b.pdf")
    with pytest.raises(
        CorpusError, match=r"no recordings found.*machine folders.*\.wav.*contains a\.pdf, b\.pdf"
    ):
        open_corpus(tmp_path / "papers")
    with pytest.raises(CorpusError, match=r"neither a CSV manifest nor .* audio extension.*\.wav"):
        open_corpus(tmp_path / "papers" / "a.pdf")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="contains nothing"):
        open_corpus(tmp_path / "empty")


def test_attribute_groups_combine_values_domain_and_section() -> None:
    clips = [
        Clip("a", section="00", domain="source", attributes={"motor": "M1", "spd": "1400"}),
        Clip("b", section="00", domain="source", attributes={"motor": "M1", "spd": "1400", "mic": "2"}),
        Clip("c", section="00", domain="target", attributes={"motor": "M1", "spd": "1400"}),
        Clip("d", section="00", domain="source", attributes={"motor": "M2", "spd": "1400"}),
        Clip("e", section="01", domain="source", attributes={"motor": "M1", "spd": "1400"}),
    ]
    grouped = attribute_groups(Corpus(clips, root="r"), ["motor", "spd"])
    recordings = [c.source_recording for c in grouped]
    assert recordings[0] == recordings[1]
    assert len(set(recordings)) == 4
    assert grouped.root == "r"
    with pytest.raises(OptionError, match="attribute speed; known attributes: mic, motor, spd"):
        attribute_groups(Corpus(clips), ["motor", "speed"])
    with pytest.raises(OptionError, match="known attributes: none"):
        attribute_groups(Corpus([Clip("a")]), ["spd"])


def test_real_motor_data(real_data: Path) -> None:
    corpus = open_corpus(real_data / "bldc")
    assert corpus.machines == ("BrushlessMotor",)
    assert Counter((c.split, c.domain, c.condition) for c in corpus) == {
        ("train", "source", "normal"): 50,
        ("train", "target", "normal"): 5,
        ("test", "source", "normal"): 30,
        ("test", "target", "normal"): 25,
        ("test", "source", "anomaly"): 70,
        ("test", "target", "anomaly"): 35,
    }
    assert {c.attributes.get("fault") for c in corpus.where(condition="anomaly")} == {"propeller", "bearing"}
    assert all(set(c.attributes) == {"motor", "spd"} for c in corpus.where(condition="normal"))
    groups = Counter(
        c.source_recording for c in attribute_groups(corpus.where(split="train"), ["motor", "spd"])
    )
    assert len(groups) == 11


def test_real_data_of_2020(real_data: Path) -> None:
    corpus = open_corpus(real_data / "dcase2020")
    assert corpus.machines == ("fan", "pump", "slider", "valve")
    assert {c.section for c in corpus} == {"00", "02", "04", "06"}
    assert {c.domain for c in corpus} == {None}
    assert {(c.split, c.condition) for c in corpus} == {
        ("train", "normal"),
        ("test", "normal"),
        ("test", "anomaly"),
    }
