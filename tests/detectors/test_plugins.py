"""Detectors of other packages: a package with an entry point is found, and a broken one harms no other."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import auscult
from auscult.cli import commands
from auscult.detectors import DETECTORS, detector_names, detector_type, find_plugins, register
from auscult.detectors.descriptions import describe_all, describe_detector
from auscult.errors import ModelFileError, OptionError, PluginError

RATE = 8000
LOUDNESS = '''
from dataclasses import dataclass

import numpy as np

from auscult.detectors import Config, Detector, Evidence


@dataclass
class LoudnessConfig(Config):
    power: float = 1.0


class Loudness(Detector):
    """Difference of the mean level from that of the normal recordings."""

    name = "loudness"
    scores = ("difference",)
    config_type = LoudnessConfig

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"mean": np.array([np.mean([self.level(r) for r in recordings])])}
        return self

    def level(self, recording):
        return recording.log_mel(self.config.front_end).mean(dtype=np.float64)

    def score(self, recording, *, explain=False):
        self.check_fitted()
        frames = recording.log_mel(self.config.front_end)
        difference = abs(self.level(recording) - self.arrays["mean"][0]) ** self.config.power
        return Evidence({"difference": float(difference)}, {"difference": frames} if explain else {})

    def expected_shapes(self):
        return {"mean": (1,)}
'''
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path, monkeypatch) -> Install:
    """Installs a package of one module, as its wheel would, in a folder where Python looks for packages."""

    def installed(package: str, code: str = LOUDNESS, **entry_points: str) -> Path:
        folder = tmp_path / package
        metadata = folder / f"{package}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (folder / f"{package}.py").write_text(code)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        (metadata / "entry_points.txt").write_text("\n".join(["[auscult.detectors]", *lines]))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, package, raising=False)
        return folder

    return installed


def test_a_detector_of_another_package_is_known_and_imported_on_first_use(install, monkeypatch):
    with pytest.raises(OptionError, match="no detector named 'loudness'"):
        detector_type("loudness")
    install("loud_package", loudness="loud_package:Loudness")
    assert detector_names() == [*DETECTORS, "loudness"]
    assert find_plugins()["loudness"].distribution == "loud_package 1.0"
    assert "loud_package" not in sys.modules
    kind = detector_type("loudness")
    assert kind is sys.modules["loud_package"].Loudness
    assert "loudness" not in DETECTORS
    description = describe_detector("loudness")
    assert (description.distribution, description.options[0].name) == ("loud_package 1.0", "power")


def test_built_in_detectors_need_no_search_for_packages(monkeypatch):
    def fail(**_):
        raise AssertionError("entry points are read")

    monkeypatch.setattr("auscult.detectors.plugins.entry_points", fail)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert detector_type("auto").name == "auto"


@pytest.mark.parametrize(
    ("package", "code", "value", "reason"),
    [
        ("broken_import", "import no_such_module", "broken_import:Loudness", "No module named"),
        ("broken_syntax", "def", "broken_syntax:Loudness", "SyntaxError"),
        ("leaves_python", "raise SystemExit(3)", "leaves_python:Loudness", "SystemExit"),
        ("lacks_class", LOUDNESS, "lacks_class:Loud", "AttributeError"),
        ("is_function", "def Loudness(): pass", "is_function:Loudness", "not a subclass"),
        ("other_name", LOUDNESS.replace('"loudness"', '"noise"'), "other_name:Loudness", "name 'noise'"),
        ("no_scores", LOUDNESS.replace("scores", "values"), "no_scores:Loudness", "define scores"),
        ("no_config", LOUDNESS.replace("= LoudnessConfig", "= dict"), "no_config:Loudness", "config_type"),
        ("no_fit", LOUDNESS.replace("def fit", "def learn"), "no_fit:Loudness", "define fit"),
    ],
)
def test_a_broken_package_is_named_and_harms_no_other(install, package, code, value, reason):
    install("loud_package", LOUDNESS.replace('"loudness"', '"fine"'), fine="loud_package:Loudness")
    install(package, code, loudness=value)
    with pytest.raises(PluginError, match=reason) as raised:
        detector_type("loudness")
    assert (raised.value.detector, raised.value.distribution) == ("loudness", f"{package} 1.0")
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    described, errors = describe_all()
    assert [description.name for description in described] == [*DETECTORS, "fine"]
    assert [error.detector for error in errors] == ["loudness"]


def test_names_of_built_in_detectors_are_not_replaced(install):
    built_in = detector_type("auto")
    install("loud_package", LOUDNESS.replace('"loudness"', '"auto"'), auto="loud_package:Loudness")
    assert detector_type("auto") is built_in
    assert detector_names() == list(DETECTORS)
    with pytest.raises(PluginError, match="auscult has a detector of this name"):
        find_plugins()["auto"].load()


def test_a_name_of_two_packages_can_be_used_for_neither(install):
    for package in ("loud_package", "other_package"):
        install(package, loudness=f"{package}:Loudness")
    with pytest.raises(PluginError, match=r"loud_package 1\.0, other_package 1\.0"):
        detector_type("loudness")
    assert "loudness" not in detector_names()


def test_a_class_with_the_name_of_a_plugin_is_refused(install):
    install("loud_package", loudness="loud_package:Loudness")
    register(detector_type("loudness"))
    assert "loudness" not in DETECTORS
    install("own_module", LOUDNESS)
    import own_module

    with pytest.raises(OptionError, match="the name of another detector"):
        register(own_module.Loudness)


def test_a_model_file_is_read_only_where_the_package_is_installed(
    install, monkeypatch, machine_sound, tmp_path
):
    folder = install("loud_package", loudness="loud_package:Loudness")
    clips = [machine_sound(seed) for seed in range(6)]
    model = auscult.fit(clips, "loudness", sample_rate=RATE, power=2)
    model.save(tmp_path / "model.auscult")
    loaded = auscult.load(tmp_path / "model.auscult")
    assert loaded.detector.config.power == 2
    assert loaded.score(clips[0], RATE).scores == model.score(clips[0], RATE).scores
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(folder)])
    with pytest.raises(ModelFileError, match=r"'loudness' is not installed here: install loud_package 1\.0"):
        auscult.load(tmp_path / "model.auscult")
    install("loud_package2", "import no_such_module", loudness="loud_package2:Loudness")
    with pytest.raises(ModelFileError, match=r"loud_package2 1\.0 cannot be used"):
        auscult.load(tmp_path / "model.auscult")


@pytest.fixture
def machines(tmp_path, machine_sound) -> Path:
    """Two machines with the recordings of one folder each."""
    for machine in ("fan", "pump"):
        folder = tmp_path / "machines" / machine / "train"
        folder.mkdir(parents=True)
        for seed in range(6):
            name = f"section_00_source_train_normal_{seed:04d}_x.wav"
            soundfile.write(folder / name, machine_sound(seed), RATE, subtype="FLOAT")
    return tmp_path / "machines"


@pytest.mark.slow
def test_the_command_line_and_the_workers_use_the_detector(install, machines, tmp_path):
    folder = install("loud_package", loudness="loud_package:Loudness", auto="loud_package:Loudness")
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(folder)])

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "auscult", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert done.returncode == 0, done.stderr
        return done

    listed = run("detectors")
    assert "loud_package 1.0" in listed.stdout
    assert "the detector 'auto' of loud_package 1.0 cannot be used" in listed.stderr
    assert "package   loud_package 1.0" in run("detectors", "loudness").stdout
    reported = json.loads(run("doctor", "--json").stdout)["plugins"]
    assert [(p["detector"], p["package"], bool(p["problem"])) for p in reported] == [
        ("auto", "loud_package 1.0", True),
        ("loudness", "loud_package 1.0", False),
    ]
    run("fit", machines, "-o", f"{tmp_path}/models/", "--detector", "loudness", "--jobs", 2, "--quiet")
    models = sorted((tmp_path / "models").glob("*.auscult"))
    assert [model.stem for model in models] == ["fan", "pump"]
    clip = next(machines.glob("fan/train/*.wav"))
    score = json.loads(run("score", models[0], clip, "--json").stdout.splitlines()[0])
    assert np.isfinite(score["score"])


def test_the_list_of_detectors_names_the_package_of_a_plugin(install):
    install("loud_package", loudness="loud_package:Loudness")
    (line,) = (
        line
        for line in CliRunner().invoke(commands, ["detectors"]).stdout.splitlines()
        if line.startswith("loudness")
    )
    assert "from loud_package 1.0" in line
    described = CliRunner().invoke(commands, ["detectors", "loudness"]).stdout
    assert "loud_package 1.0" in next(line for line in described.splitlines() if line.startswith("package"))
    assert "nothing else" in next(line for line in described.splitlines() if line.startswith("needs"))
