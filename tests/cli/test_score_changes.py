"""``auscult score --output`` on recordings that change, appear, or are still being written."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
from pathlib import Path

import pytest
import soundfile
from tests.helpers import time_with_sleep

RATE = 8000


@pytest.fixture
def folder(machine_sound, tmp_path) -> Path:
    """A folder of three normal recordings, an hour old."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write(folder / f"{name}.wav", machine_sound(ord(name)))
    return folder


def write(path: Path, samples, *, age: float = 3600.0) -> None:
    soundfile.write(path, samples, RATE)
    os.utime(path, (time.time() - age,) * 2)


def results(file: Path) -> dict[str, dict]:
    if file.suffix == ".csv":
        rows = list(csv.DictReader(file.open(newline="", encoding="utf-8-sig"), delimiter=delimiter(file)))
    else:
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({row["path"] for row in rows}) == len(rows), "each recording once"
    return {os.path.basename(row["path"]): row for row in rows}


def delimiter(file: Path) -> str:
    return ";" if file.read_text(encoding="utf-8-sig").startswith("path;") else ","


FORMATS = [("s.csv", []), ("s.jsonl", []), ("s.csv", ["--csv-dialect", "excel"])]


@pytest.mark.parametrize(("name", "options"), FORMATS)
def test_only_what_has_changed_is_scored_again(run, model, folder, machine_sound, tmp_path, name, options):
    file = tmp_path / name
    run("score", model, folder, "-o", file, *options)
    before = results(file)
    write(folder / "b.wav", machine_sound(9, broken=True), age=60)
    result = run("score", model, folder, "-o", file, *options, "--fail-on-anomaly")
    assert result.exit_code == 3
    assert "2 recordings already in the file, 1 scored again, 0 new" in result.stdout
    assert result.stdout.startswith("3 recordings, 1 anomalous;")
    after = results(file)
    assert {name: after[name] for name in ("a.wav", "c.wav")} == {n: before[n] for n in ("a.wav", "c.wav")}
    assert after["b.wav"]["score"] != before["b.wav"]["score"]
    assert "0 new" in run("score", model, folder, "-o", file, *options).stdout
    assert results(file) == after


def test_a_file_with_the_same_size_and_another_time_has_changed(run, model, folder, tmp_path):
    run("score", model, folder, "-o", tmp_path / "s.csv")
    os.utime(folder / "a.wav", (1.6e9, 1.6e9))
    assert "1 scored again" in run("score", model, folder, "-o", tmp_path / "s.csv").stdout
    assert results(tmp_path / "s.csv")["a.wav"]["time"].startswith("2020-09-13")


@pytest.mark.parametrize(("name", "options"), FORMATS[:2])
def test_a_change_within_the_same_second_is_noticed(run, model, folder, tmp_path, name, options):
    os.utime(folder / "a.wav", (1.6e9, 1.6e9))
    run("score", model, folder, "-o", tmp_path / name, *options)
    os.utime(folder / "a.wav", (1.6e9 + 0.25, 1.6e9 + 0.25))
    assert "1 scored again" in run("score", model, folder, "-o", tmp_path / name, *options).stdout


@pytest.mark.parametrize("change", [{"size": None}, {"time": 7}, {"verdict": 5}, {"path": None}])
def test_a_row_that_was_changed_is_refused(run, model, folder, tmp_path, change):
    file = tmp_path / "s.jsonl"
    run("score", model, folder, "-o", file)
    first, rest = file.read_text().split("\n", 1)
    file.write_text(json.dumps({**json.loads(first), **change}) + "\n" + rest)
    result = run("score", model, folder, "-o", file)
    assert result.exit_code == 2
    assert "result 1 cannot be read" in result.stderr


def test_an_unreadable_file_is_tried_again(run, model, folder, tmp_path):
    complete = (folder / "c.wav").read_bytes()
    (folder / "c.wav").write_bytes(complete[:3000])
    os.utime(folder / "c.wav", (1.7e9, 1.7e9))
    assert run("score", model, folder, "-o", tmp_path / "s.csv").exit_code == 4
    assert run("score", model, folder, "-o", tmp_path / "s.csv").exit_code == 4
    (folder / "c.wav").write_bytes(complete)
    os.utime(folder / "c.wav", (1.7e9, 1.7e9))
    assert run("score", model, folder, "-o", tmp_path / "s.csv").exit_code == 0
    assert not any(row["error"] for row in results(tmp_path / "s.csv").values())


def test_an_unreadable_file_that_was_removed_is_no_error_any_more(run, model, folder, tmp_path):
    (folder / "d.wav").write_text("no audio")
    os.utime(folder / "d.wav", (1.7e9, 1.7e9))
    assert run("score", model, folder, "-o", tmp_path / "s.csv").exit_code == 4
    (folder / "d.wav").unlink()
    assert run("score", model, folder, "-o", tmp_path / "s.csv").exit_code == 0
    assert set(results(tmp_path / "s.csv")) == {"a.wav", "b.wav", "c.wav"}


def test_a_result_is_kept_when_the_recording_was_removed(run, model, folder, tmp_path):
    run("score", model, folder, "-o", tmp_path / "s.csv")
    (folder / "a.wav").unlink()
    run("score", model, folder, "-o", tmp_path / "s.csv")
    assert set(results(tmp_path / "s.csv")) == {"a.wav", "b.wav", "c.wav"}


@pytest.mark.parametrize("options", [["--window", "0.4"], ["--each-channel"]])
def test_all_rows_of_a_changed_recording_are_replaced(run, model, folder, machine_sound, tmp_path, options):
    file = tmp_path / "s.jsonl"
    run("score", model, folder, "-o", file, *options)
    write(folder / "a.wav", machine_sound(9, 3.0, broken=True), age=60)
    run("score", model, folder, "-o", file, *options)
    fresh = [json.loads(line) for line in run("score", model, folder, *options, "--json").stdout.splitlines()]
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(rows, key=str) == sorted(fresh, key=str)


def test_a_young_file_is_scored_last_when_it_has_settled(run, model, folder, machine_sound, tmp_path):
    write(folder / "a.wav", machine_sound(1), age=0.0)
    started = time.monotonic()
    result = run("score", model, folder, "-o", tmp_path / "s.jsonl", "--settle", "1.5")
    assert time.monotonic() - started > 1
    assert result.exit_code == 0
    assert list(results(tmp_path / "s.jsonl")) == ["b.wav", "c.wav", "a.wav"]


def test_a_file_that_grows_is_reported_and_scored_by_a_later_run(
    run, model, folder, machine_sound, tmp_path, monkeypatch
):
    write(folder / "b.wav", machine_sound(1), age=0.0)

    def grow(seconds: float) -> None:
        assert 0 < seconds <= 10
        write(folder / "b.wav", machine_sound(1, 2.0, broken=True), age=0.0)

    monkeypatch.setattr("auscult.cli.score_stamp.time", time_with_sleep(grow))
    result = run("score", model, folder, "-o", tmp_path / "s.csv")
    assert result.exit_code == 4
    assert "Waiting 10 s for 1 file" in result.stderr
    assert "b.wav: still being written" in result.stderr
    assert results(tmp_path / "s.csv")["b.wav"]["score"] == ""
    os.utime(folder / "b.wav", (1.7e9, 1.7e9))
    assert run("score", model, folder, "-o", tmp_path / "s.csv", "--fail-on-anomaly").exit_code == 3
    assert results(tmp_path / "s.csv")["b.wav"]["anomalous"] == "true"


def test_a_modification_time_in_the_future_does_not_block(run, model, folder, tmp_path):
    os.utime(folder / "a.wav", (time.time() + 1e6,) * 2)
    assert run("score", model, folder, "-o", tmp_path / "s.csv", "--settle", "0.2").exit_code == 0


@pytest.mark.parametrize("options", [[], ["--window", "1"]])
def test_a_file_that_changes_while_it_is_read_is_an_error(run, model, folder, monkeypatch, options):
    from auscult.model import Model

    score_recording = Model.score_recording

    def slow(self, recording, **settings):
        score = score_recording(self, recording, **settings)
        if recording.clip.path.endswith("b.wav"):
            os.utime(folder / "b.wav")
        return score

    monkeypatch.setattr(Model, "score_recording", slow)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    result = run("score", model, folder, "--json", *options)
    assert result.exit_code == 4
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    (failed,) = (row for row in rows if "error" in row)
    assert failed["path"].endswith("b.wav")
    assert "changed while it was read" in failed["error"]


def test_without_output_nothing_is_waited_for(run, model, folder, machine_sound, monkeypatch):
    write(folder / "a.wav", machine_sound(1), age=0.0)
    monkeypatch.setattr("auscult.cli.score_stamp.time", time_with_sleep(lambda _: pytest.fail("waited")))
    assert run("score", model, folder).exit_code == 0


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl"])
def test_results_with_the_old_columns_are_refused_with_the_reason(run, model, folder, tmp_path, name):
    file, origin = tmp_path / name, tmp_path / f"{name}.made-by.json"
    run("score", model, folder, "-o", file)
    header = "path,score,threshold,anomalous,nearest,warnings,error\n" if name == "s.csv" else ""
    file.write_text(header or '{"path": "a.wav", "score": 1.0, "anomalous": false, "warnings": []}\n')
    old = {k: v for k, v in json.loads(origin.read_text()).items() if k not in ("columns", "each_channel")}
    origin.write_text(json.dumps(old))
    before = file.read_bytes()
    result = run("score", model, folder, "-o", file)
    assert result.exit_code == 2
    assert "lacks columns (time and size)" in result.stderr
    assert "choose another file" in result.stderr
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl"])
@pytest.mark.parametrize("damage", ["no origin", "other model", "another header"])
def test_a_file_that_cannot_be_continued_is_refused_before_the_inputs_are_searched(
    run, model, folder, tmp_path, monkeypatch, name, damage
):
    file, origin = tmp_path / name, tmp_path / f"{name}.made-by.json"
    run("score", model, folder, "-o", file)
    if damage == "no origin":
        origin.unlink()
    elif damage == "other model":
        origin.write_text(json.dumps({**json.loads(origin.read_text()), "model": "x"}))
    elif name == "s.csv":
        file.write_text("\ufeff" + file.read_text())
    else:
        pytest.skip("no header there")
    before = file.read_bytes()
    monkeypatch.setattr("auscult.cli.score_inputs.walk_audio", lambda *_, **__: pytest.fail("searched"))
    assert run("score", model, folder, "-o", file).exit_code == 2
    assert file.read_bytes() == before


def test_the_time_is_that_of_the_file_and_the_p_value_that_of_the_calibration(run, model, folder):
    from datetime import datetime

    from auscult import load
    from auscult.decision import p_value

    (row,) = map(json.loads, run("score", model, folder / "a.wav", "--json").stdout.splitlines())
    assert abs(datetime.fromisoformat(row["time"]).timestamp() - (folder / "a.wav").stat().st_mtime) < 1e-5
    assert row["size"] == (folder / "a.wav").stat().st_size
    loaded = load(model)
    assert row["p_value"] == p_value(row["score"], loaded.calibration.scores["mse"])


def test_a_copy_with_the_same_time_is_no_change(run, model, folder, tmp_path):
    run("score", model, folder, "-o", tmp_path / "s.csv")
    shutil.copy2(folder / "a.wav", tmp_path / "kept.wav")
    os.replace(tmp_path / "kept.wav", folder / "a.wav")
    assert (
        "3 recordings already in the file, 0 new"
        in run("score", model, folder, "-o", tmp_path / "s.csv").stdout
    )
