"""The tables and the decision of `bench.vibration`."""

from __future__ import annotations

import re

import numpy as np
import pytest
import soundfile
from bench.front_end import machines_below
from bench.vibration import compared, comparison_table, decision, front_end_settings

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
    (machine,) = machines_below(tmp_path)
    return machine


@pytest.mark.slow
def test_the_front_end_for_orders_finds_an_order_of_the_shaft(machine, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.vibration.SEEDS", (1,))
    runs = compared(machine, "pooled_gaussian", tmp_path)
    text = comparison_table({("rig", "pooled_gaussian"): runs})
    default, orders = map(float, re.findall(r"\| rig \| `pooled_gaussian` \| (\S+) \| (\S+) \|", text)[0])
    assert orders > default + 10


def test_the_front_ends_of_auto(machine):
    settings = front_end_settings(machine)
    assert settings["default"] == {}
    assert settings["orders"]["n_fft"] == settings["both"]["order_n_fft"] == 8192


def _run(shift: float) -> list[Measured]:
    anomaly = np.repeat([False, True], 8)
    return [Measured.of(Labels(anomaly), np.random.default_rng(0).normal(size=16) + shift * anomaly)]


def test_a_row_for_each_machine_and_a_gain_over_the_default():
    runs = {"default": [_run(0.0)], "orders": [_run(0.0)], "both": [_run(5.0)]}
    text = comparison_table({("rig", "auto"): runs, ("other", "auto"): runs})
    assert text.startswith("| machine | detector | default | orders | both | gain of orders | gain of both |")
    assert len(re.findall(r"\| 100\.0 \| \+0\.0 \| \+\d+\.\d \[", text)) == 2


@pytest.mark.parametrize(("shift", "accepted"), [(5.0, "is both"), (-1.0, "is not both")])
def test_both_are_accepted_unless_they_are_more_than_a_point_worse(shift, accepted):
    runs = [{"default": [_run(0.0)], "orders": [_run(-5.0)], "both": [_run(shift)]}]
    assert decision(runs).endswith(f"{accepted}.")
