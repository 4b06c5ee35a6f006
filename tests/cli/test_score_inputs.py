"""What ``auscult score`` reports about its inputs: folders, files of other kinds, channels, many failures."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.cli.repeated import RepeatedErrors, RepeatedWarnings

RATE = 8000


def rows(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def folder(normal_clip, tmp_path) -> Path:
    """A folder with a recording, and a subfolder with another."""
    (tmp_path / "data" / "locked").mkdir(parents=True)
    shutil.copy(normal_clip, tmp_path / "data" / "a.wav")
    shutil.copy(normal_clip, tmp_path / "data" / "locked" / "b.wav")
    return tmp_path / "data"


def fail_to_list(monkeypatch, folder: Path) -> None:
    scandir = os.scandir

    def failing(path="."):
        if os.fspath(path) == str(folder):
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)


@pytest.mark.skipif(sys.platform == "win32", reason="no such links there")
def test_links_without_a_target_do_not_hide_the_other_recordings(run, model, folder):
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "nowhere.wav").symlink_to("missing.wav")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe.wav")
    result = run("score", model, folder, "--json")
    assert result.exit_code == 4
    errors = {os.path.basename(row["path"]): row.get("error") for row in rows(result)}
    assert errors == {
        "a.wav": None,
        "b.wav": None,
        "loop.wav": "Too many levels of symbolic links",
        "nowhere.wav": "no such file",
        "pipe.wav": "is a pipe or device, not an audio file",
    }


@pytest.mark.parametrize("options", [["--json"], ["--csv"], []])
def test_a_folder_that_cannot_be_listed_is_an_error_row(run, model, folder, monkeypatch, options):
    fail_to_list(monkeypatch, folder / "locked")
    result = run("score", model, folder, *options)
    assert result.exit_code == 4
    assert "locked: the folder cannot be listed (Input/output error)" in result.stderr
    assert str(folder / "locked") in result.stdout
    if options == ["--json"]:
        assert [Path(row["path"]).name for row in rows(result)] == ["a.wav", "locked"]


def test_the_named_folder_itself_cannot_be_listed(run, model, folder, monkeypatch):
    fail_to_list(monkeypatch, folder)
    result = run("score", model, folder, "--json")
    assert result.exit_code == 4
    assert "cannot be listed" in rows(result)[0]["error"]


def test_a_folder_is_scored_once_it_can_be_listed(run, model, folder, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        fail_to_list(patch, folder / "locked")
        assert run("score", model, folder, "-o", tmp_path / "s.jsonl", "--settle", 0).exit_code == 4
    assert run("score", model, folder, "-o", tmp_path / "s.jsonl", "--settle", 0).exit_code == 0
    paths = [json.loads(line)["path"] for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert [os.path.basename(path) for path in paths] == ["a.wav", "b.wav"]


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A context manager within which this process has the rights of an ordinary user."""

    @contextmanager
    def rights() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return rights


@pytest.mark.skipif(sys.platform == "win32", reason="no permissions of this kind there")
def test_a_folder_without_permission_is_an_error_row(run, model, folder, unprivileged):
    with tempfile.TemporaryDirectory() as place:  # other users cannot enter the folders of pytest
        os.chmod(place, 0o755)
        shutil.copytree(folder, f"{place}/data")
        shutil.copy(model, f"{place}/fan.auscult")
        assert run("score", f"{place}/fan.auscult", f"{place}/data", "--json").exit_code == 0
        os.chmod(f"{place}/data/locked", 0)
        with unprivileged():
            result = run("score", f"{place}/fan.auscult", f"{place}/data", "--json")
        os.chmod(f"{place}/data/locked", 0o755)
    assert result.exit_code == 4
    assert [Path(row["path"]).name for row in rows(result)] == ["a.wav", "locked"]
    assert "cannot be listed (Permission denied)" in result.stderr


def test_files_of_other_kinds_are_counted_by_extension(run, model, folder):
    for name in ("notes.txt", "more.TXT", "README", ".hidden", "locked/table.xlsx"):
        (folder / name).write_text("x")
    result = run("score", model, folder, "--json")
    assert result.exit_code == 0
    assert result.stderr == (
        "Note: 4 files of other kinds were not scored: 2 .txt, 1 without extension, 1 .xlsx\n"
    )


def test_many_failures_have_three_reasons_and_a_count(run, model, folder):
    for i in range(9):
        (folder / f"bad{i}.wav").write_text("no audio")
    result = run("score", model, folder, "--json")
    assert result.exit_code == 4
    errors = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in errors[:3]] == [str(folder / f"bad{i}.wav") for i in range(3)]
    assert len(errors) == 4
    assert errors[3].startswith("Error: 6 more with the same reason: cannot be decoded")
    nothing = run("score", model, *(folder / f"missing{i}.wav" for i in range(9)))
    assert nothing.exit_code == 1
    assert len(nothing.stderr.splitlines()) == 4


def test_repeated_warnings_are_one_line_with_a_count_and_names(run, model, machine_sound, tmp_path):
    for i in range(5):
        soundfile.write(tmp_path / f"{i}.wav", machine_sound(i, 2.0 + i / 10), RATE)
    result = run("score", model, tmp_path, "--json")
    (warning,) = result.stderr.splitlines()
    names = ", ".join(str(tmp_path / f"{i}.wav") for i in range(3))
    assert warning.startswith("Warning: 2 to 2.4 s long, but the model was fitted on recordings of 1 s: ")
    assert warning.endswith(f"score its parts with auscult score --window 1 (5 of 5: {names}, …)")
    assert run("score", model, tmp_path, "--window", 1).stderr == ""


def test_recordings_of_another_length_are_not_taken_for_another_machine(run, model, machine_sound, tmp_path):
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", machine_sound(i, 3.0), RATE)
    result = run("score", model, tmp_path, "--threshold", "-1e9")
    assert "3 anomalous" in result.stdout
    assert "--window 1" in result.stderr
    assert "are they of the machine" not in result.stderr
    cut = run("score", model, tmp_path, "--threshold", "-1e9", "--window", 1)
    assert "all 3 recordings are anomalous" in cut.stderr


@pytest.mark.parametrize(("seconds", "words"), [(0.3, "too short to be judged"), (0.6, "does not hold")])
def test_short_recordings_are_reported_with_a_remedy(run, model, machine_sound, tmp_path, seconds, words):
    soundfile.write(tmp_path / "a.wav", machine_sound(0, seconds), RATE)
    (warning,) = (line for line in run("score", model, tmp_path).stderr.splitlines() if "long, but" in line)
    assert words in warning
    assert "record at least 1 s" in warning


def test_numbers_that_differ_are_a_range_and_signs_count(capsys):
    warnings = RepeatedWarnings()
    for name, offset, rate in (("a", "-0.3", 8000), ("b", "2e-05", 44100), ("c", "0.12", 8000)):
        warnings.add(f"DC offset of {offset} at {rate} Hz in 1,200 of 16-bit samples", name)
    warnings.add("silent", "d")
    warnings.print(4)
    assert capsys.readouterr().err.splitlines() == [
        "Warning: DC offset of -0.3 to 0.12 at 8000 to 44100 Hz in 1,200 of 16-bit samples (3 of 4: a, b, c)",
        "Warning: silent (1 of 4: d)",
    ]
    errors = RepeatedErrors()
    for size in (5, 3, 4, 8):
        errors.add("x.wav", f"{size} bytes")
    errors.print()
    assert capsys.readouterr().err.splitlines()[3] == "Error: 1 more with the same reason: 3 to 8 bytes"


def test_if_all_recordings_are_anomalous_one_line_asks_for_the_machine(run, model, machine):
    faulty = sorted((machine / "test").glob("*anomaly*"))[:4]
    result = run("score", model, *faulty)
    assert "all 4 recordings are anomalous: are they of the machine" in result.stderr
    normal = sorted((machine / "train").glob("*"))[0]
    assert "are they of the machine" not in run("score", model, *faulty, normal).stderr
    assert "are they of the machine" not in run("score", model, faulty[0]).stderr
    unreadable = [machine / f"text {i}.wav" for i in range(2)]
    for path in unreadable:
        path.write_text("no audio")
    assert "are they of the machine" not in run("score", model, *unreadable).stderr
    assert "all 2 recordings are anomalous" in run("score", model, *faulty[:2], unreadable[0]).stderr
    for path in unreadable:
        path.unlink()


def test_if_most_recordings_are_anomalous_they_may_be_of_another_unit(run, model, machine):
    faulty = sorted((machine / "test").glob("*anomaly*"))[:6]
    normal = sorted((machine / "train").glob("*"))[:3]
    assert "6 anomalous" in (most := run("score", model, *faulty, *normal[:2])).stdout
    assert "6 of 8 recordings are anomalous: are they of the machine" in most.stderr
    assert "another unit or condition, for which no false-alarm rate is promised" in most.stderr
    assert "are anomalous" not in run("score", model, *faulty, *normal).stderr, "two thirds"
    assert "are anomalous" not in run("score", model, *faulty, normal[0]).stderr, "too few to tell"


@pytest.fixture
def stereo(machine_sound, tmp_path) -> Path:
    """A recording with a normal machine on the left and a faulty one on the right."""
    both = np.stack([machine_sound(7, 2.0), machine_sound(7, 2.0, broken=True)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", both, RATE)
    return tmp_path / "stereo.wav"


def test_more_channels_than_the_model_was_fitted_on_are_warned_of(run, model, stereo, normal_clip):
    result = run("score", model, stereo, "--json")
    assert "2 channels, only channel 0" in rows(result)[0]["warnings"][0]
    assert "--each-channel" in result.stderr
    assert not any("channels" in w for w in rows(run("score", model, normal_clip, "--json"))[0]["warnings"])
    windows = rows(run("score", model, stereo, "--json", "--window", "1"))
    assert all("only channel 0" in row["warnings"][0] for row in windows)
    chosen = rows(run("score", model, stereo, "--json", "--channel", 1))
    assert not any("channels" in warning for warning in chosen[0]["warnings"])


@pytest.mark.parametrize("options", [[], ["--jobs", "2"]])
def test_each_channel_is_scored_separately(run, model, stereo, normal_clip, options):
    result = run(
        "score", model, stereo, normal_clip, stereo.parent / "no.wav", "--each-channel", "--json", *options
    )
    scored = rows(result)
    assert [row.get("channel") for row in scored] == [0, 1, 0, None]
    assert [row.get("anomalous") for row in scored] == [False, True, False, None]
    assert [row["score"] for row in scored[:2]] == [
        rows(run("score", model, stereo, "--json", "--channel", c))[0]["score"] for c in (0, 1)
    ]
    assert list(scored[0])[:3] == ["path", "channel", "score"]


def test_each_window_of_each_channel_has_a_row(run, model, stereo):
    scored = rows(run("score", model, stereo, "--each-channel", "--window", "1", "--json"))
    assert [(row["channel"], row["start"]) for row in scored] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [row["anomalous"] for row in scored] == [False, False, True, True]
    table = run("score", model, stereo, "--each-channel").stdout
    assert table.splitlines()[0].split()[:2] == ["recording", "channel"]
    assert "2 channels, 1 anomalous" in table


def test_a_model_fitted_on_stereo_files_does_not_warn(run, machine_sound, tmp_path, stereo):
    (tmp_path / "train").mkdir()
    for i in range(20):
        both = np.stack([machine_sound(i, 2.0), machine_sound(i + 50, 2.0)], axis=1)
        soundfile.write(tmp_path / "train" / f"{i}.wav", both, RATE)
    result = run("fit", tmp_path / "train", "-o", tmp_path / "m", "--detector", "spectral_memory", "-q")
    assert result.exit_code == 0, result.output
    assert rows(run("score", tmp_path / "m", stereo, "--json"))[0]["warnings"] == []


def test_each_channel_excludes_channel(run, model, stereo):
    assert run("score", model, stereo, "--each-channel", "--channel", "0").exit_code == 2
