"""The script that measures what a few target clips are worth: which clips it takes, and that it runs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from bench import few_target
from bench.few_target_tables import Scores, replicates

from auscult.benchmark import stage
from auscult.benchmark.machine import MachineData
from auscult.corpus import Clip, open_corpus
from auscult.simulation import simulate

TARGETS = [Clip(f"{i}.wav", domain="target") for i in range(10)]


def test_all_counts_with_several_draws_where_there_is_a_choice():
    found = [(task.count, task.draw) for task in few_target.tasks("fan", 10, 2)]
    assert found == [(0, 0), (1, 0), (1, 1), (5, 0), (5, 1), (10, 0)]
    assert [task.count for task in few_target.tasks("motor", 5, 1)] == [0, 1, 5]


def test_draws_are_of_so_many_differ_and_are_the_same_again():
    draws = [
        tuple(c.path for c in few_target.chosen(TARGETS, few_target.Task("fan", 5, d))) for d in range(5)
    ]
    assert all(len(set(draw)) == 5 for draw in draws)
    assert len(set(draws)) > 1
    assert draws[0] == tuple(c.path for c in few_target.chosen(TARGETS, few_target.Task("pump", 5, 0)))
    assert few_target.chosen(TARGETS, few_target.Task("fan", 10, 0)) == TARGETS


def test_intervals_are_of_the_mean_over_draws():
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
    values = replicates({0: {"fan": right}, 1: {"fan": wrong}}, "auc_target")
    assert values.shape == (1001,)
    np.testing.assert_allclose(values, 0.5)
    both = replicates({0: {"fan": right, "pump": right}, 1: {"fan": right}}, "auc_target")
    np.testing.assert_allclose(both, 1.0)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the script on one small simulated machine and gives what it printed."""

    def main(*options: str) -> list[list[str]]:
        small = "--machines fan --clips 16 --test-clips 3 --seconds 2 --draws 2 --only simulated --print"
        monkeypatch.setattr(sys, "argv", ["few_target", "-o", str(tmp_path), *small.split(), *options])
        few_target.main()
        lines = capsys.readouterr().out.splitlines()
        return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]

    return main


def test_the_table_has_every_number_and_both_ways(run, tmp_path, monkeypatch):
    options = ("--detector", "autoencoder", "--set", "epochs=1", "--set", "hidden=16")
    header, _, *rows = run(*options)
    assert [(row[0], row[1]) for row in rows] == [
        ("0", "–"),
        ("1", "fitted with them"),
        ("1", "adapted to them"),
        ("5", "fitted with them"),
        ("5", "adapted to them"),
        ("10", "fitted with them"),
        ("10", "adapted to them"),
    ]
    assert dict(zip(header, rows[1], strict=True))["draws"] == "2"
    assert rows[0][header.index("gain over none")] == "–"
    kept = open_corpus(tmp_path / "recordings" / "fan").where(split="train")
    assert sum(clip.domain == "target" for clip in kept) == 10
    monkeypatch.setattr(stage, "fit_cases", lambda *_, **__: pytest.fail("fitted again"))
    assert run(*options) == [header, _, *rows], "what is done is not done again"


def test_only_the_chosen_target_clips_are_learnt_from(tmp_path):
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
    other = few_target.with_targets(machine, targets[3:5])
    assert [clip.path for clip in other.train if clip.domain == "target"] == [c.path for c in targets[3:5]]
    assert sum(clip.domain == "source" for clip in other.train) == 6
    assert len(machine.train) == 16
