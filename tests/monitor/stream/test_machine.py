"""One machine, from blocks to scores, states and alarms."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, model_without_alarms, noise

import auscult
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule
from auscult.decision.alarms.observation import Observation
from auscult.monitor.stream.changes import AlarmChange, Gap, Judgement, StateChange
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.stream.machine import MachineMonitor
from auscult.sound.live import Block, Interruption

START = 1_700_000_000.0  # seconds since 1970


@pytest.fixture(scope="module")
def model():
    return model_without_alarms()


@pytest.fixture
def policy(model):
    normal = [model.score(noise(2, seed), RATE).score for seed in range(50, 70)]
    rule = AlarmRule(max(normal) + 5, max(normal) + 3, k=3, n=4, cool_down=3.0)
    return AlarmPolicy(rule, 1.024, AlarmBudget(1, "week"), "tail", 0.0, Observation())


def monitor(model, policy=None, rate: int = RATE, **gate) -> MachineMonitor:
    settings = GateSettings(**{"settle": 2.0, "run_down": 2.0, **gate})
    return MachineMonitor("fan", model, policy, sample_rate=rate, gate=settings)


def blocks(samples, first=0, rate: int = RATE, size: float = 0.25):
    step = round(size * rate)
    for start in range(0, len(samples), step):
        part = samples[start : start + step, None]
        yield Block(part, first + start, START + (first + start) / rate)


def run(machine, items):
    return [change for item in items for change in machine.push(item)]


def of_type(changes, kind):
    return [change for change in changes if isinstance(change, kind)]


def test_scores_are_those_of_recordings(model):
    samples = noise(9, 30)
    judged = of_type(run(monitor(model), blocks(samples)), Judgement)
    assert len(judged) == 7
    for index, judgement in enumerate(judged):
        first = index * 8192
        assert judgement.time == pytest.approx(START + first / RATE + 2)
        assert judgement.score == pytest.approx(
            model.score(samples[first : first + 16000], RATE).score, rel=1e-6
        )
        assert judgement.counts
        assert judgement.state == "running"


def test_scores_of_another_rate_are_those_of_the_resampled_recording(model):
    samples = noise(9, 30, rate=22050)
    judged = of_type(run(monitor(model, rate=22050), blocks(samples, rate=22050)), Judgement)
    resampled = auscult.sound.resample(auscult.Waveform(samples, 22050), RATE).samples
    expected = [model.score(resampled[k * 8192 : k * 8192 + 16000], RATE).score for k in range(len(judged))]
    assert [j.score for j in judged] == pytest.approx(expected, rel=1e-5)
    assert judged[0].time == pytest.approx(START + 2, abs=0.01)


def test_a_fault_is_an_alarm_with_a_peak(model, policy):
    samples = np.concatenate([noise(20, 1), noise(15, 2, level=0.4), noise(20, 3)])
    machine = monitor(model, policy)
    changes = of_type(run(machine, blocks(samples)), AlarmChange)
    assert changes[0].kind == "started"
    assert changes[-1].kind == "ended"
    assert {change.kind for change in changes[1:-1]} <= {"peak"}
    started, ended = changes[0].episode, changes[-1].episode
    assert START + 20 < started.start < START + 20 + 10
    assert START + 33 < ended.end < START + 42
    assert started.start <= ended.peak_time <= ended.end
    peak = [change for change in changes if change.clip is not None][-1]
    assert peak.episode.peak == ended.peak
    assert model.score(peak.clip.waveform().samples, RATE).score == pytest.approx(peak.score, rel=1e-6)


def test_without_a_policy_there_are_scores_only(model):
    changes = run(monitor(model), blocks(noise(20, 2, level=0.4)))
    assert of_type(changes, Judgement)
    assert not of_type(changes, AlarmChange)


def test_a_machine_that_is_switched_off_and_on_is_no_alarm(model, policy):
    off = noise(15, 5, level=1e-3)
    fade = noise(2, 6) * np.geomspace(1, 0.01, 2 * RATE, dtype=np.float32)
    rise = fade[::-1]
    samples = np.concatenate([noise(15, 1), fade, off, rise, noise(20, 3)])
    changes = run(monitor(model, policy), blocks(samples))
    assert not of_type(changes, AlarmChange)
    assert [change.state for change in of_type(changes, StateChange)] == [
        "stopping",
        "off",
        "starting",
        "running",
    ]
    judged = of_type(changes, Judgement)
    assert any(not judgement.counts for judgement in judged)
    assert judged[-1].counts


def test_nothing_is_judged_across_a_gap(model, policy):
    machine = monitor(model, policy)
    first = run(machine, blocks(noise(6, 1)))
    gone = run(machine, [Interruption("no data for 5 s", "stalled")])
    later = run(machine, blocks(noise(12, 2), first=20 * RATE))
    assert [change.condition.kind for change in of_type(gone, StateChange)] == ["source gone"]
    (gap,) = of_type(later, Gap)
    assert (gap.start, gap.end, gap.reason) == (START + 6, START + 20, "no data for 5 s")
    assert of_type(first, Judgement)[-1].counts
    judged = of_type(later, Judgement)
    assert judged[0].time == pytest.approx(START + 22)
    assert not judged[0].counts, "the source has just returned"
    assert judged[-1].counts


def test_a_dead_sensor_is_a_condition_and_no_alarm(model, policy):
    samples = np.concatenate([noise(10, 1), np.zeros(10 * RATE, np.float32), noise(15, 2)])
    changes = run(monitor(model, policy), blocks(samples))
    assert not of_type(changes, AlarmChange)
    conditions = [c.condition and c.condition.kind for c in of_type(changes, StateChange)]
    assert "silent" in conditions
    dead = [j for j in of_type(changes, Judgement) if START + 12.5 < j.time < START + 22]
    assert dead
    assert not any(judgement.counts for judgement in dead)


def test_what_is_skipped_is_a_gap(model, policy):
    machine = monitor(model, policy)
    run(machine, blocks(noise(5, 1)))
    machine.skip("overload")
    changes = run(machine, blocks(noise(5, 2), first=10 * RATE))
    (gap,) = of_type(changes, Gap)
    assert gap.reason == "overload"


def test_the_sound_before_an_alarm_is_held(model, policy):
    machine = monitor(model, policy)
    samples = noise(40, 1)
    run(machine, blocks(samples))
    sound, first = machine.ring.cut(30 * RATE, 40 * RATE)
    assert first == 30 * RATE
    np.testing.assert_allclose(sound, samples[30 * RATE :], atol=2e-5)


def test_a_source_of_a_lower_rate_than_the_model_needs_is_a_condition_and_no_alarm(model, policy):
    machine = monitor(model, policy, rate=RATE // 2)
    changes = run(machine, blocks(noise(30, 1, rate=RATE // 2), rate=RATE // 2))
    assert machine.condition.kind == "wrong rate"
    assert of_type(changes, AlarmChange) == []
    assert not any(judgement.counts for judgement in of_type(changes, Judgement)[2:])


def test_a_machine_that_is_off_for_too_long_is_a_condition(model):
    samples = np.concatenate([noise(5, 1), noise(20, 5, level=1e-3), noise(5, 3)])
    changes = of_type(run(monitor(model, longest_off=6.0), blocks(samples)), StateChange)
    reported = [(change.state, change.condition and change.condition.kind) for change in changes]
    assert reported[:3] == [("stopping", None), ("off", None), ("off", "off for too long")]
    assert reported[3:] == [("starting", None), ("running", None)]
    assert changes[2].time - changes[1].time == pytest.approx(6, abs=1.5)
    assert "more than 6 s" in changes[2].condition.detail
