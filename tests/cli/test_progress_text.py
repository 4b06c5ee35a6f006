"""Progress on standard error, and the formatting of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.cli import progress, text
from auscult.cli.progress import show_progress
from auscult.decision import Threshold
from auscult.evaluation import Estimate
from auscult.model.batching import naming_machines


def test_plain_lines_become_rarer(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with show_progress(name="fan.auscult") as report:
        report("inspect", 5, 5, {})
        for epoch in range(1, 101):
            clock[0] += 1.0
            report("train", epoch, 100, {"loss": 1 / epoch, "active_units": 8.0})
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert [line.split()[2].split("/")[0] for line in lines] == ["10", "20", "30", "45", "68"]
    assert lines[0] == "fan.auscult: train  10/100  loss 0.1  active units 8"


def test_plain_lines_of_a_recording_come_until_the_end(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with show_progress(longest=30.0) as report:
        for second in range(1, 201):
            clock[0] += 1.0
            report("record", second, 200, {})
    shown = [int(line.split()[1].split("/")[0]) for line in capsys.readouterr().err.splitlines()]
    assert max(np.diff([0, *shown, 200])) <= 30


def test_each_job_has_a_line_and_short_stages_have_none(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with show_progress() as report:
        report("fan autoencoder seed 0", 0, 2, {})
        for done in range(1, 4):
            report("score", done, 3, {})
        report("fan autoencoder seed 1", 1, 2, {})
    assert capsys.readouterr().err.splitlines() == [
        "fan autoencoder seed 0  (1 of 2)",
        "fan autoencoder seed 1  (2 of 2)",
    ]
    with show_progress(name="fan.auscult") as report:
        for member in range(40):  # each takes a second
            for done in range(1, 6):
                clock[0] += 0.2
                report(f"member{member}:try", done, 5, {})
    assert len(capsys.readouterr().err.splitlines()) <= 4


def test_lines_name_the_machines_that_a_stage_is_about(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with show_progress() as report:
        for machines, stage in ((["M1"], "features"), (["M1", "M2", "M2", "M3"], "train")):
            clock[0] += 20.0
            naming_machines(report, machines)(stage, 1, 12, {"loss": 0.5})
    lines = ["M1: features  1/12  loss 0.5", "M1 and 2 more: train  1/12  loss 0.5"]
    assert capsys.readouterr().err.splitlines() == lines
    assert naming_machines(None, ["M1"]) is None


def test_quiet_prints_nothing(capsys):
    with show_progress(quiet=True) as report:
        assert report is None
    assert capsys.readouterr().err == ""


def test_live_bars_in_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with show_progress() as report:
        report("fan autoencoder seed 0", 0, 2, {})
        report("train", 1, 2, {"loss": 0.5})
        report("fan autoencoder seed 1", 1, 2, {})
        report("train", 2, 2, {"loss": 0.25})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "fan autoencoder seed 1" in captured.err
    assert "loss 0.25" in captured.err


def test_live_bars_are_shared_by_machines(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    with show_progress() as report:
        for machine, total in (("M1", 12), ("M2", 7)):
            naming_machines(report, [machine])("inspect", total, total, {})
            report("machines", 1, 2, {})
    last_frame = capsys.readouterr().err.rpartition("\x1b[1A\x1b[2K")[2]
    assert [text in last_frame for text in ("M2: inspect", "7/7", "1/2", "M1")] == [True, True, True, False]


@pytest.mark.parametrize(("columns", "shown"), [(200, ["loss", "units"]), (56, ["loss"]), (46, [])])
def test_in_a_narrow_terminal_figures_are_dropped_before_counts(capsys, monkeypatch, columns, shown):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    with show_progress() as report:
        report("train", 57, 100, {"loss": 0.5, "units": 8.0})
    lines = capsys.readouterr().err.splitlines()
    assert any("57/100" in line for line in lines)
    assert [name for name in ("loss", "units") if any(name in line for line in lines)] == shown
    assert not any("…" in line for line in lines)


def test_bytes_are_shown_in_megabytes(capsys):
    with show_progress(in_bytes=True) as report:
        report("dev_fan.zip", 5_000_000, 5_000_000, {})
    assert capsys.readouterr().err == "dev_fan.zip  5.0/5.0 MB\n"


def test_tables_align_names_left_and_numbers_right():
    assert text.table(("name", "value"), [("a", "1"), ("longer", "22.5")]).splitlines() == [
        "name    value",
        "──────  ─────",
        "a           1",
        "longer   22.5",
    ]


@pytest.mark.parametrize(
    ("threshold", "description"),
    [
        (
            Threshold(10.5234, "conformal", 0.05, 55),
            "10.5234 (conformal, 5 % false alarms, from 55 recordings)",
        ),
        (Threshold(None, "gamma", 0.1, 1, 3), "none (gamma, 10 % false alarms, from 1 recording)"),
        (Threshold(7.0, "fixed"), "7 (given)"),
    ],
)
def test_a_threshold_is_described(threshold, description):
    assert text.describe_threshold(threshold) == description


def test_intervals_are_in_percent():
    assert text.interval(Estimate(0.77884, 0.701, 0.8444)) == "77.88 [70.1, 84.4]"
    assert text.interval(Estimate(0.5)) == "50.00"
    assert text.interval(None) == "–"


def test_json_is_strict(capsys):
    text.print_json({"a": 1.5})
    assert capsys.readouterr().out == '{"a": 1.5}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        text.print_json(float("nan"))


def test_the_unit_of_a_level_is_shown(capsys, monkeypatch):
    monkeypatch.setattr("auscult.cli.progress.PLAIN_EVERY", 0.0)
    with show_progress() as report:
        report("record", 5, 600, {"level_dB": -29.3712, "train_loss": 0.123456})
    assert capsys.readouterr().err == "record  5/600  level -29.4 dB  train loss 0.1235\n"
