"""The candidates and the decision rule of `bench.promise`, on scores whose decisions are known."""

from __future__ import annotations

import numpy as np
import pytest
from bench.promise_candidates import CANDIDATES, HeldOut, jackknife_plus, largest_over_domains, shift
from bench.promise_cases import IN_TRAINING, OTHER_CONDITIONS, OTHER_UNITS, case_of
from bench.promise_decision import Measured, choose, decide

from auscult.corpus import Clip
from auscult.evaluation.intervals import Estimate

MACHINES = ("a", "b", "c")
GROUP, OTHERS = ("source", IN_TRAINING), ("source", OTHER_UNITS)


def held_out(count: int, folds: int, excess: float = 0.0, alone: int = 0) -> HeldOut:
    """Scores 0, 1, … of clips that are each a recording; the last ``alone`` ones are one target recording."""
    normal = np.arange(count, dtype=float) + excess
    target = np.arange(count) >= count - alone
    recordings = np.where(target, count, np.arange(count))
    fold = np.where(target, folds - 1, np.arange(count) % folds)
    test = np.array([0.0, count - 2.5, count + 5.0])
    return HeldOut(normal, fold, target, recordings, test, np.tile(test[:, None] + excess, folds))


def test_the_correction_extrapolates_to_all_recordings():
    each, five = held_out(40, 40), held_out(40, 5, excess=1.0)
    factor = (1 / 39 - 1 / 40) / (1 / 32 - 1 / 39)
    assert shift(five, each) == pytest.approx(factor)
    assert shift(held_out(40, 5, excess=-1.0), each) == 0.0, "fold models are not better"
    assert shift(held_out(5, 5), held_out(5, 5)) == 0.0


def test_recordings_alone_in_their_domain_are_left_out():
    five, each = held_out(60, 5, alone=5), held_out(60, 50, alone=5)
    assert each.not_alone.sum() == 55
    test = np.array([53.5])
    fields = {**vars(each), "test": test}
    assert not CANDIDATES["fold per recording"](five, HeldOut(**fields), 0.05).any()
    assert CANDIDATES["not alone"](five, HeldOut(**fields), 0.05).all()
    assert held_out(60, 5).not_alone.all()
    assert held_out(9, 3, alone=9).not_alone.all(), "the only domain"


def test_jackknife_plus_compares_scores_of_the_same_model():
    each = held_out(39, 39)
    shifted = HeldOut(**{**vars(each), "normal": each.normal + 100, "test_by_fold": each.test_by_fold + 100})
    assert jackknife_plus(each, 0.05).tolist() == [False, False, True]
    assert jackknife_plus(shifted, 0.05).tolist() == [False, False, True]
    assert not CANDIDATES["fold per recording"](each, shifted, 0.05).any()


def test_the_largest_p_value_needs_enough_recordings_of_each_domain():
    each = held_out(40, 40)
    both = HeldOut(**{**vars(each), "target": np.arange(40) >= 20})
    alarms = largest_over_domains(both, 0.05)
    assert alarms is not None
    assert alarms.tolist() == [False, False, True]
    few = HeldOut(**{**vars(each), "target": np.arange(40) >= 22})
    assert largest_over_domains(few, 0.05) is None
    assert largest_over_domains(few, 0.1) is not None


def test_cases():
    def clip(**attributes: str) -> Clip:
        return Clip("x.wav", attributes=attributes)

    training = [clip(motor="M1", spd="1"), clip(motor="M2", spd="2")]
    assert case_of("BrushlessMotor", clip(motor="M1", spd="1"), training) == IN_TRAINING
    assert case_of("BrushlessMotor", clip(motor="M1", spd="2"), training) == OTHER_CONDITIONS
    assert case_of("BrushlessMotor", clip(motor="M3", spd="2"), training) == OTHER_UNITS
    assert case_of("PaderbornBearing", clip(speed="N15"), training) == OTHER_UNITS
    assert case_of("fan", clip(), training) == IN_TRAINING


def results(**special: dict[str, tuple[float, float]]) -> tuple[dict, dict]:
    """Detection of 50 % and intervals that begin at 0 everywhere, except for the given (detection, low)."""

    def of(detection: float, low: float, group: tuple[str, str]) -> Measured:
        return Measured({"source": detection, "target": detection}, {group: Estimate(low + 0.02, low, 1.0)})

    real = {c: {m: of(50.0, 0.0, GROUP) for m in MACHINES} for c in CANDIDATES}
    simulated = {c: {"fan": of(50.0, 0.0, GROUP)} for c in CANDIDATES}
    for machine, candidates in special.items():
        for candidate, (detection, low) in candidates.items():
            group = OTHERS if machine == "b" else GROUP
            (simulated if machine == "fan" else real)[candidate][machine] = of(detection, low, group)
    return real, simulated


def test_the_simplest_of_nearly_equal_candidates_is_chosen():
    assert choose(*results(), MACHINES) == "five folds"
    assert choose(*results(a={"corrected": (52.0, 0.0)}), MACHINES) == "five folds", "0.7 points on average"
    assert choose(*results(a={"corrected": (56.0, 0.0)}), MACHINES) == "corrected"


def test_a_candidate_must_keep_the_promise():
    better, broken = {"corrected": (80.0, 0.0)}, {"corrected": (80.0, 0.06)}
    assert choose(*results(a=better), MACHINES) == "corrected"
    assert choose(*results(a=broken), MACHINES) == "five folds"
    assert choose(*results(a=better, fan=broken), MACHINES) == "five folds"
    assert choose(*results(a=better, b=broken), MACHINES) == "corrected", (
        "nothing is promised for other units"
    )
    already = {"corrected": (80.0, 0.06), "five folds": (50.0, 0.06)}
    assert choose(*results(a=already), MACHINES) == "corrected", "five folds break it as well"


def test_jackknife_plus_must_be_much_better():
    real, simulated = results(**{m: {"jackknife+": (59.0, 0.0)} for m in ("a", "c")})
    assert choose(real, simulated, ("a", "c")) == "five folds"
    real, simulated = results(**{m: {"jackknife+": (61.0, 0.0)} for m in ("a", "c")})
    assert choose(real, simulated, ("a", "c")) == "jackknife+"


def test_a_machine_has_no_influence_on_what_it_is_judged_by():
    decision = decide(*results(a={"corrected": (90.0, 0.0)}))
    assert decision.left_out == {"a": "five folds", "b": "corrected", "c": "corrected"}
    assert decision.mean == pytest.approx(50.0)
    assert decision.candidate == "five folds", "not better on the machines left out"
    better = decide(*results(a={"corrected": (90.0, 0.0)}, c={"corrected": (90.0, 0.0)}))
    assert better.candidate == "corrected"
    assert better.mean > 50
