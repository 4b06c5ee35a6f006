"""Rates of decisions, with clips that cannot be judged because of a sensor fault."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.evaluation.decision_rates import compare_with_accepted, decision_rates
from auscult.evaluation.intervals import Estimate, proportion_interval
from auscult.evaluation.protocol import Labels, ScoredSection

ANOMALY = np.array([0, 0, 0, 0, 1, 1, 1, 1], bool)
FLAGGED = np.array([0, 0, 0, 1, 1, 1, 0, 1], bool)


def rates(sensor: np.ndarray | None, domain: np.ndarray | None = None) -> dict[str, float]:
    labels = Labels(ANOMALY) if domain is None else Labels(ANOMALY, domain)
    section = ScoredSection(labels, FLAGGED.astype(float), FLAGGED, sensor)
    return {name: rate.value for name, rate in decision_rates([section]).items()}


def test_clips_with_a_sensor_fault_count_for_no_rate_but_their_own():
    sensor = np.array([0, 0, 0, 1, 0, 0, 1, 0], bool)
    assert rates(sensor) == pytest.approx(
        {
            "precision_source": 1.0,
            "recall_source": 1.0,
            "f1_source": 1.0,
            "false_alarm_rate_source": 0.0,
            "sensor_rate_source": 0.25,
        }
    )


def test_without_sensor_faults_nothing_is_added():
    assert rates(np.zeros(8, bool)) == rates(None)
    assert "sensor_rate_source" not in rates(None)


def test_domains_have_their_own_rate():
    target = np.array([0, 0, 1, 1, 0, 0, 1, 1], bool)
    sensor = np.array([0, 0, 1, 1, 0, 0, 1, 1], bool)
    result = rates(sensor, target)
    assert result["sensor_rate_target"] == 1.0
    assert not any(name.endswith("_target") for name in result if name != "sensor_rate_target")
    assert "sensor_rate_source" not in result


def test_a_rate_of_few_recordings_is_not_consistent_with_anything():
    assert compare_with_accepted(Estimate(0.438, 0.007, 0.979), 0.05) is None
    assert compare_with_accepted(Estimate(0.0), 0.05) is None
    assert compare_with_accepted(proportion_interval(1, 50), 0.05) == "consistent with"
    assert compare_with_accepted(proportion_interval(20, 50), 0.05) == "above"
