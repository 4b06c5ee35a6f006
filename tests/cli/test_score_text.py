"""Output of ``auscult score`` for other programs and terminals: CSV, encodings, control characters."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.cli import text
from auscult.cli.score_formats import Layout

ROW = {
    "score": 1.25,
    "threshold": 2.5,
    "anomalous": False,
    "verdict": "normal",
    "p_value": 0.5,
    "nearest": None,
    "nearest_window": None,
    "warnings": ["one", "two"],
    "findings": [],
    "state": None,
    "time": "2026-11-27T10:19:00.123456+01:00",
    "size": 100,
}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("name", ["csv", "excel", "json"])
def test_every_path_reads_back(name, path):
    layout = Layout(name)
    line = layout.line({"path": path, **ROW})
    assert line.endswith("\n")
    assert layout.parse(line)["path"] == path
    if name != "json":
        (cells,) = csv.reader(io.StringIO(line, newline=""), delimiter=";" if name == "excel" else ",")
        assert cells[0] == path


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_names_with_carriage_returns(run, model, normal_clip, tmp_path, suffix):
    for name in ("a\r_1.wav", "b\r\n_2.wav", "\r.wav"):
        shutil.copy(normal_clip, tmp_path / name)
    file = tmp_path / f"s.{suffix}"
    run("score", model, tmp_path, "-o", file, "--settle", 0)
    complete = file.read_bytes()
    again = run("score", model, tmp_path, "-o", file, "--settle", 0)
    assert again.exit_code == 0
    assert "3 recordings already in the file, 0 new" in again.stdout
    assert file.read_bytes() == complete
    if suffix == "csv":
        with file.open(newline="") as opened:
            names = [os.path.basename(row["path"]) for row in csv.DictReader(opened)]
        assert sorted(names) == sorted(["a\r_1.wav", "b\r\n_2.wav", "\r.wav"])


def test_csv_for_spreadsheets(run, model, normal_clip, broken_file, tmp_path):
    file = tmp_path / "s.csv"
    options = ("--csv-dialect", "excel", "--settle", 0)
    run("score", model, normal_clip, broken_file, "-o", file, *options)
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbfpath;score;")
    good, bad = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
    assert "." not in good["score"]
    assert float(good["score"].replace(",", ".")) > 0
    assert len(good["time"]) == len("2026-11-27 10:19:00")
    assert bad["error"]
    assert (
        "1 scored again, 0 new" in run("score", model, normal_clip, broken_file, "-o", file, *options).stdout
    )
    refused = run("score", model, normal_clip, "-o", file, "--settle", 0)
    assert refused.exit_code == 2
    assert "another format" in refused.stderr


def test_the_spreadsheet_dialect_requires_csv(run, model, normal_clip, tmp_path):
    for options in ([], ["--json"], ["-o", tmp_path / "s.jsonl"]):
        result = run("score", model, normal_clip, "--csv-dialect", "excel", *options)
        assert result.exit_code == 2
        assert "--csv-dialect excel requires" in result.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_characters_that_the_encoding_lacks_are_replaced(model, normal_clip, tmp_path, encoding):
    shutil.copy(normal_clip, tmp_path / "Lüfter ─ 語.wav")
    for arguments in (
        ["score", str(model), str(tmp_path), "--window", "0.5"],
        ["score", str(model), "missing – ü.wav"],
        ["inspect", str(model)],
        ["score", "--help"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "auscult", *arguments],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        )
        assert done.returncode in (0, 1, 4), done.stderr
        output = done.stdout.decode(encoding) + done.stderr.decode(encoding)  # nothing else was written
        assert "Traceback" not in output
        if "--window" in arguments and encoding != "utf-8":
            assert r"\u8a9e.wav" in output
            assert ("0.0-0.5" in output) == (encoding != "cp1252")  # which has an en dash


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\r_2.wav", r"a\r_2.wav"),
        ("a\x1b[31mred.wav", r"a\x1b[31mred.wav"),
        ("a\nError: b.wav", r"a\nError: b.wav"),
        ("a\u202egnp.wav", r"a\u202egnp.wav"),
        ("a\x9b2J.wav", r"a\x9b2J.wav"),
        ("Lüfter 語.wav", "Lüfter 語.wav"),
    ],
)
def test_control_characters_in_file_names_are_escaped(run, model, normal_clip, tmp_path, name, shown):
    (tmp_path / "data").mkdir()
    shutil.copy(normal_clip, tmp_path / "data" / name)
    (tmp_path / "data" / f"bad {name}").write_text("no audio")
    result = run("score", model, tmp_path / "data")
    assert f"{shown} " in result.stdout
    assert f"bad {shown}: " in result.stderr
    explained = run("explain", model, tmp_path / "data" / name)
    failed = run("explain", model, tmp_path / "data" / f"bad {name}")
    assert failed.exit_code == 1
    for output in (result.output, explained.output, failed.output):
        assert shown in output
        if shown != name:
            assert name not in output


def test_tables_and_facts_escape_control_characters():
    assert "\x1b" not in text.table(("name",), [("a\x1b[2J",)])
    assert "\x1b" not in text.facts([("name", "a\x1b[2J")])
