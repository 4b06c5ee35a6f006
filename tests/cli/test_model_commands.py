"""``explain``, ``inspect`` and ``evaluate``: their output for one model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

from auscult import evaluate, load, open_corpus
from auscult.cli.inspect import _summary

METRIC = {"value", "low", "high"}


def test_explain_finds_the_band_of_the_fault(run, model, machine, faulty_clip):
    result = run("explain", model, faulty_clip, "--json")
    assert result.exit_code == 0
    output = json.loads(result.stdout)
    assert list(output) == [
        "path", "start", "seconds", "axis", "score", "threshold", "anomalous", "verdict", "p_value",
        "nearest", "nearest_window", "warnings", "findings", "state", "sections", "regions", "impacts",
        "picture", "fragment", "nearest_fragment",
    ]  # fmt: skip
    assert output["nearest"] in {str(path) for path in (machine / "train").glob("*.wav")}
    assert output["anomalous"] is True
    assert output["picture"] is None
    regions = output["regions"]
    keys = {"kind", "start", "end", "low_hz", "high_hz", "share", "times", "hertz", "level_db", "multiple"}
    assert [set(r) for r in regions] == [keys] * len(regions)
    assert 1 <= len(regions) <= 4
    assert regions[0]["low_hz"] < 2600 < regions[0]["high_hz"]  # where the fault rings
    assert regions[0]["level_db"] > 3
    assert output["impacts"]["hertz"] == pytest.approx(31.0, abs=0.5)
    assert [r["share"] for r in regions] == sorted((r["share"] for r in regions), reverse=True)
    score = json.loads(run("score", model, faulty_clip, "--json").stdout)
    of_file = {"time", "size"}
    assert {k: output[k] for k in score if k not in of_file} == {
        k: v for k, v in score.items() if k not in of_file
    }


def test_explain_draws_a_picture(run, model, faulty_clip, tmp_path):
    picture = tmp_path / "why.png"
    result = run("explain", model, faulty_clip, "-o", picture)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "verdict     ANOMALY" in result.stdout
    assert " kHz, +" in result.stdout
    assert "impacts     repeat 31.0 times a second" in result.stdout
    assert str(picture) in result.stdout
    for name in ("why.fragment.wav", "why.nearest.wav"):
        assert f"{tmp_path / name} (" in result.stdout
        assert soundfile.info(tmp_path / name).duration == 1.0


def test_explain_of_a_normal_recording_finds_nothing(run, model, machine):
    paths = sorted((machine / "test").glob("*_normal_*"))
    outputs = [json.loads(run("explain", model, path, "--json").stdout) for path in paths]
    assert sum(bool(output["regions"]) for output in outputs) <= len(paths) / 8
    assert not any(output["impacts"] for output in outputs if not output["regions"])


def test_explain_never_overwrites_the_recording(run, model, faulty_clip, tmp_path):
    clip = tmp_path / "why.fragment.wav"
    shutil.copy(faulty_clip, clip)
    before = clip.read_bytes()
    result = run("explain", model, clip, "-o", tmp_path / "why.png")
    assert result.exit_code == 2
    assert "would be overwritten" in result.stderr
    assert clip.read_bytes() == before
    clip = shutil.copy(faulty_clip, tmp_path / "clip.wav")
    assert run("explain", model, clip, "-o", tmp_path / "clip.png").exit_code == 0
    assert soundfile.info(clip).duration == 1.0
    assert (tmp_path / "clip.wav").read_bytes() == before


@pytest.fixture(scope="session")
def long_recording(tmp_path_factory, machine_sound):
    """Eleven minutes, longer than what is read into memory, with a fault from 620 to 623 s."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1) as file:
        for second in range(660):
            file.write(machine_sound(1000 + second, broken=620 <= second < 623))
    return path


def test_explain_of_a_long_recording_is_section_by_section(run, model, long_recording):
    """The training recordings have 1 s."""
    result = run("explain", model, long_recording, "--json")
    assert result.exit_code == 0, result.stderr
    output = json.loads(result.stdout)
    sections = output["sections"]
    assert (sections["seconds"], sections["count"]) == (1.0, 660)
    assert output["start"] in (620.0, 621.0, 622.0)
    assert output["seconds"] == 1.0
    assert output["score"] == max(event["score"] for event in sections["events"])
    assert any(event["start"] <= 620 and event["end"] >= 623 for event in sections["events"])
    assert 3 <= sections["anomalous"] < 0.15 * 660
    assert all(620 <= region["start"] < region["end"] <= 623.05 for region in output["regions"])
    samples, rate = soundfile.read(
        long_recording, start=round(8000 * output["start"]), frames=8000, dtype="float32"
    )
    assert load(model).score(samples, rate).score == pytest.approx(output["score"], rel=1e-5)


def test_explain_of_a_section_of_a_long_recording(run, model, long_recording, tmp_path):
    outputs = {}
    for start in ("600", "10.3m"):
        options = ("--start", start, "--seconds", 6)
        outputs[start] = json.loads(run("explain", model, long_recording, *options, "--json").stdout)
    assert [output["sections"]["count"] for output in outputs.values()] == [6, 6]
    assert outputs["600"]["anomalous"] is False
    assert outputs["10.3m"]["anomalous"] is True
    assert outputs["10.3m"]["start"] in (620.0, 621.0, 622.0)
    assert outputs["10.3m"]["impacts"]["hertz"] == pytest.approx(31.0, abs=0.5)
    picture = tmp_path / "why.png"
    result = run("explain", model, long_recording, "--start", 621, "-o", picture)
    assert result.exit_code == 0, result.output
    assert "section     621–622 s" in result.stdout
    assert soundfile.info(tmp_path / "why.fragment.wav").duration == 1.0
    samples, rate = soundfile.read(long_recording, start=621 * 8000, frames=8000, dtype="float32")
    score = load(model).score(samples, rate).score
    assert f"score       {score:.6g} " in result.stdout
    result = run("explain", model, long_recording, "--start", 655, "--seconds", 10, "-o", picture)
    assert "Warning: the file ends 5.0 s before the end of the section" in result.stderr
    assert "sections    5 sections of 1 s, the length of the training recordings: " in result.stdout
    assert "; others: --start T" in result.stdout
    assert run("explain", model, long_recording, "--start", 700).exit_code == 2
    assert run("explain", model, long_recording, "--seconds", 5).exit_code == 2
    assert run("explain", model, long_recording, "--start", 0, "--seconds", 601).exit_code == 1


def test_explain_names_the_nearest_normal_recording_and_reports_if_it_is_missing(
    run, model, machine, faulty_clip, tmp_path
):
    nearest = json.loads(run("explain", model, faulty_clip, "--json").stdout)["nearest"]
    assert f"nearest     {nearest}\n" in run("explain", model, faulty_clip).stdout
    away = tmp_path / "away.wav"
    shutil.move(nearest, away)
    try:
        picture = tmp_path / "why.png"
        result = run("explain", model, faulty_clip, "-o", picture)
        assert result.exit_code == 0
        assert f"{nearest} (file no longer exists)" in result.stdout
        size_without_nearest = picture.stat().st_size
        with open(nearest, "wb") as file:
            file.write(b"not audio")
        result = run("explain", model, faulty_clip, "-o", picture)
        assert result.exit_code == 0
        assert "the nearest normal recording is not in the picture" in result.stderr
    finally:
        shutil.move(away, nearest)
    run("explain", model, faulty_clip, "-o", picture)
    assert picture.stat().st_size > 1.2 * size_without_nearest, "one more spectrogram"


def test_explain_of_an_unreadable_file_is_exit_code_1(run, model, broken_file, tmp_path):
    assert run("explain", model, broken_file).exit_code == 1
    assert run("explain", model, broken_file, "-o", tmp_path / "none" / "why.png").exit_code == 2


def test_inspect_json(run, model):
    output = json.loads(run("inspect", model, "--json").stdout)
    loaded = load(model)
    assert list(output) == [
        "schema", "detector", "score", "parameters", "config", "front_end", "channel", "calibration", "facts",
        "provenance", "alarm_policy", "warnings", "findings", "history",
    ]  # fmt: skip
    assert (output["schema"], output["detector"], output["score"]) == (2, "autoencoder", "mse")
    assert output["parameters"] == loaded.detector.parameters
    assert output["config"]["epochs"] == 40
    assert output["front_end"]["sample_rate"] == 8000
    assert output["calibration"] == {
        "method": "crossfit",
        "count": 24,
        "domains": {"source": 20, "target": 4},
        "threshold": {"value": loaded.threshold().value, "method": "conformal", "rate": 0.05},
    }
    assert output["provenance"]["clips"] == 24
    assert output["facts"]["last_epoch"]["epoch"] == 40
    assert "history" not in output["facts"]


def test_inspect_states_that_the_code_of_the_detector_has_changed(run, model, tmp_path):
    def warns(**changed) -> bool:
        other = load(model)
        other.provenance |= {"source": "of other files", **changed}
        if changed.get("code", "") is None:
            del other.provenance["code"]
        other.save(tmp_path / "other.auscult")
        text = run("inspect", tmp_path / "other.auscult").stdout
        in_json = json.loads(run("inspect", tmp_path / "other.auscult", "--json").stdout)["warnings"]
        stated = "the code of the detector or of its features has changed" in text
        assert stated == any("code of the detector" in warning for warning in in_json)
        return stated

    versions = load(model).provenance["versions"]
    assert not warns()
    assert warns(code="0" * 64)
    assert not warns(code=None), "a model of an earlier version"
    assert not warns(code="0" * 64, versions={**versions, "python": "3.2.1"})


def test_using_a_model_whose_code_has_changed_warns_once(run, model, machine, tmp_path):
    clip = sorted((machine / "test").iterdir())[0]
    changed = load(model)
    changed.provenance |= {"code": "0" * 64, "source": "0" * 64}
    changed.save(tmp_path / "changed.auscult")
    for command, target in (("score", machine / "test"), ("explain", clip), ("evaluate", machine)):
        lines = [line for line in run(command, model, target).stderr.splitlines() if "the code of" in line]
        assert lines == [], command
        lines = run(command, tmp_path / "changed.auscult", target).stderr.splitlines()
        assert sum("the code of the detector or of its features has changed" in line for line in lines) == 1
        output = run(command, tmp_path / "changed.auscult", target, "--json").stdout
        for line in output.splitlines():
            assert any("the code of" in warning for warning in json.loads(line)["warnings"]), command


def test_inspect_text(run, model):
    lines = dict(line.split("  ", 1) for line in run("inspect", model).stdout.splitlines())
    assert lines["detector"].strip() == "autoencoder"
    assert lines["calibration"].strip() == "crossfit, 20 source, 4 target"
    assert "n_mels=128" in lines["front end"]
    assert (
        lines["config"].split()[0] == "score=mse"
    )  # the score in use, though the option was left at its default


@pytest.mark.parametrize(
    "spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-9] + b"x" + b[-8:]]
)
def test_a_corrupt_model_is_reported_on_one_line(run, model, tmp_path, spoil):
    damaged = tmp_path / "damaged.auscult"
    damaged.write_bytes(spoil(model.read_bytes()))
    for arguments in (["inspect", damaged], ["score", damaged, "x.wav"], ["evaluate", damaged, tmp_path]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {damaged}: ")
        assert len(result.stderr.splitlines()) == 1


def test_evaluate_json_equals_the_result_of_the_python_api(run, model, machine):
    result = run("evaluate", model, machine, "--json", "--quiet")
    assert result.exit_code == 0
    output = json.loads(result.stdout)
    evaluation = evaluate(load(model), open_corpus(machine).for_evaluation())
    expected = json.loads(json.dumps(evaluation.to_json()))
    assert {k: v for k, v in output.items() if k != "threshold_from"} == expected
    assert output["threshold_from"] == {"method": "conformal", "rate": 0.05}
    for name in ("auc_source", "auc_target", "pauc", "harmonic_mean", "false_alarm_rate_source", "f1_target"):
        assert set(output[name]) == METRIC
        assert 0 <= output[name]["low"] <= output[name]["value"] <= output[name]["high"] <= 1
    assert output["auc_source"]["value"] > 0.9
    assert set(output["sections"]) == {"00"}
    assert set(output["attributes"]) == {"spd=0", "spd=1"}
    assert output["errors"] == []


def test_evaluate_text_has_all_parts(run, model, machine):
    result = run("evaluate", model, machine)
    for part in ("AUC source", "AUC target", "pAUC", "harmonic mean", "precision", "recall", "F1", "spd=1"):
        assert part in result.stdout
    assert "the accepted 5 %" in result.stdout
    assert "official" not in result.stdout


def test_evaluate_by_the_rules_of_a_year(run, model, machine):
    output = json.loads(run("evaluate", model, machine, "--year", 2024, "--json", "-q").stdout)
    assert output["year"] == 2024
    assert set(output["official_score"]) == METRIC
    assert "official score 2024" in run("evaluate", model, machine, "--year", 2024, "-q").stdout
    assert run("evaluate", model, machine, "--year", 1999, "-q").exit_code == 2


def test_evaluate_at_a_given_threshold(run, model, machine):
    output = json.loads(run("evaluate", model, machine, "--threshold", "0", "--json", "-q").stdout)
    assert output["threshold"] == 0
    assert output["recall_source"]["value"] == output["false_alarm_rate_source"]["value"] == 1


def test_evaluate_without_a_threshold_has_no_decision_metrics(run, model, machine):
    result = run("evaluate", model, machine, "--false-alarms", "1%", "--json", "-q")
    output = json.loads(result.stdout)
    assert output["threshold"] is None
    assert "precision_source" not in output
    assert "75 more are needed" in result.stderr


def test_evaluate_a_plain_folder_without_domains(run, model, machine, tmp_path):
    for condition in ("normal", "anomaly"):
        (tmp_path / condition).mkdir()
        for i, clip in enumerate(sorted((machine / "test").glob(f"*{condition}*"))):
            shutil.copy(clip, tmp_path / condition / f"{i}.wav")
    output = json.loads(run("evaluate", model, tmp_path, "--json", "-q").stdout)
    assert output["auc_target"] is None
    assert output["auc_source"]["value"] > 0.9
    text = run("evaluate", model, tmp_path, "-q").stdout
    assert "AUC target" not in text
    assert "in the source domain" not in text


def test_evaluate_shows_each_section_where_there_are_several(run, model, machine, tmp_path):
    folder = tmp_path / "fan"
    shutil.copytree(machine, folder)
    for clip in sorted((machine / "test").iterdir()):
        shutil.copy(clip, folder / "test" / clip.name.replace("section_00", "section_03"))
    result = run("evaluate", model, folder, "-q")
    assert result.exit_code == 0, result.output
    table = result.stdout.partition("section  ")[2].splitlines()
    assert table[0].split() == ["AUC", "source", "AUC", "target", "pAUC", "harmonic", "mean"]
    assert [line.split()[0] for line in table[2:4]] == ["00", "03"]
    assert table[2].split()[1] == table[3].split()[1]  # the same clips, the same figures


def test_evaluate_does_the_rest_and_is_4(run, model, machine, broken_file, tmp_path):
    folder = tmp_path / "fan"
    shutil.copytree(machine, folder)
    bad = folder / "test" / "section_00_source_test_normal_0099_spd_0.wav"
    shutil.copy(broken_file, bad)
    result = run("evaluate", model, folder, "--json", "-q")
    assert result.exit_code == 4
    assert [error["path"] for error in json.loads(result.stdout)["errors"]] == [str(bad)]
    assert str(bad) in result.stderr


def test_evaluate_refuses_unlabelled_clips_and_several_machines(run, model, machine, tmp_path):
    unlabelled = tmp_path / "unlabelled"
    unlabelled.mkdir()
    shutil.copy(next((machine / "train").iterdir()), unlabelled / "a.wav")
    result = run("evaluate", model, unlabelled)
    assert result.exit_code == 1
    assert "no condition" in result.stderr
    for name in ("fan", "valve"):
        shutil.copytree(machine, tmp_path / "many" / name)
    result = run("evaluate", model, tmp_path / "many")
    assert result.exit_code == 1
    assert "2 machines (fan, valve)" in result.stderr


def test_insufficient_labels_are_reported_before_scoring(run, model, machine, tmp_path, monkeypatch):
    monkeypatch.setattr("auscult.model.Model.score_many", lambda *_, **__: pytest.fail("scoring started"))
    folder = tmp_path / "normal"
    shutil.copytree(machine / "train", folder)
    for clip in sorted(folder.iterdir()):
        clip.rename(folder / f"{clip.stem[-10:]}.wav")
    for name in (folder, tmp_path):  # without conditions, and without anomalies
        result = run("evaluate", model, name)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {name}: ")
    assert "anomal" in result.stderr


def test_evaluate_warns_about_another_machine(run, model, machine, tmp_path):
    shutil.copytree(machine, tmp_path / "valve")
    result = run("evaluate", model, tmp_path / "valve", "-q")
    assert "the model was fitted on fan, but these are recordings of valve" in result.stderr


def test_metrics_agree_with_the_printed_scores(run, model, machine):
    lines = run("score", model, machine / "test", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    normal = np.array(["normal" in row["path"].rsplit("/", 1)[1] for row in rows])
    source = np.array(["_source_" in row["path"] for row in rows])
    alarms = np.array([row["anomalous"] for row in rows])
    output = json.loads(run("evaluate", model, machine, "--json", "-q").stdout)
    assert output["false_alarm_rate_source"]["value"] == pytest.approx(alarms[normal & source].mean())
    assert output["recall_target"]["value"] == pytest.approx(alarms[~normal & ~source].mean())


def test_inspect_does_not_list_the_clips_of_a_memory(run, machine, tmp_path):
    path = tmp_path / "memory.auscult"
    assert run("fit", machine, "-o", path, "--detector", "spectral_memory", "--quiet").exit_code == 0
    assert "clips" not in json.loads(run("inspect", path, "--json").stdout)["facts"]


def test_inspect_shows_no_data_of_single_recordings():
    facts = {"cut_from": [None, "monday"], "classes": ["fan"], "history": [{"epoch": 1}, {"epoch": 2}]}
    output = _summary({**facts, "members": {"one": {"score": "mse", "facts": facts}}})
    short = {"classes": ["fan"], "last_epoch": {"epoch": 2}}
    assert output == {**short, "members": {"one": {"score": "mse", "facts": short}}}


def _labelled_folder(folder, normals, anomalies):
    for condition, clips in (("normal", normals), ("anomaly", anomalies)):
        (folder / condition).mkdir(parents=True)
        for i, clip in enumerate(clips):
            shutil.copy(clip, folder / condition / f"{i:03}.wav")
    return folder


def test_evaluate_makes_no_statement_for_recordings_that_the_model_was_fitted_on(
    run, model, machine, tmp_path
):
    learned = sorted((machine / "train").iterdir())
    normals, anomalies = (sorted((machine / "test").glob(f"*{c}*")) for c in ("normal", "anomaly"))
    refused = run("evaluate", model, _labelled_folder(tmp_path / "learned", learned, anomalies), "-q")
    assert refused.exit_code == 1
    assert "fitted on 24 of these 40 recordings" in refused.stderr
    assert "accepted" not in refused.stdout

    some = run(
        "evaluate",
        model,
        _labelled_folder(tmp_path / "some", [*learned, *normals], anomalies),
        "--json",
        "-q",
    )
    assert some.exit_code == 0
    assert "Warning: the model was fitted on 24 of these 56 recordings" in some.stderr
    output = json.loads(some.stdout)
    assert len(output["fitted_on"]) == 24
    assert output["clips"] == {"normal": 16, "anomaly": 16}
    others = run("evaluate", model, _labelled_folder(tmp_path / "others", normals, anomalies), "--json", "-q")
    assert output["false_alarm_rate_source"] == json.loads(others.stdout)["false_alarm_rate_source"]


def test_evaluate_refuses_a_recording_with_both_labels(run, model, machine, tmp_path):
    normals, anomalies = (sorted((machine / "test").glob(f"*{c}*"))[:6] for c in ("normal", "anomaly"))
    folder = _labelled_folder(tmp_path / "wav", normals, [*anomalies, normals[2]])
    result = run("evaluate", model, folder, "-q")
    assert result.exit_code == 1
    for path in (folder / "normal" / "002.wav", folder / "anomaly" / "006.wav"):
        assert str(path) in result.stderr
    rows = [f"wav/{c}/{i:03}.wav,{c}" for c in ("normal", "anomaly") for i in range(6)]
    manifest = tmp_path / "both.csv"
    manifest.write_text("\n".join(["path,condition", *rows, "wav/normal/000.wav,anomaly"]))
    result = run("evaluate", model, manifest, "-q")
    assert result.exit_code == 1
    assert "wav/normal/000.wav is labelled normal and" in result.stderr


def test_evaluate_of_one_clip_of_each_condition_gives_their_number_instead_of_an_interval(
    run, model, normal_clip, machine, tmp_path
):
    clips = [sorted((machine / "test").glob(f"*{c}*"))[:1] for c in ("normal", "anomaly")]
    result = run("evaluate", model, _labelled_folder(tmp_path / "one", *clips), "-q")
    assert "[" not in result.stdout.partition("at the threshold")[0].partition("interval]")[2]
    assert "independent recordings: 1 normal, 1 anomaly" in result.stdout
    notes = [line for line in result.stdout.splitlines() if line.startswith("note:")]
    assert notes[0].startswith(
        "note: AUC, pAUC, harmonic mean: no interval: 1 normal and 1 anomalous independent recordings"
    )
    assert len({note.rpartition("no interval: ")[2] for note in notes}) == len(notes), "one line for a reason"
    assert any("recall" in note for note in notes)


def test_evaluate_says_what_the_auc_of_a_domain_compares(run, model, machine):
    for options, anomalies in (((), "of both domains"), (("--year", 2021), "of the domain")):
        lines = run("evaluate", model, machine, "-q", *options).stdout.splitlines()
        legend = "AUC source, AUC target: normal clips of the domain against the anomalous clips"
        assert f"{legend} {anomalies}" in lines


def test_evaluate_says_that_scores_are_reversed_or_equal(run, model, machine, tmp_path, monkeypatch):
    clips = [sorted((machine / "test").glob(f"*{c}*")) for c in ("anomaly", "normal")]
    result = run("evaluate", model, _labelled_folder(tmp_path / "reversed", *clips), "-q")
    assert result.stderr.count("AUC far below 50 %") == 1
