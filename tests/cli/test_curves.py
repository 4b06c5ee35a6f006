"""Training curves, ROC curves and histograms as CSV files."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import auc as area

from auscult.cli.inspect import _columns, _histories


def test_training_curves_as_json_and_csv(run, model, machine, tmp_path):
    path = tmp_path / "curves.csv"
    output = json.loads(run("inspect", model, "--json", "--curves", path).stdout)
    history = output["history"]["autoencoder"]
    assert [epoch["epoch"] for epoch in history] == list(range(1, 41))
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [epoch["loss"] for epoch in history]
    assert {row["network"] for row in rows} == {"autoencoder"}
    memory = tmp_path / "memory.auscult"
    assert run("fit", machine, "-o", memory, "--detector", "spectral_memory", "-q").exit_code == 0
    assert json.loads(run("inspect", memory, "--json").stdout)["history"] == {}
    result = run("inspect", memory, "--curves", path)
    assert result.exit_code == 2
    assert "has no training curves" in result.stderr


def test_curves_of_members_and_of_several_latents():
    member = {"facts": {"history": [{"epoch": 1, "loss": 2.0, "kl_per_dimension": [0.5, 0.25]}]}}
    facts = {"members": {"vae": member, "levels": {"facts": {}}}}
    histories = _histories("auto", facts)
    assert list(histories) == ["vae"]
    assert _columns(histories["vae"][0]) == {
        "epoch": 1,
        "loss": 2.0,
        "kl_per_dimension_1": 0.5,
        "kl_per_dimension_2": 0.25,
    }


def test_curves_of_an_evaluation_as_csv(run, model, machine, tmp_path):
    roc, histogram = tmp_path / "roc.csv", tmp_path / "histogram.csv"
    result = run("evaluate", model, machine, "--json", "-q", "--roc", roc, "--histogram", histogram)
    assert result.exit_code == 0, result.output
    metrics = json.loads(result.stdout)
    with roc.open() as file:
        points = [row for row in csv.DictReader(file) if row["curve"] == "target"]
    rates = np.array([[float(p["false_positive_rate"]), float(p["true_positive_rate"])] for p in points])
    assert area(rates[:, 0], rates[:, 1]) == pytest.approx(metrics["auc_target"]["value"])
    with histogram.open() as file:
        counts = list(csv.DictReader(file))
    assert sum(int(row["count"]) for row in counts) == sum(metrics["clips"].values())
    for option in ("--roc", "--histogram"):
        result = run("evaluate", model, machine, option, tmp_path / "roc.png")
        assert result.exit_code == 2
        assert f"{option} {tmp_path / 'roc.png'}: give a name that ends in .csv" in result.stderr
        assert not (tmp_path / "roc.png").exists()
    result = run("evaluate", model, machine, "--roc", tmp_path / "no" / "roc.csv")
    assert result.exit_code == 2
    assert "does not exist; create it first" in result.stderr
