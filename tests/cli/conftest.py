"""A synthetic machine on disk, a small model of it, and ways to run the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

from auscult.cli import commands

RATE = 8000
Run = Callable[..., Result]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs auscult in this process: ``run("score", model, file).exit_code``."""

    def invoke(*arguments: object) -> Result:
        result = CliRunner().invoke(commands, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """Starts auscult in a process of its own, with the default handling of Ctrl-C."""

    def popen(*arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "auscult", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return popen


@pytest.fixture(scope="session")
def machine(tmp_path_factory, machine_sound) -> Path:
    """A DCASE machine folder ``fan``: 24 training clips, and test clips of both domains and conditions."""
    folder = tmp_path_factory.mktemp("data") / "fan"
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    for i in range(24):
        domain = "source" if i < 20 else "target"
        name = f"section_00_{domain}_train_normal_{i:04d}_spd_{i % 2}.wav"
        soundfile.write(folder / "train" / name, machine_sound(i), RATE)
    for i in range(8):
        for domain in ("source", "target"):
            for condition in ("normal", "anomaly"):
                name = f"section_00_{domain}_test_{condition}_{i:04d}_spd_{i % 2}.wav"
                seed = 100 + i + (50 if domain == "target" else 0)
                samples = machine_sound(seed, broken=condition == "anomaly")
                soundfile.write(folder / "test" / name, samples, RATE)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory, machine, run) -> Path:
    """A model of that machine, calibrated on all its training clips."""
    path = tmp_path_factory.mktemp("models") / "fan.auscult"
    options = ("--epochs", 40, "--set", "batch_size=32")
    result = run("fit", machine, "-o", path, "--detector", "autoencoder", *options, "--quiet")
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="session")
def normal_clip(machine) -> Path:
    """A recording of normal operation."""
    return machine / "train" / "section_00_source_train_normal_0003_spd_1.wav"


@pytest.fixture(scope="session")
def faulty_clip(machine) -> Path:
    """A recording of the fault."""
    return machine / "test" / "section_00_source_test_anomaly_0000_spd_0.wav"


@pytest.fixture
def broken_file(tmp_path) -> Path:
    """A file that is not audio."""
    path = tmp_path / "not_audio.wav"
    path.write_text("this is not audio")
    return path
