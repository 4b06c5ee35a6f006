"""Searching folders for audio files: which files count, and what is reported about the others."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import machine_folders, open_corpus
from auscult.corpus.files import (
    FolderReport,
    audio_files,
    describe_other_files,
    walk_audio,
)
from auscult.errors import CorpusError
from auscult.sound.audio_names import AUDIO_EXTENSIONS, SHARED_EXTENSIONS

NOISE = 0.1 * np.random.default_rng(0).standard_normal(2000)
#: Usual extensions of libsndfile's formats.
USUAL = {
    "WAV": (".wav", ".wave", ".bwf"),
    "RF64": (".rf64", ".wav"),
    "W64": (".w64",),
    "AIFF": (".aiff", ".aif", ".aifc"),
    "AU": (".au", ".snd"),
    "CAF": (".caf",),
    "OGG": (".ogg", ".oga", ".opus"),
    "NIST": (".nist", ".sph"),
    "SVX": (".svx", ".8svx", ".iff"),
    "IRCAM": (".ircam", ".sf"),
    "MAT4": (".mat",),
    "MAT5": (".mat",),
}


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize("container", sorted({*soundfile.available_formats()} - {"RAW", "SD2"}))
def test_all_formats_of_libsndfile(tmp_path: Path, container: str) -> None:
    extensions = {*USUAL.get(container, ()), f".{container.lower()}"}
    for extension in extensions:
        rate = 8000 if container == "WVE" else 16000
        subtype = "PCM_16" if "PCM_16" in soundfile.available_subtypes(container) else None
        for name in (f"a{extension}", f"B{extension.upper()}"):
            soundfile.write(os.fsencode(tmp_path / name), NOISE, rate, format=container, subtype=subtype)
    assert len(audio_files(tmp_path)) == 2 * len(extensions)
    assert len(open_corpus(tmp_path)) == 2 * len(extensions)
    for path in tmp_path.iterdir():
        assert len(open_corpus(path)) == 1


def test_raw_samples_and_other_data_under_a_shared_extension_are_not_audio(tmp_path: Path) -> None:
    for extension in SHARED_EXTENSIONS:
        (tmp_path / f"data{extension}").write_bytes(b"MATLAB 5.0 MAT-file, of something else".ljust(500))
    touch(tmp_path, "a.raw", "b.pcm", "c.wav")
    report = FolderReport()
    assert [os.path.basename(path) for path in audio_files(tmp_path, report=report)] == ["c.wav"]
    assert report.other_files == Counter([*SHARED_EXTENSIONS, ".raw", ".pcm"])
    assert not AUDIO_EXTENSIONS & SHARED_EXTENSIONS
    with pytest.raises(CorpusError, match="neither a CSV manifest nor"):
        open_corpus(tmp_path / "a.raw")


def test_files_of_other_kinds_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.TXT", "c.txt", ".hidden.txt", "Makefile")
    touch(tmp_path / "below", "d.m4a", "e.wav")
    touch(tmp_path / ".git", "config")
    touch(tmp_path / "__MACOSX", "f.txt")
    report = FolderReport()
    assert len(list(walk_audio(tmp_path, report=report))) == 2
    assert report.other_files == {".txt": 2, "": 1, ".m4a": 1}
    corpus = open_corpus(tmp_path)
    assert corpus.other_files == report.other_files
    assert corpus.for_training().other_files == report.other_files
    assert (
        describe_other_files(corpus.other_files, "read")
        == "4 files of other kinds were not read: 2 .txt, 1 without extension, 1 .m4a"
    )


def test_only_the_split_folders_of_a_machine_are_counted(tmp_path: Path) -> None:
    touch(tmp_path / "fan" / "train", "a.wav", "a.json")
    touch(tmp_path / "fan", "README.md")
    (tmp_path / "fan" / "attributes_00.csv").write_text("file_name,d1p,d1v\n")
    assert open_corpus(tmp_path / "fan").other_files == {".json": 1}


def test_masks_of_simulated_faults_are_not_counted(tmp_path: Path) -> None:
    touch(tmp_path / "fan" / "train", "a.wav")
    touch(tmp_path / "fan" / "masks", "b.npy", "notes.txt")
    assert open_corpus(tmp_path / "fan").other_files == {".npy": 1, ".txt": 1}
    (tmp_path / "fan" / "simulation.json").write_text("{}")
    assert open_corpus(tmp_path / "fan").other_files == {".txt": 1}


def test_descriptions() -> None:
    assert describe_other_files({}, "read") is None
    assert describe_other_files({".m4a": 1}, "scored") == "1 file of another kind was not scored: 1 .m4a"
    many = {f".{letter}": n for n, letter in enumerate("abcdefg", start=1)}
    assert describe_other_files(many, "read") == (
        "28 files of other kinds were not read: 7 .g, 6 .f, 5 .e, 4 .d, 3 .c, 3 others"
    )


@pytest.mark.parametrize("locked", ["a", "a/deep", "train", "train/monday"])
def test_a_folder_that_cannot_be_listed_is_an_error(
    tmp_path: Path, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / locked, "x.wav")
    touch(tmp_path / "b", "y.wav")
    touch(tmp_path / "train" / "tuesday", "z.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == tmp_path / locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(
        CorpusError, match=r"cannot be listed \(Permission denied\); allow reading it"
    ) as caught:
        open_corpus(tmp_path)
    assert caught.value.path == str(tmp_path / locked)
    with pytest.raises(CorpusError, match="cannot be listed"):
        list(walk_audio(tmp_path))
    report = FolderReport()
    assert len(list(walk_audio(tmp_path, report=report))) == (1 if locked == "train" else 2)
    assert report.unlisted == [(str(tmp_path / locked), "Permission denied")]


def test_a_root_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x.wav")

    def refuse(path: str) -> object:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(os, "scandir", refuse)
    for search in (open_corpus, machine_folders):
        with pytest.raises(CorpusError, match="Input/output error"):
            search(tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    touch(tmp_path / "locked", "x.wav")
    touch(tmp_path, "y.wav")
    (tmp_path / "locked").chmod(0)
    try:
        with pytest.raises(CorpusError, match="cannot be listed"):
            open_corpus(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)


@pytest.mark.parametrize("name", ["lost+found", "System Volume Information", "$RECYCLE.BIN", ".Trash"])
def test_folders_of_the_system_are_ignored(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "x.wav")
    touch(tmp_path / name, "old.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert len(open_corpus(tmp_path)) == 1
