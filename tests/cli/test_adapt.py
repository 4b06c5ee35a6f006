"""``auscult adapt``: the files it writes, its output, and what it refuses to overwrite."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile

import auscult


@pytest.fixture(scope="module")
def targets(machine):
    """Normal recordings of the target domain that the model was not fitted on."""
    return sorted((machine / "test").glob("*_target_test_normal_*"))[:4]


@pytest.fixture
def copy(model, tmp_path):
    """The model in a folder of its own."""
    return shutil.copy(model, tmp_path / "fan.auscult")


def test_writes_a_new_model_and_keeps_the_old_one(run, model, copy, targets, tmp_path):
    before = (tmp_path / "fan.auscult").read_bytes()
    result = run("adapt", "--accept", copy, *targets)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "fan.auscult").read_bytes() == before
    adapted = auscult.load(tmp_path / "fan.adapted.auscult")
    assert adapted.provenance["domains"] == {"source": 20, "target": 8}
    assert len(adapted.calibration) == 28
    lines = dict(line.split(None, 1) for line in result.stdout.splitlines() if line[:1].islower())
    assert lines["recordings"] == "24 → 28 (4 added)"
    assert "4 recordings added: covariance of the residual from" in lines["changed"]
    assert lines["calibration"] == "crossfit, 24 → 28 recordings"
    limits = [f"{m.threshold().value:.6g}" for m in (auscult.load(copy), adapted)]
    assert lines["threshold"] == f"{limits[0]} → {limits[1]} (5 % false alarms)"
    assert "test clips among the recordings added (4 of 4" in result.stderr
    assert run("score", tmp_path / "fan.adapted.auscult", targets[0]).exit_code == 0


def test_the_output_names_costs_and_no_domain(run, copy, targets):
    result = run("adapt", copy, *targets, "--accept", "-q")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any("of 4 recordings are above the threshold of the model" in line for line in lines)
    assert [line.split()[0] for line in lines if "%" in line and "→" in line][:2] == [
        "threshold",
        "false",
    ]
    assert any(line.endswith("% of 24 earlier recordings") for line in lines)
    assert any(line.endswith("% of 4 new recordings") for line in lines)
    words = result.stdout.split()
    assert not {"target", "source", "unknown"} & set(words)


@pytest.fixture
def changed(machine_sound, tmp_path):
    """Twenty recordings with a loud hiss, under names that do not say so."""
    folder = tmp_path / "today"
    folder.mkdir()
    for i in range(20):
        hiss = 0.1 * np.random.default_rng(i).standard_normal(8000)
        soundfile.write(folder / f"{i:02}.wav", machine_sound(700 + i) + hiss, 8000)
    return folder


def test_recordings_above_the_threshold_are_not_adapted_to(run, copy, changed, tmp_path):
    result = run("adapt", copy, changed, "-q")
    assert result.exit_code == 1
    assert "Error: 20 of 20 recordings are above the threshold of the model" in result.stderr
    options = [line.split()[0] for line in result.stderr.splitlines() if line.startswith("  --")]
    assert options == ["--accept", "--replace"]
    assert "if the machine was repaired" in result.stderr.splitlines()[-1]
    assert "recommended" not in result.stderr
    assert "If these may be faults of the machine or of the sensor, do not adapt" in result.stderr
    assert "accept=" not in result.stderr, "no Python in messages of the command line"
    assert not (tmp_path / "fan.adapted.auscult").exists()
    refusal = json.loads(run("adapt", copy, changed, "--json", "-q").stdout)
    assert refusal["model"] is None
    assert refusal["recommended"] is None
    assert (refusal["review"]["recordings"], refusal["review"]["above"]) == (20, 20)
    assert not (tmp_path / "fan.adapted.auscult").exists()


def test_replace_makes_a_model_of_the_new_recordings(run, copy, changed, machine, tmp_path):
    result = run("adapt", copy, changed, "--replace", "--json", "-q")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["replaced"], summary["calibration"]["count"]) == (24, 20)
    assert summary["domains"] == {"source": 20}
    assert summary["costs"]["earlier_false_alarms"]["count"] == 24
    replaced = auscult.load(tmp_path / "fan.adapted.auscult")
    assert len(replaced.normals.paths) == 20
    lines = run("adapt", copy, changed, "--replace", "--force", "-q").stdout
    assert "24 replaced by 20" in lines
    assert run("adapt", copy, changed, "--replace", "--accept", "--force").exit_code == 2


def test_evaluate_warns_if_the_model_was_adapted_to_test_clips(run, copy, machine, targets, tmp_path):
    run("adapt", "--accept", copy, *targets[:2])
    result = run("evaluate", tmp_path / "fan.adapted.auscult", machine, "-q")
    assert result.exit_code == 0, result.output
    assert "Warning: test clips among the recordings added (2 of 2" in result.stderr
    assert "test clips" not in run("evaluate", copy, machine, "-q").stderr


def test_json(run, copy, targets, tmp_path):
    result = run("adapt", "--accept", copy, *targets[:2], "-o", tmp_path / "new.auscult", "--json", "-q")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["model"] == str(tmp_path / "new.auscult")
    assert summary["added"] == {"target": 2}
    assert (summary["domains_before"], summary["domains"]) == (
        {"source": 20, "target": 4},
        {"source": 20, "target": 6},
    )
    assert summary["calibration"] == {"method": "crossfit", "before": 24, "count": 26}
    assert summary["threshold_before"] == auscult.load(copy).threshold().value
    assert summary["threshold"] == auscult.load(summary["model"]).threshold().value
    assert len(summary["changes"]) == 1


def test_no_file_is_overwritten_without_force(run, copy, targets, tmp_path):
    result = run("adapt", "--accept", copy, targets[0], "-o", copy, "--force")
    assert result.exit_code == 2
    assert "would overwrite MODEL" in result.stderr
    link = tmp_path / "link.auscult"
    link.symlink_to(copy)
    assert run("adapt", "--accept", copy, targets[0], "-o", link, "--force").exit_code == 2
    existing = tmp_path / "fan.adapted.auscult"
    existing.write_text("of yesterday")
    result = run("adapt", "--accept", copy, targets[0])
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert existing.read_text() == "of yesterday"
    assert run("adapt", "--accept", copy, targets[0], "--force").exit_code == 0
    assert auscult.load(existing).provenance["clips"] == 25


def test_the_domain_option_applies_to_recordings_without_one(run, copy, machine, targets, tmp_path):
    plain = tmp_path / "monday.wav"
    shutil.copy(targets[0], plain)
    for given, domains in (
        ((), {"source": 20, "target": 5}),
        (("--domain", "source"), {"source": 21, "target": 4}),
    ):
        assert run("adapt", "--accept", copy, plain, *given, "--force").exit_code == 0
        assert auscult.load(tmp_path / "fan.adapted.auscult").provenance["domains"] == domains
    assert run("adapt", "--accept", copy, targets[0], "--domain", "source", "--force").exit_code == 0
    domains = auscult.load(tmp_path / "fan.adapted.auscult").provenance["domains"]
    assert domains == {"source": 20, "target": 5}, "the domain in a file name takes precedence"


def test_of_a_folder_only_new_training_clips_are_added(run, copy, machine, targets, tmp_path):
    grown = shutil.copytree(machine, tmp_path / "later" / "fan")
    for clip in targets:
        shutil.copy(clip, grown / "train" / clip.name.replace("_test_", "_train_").replace("_00", "_90"))
    (grown / "train" / "phone.m4a").touch()
    result = run("adapt", "--accept", copy, grown)
    assert result.exit_code == 0, result.output
    assert auscult.load(tmp_path / "fan.adapted.auscult").provenance["clips"] == 24 + 4
    assert "Warning: 24 of 28 recordings are already in the model" in result.stderr
    assert "Warning: 1 file of another kind was not read: 1 .m4a\n" in result.stderr
    result = run("adapt", "--accept", copy, machine / "test", "--force")
    assert result.exit_code == 1
    assert "test clips" in result.stderr


def test_segments_of_one_recording_are_scored_by_the_old_detector(run, copy, targets, tmp_path):
    same_speed = [path for path in targets if "spd_0" in path.name]
    assert len(same_speed) > 1
    assert run("adapt", "--accept", copy, *same_speed, "--group-by", "spd").exit_code == 0
    adapted, old = auscult.load(tmp_path / "fan.adapted.auscult"), auscult.load(copy)
    clips = [auscult.Clip(str(path)) for path in same_speed]
    scores = [score.scores["mahalanobis"] for score in old.score_many(clips)]
    assert adapted.calibration.scores["mahalanobis"][24:].tolist() == pytest.approx(scores)


def test_unusable_recordings_are_left_out(run, copy, targets, broken_file, tmp_path):
    result = run("adapt", "--accept", copy, targets[0], broken_file)
    assert result.exit_code == 4
    assert f"Error: 1 recording left out: {broken_file}" in result.stderr
    assert auscult.load(tmp_path / "fan.adapted.auscult").provenance["clips"] == 25
    assert run("adapt", "--accept", copy, broken_file, "--force").exit_code == 1


def test_recordings_of_a_faulty_sensor_are_left_out_and_the_next_command_is_quoted(
    run, copy, targets, tmp_path
):
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.random.default_rng(0).integers(0, 2, 8000) / 32768, 8000)
    output = tmp_path / "my fan.auscult"
    result = run("adapt", "--accept", copy, targets[0], silent, "-o", output, "-q")
    assert result.exit_code == 4
    assert f"Error: 1 recording left out: {silent}" in result.stderr
    assert "because of a sensor fault: silent" in result.stderr
    assert result.stdout.splitlines()[-1] == f"Next:  auscult score '{output}' NEW_RECORDINGS..."


def test_anomalies_are_refused(run, copy, faulty_clip, tmp_path):
    result = run("adapt", copy, faulty_clip)
    assert result.exit_code == 1
    assert "labelled as anomalies" in result.stderr
    assert not (tmp_path / "fan.adapted.auscult").exists()


def test_inspect_shows_adaptations(run, copy, targets, tmp_path):
    run("adapt", "--accept", copy, *targets[:2])
    run("adapt", "--accept", tmp_path / "fan.adapted.auscult", targets[2], "-o", tmp_path / "twice.auscult")
    lines = run("inspect", tmp_path / "twice.auscult").stdout.splitlines()
    adapted = [line for line in lines if line.startswith("adapted ")]
    assert ["2 recordings added" in adapted[0], "1 recording added" in adapted[1]] == [True] * 2
    assert all(" → " in line for line in adapted)
    assert not [line for line in lines if line.startswith("adaptations")]
    contents = json.loads(run("inspect", tmp_path / "twice.auscult", "--json").stdout)
    assert [entry["clips"] for entry in contents["provenance"]["adaptations"]] == [2, 1]
