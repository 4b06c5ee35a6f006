"""Continuous running of simulated machines, and its faults."""

from __future__ import annotations

import numpy as np
import pytest

import auscult
from auscult.errors import OptionError
from auscult.monitor.stream.scoring import WindowScorer
from auscult.simulation.live import ScheduledFault, SimulatedSource
from auscult.simulation.running import Running
from auscult.sound.live import Block

RATE = 16000


class Observed(Running):
    """Notes where segments are joined."""

    def __init__(self, *args, **kwargs):
        self.joints: list[int] = []
        super().__init__(*args, **kwargs)

    def read(self, samples):
        parts = [super(Observed, self).read(min(100, samples - at)) for at in range(0, samples, 100)]
        return np.concatenate(parts)

    def _join(self):
        self.joints.append(self.position)
        super()._join()


def levels(samples, first, last):
    """RMS of tenths of a second, dB."""
    part = samples[first:last]
    part = part[: len(part) // 1600 * 1600].reshape(-1, 1600)
    return 20 * np.log10(np.sqrt(np.mean(part.astype(float) ** 2, axis=1)))


@pytest.mark.parametrize("name", ["fan", "gearbox", "pump"])
def test_joints_are_neither_louder_nor_quieter_and_do_not_click(name):
    running = Observed(name)
    samples = running.read(60 * RATE)
    assert len(running.joints) >= 5
    at = np.concatenate([levels(samples, joint, joint + RATE // 2) for joint in running.joints[:-1]])
    everywhere = levels(samples, 0, len(samples))
    assert abs(at.mean() - everywhere.mean()) < 0.5
    assert everywhere.min() - 0.5 < at.min() <= at.max() < everywhere.max() + 0.5
    steps = np.abs(np.diff(samples))
    joints = [steps[joint - 10 : joint + RATE // 2 + 10].max() for joint in running.joints[:-1]]
    assert max(joints) <= 1.01 * steps.max()
    assert np.median(joints) < 1.3 * np.median([s.max() for s in np.array_split(steps, 120)])


@pytest.mark.slow
def test_windows_with_a_joint_score_like_others():
    normal = Running("gearbox", session="normal")
    clips = [normal.read(2 * RATE) for _ in range(100)]
    with pytest.warns(auscult.AuscultWarning):
        model = auscult.fit(clips, "pooled_gaussian", all_scores=False, sample_rate=RATE)
    live = Observed("gearbox", session="live")
    windows = list(WindowScorer(model).push(live.read(300 * RATE)[:, None], 0))
    scores = np.array([window.score for window in windows])
    has_joint = np.array([any(w.first < j + RATE // 2 and w.last > j for j in live.joints) for w in windows])
    assert has_joint.sum() > 30
    assert abs(np.median(scores[has_joint]) - np.median(scores[~has_joint])) < 0.5
    assert np.quantile(scores[has_joint], 0.9) < np.quantile(scores[~has_joint], 0.9) + 0.5


def test_reading_in_parts_changes_nothing():
    at_once = Running("pump", seed=3).read(25 * RATE)
    parts = Running("pump", seed=3)
    np.testing.assert_array_equal(
        np.concatenate([parts.read(n) for n in (1, 4000, 200_000, 25 * RATE - 204_001)]), at_once
    )
    assert parts.position == 25 * RATE
    other = Running("pump", seed=3, session="other").read(RATE)
    assert not np.allclose(other, at_once[:RATE], atol=1e-3)


def test_a_fault_begins_and_ends_on_demand():
    healthy, faulty = Running("fan"), Running("fan")
    np.testing.assert_array_equal(faulty.read(RATE), healthy.read(RATE))
    faulty.set_fault("rubbing", 1.0)
    assert faulty.fault.name == "rubbing"
    changes = faulty.read(20 * RATE) - healthy.read(20 * RATE)  # over a joint
    assert np.abs(changes[:10]).max() < 1e-3, "it is faded in"
    for second in range(1, 20):
        assert np.abs(changes[second * RATE : (second + 1) * RATE]).max() > 0.01
    faulty.set_fault(None)
    ending = faulty.read(RATE) - healthy.read(RATE)
    assert np.abs(ending[:2000]).max() > 1e-3
    np.testing.assert_array_equal(ending[RATE // 2 + 1 :], 0)
    np.testing.assert_array_equal(faulty.read(RATE), healthy.read(RATE))


@pytest.mark.parametrize("name", ["bearing", "pump", "fan"])
def test_every_fault_is_louder_if_it_is_more_severe(name):
    faults = Running(name).faults
    for fault in faults:
        power = []
        for severity in (0.0, 0.5, 1.0):
            healthy, faulty = Running(name), Running(name)
            faulty.set_fault(fault, severity)
            power.append(np.mean((faulty.read(5 * RATE) - healthy.read(5 * RATE)) ** 2))
        assert 0 < power[0] < power[1] < power[2]


def test_one_fault_replaces_another():
    alone, after = Running("fan"), Running("fan")
    alone.set_fault("imbalance")
    after.set_fault("rubbing")
    alone.read(RATE), after.read(RATE)
    after.set_fault("imbalance")
    alone.read(RATE), after.read(RATE)
    np.testing.assert_allclose(after.read(RATE), alone.read(RATE), atol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(OptionError, match="did you mean rubbing"):
        Running("fan").set_fault("rubing")
    with pytest.raises(OptionError, match="severity"):
        Running("fan").set_fault("rubbing", 1.5)
    with pytest.raises(OptionError, match="unknown machine"):
        Running("steam engine")


def test_a_source_with_scheduled_faults():
    schedule = (ScheduledFault(1.0, 2.0, "rubbing"),)
    with SimulatedSource(
        Running("fan"), speed=float("inf"), seconds=3, schedule=schedule, start_time=100.0
    ) as source:
        *blocks, last = source
    assert last.kind == "ended"
    assert "simulated" in source.description
    assert all(isinstance(block, Block) and block.samples.shape == (4000, 1) for block in blocks)
    assert [block.time for block in blocks[:3]] == [100.0, 100.25, 100.5]
    assert [block.first for block in blocks] == list(range(0, 3 * RATE, 4000))
    samples = np.concatenate([block.samples[:, 0] for block in blocks])
    changed = np.abs(samples - Running("fan").read(3 * RATE)) > 1e-3
    assert not changed[:RATE].any()
    assert changed[RATE + 100 : 2 * RATE].mean() > 0.05
    assert not changed[int(2.5 * RATE) + 1 :].any()


def test_a_source_can_be_closed():
    source = SimulatedSource(Running("fan"))
    for block in source:
        assert block.first < 8000
        if block.first:
            source.close()
