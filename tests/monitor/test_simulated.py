"""Simulated machines in the monitor."""

from __future__ import annotations

import math

import pytest

from auscult.errors import OptionError
from auscult.monitor.service.engine import Engine
from auscult.monitor.simulated import SimulatedFleet, SimulatedOperator, simulated_models
from auscult.monitor.store import EventStore
from auscult.monitor.stream.changes import AlarmChange, Judgement


def test_names_and_faults():
    fleet = SimulatedFleet(["fan", "pump"])
    assert fleet.names == ("simulated fan", "simulated pump")
    assert fleet.faults("simulated pump") == ["leak", "imbalance", "outer_race"]
    assert fleet.faults() == ["imbalance", "rubbing", "outer_race", "leak"]
    fleet.set_fault("simulated fan", "rubbing", 0.5)
    assert (fleet.fault("simulated fan").name, fleet.fault("simulated pump")) == ("rubbing", None)
    fleet.set_fault("simulated fan", None)
    assert fleet.fault("simulated fan") is None
    with pytest.raises(OptionError, match="no machine 'fan'"):
        fleet.set_fault("fan", "rubbing")
    with pytest.raises(OptionError, match="has no fault 'leak'"):
        fleet.set_fault("simulated fan", "leak")
    with pytest.raises(OptionError, match="another unit is fan_2"):
        SimulatedFleet(["fan", "fan"])


@pytest.mark.slow
def test_a_fault_on_demand_raises_an_alarm_that_ends(tmp_path):
    fleet = SimulatedFleet(["fan"], speed=math.inf)
    steps: list[tuple[int, int]] = []
    models = simulated_models(
        fleet, tmp_path, progress=lambda _, done, total, __: steps.append((done, total))
    )
    assert steps == [(0, 1), (1, 1)]
    assert models["simulated fan"].alarm_policy.state == "probation"
    steps.clear()
    again = simulated_models(fleet, tmp_path, progress=lambda _, done, total, __: steps.append((done, total)))
    assert steps == []
    assert again["simulated fan"].alarm_policy == models["simulated fan"].alarm_policy

    with EventStore(tmp_path / "store") as store:
        engine = Engine(fleet.watched(again), store, threads=1)
        times: list[float] = []
        alarms: list[tuple[str, float]] = []

        def listen(name, change):
            if isinstance(change, Judgement):
                times.append(change.time)
                if len(times) == 60:
                    fleet.set_fault(name, fleet.faults(name)[0])  # as a page offers it first
                elif len(times) == 180:
                    fleet.set_fault(name, None)
                elif len(times) == 600:
                    engine.stop()
            elif isinstance(change, AlarmChange) and change.kind != "peak":
                alarms.append((change.kind, change.episode.start))
                assert engine.policy(name).verification.alarms == 0, "it is judged before it counts"

        store.listeners.append(SimulatedOperator(fleet, store))
        engine.listeners.append(listen)
        engine.run()
        assert [kind for kind, _ in alarms] == ["started", "ended"]
        # The source is ahead of the scores by up to the length of its queue.
        assert times[59] < alarms[0][1] < times[59] + 75
        (event,) = store.read.events()
        assert event.machine == "simulated fan"
        assert event.end is not None
        assert event.peak > 2 * event.threshold, "at the default severity the alarm leaves no doubt"
        assert [note.verdict for note in store.read.feedback(event.id)] == ["real"]
        assert engine.policy("simulated fan").verification.alarms == 0
