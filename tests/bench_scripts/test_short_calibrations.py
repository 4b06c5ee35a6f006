"""Alarm rules from minutes of normal running, compared."""

from __future__ import annotations

import math

import numpy as np
from bench.alarm_rules import FaultOutcome, Outcome
from bench.machine_scores import PERIOD
from bench.short_calibrations import BUDGET, Result, as_for_days, results_table
from scipy.signal import lfilter

from auscult.decision.alarms import Session, calibrate_alarms


def scores_of(minutes: float, seed: int, memory: float) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_t(6, int((minutes + 20) * 60 / PERIOD))
    return lfilter([math.sqrt(1 - memory**2)], [1, -memory], noise)[-int(minutes * 60 / PERIOD) :]


def test_with_few_peaks_the_rule_differs_from_that_for_days():
    lower = 0
    for seed in range(12):
        scores = scores_of(15, seed, 0.95)
        policy = calibrate_alarms([Session(scores)], BUDGET, PERIOD, time_constant=None)
        threshold = as_for_days(policy, scores)
        assert threshold is not None
        assert policy.rule.threshold <= threshold * (1 + 1e-9)
        lower += policy.rule.threshold < threshold
    assert lower >= 3
    slow = scores_of(7.5, 0, 0.99)
    assert as_for_days(calibrate_alarms([Session(slow)], BUDGET, PERIOD, time_constant=None), slow) is None


def test_the_table_counts_refused_calibrations():
    fault = FaultOutcome("high", "detected", 20.0)
    outcome = Outcome("fan", "steady", 7 * 86400.0, 3, 86400.0, (fault,))
    (row,) = results_table([{(7.5, "rule"): [Result(4.0, outcome), None]}]).splitlines()[2:]
    assert "7.5 min: rule" in row
    assert "1 of 2" in row
    assert "3 (3)" in row
    assert "100 (0)" in row
