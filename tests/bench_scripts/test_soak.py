"""The soak of the monitor, on a small scale."""

from __future__ import annotations

import pytest
from bench import soak

from auscult.monitor.simulated import SimulatedFleet, simulated_models


@pytest.mark.slow
def test_faults_of_a_replay_and_of_a_week_raise_alarms(tmp_path):
    (model,) = simulated_models(SimulatedFleet([soak.MACHINE]), tmp_path / "models").values()
    replayed, scores = soak.replay(model, tmp_path / "hours", 1800.0, 90.0)
    assert len(replayed.delays) == replayed.faults == 3
    assert replayed.false_alarms <= 1
    assert len(scores[0]) > 2 * len(scores[1]) > 0
    resampled = soak.week(model, tmp_path / "week", scores, 43200.0)
    assert len(resampled.delays) == resampled.faults == 3
    assert resampled.false_alarms <= resampled.accepted
    resampled.false_alarms = resampled.accepted + 1
    assert not resampled.passed
