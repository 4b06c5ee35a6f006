"""A small benchmark, run once: two machines, names with markup, few clips and epochs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from auscult.benchmark import run_bench
from auscult.evaluation import read_results, write_results
from auscult.report.bench_report import environment as new_environment

HOSTILE = "<img src=x onerror=alert(1)>&\"'"
RATE = 16000


def write_machine(folder, *, seed, seconds=1.0):
    rng = np.random.default_rng(seed)
    plan = [("train", "source", "normal", 8), ("train", "target", "normal", 2)]
    plan += [("test", d, c, 4) for d in ("source", "target") for c in ("normal", "anomaly")]
    for split, domain, condition, count in plan:
        (folder / split).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            time = np.arange(round(RATE * seconds)) / RATE
            tone = np.sin(2 * np.pi * (220 + 30 * (domain == "target")) * time)
            if condition == "anomaly":
                tone += 0.8 * np.sin(2 * np.pi * 2500 * time)
            samples = 0.1 * tone + rng.normal(0, 0.02, len(time))
            name = f"section_00_{domain}_{split}_{condition}_{number:04d}_v_{HOSTILE}.wav"
            soundfile.write(folder / split / name, samples, RATE)


@pytest.fixture(scope="session")
def finished_bench(tmp_path_factory):
    """The folders (recordings, results) of a finished benchmark; tests must not change them."""
    folder = tmp_path_factory.mktemp("bench")
    root = folder / "data & <b>more"
    write_machine(root / "fan", seed=0)
    write_machine(root / "old <i>pump", seed=1)
    run_bench(
        root,
        detectors=["autoencoder", "gamma_vae@exact"],
        seeds=[0],
        output=folder / "results",
        settings={"epochs": 2, "hidden": 16},
    )
    _add_seed(folder / "results", 1)
    return root, folder / "results"


def _add_seed(results, seed):
    """Adds a second seed as a copy of the first, since fitting takes time."""
    for first in list(results.glob("stages/*/*/seed0")):
        shutil.copytree(first, first.with_name(f"seed{seed}"))
    rows = read_results(results / "results.csv")
    write_results(results / "results.csv", [*rows, *(replace(row, seed=seed) for row in rows)])
    facts = json.loads((results / "results.json").read_text())
    (results / "results.json").write_text(json.dumps({**facts, "seeds": [0, seed]}))


@pytest.fixture
def hostile_name():
    """The markup that is part of every file name of the benchmark."""
    return HOSTILE


@pytest.fixture
def bench(finished_bench, tmp_path):
    """A copy of the results folder that a test may change."""
    shutil.copytree(finished_bench[1], tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture(scope="session")
def environment():
    """The environment of the templates."""
    return new_environment()
