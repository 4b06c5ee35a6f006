"""The table of `bench.vibration`."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile
from bench.front_end import machines_above_16_khz
from bench.vibration import gains_table, run

from auscult.benchmark.machine import MachineData
from auscult.evaluation import Labels
from auscult.evaluation.estimates import Measured


@pytest.fixture
def machine(tmp_path) -> MachineData:
    """A machine with a fault at an order of its shaft, close to a stronger line whose level varies."""
    rate, rng = 20_000, np.random.default_rng(0)
    time = np.arange(2 * rate) / rate
    for part in ("train", "test"):
        (tmp_path / "rig" / part).mkdir(parents=True)
        for i in range(24):
            condition = "anomaly" if part == "test" and i % 2 else "normal"
            order, other = 0.008 if condition == "anomaly" else 0.004, 0.02 + 0.03 * rng.random()
            phases = rng.random(2)
            lines = order * np.sin(2 * np.pi * (18 * time + phases[0])) + other * np.sin(
                2 * np.pi * (38 * time + phases[1])
            )
            samples = lines + 0.05 * rng.standard_normal(len(time))
            name = f"section_00_{'source' if i < 12 else 'target'}_{part}_{condition}_{i:04}_rec_{i}.wav"
            soundfile.write(tmp_path / "rig" / part / name, samples, rate)
    (machine,) = machines_above_16_khz(tmp_path)
    return machine


def test_the_preset_finds_an_order_of_the_shaft(machine, tmp_path):
    pair = tuple(run(machine, "pooled_gaussian", preset, tmp_path) for preset in (None, "vibration"))
    text = gains_table([machine], {("pooled_gaussian", "rig"): pair})
    default, preset = map(float, re.findall(r"\| (\d+\.\d) \| (\d+\.\d) \|", text)[0])
    assert preset > default + 10
    assert "| rig | 20 | `pooled_gaussian` |" in text


def test_a_row_for_each_machine_and_detector(machine):
    anomaly = np.repeat([False, True], 8)
    runs = [
        [Measured.of(Labels(anomaly), np.random.default_rng(0).normal(size=16) + shift * anomaly)]
        for shift in (0.0, 5.0)
    ]
    text = gains_table([machine], {(name, "rig"): tuple(runs) for name in ("auto", "other")})
    assert len(re.findall(r"\| 100\.0 \| \+\d+\.\d \[", text)) == 2
