"""``auscult score --output``: interrupted and continued runs, each recording once; and scoring by workers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult import load
from auscult.cli.score import command

RATE = 8000


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch):
    """Files made by a test are young; tests in this process do not wait for them."""
    (settle,) = (option for option in command.params if option.name == "settle")
    monkeypatch.setattr(settle, "default", 0.0)


@pytest.fixture
def archive(machine, broken_file, tmp_path) -> Path:
    """A folder of 33 recordings, one of them unreadable, in two folders."""
    for path in sorted((machine / "test").iterdir()):
        place = tmp_path / "archive" / path.name[11:17] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    shutil.copy(broken_file, tmp_path / "archive" / "broken.wav")
    return tmp_path / "archive"


@pytest.fixture(scope="module")
def many(tmp_path_factory, machine_sound) -> Path:
    """A folder of 600 short recordings."""
    folder = tmp_path_factory.mktemp("many")
    for i in range(600):
        soundfile.write(folder / f"{i}.wav", machine_sound(i % 5, 0.5), RATE)
        os.utime(folder / f"{i}.wav", (1.7e9 + i, 1.7e9 + i))
    return folder


@pytest.fixture
def expected(run, model, archive) -> list[dict]:
    """The results of the archive without a file."""
    return [json.loads(line) for line in run("score", model, archive, "--json").stdout.splitlines()]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_file_has_what_is_printed_without_it(run, model, archive, expected, tmp_path):
    file = tmp_path / "scores.jsonl"
    result = run("score", model, archive, "-o", file)
    assert result.exit_code == 4
    assert lines(file) == expected
    anomalies = sum(row.get("anomalous", False) for row in expected)
    summary, counts = result.stdout.splitlines()
    assert summary.startswith(f"32 recordings, {anomalies} anomalous, 1 unreadable; threshold")
    assert counts == f"{file}: 0 recordings already in the file, 33 new"
    assert "Error: " in result.stderr
    table = tmp_path / "scores.csv"
    run("score", model, archive, "--output", table)
    assert table.read_text() == run("score", model, archive, "--csv").stdout


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_file_cut_off_anywhere_is_completed(run, model, archive, tmp_path, suffix):
    file = tmp_path / f"scores.{suffix}"
    run("score", model, archive, "-o", file)
    complete = file.read_bytes()
    for size in (0, 1, 30, len(complete) // 2, len(complete) - 1, len(complete)):
        file.write_bytes(complete[:size])
        assert run("score", model, archive, "-o", file).exit_code == 4
        # Unreadable recordings are tried again, which moves their rows.
        assert sorted(file.read_bytes().splitlines()) == sorted(complete.splitlines()), size


def test_a_second_run_scores_nothing_and_prints_the_same(run, model, archive, tmp_path, monkeypatch):
    file = tmp_path / "scores.csv"
    first = run("score", model, archive, "-o", file, "--json", "--fail-on-anomaly")
    (archive / "broken.wav").unlink()  # an unreadable file would be tried again
    monkeypatch.setattr("auscult.model.Model.score_recording", lambda *_, **__: pytest.fail("scored again"))
    second = run("score", model, archive, "-o", file, "--json", "--fail-on-anomaly")
    assert first.exit_code == second.exit_code == 3
    before, after = json.loads(first.stdout), json.loads(second.stdout)
    assert (before.pop("recordings_before"), after.pop("recordings_before")) == (0, 32)
    assert (before.pop("scored_again"), after.pop("scored_again")) == (0, 0)
    assert (before.pop("failures"), after.pop("failures")) == (1, 0)
    assert before == after
    assert lines(file)  # --json takes precedence over the suffix


def test_new_recordings_of_an_archive_are_appended(run, model, archive, faulty_clip, tmp_path):
    file = tmp_path / "scores.jsonl"
    run("score", model, archive, "-o", file)
    old = lines(file)
    shutil.copy(faulty_clip, archive / "a new one.wav")
    result = run("score", model, archive, "-o", file)
    assert "32 recordings already in the file, 1 scored again, 1 new" in result.stdout
    assert {row["path"] for row in lines(file)[-2:]} == {
        str(archive / "a new one.wav"),
        str(archive / "broken.wav"),
    }
    assert [row for row in lines(file) if "a new one" not in row["path"]] == sorted(
        old, key=lambda row: "error" in row
    )


def test_a_recording_given_twice_is_in_the_file_once(run, model, normal_clip, tmp_path):
    run("score", model, normal_clip, normal_clip, "-o", tmp_path / "scores.jsonl")
    assert len(lines(tmp_path / "scores.jsonl")) == 1


@pytest.mark.parametrize(
    ("options", "setting"),
    [(["--threshold", "5"], "threshold"), (["--window", "0.5"], "window"), (["--channel", "1"], "channel")],
)
def test_other_settings_are_refused(run, model, normal_clip, tmp_path, options, setting):
    file = tmp_path / "scores.csv"
    run("score", model, normal_clip, "-o", file)
    before = file.read_bytes()
    result = run("score", model, normal_clip, "-o", file, *options)
    assert result.exit_code == 2
    assert f"another {setting}" in result.stderr
    assert file.read_bytes() == before


def test_another_model_and_a_foreign_file_are_refused(run, model, normal_clip, tmp_path):
    file = tmp_path / "scores.csv"
    run("score", model, normal_clip, "-o", file)
    other = load(model)
    other.detector.arrays["precision_source"] = other.detector.arrays["precision_source"] * 2
    other.save(str(tmp_path / "other.auscult"))
    assert "another model" in run("score", tmp_path / "other.auscult", normal_clip, "-o", file).stderr
    mine = tmp_path / "mine.csv"
    mine.write_text("my,own\n")
    result = run("score", model, normal_clip, "-o", mine)
    assert result.exit_code == 2
    assert "is not a result file of auscult" in result.stderr
    assert mine.read_text() == "my,own\n"


def test_a_corrupt_line_is_reported(run, model, archive, tmp_path):
    file = tmp_path / "scores.jsonl"
    run("score", model, archive, "-o", file)
    parts = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*parts[:2], "what is this\n", *parts[2:]]))
    result = run("score", model, archive, "-o", file)
    assert result.exit_code == 2
    assert "result 3 cannot be read" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_processes_do_not_write_the_same_file(start, run, model, many, tmp_path):
    file = tmp_path / "scores.jsonl"
    process = start("score", model, many, "-o", file)
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        time.sleep(0.002)
    second = run("score", model, many, "-o", file)
    assert process.wait() == 0
    assert second.exit_code == 2
    assert "being written by another process" in second.stderr
    assert [row["path"] for row in lines(file)] == [str(many / f"{i}.wav") for i in range(600)]


def test_a_recording_is_recognized_by_the_absolute_path(run, model, normal_clip, tmp_path, monkeypatch):
    monkeypatch.chdir(normal_clip.parent)
    name, file = normal_clip.name, tmp_path / "scores.jsonl"
    run("score", model, name, f"./{name}", "-o", file)
    for other in (name, normal_clip, f"../{normal_clip.parent.name}/{name}"):
        assert "1 recording already in the file, 0 new" in run("score", model, other, "-o", file).stdout
    assert [row["path"] for row in lines(file)] == [name]


def test_the_same_name_in_another_folder_is_another_recording(
    run, model, normal_clip, faulty_clip, tmp_path, monkeypatch
):
    for folder, clip in (("one", normal_clip), ("two", faulty_clip)):
        (tmp_path / folder).mkdir()
        shutil.copy(clip, tmp_path / folder / "a.wav")
    file = tmp_path / "scores.csv"
    monkeypatch.chdir(tmp_path / "one")
    run("score", model, "a.wav", "-o", file)
    monkeypatch.chdir(tmp_path / "two")
    refused = run("score", model, "a.wav", "-o", file)
    assert refused.exit_code == 2
    assert "was started in the folder" in refused.stderr
    assert "1 new" in run("score", model, tmp_path / "two" / "a.wav", "-o", file).stdout


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders there")
def test_a_pipe_is_refused_as_output(run, model, normal_clip, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert run("score", model, normal_clip, "-o", tmp_path / "pipe.csv").exit_code == 2
    assert not (tmp_path / "pipe.csv.made-by.json").exists()


@pytest.mark.parametrize("name", ["scores.txt", "nowhere/scores.csv", "."])
def test_unusable_output_paths_are_exit_code_2(run, model, normal_clip, tmp_path, name):
    assert run("score", model, normal_clip, "-o", tmp_path / name).exit_code == 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_names_that_must_be_quoted(run, model, normal_clip, tmp_path, suffix):
    names = ['a,b "c".wav', "two\nlines.wav", b"byte \xff.wav".decode(errors="surrogateescape")]
    for name in names:
        shutil.copy(normal_clip, tmp_path / name)
    file = tmp_path / f"scores.{suffix}"
    run("score", model, tmp_path, "-o", file)
    complete = file.read_bytes()
    assert len(list(csv.DictReader(file.open(newline=""))) if suffix == "csv" else lines(file)) == 3
    for size in range(len(complete) - 400, len(complete), 23):
        file.write_bytes(complete[:size])
        run("score", model, tmp_path, "-o", file)
        assert file.read_bytes() == complete


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_windows_of_the_last_recording_are_scored_again(
    run, model, machine_sound, broken_file, tmp_path, suffix
):
    for name in ("1.wav", "2.wav", "10.wav"):
        soundfile.write(tmp_path / name, machine_sound(7, 3.0), RATE)
    file = tmp_path / f"scores.{suffix}"
    asked = ("score", model, tmp_path, "--window", "0.5", "-o", file)
    result = run(*asked)
    assert "4 new" in result.stdout, "counted per recording, not per window"
    first = result.stdout.splitlines()[0]
    complete = file.read_bytes()
    assert complete.count(b"\n") == 19 + (suffix == "csv")
    for size in range(0, len(complete) + 1, len(complete) // 7):
        file.write_bytes(complete[:size])
        assert run(*asked).stdout.splitlines()[0] == first
        assert file.read_bytes() == complete


@pytest.mark.slow
def test_after_repeated_kills_each_recording_is_in_the_file_once(start, run, model, many, tmp_path):
    file = tmp_path / "scores.jsonl"
    sizes = []
    for _ in range(3):
        process = start("score", model, many, "-o", file)
        before = file.stat().st_size if file.exists() else 0
        while process.poll() is None and (file.stat().st_size if file.exists() else 0) < before + 8000:
            time.sleep(0.002)
        process.kill()
        process.wait()
        sizes.append(file.stat().st_size)
    assert 0 < sizes[0] < sizes[1] < sizes[2]
    assert b"/599.wav" not in file.read_bytes()
    assert run("score", model, many, "-o", file).exit_code == 0
    assert [row["path"] for row in lines(file)] == [str(many / f"{i}.wav") for i in range(600)]
    uninterrupted = run("score", model, many, "--json").stdout
    assert file.read_text() == uninterrupted


@pytest.mark.parametrize("options", [[], ["--window", "0.4"]])
def test_two_worker_processes_give_the_same_results(run, model, archive, tmp_path, options):
    single = run("score", model, archive, tmp_path / "missing.wav", "--json", *options)
    parallel = run("score", model, archive, tmp_path / "missing.wav", "--json", *options, "--jobs", 2)
    assert parallel.exit_code == single.exit_code == 4
    assert parallel.stdout.count("\n") == single.stdout.count("\n") > 33
    for row, other in zip(*(map(json.loads, r.stdout.splitlines()) for r in (single, parallel)), strict=True):
        assert row.keys() == other.keys()
        assert row["path"] == other["path"]
        np.testing.assert_allclose(other.get("score", 0), row.get("score", 0), rtol=1e-9)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_file(start, run, model, many, dask_cluster, tmp_path):
    file = tmp_path / "scores.jsonl"
    process = start("score", model, many, "-o", file, "--cluster", dask_cluster.address)
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        time.sleep(0.001)
    dask_cluster.kill_one()
    assert process.poll() is None
    assert b"/599.wav" not in file.read_bytes()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, (out, err)
    expected = run("score", model, many, "--json").stdout.splitlines()
    for row, other in zip(lines(file), map(json.loads, expected), strict=True):
        assert row["path"] == other["path"]
        np.testing.assert_allclose(row["score"], other["score"], rtol=1e-9)


def test_without_workers_no_file_is_created(run, model, normal_clip, monkeypatch, tmp_path):
    monkeypatch.setattr("auscult.runtime.parallel._TIMEOUT", 1)
    file = tmp_path / "scores.csv"
    result = run("score", model, normal_clip, "-o", file, "--cluster", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert "no Dask scheduler answers" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_cluster_resolves_relative_paths(run, model, archive, dask_cluster, monkeypatch):
    monkeypatch.chdir(archive)
    local = run("score", model, ".", "--csv")
    remote = run("score", os.path.relpath(model), ".", "--csv", "--cluster", dask_cluster.address)
    assert remote.exit_code == local.exit_code == 4
    assert [r["path"] for r in csv.DictReader(remote.stdout.splitlines())] == [
        r["path"] for r in csv.DictReader(local.stdout.splitlines())
    ]
    assert remote.stdout.count("true") == local.stdout.count("true") > 0
