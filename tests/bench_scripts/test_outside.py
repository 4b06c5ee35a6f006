"""Score files of `bench.pyod_scores`, and the tables of `bench.outside`."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from bench.fusion_scores import Machine
from bench.outside import Result, differences_table, fitted, read, results_table
from bench.pyod_scores import clips, machines, write_scores

from auscult.evaluation import Labels
from auscult.evaluation.estimates import Measured


@pytest.fixture
def data(tmp_path):
    """A folder like that of the real machines, with a fan whose fault is a louder sound."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        folder = tmp_path / "real" / "fan" / part
        folder.mkdir(parents=True)
        for i in range(32):
            condition = "anomaly" if part == "test" and i % 2 else "normal"
            domain = "source" if i < 20 else "target"
            level = 0.1 if condition == "anomaly" else 0.02
            name = f"section_00_{domain}_{part}_{condition}_{i:04}_rec_{part}{i}.wav"
            soundfile.write(folder / name, level * rng.standard_normal(16_000), 16_000)
    (tmp_path / "real" / "notes").mkdir()
    return tmp_path


def test_only_folders_with_training_and_test_clips_are_machines(data):
    assert machines(data) == {"fan": data / "real" / "fan"}
    assert len(clips(data / "real" / "fan" / "train")) == 32


def test_written_scores_are_those_of_the_clips(data, tmp_path):
    folder = machines(data)["fan"]
    paths = clips(folder / "test")
    loudness = [float(np.std(soundfile.read(path)[0])) for path in paths]
    for seed in (1, 2):
        write_scores(tmp_path / "scores" / f"seed{seed}", "fan", paths, loudness)
    machine = Machine(str(folder), tmp_path / "fits")
    result = read(machine, str(tmp_path / "scores" / "seed*"), [1.0, 3.0])
    assert (result.mean, len(result.runs), result.fit_seconds) == (1.0, 2, 2.0)
    write_scores(tmp_path / "reversed", "fan", paths, [-value for value in loudness])
    assert read(machine, str(tmp_path / "reversed"), [1.0]).mean < 0.1


def test_a_name_without_section_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="section_NN_"):
        write_scores(tmp_path, "fan", ["normal_0001.wav"], [1.0])


@pytest.mark.slow
def test_a_detector_is_fitted_with_each_seed(data, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.outside.SEEDS", (1, 2))
    machine = Machine(str(machines(data)["fan"]), tmp_path / "fits")
    result = fitted(machine, "pooled_gaussian", tmp_path / "fits")
    assert len(result.runs) == 2
    assert result.mean > 0.9


def _result(shift: float) -> Result:
    anomaly, target = np.repeat([False, True], 20), np.tile([False, True], 20)
    scores = np.random.default_rng(0).normal(size=40) + shift * anomaly
    return Result([[Measured.of(Labels(anomaly, target), scores)]] * 2, 2.0)


def test_a_row_for_each_system_and_a_difference_for_each_machine():
    results = {
        "`auto`": {"fan": _result(9.0), "pump": _result(9.0)},
        "other": {"fan": _result(0.0), "pump": _result(9.0)},
    }
    assert "| `auto` | 100.0 | 100.0 | 100.0 | 2.0 s |" in results_table(results)
    header, _, fan, pump, mean = differences_table(results).splitlines()
    assert header == "| machine | recordings | `auto` − other |"
    assert fan.startswith("| fan | 20 + 20 | +")
    assert pump.startswith("| pump | 20 + 20 | +0.0")
    gain, half = (float(row.split("| +")[1].split(" ")[0]) for row in (fan, mean))
    assert gain > 30
    assert half == pytest.approx(gain / 2, abs=0.1)
