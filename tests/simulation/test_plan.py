"""The clips of a simulated machine, and the contents of their file names."""

import re
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from auscult.corpus.dcase_names import parse_name
from auscult.simulation import MACHINE_TYPES
from auscult.simulation.plan import default_target_clips, plan_clips

TYPES = list(MACHINE_TYPES.values())
NAME = re.compile(r"section_00_(source|target)_(train|test)_(normal|anomaly)_\d{4}(_[a-z]+_[A-Za-z0-9.]+)+")


@pytest.mark.parametrize(("clips", "target"), [(4, 3), (200, 3), (400, 4), (1000, 10)])
def test_by_default_one_percent_and_at_least_three_training_clips_are_in_the_target_domain(clips, target):
    assert default_target_clips(clips) == target
    plans = [p for p in plan_clips(TYPES[0], (0, "fan"), clips, 0) if p.split == "train"]
    assert Counter(p.domain for p in plans) == {"source": clips - target, "target": target}
    assert {p.condition for p in plans} == {"normal"}


@pytest.mark.parametrize("target", [0, 1, 10, 19])
def test_target_clips_can_be_chosen_and_the_others_are_in_the_source_domain(target):
    plans = list(plan_clips(TYPES[0], (0, "fan"), 20, 0, target))
    assert Counter(p.domain for p in plans) == Counter(source=20 - target, target=target)


def test_fewer_target_clips_are_the_first_of_more_target_clips():
    fewer, more = (list(plan_clips(TYPES[0], (0, "fan"), 20, 2, target)) for target in (3, 10))
    target_plans = [p for p in fewer if p.domain == "target"]
    assert target_plans == [p for p in more if p.domain == "target"][:3] + [
        p for p in more if p.split == "test" and p.domain == "target"
    ]


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_names_follow_dcase_and_contain_the_operation_but_not_the_fault(machine):
    plans = list(plan_clips(machine, (0, machine.type), 20, 12))
    assert len({p.stem for p in plans}) == len(plans) == 20 + 4 * 12
    for plan in plans:
        assert NAME.fullmatch(plan.stem)
        name = parse_name(plan.stem + ".wav")
        assert (name.section, name.domain, name.split, name.condition) == (
            "00",
            plan.domain,
            plan.split,
            plan.condition,
        )
        assert name.attributes == dict(plan.operation)
        assert plan.operation in (machine.source if plan.domain == "source" else machine.target)
        assert (plan.fault is not None) == (plan.condition == "anomaly")
        assert not plan.fault or plan.fault.name.split("_")[0] not in plan.stem


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_every_fault_is_equally_frequent_at_every_severity(machine):
    count = 3 * len(machine.fault_levels)
    plans = plan_clips(machine, (0, machine.type), 10, 2 * count)
    counts = Counter((p.domain, p.fault.name, p.fault.severity) for p in plans if p.fault)
    assert set(counts.values()) == {2}
    assert len(counts) == 2 * count


def test_three_target_clips_cover_all_operations_of_the_target_domain():
    for machine in TYPES:
        plans = plan_clips(machine, (0, machine.type), 10, 0)
        operations = [p.operation for p in plans if p.domain == "target"]
        assert all(operation in operations for operation in machine.target)


def test_a_clip_does_not_depend_on_the_number_of_clips():
    fewer = list(plan_clips(TYPES[0], (0, "fan"), 10, 4))
    more = {p.stem: p for p in plan_clips(TYPES[0], (0, "fan"), 50, 20)}
    assert all(more[p.stem] == p for p in fewer)


def test_severity_is_in_decibels_relative_to_medium():
    plans = [p for p in plan_clips(TYPES[0], (0, "fan"), 4, 300) if p.fault]
    for name, centre in [("low", -6), ("medium", 0), ("high", 6)]:
        decibels = [p.fault.decibels for p in plans if p.fault.severity == name]
        assert np.mean(decibels) == pytest.approx(centre, abs=0.3)
        assert 0.7 < np.std(decibels) < 1.3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_loudness_does_not_reveal_the_condition(machine, seed):
    plans = [p for p in plan_clips(machine, (seed, machine.type), 10, 50) if p.split == "test"]
    loudness = np.array([p.loudness for p in plans])
    anomalous = np.array([p.condition == "anomaly" for p in plans])
    assert loudness.max() - loudness.min() > 7
    for domain in ("source", "target"):
        selected = anomalous | np.array([p.domain == domain for p in plans])
        assert abs(roc_auc_score(anomalous[selected], loudness[selected]) - 0.5) < 0.05


def test_machines_with_other_names_or_seeds_have_other_clips():
    plans = [next(plan_clips(TYPES[0], keys, 5, 0)) for keys in [(0, "fan"), (0, "fan_2"), (1, "fan")]]
    assert len({plan.loudness for plan in plans}) == 3
