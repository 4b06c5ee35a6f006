"""Fixtures: a data root of two small synthetic machines, and a finished benchmark of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

RATE = 8000
QUICK = {"epochs": "2", "n_mels": "32"}


@pytest.fixture(scope="session")
def root(tmp_path_factory, machine_sound) -> Path:
    """``fan`` with both domains, and ``pump`` with file names of 2020: no domains, two sections."""
    folder = tmp_path_factory.mktemp("root")
    for part in ("fan/train", "fan/test", "pump/train", "pump/test"):
        (folder / part).mkdir(parents=True)
    seed = 0

    def write(name: str, *, broken: bool) -> None:
        nonlocal seed
        seed += 1
        soundfile.write(folder / name, machine_sound(seed, broken=broken), RATE)

    for i in range(8):
        write(
            f"fan/train/section_00_{'source' if i < 6 else 'target'}_train_normal_{i:04d}_spd_1.wav",
            broken=False,
        )
        write(f"pump/train/normal_id_0{2 * (i % 2)}_{i:08d}.wav", broken=False)
    for domain in ("source", "target"):
        for i in range(4):
            for condition in ("normal", "anomaly"):
                name = f"fan/test/section_00_{domain}_test_{condition}_{i:04d}_spd_1.wav"
                write(name, broken=condition == "anomaly")
    for i in range(8):
        for condition in ("normal", "anomaly"):
            write(f"pump/test/{condition}_id_0{2 * (i % 2)}_{i:08d}.wav", broken=condition == "anomaly")
    return folder


@pytest.fixture(scope="session")
def bench(root, tmp_path_factory):
    """A finished benchmark of the autoencoder on both machines with two seeds."""
    from auscult.benchmark import run_bench

    output = tmp_path_factory.mktemp("results")
    return run_bench(root, detectors=["autoencoder"], seeds=[0, 1], output=output, settings=QUICK)
