"""``score``, ``explain`` and ``evaluate`` with a faulty sensor: verdicts, fields and exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 8000
ANOMALY, UNREADABLE, SENSOR = 3, 4, 5


@pytest.fixture
def silent(tmp_path) -> Path:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    return path


def rows(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_exit_codes_in_order_of_precedence(run, model, normal_clip, faulty_clip, silent, broken_file):
    def code(*files: Path) -> int:
        return run("score", model, *files, "--fail-on-anomaly").exit_code

    assert code(normal_clip) == 0
    assert code(normal_clip, silent) == SENSOR
    assert code(silent, broken_file) == SENSOR
    assert code(silent, broken_file, faulty_clip) == ANOMALY
    assert code(normal_clip, broken_file) == UNREADABLE
    assert run("score", model, silent).exit_code == 0, "only --fail-on-anomaly turns verdicts into codes"


def test_fields_of_a_sensor_fault(run, model, normal_clip, silent):
    faulty, normal = rows(run("score", model, silent, normal_clip, "--json"))
    assert (faulty["verdict"], faulty["anomalous"], faulty["state"]) == ("sensor", None, None)
    assert isinstance(faulty["score"], float)
    (finding,) = faulty["findings"]
    assert set(finding) == {"kind", "message", "effect"}
    assert (finding["kind"], finding["effect"]) == ("silence", "unusable")
    assert (normal["verdict"], normal["findings"], normal["state"]) == ("normal", [], None)

    faulty, normal = csv.DictReader(io.StringIO(run("score", model, silent, normal_clip, "--csv").stdout))
    assert (faulty["verdict"], faulty["anomalous"], faulty["findings"]) == ("sensor", "", "silence")
    assert (normal["verdict"], normal["anomalous"], normal["findings"]) == ("normal", "false", "")


def test_the_table_names_the_finding(run, model, normal_clip, faulty_clip, silent):
    result = run("score", model, normal_clip, silent, faulty_clip)
    _, normal, faulty, anomaly, _, summary = result.stdout.splitlines()
    assert normal.endswith("  normal")
    assert faulty.endswith("  SENSOR (silence)")
    assert anomaly.endswith("  ANOMALY")
    assert summary.startswith("3 recordings, 1 anomalous, 1 with a sensor fault; threshold")
    assert "silent: is the microphone connected?" in result.stderr


def test_a_state_is_reported_beside_the_verdict(run, model, machine_sound, tmp_path):
    noisy = tmp_path / "noise.wav"
    noise = np.random.default_rng(0).standard_normal(RATE) * machine_sound(7).std()
    soundfile.write(noisy, noise, RATE)
    (row,) = rows(run("score", model, noisy, "--json", "--threshold", "1e9"))
    assert (row["verdict"], row["state"]) == ("normal", "machine off, or not this machine")
    _, line, _, summary = run("score", model, noisy, "--threshold", "1e9").stdout.splitlines()
    assert line.endswith("normal; machine off, or not this machine")
    assert summary.startswith("1 recording, 0 anomalous, 1 unlike every normal recording; threshold")
    for name in ("s.csv", "s.jsonl"):
        command = ["score", model, noisy, "--threshold", "1e9", "-o", tmp_path / name, "--settle", 0]
        for _ in range(2):  # the second time from the file
            assert "1 unlike every normal recording" in run(*command).stdout
    (row,) = csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text()))
    assert (row["verdict"], row["state"]) == ("normal", "machine off, or not this machine")
    assert run("score", model, noisy, "--threshold", "1e9", "--fail-on-anomaly").exit_code == 0
    severe = run("score", model, noisy, "--threshold", "-1e9")
    words = "very unlike normal running: a severe fault, the machine off, or another machine"
    assert severe.stdout.splitlines()[1].endswith(f"ANOMALY; {words}")
    assert "machine off, or not this machine" not in severe.output


def test_an_anomaly_is_named_with_findings_that_do_not_affect_the_verdict(
    run, model, machine_sound, tmp_path
):
    path = tmp_path / "offset.wav"
    soundfile.write(path, machine_sound(7) + 0.3, RATE)
    anomaly, below = (
        run("score", model, path, "--threshold", threshold).stdout.splitlines()[1]
        for threshold in ("-1e9", "1e9")
    )
    assert anomaly.partition("ANOMALY")[2].startswith(" (offset)")
    assert "offset)" not in below


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_sensor_faults_in_a_result_file_are_counted_again(run, model, normal_clip, silent, tmp_path, suffix):
    command = ["score", model, normal_clip, silent, "-o", tmp_path / f"s.{suffix}", "--fail-on-anomaly"]
    first, second = run(*command, "--settle", 0), run(*command, "--settle", 0)
    assert first.exit_code == second.exit_code == SENSOR
    for result in (first, second):
        assert result.stdout.startswith("2 recordings, 0 anomalous, 1 with a sensor fault")


def test_explain_names_the_finding(run, model, silent):
    assert "SENSOR (silence)" in run("explain", model, silent).stdout
    output = json.loads(run("explain", model, silent, "--json").stdout)
    assert (output["verdict"], output["findings"][0]["kind"]) == ("sensor", "silence")


def test_evaluate_counts_sensor_faults_apart(run, model, machine_sound, tmp_path):
    for condition in ("normal", "anomaly"):
        (tmp_path / condition).mkdir()
        for i in range(5):
            samples = machine_sound(300 + i, broken=condition == "anomaly")
            soundfile.write(tmp_path / condition / f"{condition}{i}.wav", samples, RATE)
    before = json.loads(run("evaluate", model, tmp_path, "--json").stdout)
    assert "sensor_rate_source" not in before
    soundfile.write(tmp_path / "normal" / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "anomaly" / "stuck.wav", np.full(RATE, 0.5), RATE)
    after = json.loads(run("evaluate", model, tmp_path, "--json").stdout)
    assert after["clips"] == {"normal": 6, "anomaly": 6}, "the AUC counts them"
    for name in ("recall_source", "precision_source", "false_alarm_rate_source"):
        assert after[name] == before[name]
    assert after["sensor_rate_source"]["value"] == pytest.approx(2 / 12)
    assert "sensor faults" in run("evaluate", model, tmp_path).stdout


def test_doubtful_clips_count_by_score(run, model, machine_sound, tmp_path):
    for condition in ("normal", "anomaly"):
        (tmp_path / condition).mkdir()
        for i in range(5):
            samples = machine_sound(300 + i, broken=condition == "anomaly")
            soundfile.write(tmp_path / condition / f"{condition}{i}.wav", samples, RATE)
    quiet = tmp_path / "anomaly" / "quiet.wav"
    soundfile.write(quiet, 0.05 * machine_sound(400), RATE, subtype="FLOAT")
    anomalies = rows(run("score", model, *sorted((tmp_path / "anomaly").iterdir()), "--json"))
    (doubtful,) = (row for row in anomalies if row["path"] == str(quiet))
    assert [finding["kind"] for finding in doubtful["findings"]] == ["level"]
    for threshold in (doubtful["score"] + 1e-6, doubtful["score"] - 1e-6):
        arguments = ["evaluate", model, tmp_path, "--json", "--threshold", str(threshold)]
        result = json.loads(run(*arguments).stdout)
        above = np.mean([row["score"] > threshold for row in anomalies])
        assert result["recall_source"]["value"] == pytest.approx(above)
        assert "sensor_rate_source" not in result
