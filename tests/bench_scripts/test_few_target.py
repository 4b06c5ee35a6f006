"""bench.few_target: which target clips it draws, and that it runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from bench import few_target
from bench.few_target import TargetDraw
from bench.few_target_tables import METRICS, Scores, runs

from auscult.benchmark.machine import MachineData
from auscult.corpus import Clip, open_corpus
from auscult.evaluation.estimates import estimate
from auscult.evaluation.protocol import mean_over
from auscult.model import batching
from auscult.simulation import simulate

TARGETS = [Clip(f"{i}.wav", domain="target") for i in range(10)]


def test_there_are_several_draws_unless_no_or_all_target_clips_are_drawn():
    draws = [(draw.count, draw.draw) for draw in few_target.all_draws("fan", 10, 2)]
    assert draws == [(0, 0), (1, 0), (1, 1), (5, 0), (5, 1), (10, 0)]
    assert [draw.count for draw in few_target.all_draws("motor", 5, 1)] == [0, 1, 5]


def test_draws_have_the_given_count_differ_and_are_reproducible():
    def paths(machine: str, draw: int) -> tuple[str, ...]:
        return tuple(c.path for c in few_target.drawn_clips(TARGETS, TargetDraw(machine, 5, draw)))

    draws = [paths("fan", draw) for draw in range(5)]
    assert all(len(set(draw)) == 5 for draw in draws)
    assert len(set(draws)) > 1
    assert draws[0] == paths("pump", 0)
    assert few_target.drawn_clips(TARGETS, TargetDraw("fan", 10, 0)) == TARGETS


def test_values_are_means_over_draws():
    clips = [
        Clip(f"{d}{c}{i}", domain=d, condition=c)
        for d in ("source", "target")
        for c in ("normal", "anomaly")
        for i in range(6)
    ]
    rng = np.random.default_rng(0)
    right, wrong = (
        Scores(clips, sign * np.array([c.condition == "anomaly" for c in clips]) + 1e-3 * rng.random(24))
        for sign in (1, -1)
    )

    def target(draws) -> float:
        return estimate(runs(draws), METRICS["auc_target"], mean_over).value

    assert target({0: {"fan": right}, 1: {"fan": wrong}}) == 0.5
    assert target({0: {"fan": right, "pump": right}, 1: {"fan": right}}) == 1.0


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the script on one small simulated machine; return the cells of the printed table."""

    def main(*options: str) -> list[list[str]]:
        small = "--machines fan --clips 16 --test-clips 3 --seconds 2 --draws 2 --only simulated --print"
        monkeypatch.setattr(sys, "argv", ["few_target", "-o", str(tmp_path), *small.split(), *options])
        few_target.main()
        lines = capsys.readouterr().out.splitlines()
        return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]

    return main


def test_the_table_has_every_count_and_both_methods(run, tmp_path, monkeypatch):
    options = ("--detector", "autoencoder", "--set", "epochs=1", "--set", "hidden=16")
    header, _, *rows = run(*options)
    assert [(row[0], row[1]) for row in rows] == [
        ("0", "–"),
        ("1", "fitted again"),
        ("1", "adapted"),
        ("5", "fitted again"),
        ("5", "adapted"),
        ("10", "fitted again"),
        ("10", "adapted"),
    ]
    assert dict(zip(header, rows[1], strict=True))["draws"] == "2"
    assert rows[0][header.index("gain over none")] == "–"
    training_clips = open_corpus(tmp_path / "recordings" / "fan").where(split="train")
    assert sum(clip.domain == "target" for clip in training_clips) == 10
    monkeypatch.setattr(batching, "fit_models", lambda *_, **__: pytest.fail("fitted again"))
    assert run(*options) == [header, _, *rows], "finished runs are reused"


def test_only_the_drawn_target_clips_are_used_for_training(tmp_path):
    (home,) = simulate(
        tmp_path,
        machines=["fan"],
        clips=16,
        target_clips=10,
        test_clips=1,
        seconds=2.0,
        sample_rate=8000,
    )
    machine = MachineData("fan", str(home))
    targets = [clip for clip in machine.train if clip.domain == "target"]
    data = few_target.with_targets(machine, targets[3:5])
    assert [clip.path for clip in data.train if clip.domain == "target"] == [c.path for c in targets[3:5]]
    assert sum(clip.domain == "source" for clip in data.train) == 6
    assert len(machine.train) == 16
