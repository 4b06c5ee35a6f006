"""A source from which nothing has arrived yet."""

from __future__ import annotations

import pytest

from auscult.monitor.history import absent_source
from auscult.monitor.history.absent_source import AbsentSource
from auscult.monitor.store import EventStore, Machine
from auscult.sound.live import Interruption


@pytest.fixture
def store(tmp_path):
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "1", "mic:USB", {}, 0.0))
        yield store


def lasting(store):
    return [(health.condition, health.detail) for health in store.read.health(lasting=True)]


def test_the_reason_is_kept_until_samples_arrive(store):
    absent = AbsentSource(store, "fan")
    absent.interrupted(Interruption("there is no microphone USB", "gone"))
    assert lasting(store) == [("source gone", "there is no microphone USB")]
    absent.interrupted(Interruption("the microphone USB is in use", "gone"))
    assert lasting(store) == [("source gone", "the microphone USB is in use")]
    absent.ended()
    assert lasting(store) == []


def test_a_source_may_take_a_while_to_connect(store, monkeypatch):
    absent = AbsentSource(store, "fan")
    absent.interrupted(Interruption("connecting for 5 s", "stalled"))
    assert lasting(store) == []
    monkeypatch.setattr(absent_source, "_CONNECTING", 0.0)
    absent.interrupted(Interruption("connecting for 35 s", "stalled"))
    assert lasting(store) == [("source gone", "connecting for 35 s")]
