"""Which clips there are, and what their names tell."""

import re
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auscult.corpus.dcase_names import parse_name
from auscult.simulation import MACHINE_TYPES
from auscult.simulation.plan import plan_clips, usual_target_clips

TYPES = list(MACHINE_TYPES.values())
NAME = re.compile(r"section_00_(source|target)_(train|test)_(normal|anomaly)_\d{4}(_[a-z]+_[A-Za-z0-9.]+)+")


@pytest.mark.parametrize(("clips", "target"), [(4, 3), (200, 3), (400, 4), (1000, 10)])
def test_one_percent_of_the_training_clips_and_at_least_three_are_of_the_target_domain(clips, target):
    assert usual_target_clips(clips) == target
    plans = [p for p in plan_clips(TYPES[0], (0, "fan"), clips, 0) if p.split == "train"]
    assert Counter(p.domain for p in plans) == {"source": clips - target, "target": target}
    assert {p.condition for p in plans} == {"normal"}


@pytest.mark.parametrize("target", [0, 1, 10, 19])
def test_target_clips_can_be_counted_and_the_source_has_the_rest(target):
    plans = list(plan_clips(TYPES[0], (0, "fan"), 20, 0, target))
    assert Counter(p.domain for p in plans) == Counter(source=20 - target, target=target)


def test_fewer_target_clips_are_the_first_of_more():
    few, many = (list(plan_clips(TYPES[0], (0, "fan"), 20, 2, target)) for target in (3, 10))
    first = [p for p in few if p.domain == "target"]
    assert first == [p for p in many if p.domain == "target"][:3] + [
        p for p in many if p.split == "test" and p.domain == "target"
    ]


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_names_follow_dcase_and_tell_the_operation_but_not_the_fault(machine):
    plans = list(plan_clips(machine, (0, machine.type), 20, 12))
    assert len({p.stem for p in plans}) == len(plans) == 20 + 4 * 12
    for plan in plans:
        assert NAME.fullmatch(plan.stem)
        said = parse_name(plan.stem + ".wav")
        assert (said.section, said.domain, said.split, said.condition) == (
            "00",
            plan.domain,
            plan.split,
            plan.condition,
        )
        assert said.attributes == dict(plan.operation)
        assert plan.operation in (machine.source if plan.domain == "source" else machine.target)
        assert (plan.fault is not None) == (plan.condition == "anomaly")
        assert not plan.fault or plan.fault.name.split("_")[0] not in plan.stem


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_every_fault_comes_as_often_at_every_severity(machine):
    count = 3 * len(machine.fault_levels)
    plans = plan_clips(machine, (0, machine.type), 10, 2 * count)
    seen = Counter((p.domain, p.fault.name, p.fault.severity) for p in plans if p.fault)
    assert set(seen.values()) == {2}
    assert len(seen) == 2 * count


def test_three_target_clips_show_all_operations_of_the_target_domain():
    for machine in TYPES:
        shown = [p.operation for p in plan_clips(machine, (0, machine.type), 10, 0) if p.domain == "target"]
        assert all(operation in shown for operation in machine.target)


def test_a_clip_does_not_depend_on_how_many_there_are():
    few = list(plan_clips(TYPES[0], (0, "fan"), 10, 4))
    many = {p.stem: p for p in plan_clips(TYPES[0], (0, "fan"), 50, 20)}
    assert all(many[p.stem] == p for p in few)


def test_severity_is_in_decibels_around_medium():
    plans = [p for p in plan_clips(TYPES[0], (0, "fan"), 4, 300) if p.fault]
    for name, centre in [("low", -6), ("medium", 0), ("high", 6)]:
        decibels = [p.fault.decibels for p in plans if p.fault.severity == name]
        assert np.mean(decibels) == pytest.approx(centre, abs=0.3)
        assert 0.7 < np.std(decibels) < 1.3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_loudness_tells_no_condition(machine, seed):
    plans = [p for p in plan_clips(machine, (seed, machine.type), 10, 50) if p.split == "test"]
    loudness = np.array([p.loudness for p in plans])
    anomalous = np.array([p.condition == "anomaly" for p in plans])
    assert loudness.max() - loudness.min() > 7
    for domain in ("source", "target"):
        asked = anomalous | np.array([p.domain == domain for p in plans])
        assert abs(roc_auc_score(anomalous[asked], loudness[asked]) - 0.5) < 0.05


def test_machines_of_other_names_and_seeds_have_other_clips():
    one, two, three = (
        next(islice(plan_clips(TYPES[0], keys, 5, 0), 1)) for keys in [(0, "fan"), (0, "fan_2"), (1, "fan")]
    )
    assert len({one.loudness, two.loudness, three.loudness}) == 3
