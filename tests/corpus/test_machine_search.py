"""Searching a folder for the machines in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auscult.corpus import machine_folders, open_corpus
from auscult.corpus.files import FolderReport
from auscult.corpus.machine_mixture import mixture_of_machines
from auscult.corpus.machine_search import MachineSearch, find_machines, machines_of_manifest
from auscult.errors import CorpusError


def touch(root: Path, *files: str) -> str:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return str(root)


def below(search: MachineSearch, root: str) -> tuple[dict[str, str], dict[str, str], dict[str, int]]:
    """The result with paths relative to the root."""
    folders, empty = (
        {name: os.path.relpath(folder, root) for name, folder in part.items()}
        for part in (search.folders, search.empty)
    )
    return folders, empty, {os.path.relpath(folder, root): n for folder, n in search.ignored.items()}


def test_plain_folders_are_machines(tmp_path: Path) -> None:
    root = touch(tmp_path, "fan/monday/1.wav", "pump/2.wav", "valve/normal/3.wav", "docs/notes.txt")
    assert below(find_machines(root), root) == ({"fan": "fan", "pump": "pump", "valve": "valve"}, {}, {})


def test_plain_and_empty_folders_beside_machine_folders(tmp_path: Path) -> None:
    root = touch(tmp_path, "fan/train/1.wav", "pump/2.wav", "models/fan.auscult", "notes.txt")
    (tmp_path / "valve" / "train").mkdir(parents=True)
    (tmp_path / "slider").mkdir()
    search = find_machines(root)
    folders, empty, ignored = below(search, root)
    assert folders == {"fan": "fan", "pump": "pump"}
    assert empty == {"valve": "valve", "slider": "slider"}
    assert ignored == {}
    assert search.other_files == {str(tmp_path / "models"): {".auscult": 1}}
    (message,) = search.describe_other_files(str(tmp_path / "results"))
    assert message == f"{tmp_path / 'models'}: no recordings; 1 file of another kind was not read: 1 .auscult"
    assert search.describe_other_files(str(tmp_path / "models" / "new")) == []


def test_recordings_outside_the_machines_of_a_deeper_layout_are_ignored_and_reported(tmp_path: Path) -> None:
    root = touch(tmp_path, "dcase/dev_data/raw/fan/train/1.wav", "noise/rain/1.ogg", "noise/2.ogg")
    (tmp_path / "dcase/dev_data/raw/pump/train").mkdir(parents=True)
    folders, empty, ignored = below(find_machines(root), root)
    assert folders == {"fan": "dcase/dev_data/raw/fan"}
    assert empty == {"pump": "dcase/dev_data/raw/pump"}
    assert ignored == {"noise": 2}


def test_a_plain_folder_of_machines_is_a_group(tmp_path: Path) -> None:
    root = touch(
        tmp_path, "fan/id_00/normal/1.wav", "fan/id_00/abnormal/1.wav", "fan/id_02/normal/1.wav",
        "6_dB/pump/id_04/normal/1.wav", "valve/source/normal/1.wav", "valve/target/normal/1.wav",
    )  # fmt: skip
    search = find_machines(root)
    assert below(search, root)[0] == {
        "fan-id_00": "fan/id_00",
        "fan-id_02": "fan/id_02",
        "6_dB-pump-id_04": "6_dB/pump/id_04",
        "valve": "valve",
    }
    assert search.groups == {
        os.path.join(root, "fan"): ["fan-id_00", "fan-id_02"],
        os.path.join(root, "6_dB"): ["6_dB-pump-id_04"],
    }


@pytest.mark.parametrize(
    "files", [("1.wav",), ("normal/1.wav", "faulty/2.wav"), ("train/1.wav",), ("ok/1.wav",)]
)
def test_a_single_machine(tmp_path: Path, files: tuple[str, ...]) -> None:
    root = touch(tmp_path / "fan 3", *files)
    assert below(find_machines(root), root) == ({"fan 3": "."}, {}, {})


def test_a_split_folder_is_no_machine(tmp_path: Path) -> None:
    root = touch(tmp_path / "train", "1.wav")
    assert find_machines(root) == MachineSearch()


@pytest.mark.parametrize(
    ("locked", "folders"),
    [
        ("pump", {"fan": "fan", "pump": "pump"}),
        ("pump/train", {"fan": "fan", "pump": "pump"}),
        ("pump/test/a", {"fan": "fan", "pump": "pump"}),
        ("mimii/id_02", {"fan": "fan", "mimii-id_00": "mimii/id_00", "mimii-id_02": "mimii/id_02"}),
    ],
)
def test_a_folder_that_cannot_be_listed_makes_only_that_machine_fail(
    tmp_path: Path, locked: str, folders: dict[str, str], lock: Callable[[Path], None]
) -> None:
    root = touch(tmp_path, "fan/train/1.wav", f"{locked}/2.wav")
    if locked.startswith("mimii"):
        touch(tmp_path, "mimii/id_00/normal/1.wav")
    lock(tmp_path / locked)
    search = find_machines(root)
    assert below(search, root) == (folders, {}, {})
    assert [clip.machine for clip in open_corpus(search.folders["fan"])] == ["fan"]
    with pytest.raises(CorpusError, match="cannot be listed") as caught:
        open_corpus(os.path.join(root, folders[locked.replace("/id", "-id").split("/")[0]]))
    assert caught.value.path == str(tmp_path / locked)
    with pytest.raises(CorpusError, match="cannot be listed"):
        open_corpus(root)
    report = FolderReport()
    assert machine_folders(root, report=report)["fan"] == str(tmp_path / "fan")
    assert {folder for folder, _ in report.unlisted} == {str(tmp_path / locked)}


def test_a_folder_outside_the_machines_that_cannot_be_listed(
    tmp_path: Path, lock: Callable[[Path], None]
) -> None:
    root = touch(tmp_path, "dcase/dev_data/raw/fan/train/1.wav", "noise/1.wav", "noise/fan/2.wav")
    lock(tmp_path / "noise" / "fan")
    search = find_machines(root)
    assert below(search, root) == ({"fan": "dcase/dev_data/raw/fan"}, {}, {"noise": 1})
    assert list(search.unlisted) == [str(tmp_path / "noise")]
    assert "cannot be listed" in str(search.unlisted[str(tmp_path / "noise")])


def test_the_machines_of_a_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.wav")
    path = tmp_path / "list.csv"

    def search(*lines: str) -> MachineSearch:
        path.write_text("\n".join(("path,machine", *lines)))
        return machines_of_manifest(str(path))

    assert search("a.wav,pump", "b.wav,fan", "a.wav,pump").folders == {"pump": str(path), "fan": str(path)}
    for lines in (("a.wav,pump", "b.wav,"), ("a.wav,../pump",), ("a.wav,a/b",)):
        with pytest.raises(CorpusError):
            search(*lines)
    with pytest.raises(CorpusError):
        machines_of_manifest(str(tmp_path / "a.wav"))


def plant(root: Path, *folders: str) -> dict[str, str]:
    """A folder for each date with these folders of a recording in it."""
    for date in ("2024-05-03", "2024-05-04"):
        touch(root, *(f"{date}/{folder}/1.wav" for folder in folders))
    return find_machines(str(root)).folders


def test_folders_of_dates_that_mix_machines_are_a_finding(tmp_path: Path) -> None:
    folders = plant(tmp_path / "dates", "pump_A", "pump_B")
    assert set(folders) == {"2024-05-03", "2024-05-04"}
    (finding,) = mixture_of_machines(folders)
    assert finding.kind == "mixed_machines"
    assert "pump_A, pump_B" in finding.message
    assert "pump_A/2024-05-03/" in finding.message


@pytest.mark.parametrize(
    "folders",
    [("pump_A",), ("2024-01", "2024-02"), ("run1", "run2"), ("mic_left", "mic_right"), ("train", "test")],
)
def test_other_folders_that_all_machines_have_are_no_mixture(
    tmp_path: Path, folders: tuple[str, ...]
) -> None:
    assert list(mixture_of_machines(plant(tmp_path, *folders))) == []


def test_a_single_machine_or_one_with_other_folders_is_no_mixture(tmp_path: Path) -> None:
    folders = plant(tmp_path, "pump_A", "pump_B")
    assert list(mixture_of_machines({"2024-05-03": folders["2024-05-03"]})) == []
    touch(tmp_path, "2024-05-05/pump_C/1.wav")
    assert list(mixture_of_machines(find_machines(str(tmp_path)).folders)) == []
