"""``bench`` with test recordings whose names do not say what they are."""

from __future__ import annotations

import json
import shutil

import pytest
import soundfile

OPTIONS = ("--detectors", "pooled_gaussian", "--seeds", "0,", "--set", "n_mels=16", "--quiet")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory, machine_sound):
    """``pump_A`` with clear names, and ``pump_B``, whose anomalies are called ``knock_1.wav``."""
    root = tmp_path_factory.mktemp("fleet")
    for number, (machine, name) in enumerate((("pump_A", "faulty"), ("pump_B", "knock"))):
        for folder in ("train", "test"):
            (root / machine / folder).mkdir(parents=True)
        for i in range(12):
            folder, stem = ("train", "normal") if i < 6 else ("test", "normal" if i < 9 else name)
            sound = machine_sound(100 * number + i, broken=stem == name)
            soundfile.write(root / machine / folder / f"{stem}_{i}.wav", sound, 8000)
    return root


def test_a_machine_with_unclear_test_recordings_is_an_error_that_names_the_option(run, fleet, tmp_path):
    result = run("bench", fleet, "-o", tmp_path / "r", *OPTIONS)
    assert result.exit_code == 4
    assert "Error: pump_B: " in result.stderr
    assert "--condition 'knock*=anomaly'" in result.stderr
    assert "section None" not in result.output
    assert "pump_A" in result.stdout


def test_conditions_can_be_stated(run, fleet, tmp_path):
    for options in (("--condition", "knock*=anomaly"), ("--json", "--condition", "knock*=anomaly")):
        result = run("bench", fleet, "-o", tmp_path / "r", *OPTIONS, *options)
        assert result.exit_code == 0, result.output
    assert {row["machine"] for row in json.loads(result.stdout)["results"]} == {"pump_A", "pump_B"}
    assert run("bench", fleet, "-o", tmp_path / "r", *OPTIONS, "--condition", "knok*=anomaly").exit_code == 2


def test_conditions_can_be_stated_in_a_file(run, fleet, tmp_path):
    file = tmp_path / "experiment.toml"
    file.write_text(f'root = "{fleet}"\n[condition]\n"knock*" = "anomaly"\n')
    result = run("bench", file, "-o", tmp_path / "r", *OPTIONS)
    assert result.exit_code == 0, result.output


def test_test_recordings_of_one_condition_have_no_metrics(run, fleet, tmp_path):
    shutil.copytree(fleet / "pump_A", tmp_path / "plant" / "pump_A")
    for path in (tmp_path / "plant" / "pump_A" / "test").glob("faulty*"):
        path.unlink()
    result = run("bench", tmp_path / "plant", "-o", tmp_path / "r", *OPTIONS)
    assert result.exit_code == 4
    assert "scores but no metrics" in result.stderr
    assert "section None" not in result.output
