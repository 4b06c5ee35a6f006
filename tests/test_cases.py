"""Inputs on which version 0.1.0 gave a wrong answer without a warning, run through the command line.

The inputs are made by ``make.py`` in the folder named by ``AUSCULT_CASES``, out of real recordings. The tests
are skipped without it. Each test is one row of the table in the README of that folder.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each starts several processes

RATES = (16000, 48000, 96000, 192000)


class Auscult:
    """Runs ``auscult`` in the folder of one case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "auscult", *map(str, arguments)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True)

    def fit(self, source: object, *more: object) -> subprocess.CompletedProcess[str]:
        arguments = ("fit", source, "-o", "m.auscult", "--detector", "spectral_memory", "--quiet", *more)
        return self(*arguments, "--json")

    def score(self, *arguments: object) -> list[dict]:
        done = self("score", "m.auscult", *arguments, "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return [row for row in rows if "path" in row]


@pytest.fixture(scope="module")
def case(tmp_path_factory, case_scripts) -> Callable[[str], Auscult]:
    """``case(name)``: the folder of a case, made when first asked for."""
    root = tmp_path_factory.mktemp("cases")

    def made(name: str) -> Auscult:
        if not (root / name).exists():
            make = case_scripts / "make.py"
            subprocess.run([sys.executable, make, root, name], check=True)
        return Auscult(root / name)

    return made


@pytest.fixture(scope="module")
def motor(tmp_path_factory, real_data) -> Path:
    """A model of the motor whose recordings the cases are made of."""
    path = tmp_path_factory.mktemp("motor") / "m.auscult"
    train = real_data / "bldc" / "BrushlessMotor" / "train"
    done = Auscult(path.parent).fit(train, "--group-by", "motor,spd")
    assert done.returncode == 0, done.stderr
    return path


def with_model(auscult: Auscult, model: Path) -> Auscult:
    shutil.copy(model, auscult.folder / "m.auscult")
    return auscult


@pytest.mark.parametrize("word", ["faulty", "anomalous"])
def test_faults_in_a_sibling_folder_are_left_out_and_reported(case, word):
    done = case("fault_folder").fit(f"m_{word}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 25
    assert re.search(r"\b15\b", done.stderr), "the anomalous recordings are reported"


def test_a_test_folder_in_capitals_is_not_trained_on(case):
    done = case("capital_split").fit("m")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 25


def test_a_label_column_is_not_ignored(case):
    done = case("label_column").fit("label.csv")
    assert done.returncode != 0
    assert "label" in done.stderr


def test_training_recordings_are_no_evidence_for_the_false_alarm_rate(case):
    auscult = case("learnt_from")
    assert auscult.fit("data/normal").returncode == 0
    done = auscult("evaluate", "m.auscult", "data")
    text = done.stdout + done.stderr
    assert "fitted on 30 of these 60 recordings" in text
    assert not re.search(r"false alarms.*\d+(\.\d+)? %.*consistent", text)
    assert auscult("evaluate", "m.auscult", "other").returncode == 0


def test_one_recording_under_both_labels_is_an_error(case, motor):
    done = with_model(case("both_labels"), motor)("evaluate", "m.auscult", "both.csv")
    assert done.returncode != 0
    assert "000.wav" in done.stderr


def test_no_interval_of_zero_width(case, motor):
    done = with_model(case("one_and_one"), motor)("evaluate", "m.auscult", "one", "--json")
    assert done.returncode == 0, done.stderr
    auc = json.loads(done.stdout)["auc_source"]
    assert auc is None or auc.get("low") is None or auc["high"] - auc["low"] > 0.1


def test_a_header_written_early_hides_no_fault(case, motor):
    done = with_model(case("stale_header"), motor)("score", "m.auscult", "stale.wav", "--fail-on-anomaly")
    assert done.returncode in (3, 4), "the fault after the declared end is judged, or the file is refused"


def test_all_streams_of_a_chained_ogg_file_are_read(case, motor):
    auscult = with_model(case("chained_ogg"), motor)
    (first,) = auscult.score("a.ogg")
    (both,) = auscult.score("chained.ogg")
    assert "error" in both or both["score"] > first["score"]


def test_a_trailing_tag_does_not_change_a_flac_file(case, motor):
    auscult = with_model(case("tagged_flac"), motor)
    (plain,) = auscult.score("plain.flac")
    (tagged,) = auscult.score("tagged.flac")
    assert tagged.get("score") == plain["score"]


def test_files_that_have_grown_are_scored_again(case, motor):
    auscult = with_model(case("growing"), motor)
    auscult("score", "m.auscult", "then", "-o", "s.csv", "--settle", 0)
    for file in (auscult.folder / "later").iterdir():
        shutil.copy(file, auscult.folder / "then" / file.name)
    done = auscult("score", "m.auscult", "then", "-o", "s.csv", "--settle", 0)
    assert done.returncode == 0, done.stderr
    with open(auscult.folder / "s.csv", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}  # a later row replaces an earlier one
    for row in auscult.score("later"):
        name = os.path.join("then", os.path.basename(row["path"]))
        assert float(rows[name]["score"]) == pytest.approx(row["score"])


def test_a_carriage_return_in_a_name_keeps_rows_in_one_piece(case, motor):
    auscult = with_model(case("carriage_return"), motor)
    files = {f"wav/{file.name}" for file in (auscult.folder / "wav").iterdir()}
    names = {name.replace("\r", "\n") for name in files}  # as read from a pipe in text mode
    table = auscult("score", "m.auscult", "wav", "--csv").stdout
    assert {row["path"] for row in csv.DictReader(io.StringIO(table, newline=""))} == names
    for _ in range(2):
        done = auscult("score", "m.auscult", "wav", "-o", "s.csv", "--settle", 0)
        assert done.returncode == 0, done.stderr


def test_high_sample_rates_lose_nothing(case):
    auscult, areas = case("high_rates"), {}
    for rate in RATES:
        assert auscult.fit(f"{rate}/train").returncode == 0
        done = auscult("evaluate", "m.auscult", f"{rate}/test", "--json")
        areas[rate] = json.loads(done.stdout)["auc_source"]["value"]
    assert min(areas.values()) > areas[16000] - 0.05, areas


def test_physical_units_are_not_called_clipped(case):
    auscult = case("physical_units")
    done = auscult.fit("normal")
    assert done.returncode == 0
    assert "clip" not in re.sub(r"\bclips?\b", "", done.stderr + done.stdout)
    for row in auscult.score("test"):
        assert not any("clipped" in warning for warning in row["warnings"])


def test_a_dc_offset_is_removed_or_reported(case, motor):
    rows = with_model(case("dc_offset"), motor).score(".")
    scores = {float(re.search(r"dc_([0-9.]+)\.wav", row["path"])[1]): row for row in rows}
    reference = scores[0.0]["score"]
    for offset, row in scores.items():
        if abs(row["score"] - reference) > 0.1 * abs(reference):
            assert any("offset" in warning.lower() for warning in row["warnings"]), offset


def test_copies_do_not_calibrate_each_other(case):
    auscult = case("twins")
    assert auscult.fit("data").returncode in (0, 4)
    alarms = [row["anomalous"] for row in auscult.score("later")]
    assert sum(map(bool, alarms)) <= 5, "at a promised 5 % of false alarms"


def test_a_fault_on_the_second_channel_is_reported(case, motor):
    auscult = with_model(case("stereo"), motor)
    (row,) = auscult.score("fault_on_the_right.wav")
    assert any("channel" in warning for warning in row["warnings"])
    left, right = auscult.score("fault_on_the_right.wav", "--each-channel")
    assert right["score"] > left["score"]
    assert right["anomalous"]


@pytest.mark.parametrize("rate", [3200, 1000])
def test_low_sample_rates_are_accepted(case, rate):
    auscult = case("low_rates")
    done = auscult.fit(f"{rate}/normal")
    assert done.returncode == 0, done.stderr
    normal, fault = auscult.score(f"{rate}/test")
    assert fault["score"] > normal["score"]
