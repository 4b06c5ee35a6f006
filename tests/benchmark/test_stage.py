"""A single stage of a benchmark."""

import json

import pytest

from auscult.benchmark.stage import DetectorChoice, MachineData, run_stage
from auscult.errors import DivergedError
from auscult.model import batching

DIVERGING = {"epochs": "2", "n_mels": "32", "kl": "eq2_shape_scale", "learning_rate": "0.5"}


def test_a_diverged_fit_is_reported_again_without_fitting_again(root, tmp_path, monkeypatch):
    machine = MachineData("fan", str(root / "fan"))
    choice = DetectorChoice("gamma_vae", "report")
    with pytest.raises(DivergedError, match="eq2_shape_scale") as first:
        run_stage(tmp_path, machine, choice, 0, DIVERGING)
    assert json.loads((tmp_path / "failed.json").read_text())["error"] == str(first.value)
    assert not (tmp_path / "test.json").exists()
    monkeypatch.setattr(batching, "fit_models", lambda *_, **__: pytest.fail("fitted again"))
    with pytest.raises(DivergedError) as second:
        run_stage(tmp_path, machine, choice, 0, DIVERGING)
    assert str(second.value) == str(first.value)
