"""``auscult score``: output formats, order of results, unreadable inputs, exit codes."""

from __future__ import annotations

import csv
import io
import json
import shutil

import numpy as np
import pytest
import soundfile

from auscult import load, open_corpus, read_audio

RATE = 8000


def rows(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_json_has_exactly_the_documented_keys_in_order(run, model, normal_clip, faulty_clip):
    result = run("score", model, faulty_clip, normal_clip, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    scored = rows(result)
    assert [row["path"] for row in scored] == [str(faulty_clip), str(normal_clip)]
    for row in scored:
        assert list(row) == [
            *("path", "score", "threshold", "anomalous", "verdict", "p_value", "nearest", "nearest_window"),
            *("warnings", "findings", "state", "seconds", "time", "size"),
        ]
        assert row["anomalous"] is (row["score"] > row["threshold"])
        assert row["warnings"] == []
        assert row["seconds"] == 1.0
    assert [row["anomalous"] for row in scored] == [True, False]


def test_scores_in_csv_read_back_equal(run, model, normal_clip, faulty_clip):
    scored = rows(run("score", model, faulty_clip, normal_clip, "--json"))
    cells = csv.DictReader(io.StringIO(run("score", model, faulty_clip, normal_clip, "--csv").stdout))
    for row, line in zip(scored, cells, strict=True):
        for name in ("score", "threshold", "p_value"):
            assert float(line[name]) == row[name]


def test_scores_equal_those_of_the_python_api(run, model, normal_clip):
    (row,) = rows(run("score", model, normal_clip, "--json"))
    loaded = load(model)
    waveform = read_audio(normal_clip)
    assert row["score"] == pytest.approx(loaded.score(waveform.samples, waveform.sample_rate).score, rel=1e-6)
    assert row["threshold"] == loaded.threshold().value


def test_an_unreadable_file_has_an_error_row_and_exit_code_4(run, model, normal_clip, broken_file):
    result = run(
        "score", model, normal_clip, broken_file, normal_clip.parent / "missing.wav", normal_clip, "--json"
    )
    assert result.exit_code == 4
    scored = rows(result)
    assert [list(row) for row in scored[1:3]] == [["path", "error", "time", "size"], ["path", "error"]]
    assert [row["path"] for row in scored[1:3]] == [str(broken_file), str(normal_clip.parent / "missing.wav")]
    assert scored[0] == scored[3]
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
        row["path"] for row in scored[1:3]
    ]


def test_a_folder_without_recordings_is_reported_as_unreadable(run, model, normal_clip, tmp_path):
    result = run("score", model, tmp_path, normal_clip, "--json")
    assert result.exit_code == 4
    assert [row["path"] for row in rows(result)] == [str(tmp_path), str(normal_clip)]


def test_a_folder_is_scored_in_corpus_order(run, model, machine):
    result = run("score", model, machine / "test", "--json")
    assert [row["path"] for row in rows(result)] == [clip.path for clip in open_corpus(machine / "test")]


def test_all_recordings_of_a_folder_are_scored(run, model, normal_clip, tmp_path):
    places = ["fan/test/a.wav", "fan/other/b.wav", "new/c.wav"]  # also those outside the machine folder
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(normal_clip, tmp_path / place)
    result = run("score", model, tmp_path, "--json")
    assert {row["path"] for row in rows(result)} == {str(tmp_path / place) for place in places}


def test_a_manifest_is_scored(run, model, normal_clip, faulty_clip, tmp_path):
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"path,condition\n{faulty_clip},anomaly\n{normal_clip},normal\n")
    result = run("score", model, manifest, "--json")
    assert [row["anomalous"] for row in rows(result)] == [True, False]


def test_a_missing_file_of_a_manifest_does_not_stop_the_rest(run, model, normal_clip, tmp_path):
    manifest = tmp_path / "clips.csv"
    manifest.write_text(f"path\n{normal_clip}\nmissing.wav\n{normal_clip}\n")
    result = run("score", model, manifest, "--json")
    assert result.exit_code == 4
    first, failed, last = rows(result)
    assert failed == {"path": str(tmp_path / "missing.wav"), "error": "no such file"}
    assert first == last


def test_an_anomaly_is_exit_code_3_only_with_fail_on_anomaly(run, model, normal_clip, faulty_clip):
    assert run("score", model, faulty_clip).exit_code == 0
    assert run("score", model, faulty_clip, "--fail-on-anomaly").exit_code == 3
    assert run("score", model, normal_clip, "--fail-on-anomaly").exit_code == 0


def test_exit_code_3_takes_precedence_over_4(run, model, faulty_clip, normal_clip, broken_file):
    assert run("score", model, broken_file, faulty_clip, "--fail-on-anomaly").exit_code == 3
    assert run("score", model, broken_file, normal_clip, "--fail-on-anomaly").exit_code == 4


def test_without_a_threshold_there_is_a_score_but_no_verdict(run, model, normal_clip):
    result = run("score", model, normal_clip, "--false-alarms", "1%", "--json")
    (row,) = rows(result)
    assert row["threshold"] is None
    assert row["anomalous"] is None
    assert row["score"] > 0
    assert "75 more are needed" in row["warnings"][0]
    assert result.stderr.count("75 more are needed") == 1


def test_fail_on_anomaly_requires_a_threshold(run, model, faulty_clip):
    result = run("score", model, faulty_clip, "--false-alarms", "1%", "--fail-on-anomaly")
    assert result.exit_code == 1
    assert "99 calibration clips" in result.stderr


def test_a_threshold_can_be_given(run, model, faulty_clip):
    result = run("score", model, faulty_clip, "--threshold", "1e9", "--json")
    (row,) = rows(result)
    assert (row["threshold"], row["anomalous"]) == (1e9, False)


def test_threshold_methods_equal_those_of_the_python_api(run, model, normal_clip):
    from auscult.decision import conformal_threshold, gamma_threshold

    scores = load(model).calibration.scores["mse"]
    (gamma,) = rows(run("score", model, normal_clip, "--threshold-method", "gamma", "--json"))
    assert gamma["threshold"] == gamma_threshold(scores).value
    (loose,) = rows(run("score", model, normal_clip, "--false-alarms", "0.2", "--json"))
    assert loose["threshold"] == conformal_threshold(scores, 0.2).value


@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "5", "--false-alarms", "5%"],
        ["--threshold", "5", "--threshold-method", "gamma"],
        ["--threshold", "nan"],
        ["--false-alarms", "5"],
        ["--false-alarms", "few"],
        ["--json", "--csv"],
        ["--hop", "1"],
        ["--window", "0"],
        ["--window", "0.01"],
        ["--window", "inf"],
        ["--window", "nan"],
        ["--window", "1e308"],
    ],
)
def test_wrong_options_are_exit_code_2(run, model, normal_clip, options):
    result = run("score", model, normal_clip, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_errors_name_the_option_of_a_wrong_value(run, model, normal_clip):
    result = run("score", model, normal_clip, "--window", "abc")
    assert "'--window': 'abc' is not a duration; write e.g. 60s, 5m, 1h or 90 (seconds)" in result.stderr
    result = run("score", model, normal_clip, "--false-alarms", "500")
    assert result.stderr.startswith("Error: --false-alarms: false-alarm rate '500' must lie between")


@pytest.mark.parametrize("options", [[], ["--json"], ["--csv"]])
def test_if_no_input_exists_the_exit_code_is_1_and_nothing_is_printed(run, model, tmp_path, options):
    missing = [tmp_path / "missing", tmp_path / "missing.wav"]
    result = run("score", model, *missing, *options)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"Error: {path}: no such file or folder" for path in missing]


@pytest.mark.parametrize("verb", ["score", "explain", "evaluate"])
def test_arguments_in_the_wrong_order_are_detected(run, model, machine, verb):
    result = run(verb, machine, model)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {machine} is not a model file; give the model first: {model} {machine}\n"
    )


def test_a_model_without_the_extension_is_recognised(run, model, normal_clip, tmp_path):
    clip, other = tmp_path / "a clip.wav", tmp_path / "fan"
    shutil.copy(normal_clip, clip)
    shutil.copy(model, other)
    result = run("score", clip, other)
    assert result.exit_code == 2
    assert result.stderr == (f"Error: {clip} is not a model file; give the model first: {other} '{clip}'\n")


def test_a_second_model_is_no_recording(run, model, normal_clip):
    result = run("score", model, model, normal_clip)
    assert result.exit_code == 4
    assert f"{model}: a model file, not a recording" in result.stderr


def test_a_missing_model_is_exit_code_1(run, normal_clip, tmp_path):
    result = run("score", tmp_path / "none.auscult", normal_clip)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path / 'none.auscult'}: no such model file\n"


def test_each_window_has_a_row(run, model, machine_sound, tmp_path):
    long = tmp_path / "long.wav"
    samples = np.concatenate(
        [machine_sound(7, 3.0), machine_sound(8, 1.0, broken=True), machine_sound(9, 0.6)]
    )
    soundfile.write(long, samples, RATE)
    scored = rows(run("score", model, long, "--window", "1", "--json"))
    assert [list(row) for row in scored] == [
        [
            *("path", "start", "end", "score", "threshold", "anomalous", "verdict", "p_value", "nearest"),
            *("nearest_window", "warnings", "findings", "state", "seconds", "time", "size"),
        ]
    ] * 5
    assert [(row["start"], row["end"]) for row in scored] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 4.6)]
    assert [row["anomalous"] for row in scored][:4] == [False, False, False, True]


def test_hop_overlaps_windows(run, model, machine_sound, tmp_path):
    long = tmp_path / "long.wav"
    soundfile.write(long, machine_sound(7, 2.0), RATE)
    scored = rows(run("score", model, long, "--window", "1", "--hop", "0.5", "--json"))
    assert [row["start"] for row in scored] == [0, 0.5, 1, 1.5]


def test_a_rest_too_short_for_the_detector_is_skipped(run, model, machine_sound, tmp_path):
    long = tmp_path / "long.wav"
    soundfile.write(long, machine_sound(7, 0.6 + 0.17), RATE)
    result = run("score", model, long, "--window", "0.3", "--json")
    assert result.exit_code == 0
    assert [row["start"] for row in rows(result)] == [0, 0.3]


def test_a_file_too_short_for_the_detector_is_an_error(run, model, machine_sound, tmp_path):
    short = tmp_path / "short.wav"
    soundfile.write(short, machine_sound(7, 0.1), RATE)
    for options in ([], ["--window", "1"]):
        result = run("score", model, short, "--json", *options)
        assert result.exit_code == 4
        assert "0.100 s is too short" in rows(result)[0]["error"]


def test_another_sample_rate_is_reported_in_each_row_and_once_in_total(run, model, machine_sound, tmp_path):
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, machine_sound(7, 2.0), 2 * RATE)
    result = run("score", model, tmp_path, "--json")
    message = "sampled at 16000 Hz, but the recordings of the model at 8000 Hz"
    for row in rows(result):
        assert [warning for warning in row["warnings"] if warning.startswith(message)]
    names = f"{tmp_path / 'a.wav'}, {tmp_path / 'b.wav'}"
    (line,) = [line for line in result.stderr.splitlines() if line.startswith(f"Warning: {message}")]
    assert line.endswith(f" (2 of 2: {names})")


def test_the_channel_can_be_chosen(run, model, machine_sound, tmp_path):
    stereo = tmp_path / "stereo.wav"
    both = np.stack([machine_sound(7), machine_sound(7, broken=True)], axis=1)
    soundfile.write(stereo, both, RATE)
    verdicts = [rows(run("score", model, stereo, "--json", "--channel", c))[0]["anomalous"] for c in (0, 1)]
    assert verdicts == [False, True]
    result = run("score", model, stereo, "--json", "--channel", 2)
    assert result.exit_code == 4
    assert "no channel 2" in rows(result)[0]["error"]


def test_csv_reads_back(run, model, normal_clip, broken_file):
    result = run("score", model, normal_clip, broken_file, "--csv")
    assert result.exit_code == 4
    good, bad = csv.DictReader(io.StringIO(result.stdout))
    assert list(good) == [
        *("path", "score", "threshold", "anomalous", "nearest", "warnings", "error"),  # as in 0.1.0
        *("verdict", "p_value", "nearest_start", "nearest_end", "findings", "state", "time", "size"),
    ]
    assert good["anomalous"] == "false"
    assert float(good["score"]) == rows(run("score", model, normal_clip, "--json"))[0]["score"]
    assert (bad["path"], bad["score"]) == (str(broken_file), "")
    assert bad["error"]


def test_text_table(run, model, normal_clip, faulty_clip, broken_file):
    result = run("score", model, normal_clip, faulty_clip, broken_file)
    header, normal, faulty, broken, _, summary = result.stdout.splitlines()
    assert header.split() == ["recording", "score", "threshold", "verdict"]
    assert normal.split()[0] == str(normal_clip)
    assert normal.endswith("normal")
    assert faulty.endswith("ANOMALY")
    assert broken.split() == [str(broken_file), "–", "–", "unreadable"]
    assert result.stderr.startswith(f"Error: {broken_file}: ")
    assert summary.startswith("2 recordings, 1 anomalous, 1 unreadable; threshold")
