"""Intervals contain the true value of simulated scores as often as they should; `bench.coverage` in small."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from bench import coverage
from bench.coverage import CASES, Case, System

from auscult.evaluation.estimates import Measured, estimate
from auscult.evaluation.protocol import mean_over

TRIALS = 150
#: With a coverage of 95 %, one of a thousand samples of 150 trials is below this.
LOWEST = 0.88


@pytest.mark.parametrize(
    ("case", "recordings", "seeds"),
    [
        (CASES[0], 6, 1),
        (CASES[1], 10, 3),
        (CASES[2], 20, 1),
        (CASES[4], 10, 3),
        (CASES[5], 10, 1),
        (CASES[8], 10, 3),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else None,
)
def test_intervals_have_nominal_coverage(case, recordings, seeds):
    covered, width = coverage.coverage(case, recordings, seeds, TRIALS)
    assert covered >= LOWEST
    assert 0 < width < 0.6


@pytest.mark.parametrize(("name", "truth"), [("false_alarm_rate_source", 0.2), ("recall_source", 0.8)])
def test_rates_have_nominal_coverage(name, truth):
    covered, width = coverage.rate_coverage(name, truth, 20, TRIALS)
    assert covered >= LOWEST
    assert 0.1 < width < 0.4


def test_clips_taken_for_recordings_would_cover_too_little(monkeypatch):
    """The simulated clips of a recording are alike: the check above can fail."""
    simulated_runs = coverage.simulated_runs

    def as_if_independent(*arguments):
        return [
            [[Measured.of(replace(m.labels, source_recording=None), m.scores) for m in run] for run in runs]
            for runs in simulated_runs(*arguments)
        ]

    monkeypatch.setattr(coverage, "simulated_runs", as_if_independent)
    covered, _ = coverage.coverage(CASES[0], 10, 1, TRIALS)
    assert covered < LOWEST


def test_the_true_values_are_those_of_many_clips(monkeypatch):
    measured = Measured.of
    monkeypatch.setattr(Measured, "of", lambda labels, scores: measured(labels, scores, intervals=False))
    labels = coverage.simulated_labels(20000, domains=True)
    for case in (CASES[5], CASES[6]):
        ((run,),) = coverage.simulated_runs(np.random.default_rng(0), labels, case, 1)
        value = estimate([run], case.metrics, mean_over).value
        assert coverage.true_value(case.systems[0], case.metrics, True, 1) == pytest.approx(value, abs=0.01)


def test_the_script_prints_a_row_for_each_case(monkeypatch, capsys):
    monkeypatch.setattr(coverage, "CASES", (Case("AUC", (System(1.0),)),))
    monkeypatch.setattr(coverage, "RECORDINGS", (6,))
    monkeypatch.setattr(sys, "argv", ["coverage", "--trials", "4", "--jobs", "1", "--print"])
    coverage.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 3 + 4


def test_the_interval_of_the_difference_of_similar_systems_is_narrow():
    """The intervals of both values are wide, but what they have in common cancels."""
    (similar,) = [case for case in CASES if case.name.startswith("difference 0 of AUC")]
    covered, width = coverage.coverage(similar, 10, 1, TRIALS)
    assert covered >= LOWEST
    assert width < 0.1
