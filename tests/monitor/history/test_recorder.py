"""What is written of one machine when its monitor ends."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, model_of_noise, model_without_alarms, noise

from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.recent_scores import RecentScores
from auscult.monitor.history.recorder import STOPPED, Recorder
from auscult.monitor.store import EventStore, Machine
from auscult.monitor.stream.machine import MachineMonitor
from auscult.sound.live import Block

START = 1_700_000_000.0


@pytest.mark.parametrize(("quiet", "reasons"), [(2.5, [STOPPED]), (12, ["machine stopping", "machine off"])])
def test_whether_a_machine_stops_is_unknown_when_the_monitor_stops(tmp_path, quiet, reasons):
    samples = np.concatenate([noise(6), noise(quiet, 1, level=1e-3)])
    machine = MachineMonitor("fan", model_without_alarms(), None, sample_rate=RATE)
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "1", "", {}, START))
        recorder = Recorder(store, machine)
        for first in range(0, len(samples), RATE // 2):
            block = Block(samples[first : first + RATE // 2, None], first, START + first / RATE)
            for change in machine.push(block):
                list(recorder.record(change))
        recorder.close(START + len(samples) / RATE)
        gaps = store.read.gaps("fan")
    assert [gap.reason for gap in gaps] == reasons
    assert all(gap.end is not None for gap in gaps)


def test_sound_that_is_repeated_is_no_more_running(tmp_path):
    model = model_of_noise()
    machine = MachineMonitor("fan", model, model.alarm_policy, sample_rate=RATE)
    loop = noise(20 * machine.scorer.step / RATE, 1)  # as long as twenty scores
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "1", "", model.alarm_policy.to_json(), START))
        observed = ObservedPolicy(store, "fan", "1", model.alarm_policy, START)
        recorder = Recorder(store, machine, "1", observed)
        counted = []
        for turn in range(3):
            first = turn * len(loop)
            for change in machine.push(Block(loop[:, None], first, START + first / RATE)):
                list(recorder.record(change))
            counted.append(observed.policy.verification.seconds)
    assert counted[0] > 15
    assert counted[2] - counted[0] < 0.2 * counted[0]


def test_only_the_last_scores_are_known():
    recent = RecentScores(most=3)
    assert [recent.repeats(score) for score in (1.0, 2.0, 3.0, 4.0)] == [False] * 4
    assert not recent.repeats(1.0)
    assert not recent.repeats(2.0), "it was forgotten"
    assert not recent.repeats(3.0)
    assert [recent.repeats(score) for score in (1.0, 2.0, 3.0)] == [False, True, True]
