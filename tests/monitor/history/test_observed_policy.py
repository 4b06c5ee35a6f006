"""What a monitor observes under an alarm policy, over restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule, required_seconds
from auscult.decision.alarms.observation import Observation
from auscult.monitor.history.observed_policy import SAVE_SECONDS, ObservedPolicy
from auscult.monitor.store import Event, EventStore, Feedback, Machine

BUDGET = AlarmBudget(1, "day")
POLICY = AlarmPolicy(AlarmRule(5.0, 4.0), 1.0, BUDGET, "tail", 0.0, Observation.of(3600.0, 1, 0))
START = 1.7e9
NEEDED = required_seconds(BUDGET)


@pytest.fixture
def store(tmp_path):
    with EventStore(tmp_path / "store", clock=lambda: START) as store:
        for name in ("fan", "pump"):
            store.put_machine(Machine(name, "a1b2", "", {}, START))
        yield store


def observed(store, policy=POLICY, model="a1b2", machine="fan"):
    return ObservedPolicy(store, machine, model, policy, START)


def alarm(store, observed, time=START):
    number = store.add_event(Event("fan", "alarm", time, time + 5))
    observed.alarm_started(time)
    return number


def states(store):
    return [(e.state, e.explanation["before"]) for e in reversed(store.read.events(kind="state"))]


def test_probation_ends_over_restarts(store):
    for part in range(4):
        follower = observed(store)
        assert follower.policy.state == "probation"
        assert follower.policy.verification.seconds == pytest.approx(part * NEEDED / 4)
        follower.judged(NEEDED / 4 + 1e-3, START + part)
        assert store.read.state("fan", "policy")["seconds"] == follower.policy.verification.seconds
    assert states(store) == [("armed", "probation")]
    (event,) = store.read.events()
    assert (event.start, event.end, event.model) == (START + 3, START + 3, "a1b2")
    assert event.explanation["text"].startswith("armed: no alarms in 2.3 d")
    assert observed(store).policy.state == "armed"
    assert states(store) == [("armed", "probation")], "a restart is no change"


def test_a_kill_loses_the_time_since_it_was_last_written(store):
    follower = observed(store)
    for _ in range(round(SAVE_SECONDS) + 10):
        follower.judged(1.0, START)
    assert observed(store).policy.verification.seconds == SAVE_SECONDS
    follower.close(START)
    assert observed(store).policy.verification.seconds == SAVE_SECONDS + 10


def test_what_is_replayed_again_counts_once(store):
    for _ in range(3):
        follower = observed(store)
        follower.replayed = True
        for second in range(10):
            follower.judged(1.0, START + second)
        follower.close(START + 10)
    assert follower.policy.verification.seconds == 10
    follower.judged(1.0, START + 10)
    assert follower.policy.verification.seconds == 11
    live = observed(store)
    live.judged(1.0, START)  # the clock of the computer was set back
    assert live.policy.verification.seconds == 11


def test_an_alarm_that_was_written_counts_after_a_kill(store):
    follower = observed(store)
    store.add_event(Event("pump", "alarm", START, START))
    store.add_event(Event("fan", "sensor", START, START))
    store.add_event(Event("fan", "alarm", START, START))
    assert follower.policy.verification.alarms == 0
    assert observed(store).policy.verification.alarms == 1


def test_alarms_that_were_real_do_not_count(store):
    follower = observed(store)
    follower.judged(NEEDED * 0.9, START)
    first, second = alarm(store, follower), alarm(store, follower)
    assert follower.policy.verification.alarms == 2
    for event, verdict in ((first, "real"), (second, "real"), (second, "false alarm"), (first, None)):
        store.add_feedback(Feedback(event, START, "operator", "looked", verdict))
    follower.judged(SAVE_SECONDS, START)
    assert follower.policy.verification.alarms == 1
    assert observed(store).policy.verification.alarms == 1


def test_alarms_that_the_store_deleted_still_count(store):
    follower = observed(store)
    number = alarm(store, follower)
    with store._database.transaction() as connection:
        connection.execute("DELETE FROM events WHERE id = ?", (number,))
    assert observed(store).policy.verification.alarms == 1


def test_too_many_alarms_are_an_event_with_what_to_do(store):
    follower = observed(store)
    follower.judged(3600.0, START)
    assert follower.policy.state == "probation"
    numbers = [alarm(store, follower, START)]
    assert follower.policy.state == "probation", "one alarm may be real"
    numbers += [alarm(store, follower, START + index) for index in (10, 20)]
    assert follower.policy.state == "refused"
    (event,) = store.read.events(kind="state")
    assert "at least" in event.explanation["text"]
    assert "calibrate again" in event.explanation["advice"]
    for number in numbers:
        store.add_feedback(Feedback(number, START, "operator", verdict="real"))
    follower.judged(SAVE_SECONDS, START + 9)
    assert states(store) == [("refused", "probation"), ("probation", "refused")]


def test_a_policy_that_was_refused_at_calibration_is_an_event_once(store):
    refused = replace(POLICY, verification=Observation.of(3600.0, 1, 3))
    for _ in range(2):
        assert observed(store, refused).policy.state == "refused"
    assert states(store) == [("refused", None)]
    assert "Calibrate again" in store.read.events()[0].explanation["text"]


@pytest.mark.parametrize("other", ["model", "policy"])
def test_what_another_model_or_policy_did_does_not_count(store, other):
    follower = observed(store)
    follower.judged(NEEDED + 1, START)
    alarm(store, follower)
    if other == "model":
        later = observed(store, model="c3d4")
    else:
        later = observed(store, replace(POLICY, rule=AlarmRule(6.0, 4.0)))
    assert later.policy.verification == Observation.of(0.0, 1, 0)
    assert states(store)[-1] == ("probation", "armed")


def test_without_room_it_is_written_later(store, monkeypatch):
    follower = observed(store)
    from auscult.errors import StoreError

    def full(*_):
        raise StoreError(store.folder, "no room left on the disk", full=True)

    with monkeypatch.context() as patch:
        patch.setattr(store, "put_state", full)
        patch.setattr(store, "add_event", full)
        follower.judged(NEEDED + 1, START)
    assert states(store) == []
    follower.judged(SAVE_SECONDS, START)
    assert states(store) == [("armed", "probation")]
    assert observed(store).policy.state == "armed"
