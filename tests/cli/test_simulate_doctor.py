"""``simulate`` and ``doctor``."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult import open_corpus
from auscult.cli import doctor
from auscult.corpus.feature_cache import FeatureCache

SMALL = ("--clips", 4, "--test-clips", 1, "--seconds", 2)


def test_simulated_machines_are_written_where_reported(run, tmp_path):
    result = run("simulate", tmp_path, "--machines", 2, *SMALL, "--seed", 3, "--json")
    assert result.exit_code == 0, result.output
    machines = json.loads(result.stdout)["machines"]
    assert list(machines) == ["fan", "gearbox"]
    for name, folder in machines.items():
        corpus = open_corpus(folder)
        assert len(corpus.for_training()) == 4
        assert len(corpus.for_evaluation()) == 4
        assert corpus.machines == (name,)
        assert soundfile.info(corpus[0].path).duration == 2


def test_machines_by_name_and_the_suggested_command(run, tmp_path):
    result = run("simulate", tmp_path, "--machines", "valve, fan_2", *SMALL)
    assert [line.split()[0] for line in result.stdout.splitlines()[:2]] == [
        str(tmp_path / "valve"),
        str(tmp_path / "fan_2"),
    ]
    assert result.stdout.count("simulated") == 2
    assert result.stdout.endswith(f"auscult fit {tmp_path / 'valve'} -o valve.auscult\n")


def test_the_number_of_target_clips_can_be_set(run, tmp_path):
    result = run("simulate", tmp_path, "--machines", 1, *SMALL, "--target-clips", 0, "-q")
    assert result.exit_code == 0, result.output
    assert {clip.domain for clip in open_corpus(tmp_path / "fan").for_training()} == {"source"}
    assert run("simulate", tmp_path / "more", *SMALL, "--target-clips", 4).exit_code == 2


@pytest.mark.parametrize("options", [["--machines", "teapot"], ["--clips", 1], ["--seconds", 0]])
def test_wrong_simulation_options_are_exit_code_2(run, tmp_path, options):
    assert run("simulate", tmp_path, *options).exit_code == 2


def test_the_range_of_seconds_is_shown(run, tmp_path):
    assert "2<=x<=600" in run("simulate", "--help").stdout
    result = run("simulate", tmp_path, "--seconds", 1)
    assert result.stderr.splitlines()[-1].endswith("'--seconds': 1.0 is not in the range 2<=x<=600.")


def test_another_seed_in_the_same_folder_is_refused(run, tmp_path):
    assert run("simulate", tmp_path, "--machines", 1, *SMALL, "-q").stderr == ""
    result = run("simulate", tmp_path, "--machines", 1, *SMALL, "--seed", 1)
    assert result.exit_code == 1
    assert str(tmp_path) in result.stderr


def test_doctor_json(run):
    result = run("doctor", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["python"] == sys.version.split()[0]
    assert report["packages"]["numpy"] == version("numpy")
    assert set(report["packages"]) == set(doctor.dependencies()[0])
    assert report["optional"]["torch"] == {
        "version": version("torch"), "for": "fitting networks", "extra": "train",
    }  # fmt: skip
    assert report["devices"][0] == "cpu"
    assert report["cores"] >= 1
    assert report["memory_bytes"] > 1e8
    assert report["sound"]["formats"]["WAV"] is True
    assert isinstance(report["sound_devices"], list)
    assert isinstance(report["microphones"], list)


def test_doctor_reports_what_is_missing_and_how_to_install_it(run, monkeypatch):
    real = doctor._version
    missing = {"torch", "onnx", "matplotlib", "soxr"}
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in missing else real(name))
    result = run("doctor")
    assert result.exit_code == 0
    assert "torch and onnx are required for fitting networks: pip install 'auscult[train]'" in result.stdout
    assert "matplotlib is required for pictures and reports: pip install 'auscult[report]'" in result.stdout
    assert "soxr is missing" in result.stdout
    assert "Nothing is missing" not in result.stdout


def test_doctor_reports_the_cache(run, monkeypatch, tmp_path):
    assert json.loads(run("doctor", "--json").stdout)["cache"] is None
    assert "AUSCULT_CACHE" in run("doctor").stdout
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path))
    monkeypatch.setenv("AUSCULT_CACHE_BYTES", "5000000")
    FeatureCache(tmp_path / "log_mels").put("a", np.zeros((10, 128), np.float32))
    report = json.loads(run("doctor", "--json").stdout)["cache"]
    folder = str(tmp_path / "log_mels")
    assert report == {"folder": folder, "entries": 1, "bytes": 16 + 5120, "max_bytes": 5000000}
    assert f"1 entry, 0.00 of 0.005 GB, in {folder}" in run("doctor").stdout
    monkeypatch.setenv("AUSCULT_CACHE_BYTES", "much")
    result = run("doctor")
    assert result.exit_code == 0
    assert re.search(r"^cache +AUSCULT_CACHE_BYTES must be a number", result.stdout, re.MULTILINE)
    monkeypatch.delenv("AUSCULT_CACHE_BYTES")
    (tmp_path / "file").touch()
    monkeypatch.setenv("AUSCULT_CACHE", str(tmp_path / "file"))
    report = json.loads(run("doctor", "--json").stdout)
    assert "file is not a folder" in report["cache_problem"]
    assert report["cache_problem"] in report["advice"]


def test_doctor_checks_the_declared_dependencies():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    def names(requirements):
        return {re.split("[<>=~;]", requirement)[0] for requirement in requirements}

    required, optional = doctor.dependencies()
    extras = project["optional-dependencies"]
    assert set(required) == names(project["dependencies"])
    assert set(optional) == set().union(*(names(extras[extra]) for extra in doctor.PURPOSES))
    assert set(extras) - set(doctor.PURPOSES) <= {"dev", "docs"}, "every extra for users has a purpose"


def test_doctor_without_metadata_of_the_package(monkeypatch):
    def not_installed(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "requires", not_installed)
    assert doctor.dependencies() == ([], {})


def test_doctor_lists_capture_devices(monkeypatch, tmp_path):
    arecord = tmp_path / "arecord"
    listing = "**** List ****\ncard 1: USB [Mic], device 0: USB Audio"
    arecord.write_text(f"#!/bin/sh\necho '{listing}'\n")
    arecord.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert doctor._sound_devices() == ["card 1: USB [Mic], device 0: USB Audio"]


def test_doctor_survives_a_broken_torch(monkeypatch):
    def broken(name):
        raise OSError("libgomp is missing")

    monkeypatch.setattr(doctor, "import_module", broken)
    assert doctor._training_devices() == ["torch cannot be imported: libgomp is missing"]
    assert not any(doctor._sound()["formats"].values())
