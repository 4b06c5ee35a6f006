"""Model files that change while a monitor runs."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest
from tests.helpers import noise

import auscult
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule
from auscult.decision.alarms.observation import Observation
from auscult.monitor.history import model_files
from auscult.monitor.history.model_files import ModelFileWatch
from auscult.monitor.settings.config import MachineConfig, MonitorConfig
from auscult.monitor.store import EventStore

RATE = 8000
NOW = 1_700_000_000.0
POLICY = AlarmPolicy(AlarmRule(9.0, 8.0), 1.024, AlarmBudget(1, "week"), "tail", 0.0, Observation())


@pytest.fixture(scope="module")
def model():
    clips = [noise(2, seed) for seed in range(20)]
    return auscult.fit(clips, "pooled_gaussian", all_scores=False, sample_rate=RATE)


@pytest.fixture
def watch(model, tmp_path, monkeypatch):
    """A check of the files, which returns the condition of the monitor."""
    monkeypatch.setattr(model_files, "_SECONDS", 0.0)
    path = str(tmp_path / "fan.auscult")
    model.save(path)
    (machine,) = MonitorConfig("", (MachineConfig("fan", path, "mic"),)).watched()
    models = [("fan", machine.model, machine.file)]
    with EventStore(tmp_path / "store") as store:

        def check(files):
            files.check(NOW)
            lasting = store.read.health(lasting=True)
            return [(health.machine, health.condition, health.detail) for health in lasting]

        yield path, partial(check, ModelFileWatch(store, models, NOW)), store, models


def test_a_model_that_is_calibrated_again_is_not_the_one_that_judges(model, watch):
    path, check, store, models = watch
    assert check() == []
    model.with_alarm_policy(POLICY).save(path)
    ((name, condition, detail),) = check()
    assert (name, condition) == (None, "model changed")
    assert detail.startswith("fan is judged by the model that fan.auscult contained")
    assert len(check()) == 1
    model.with_alarm_policy(replace(POLICY, period=2.0)).save(path)
    assert len(check()) == 1
    model.save(path)
    assert check() == [], "the file is again what was read"
    os.remove(path)
    assert "cannot be read any more" in check()[0][2]
    ModelFileWatch(store, models, NOW)
    assert store.read.health(lasting=True) == [], "a restart reads it"


def test_a_file_with_the_same_content_has_not_changed(model, watch):
    path, check, *_ = watch
    model.save(path)
    os.utime(path, (NOW, NOW))
    assert check() == []
