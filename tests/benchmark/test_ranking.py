"""The ranking of systems, and the costs of detectors."""

from dataclasses import replace

import pytest

from auscult.benchmark.differences import Difference, SystemMean
from auscult.benchmark.ranking import (
    FitCost,
    costs,
    costs_text,
    interval_notes,
    interval_text,
    ranking,
    ranking_text,
)
from auscult.evaluation import Estimate, Result, harmonic_mean

LONG = "pooled_gaussian@residual:residual_mixture"


def row(machine, system, terms, seed=0):
    detector, _, score = system.partition(":")
    source, target, pauc = terms
    available = [term for term in terms if term is not None]
    return Result(machine, "00", detector, score, seed, source, target, pauc, harmonic_mean(available))


def difference(machine, system, value, low=-0.1, high=0.3):
    counts = {"normal": 8, "anomaly": 9}
    return Difference(machine, system, "base:mse", Estimate(value, low, high), (2, 1), counts)


RESULTS = [
    row("fan", "base:mse", (0.6, 0.6, 0.6)),
    row("pump", "base:mse", (0.7, None, 0.7)),
    row("fan", "new:a", (0.9, 0.6, 0.5)),
    row("pump", "new:a", (0.8, None, 0.6)),
    row("fan", "new:a", (0.8, 0.7, 0.6), seed=1),
    row("pump", "new:a", (0.9, None, 0.7), seed=1),
    row("fan", "new:b", (0.99, 0.99, 0.99)),
]
DIFFERENCES = [
    difference("fan", "new:a", -0.01),
    difference("pump", "new:a", 0.03),
    difference(None, "new:a", 0.02),
    difference("fan", "new:b", 0.39),
]


@pytest.fixture
def ranked():
    return ranking(RESULTS, DIFFERENCES, ["base:mse", "new:a"])


def test_best_systems_come_first_and_incomplete_ones_last(ranked):
    assert [r.system for r in ranked] == ["new:a", "base:mse", "new:b"]
    seed_means = [harmonic_mean((0.9, 0.6, 0.5, 0.8, 0.6)), harmonic_mean((0.8, 0.7, 0.6, 0.9, 0.7))]
    assert ranked[0].harmonic_mean == pytest.approx(sum(seed_means) / 2)
    assert ranked[0].deviation == pytest.approx(abs(seed_means[0] - seed_means[1]) / 2**0.5)
    assert ranked[1].harmonic_mean == pytest.approx(harmonic_mean((0.6, 0.6, 0.6, 0.7, 0.7)))
    assert (ranked[1].deviation, ranked[2].harmonic_mean) == (None, None)


def test_a_seed_without_all_machines_does_not_count(ranked):
    more_seeds = ranking([*RESULTS, row("fan", "new:a", (0.1, 0.1, 0.1), seed=2)], DIFFERENCES, [])
    assert more_seeds[0].harmonic_mean == ranked[0].harmonic_mean


def test_difference_over_all_machines_and_better_and_worse_machines(ranked):
    new, base, partial = ranked
    assert new.difference.value == 0.02
    assert (new.better_on, new.worse_on) == (("pump",), ("fan",))
    assert (base.difference, base.better_on, base.worse_on) == (None, (), ())
    assert partial.difference is None
    assert (partial.better_on, partial.worse_on) == (("fan",), ())
    assert [r.decisive for r in ranked] == [True, True, False]
    one_machine = ranking([r for r in RESULTS if r.machine == "fan"], [difference("fan", "new:a", 0.2)], [])
    assert {r.system: r.difference and r.difference.value for r in one_machine}["new:a"] == 0.2


def test_ranking_to_json(ranked):
    data = ranked[0].to_json()
    assert data["difference"] == {"value": 0.02, "low": -0.1, "high": 0.3}
    assert data["worse_on"] == ("fan",)
    assert ranked[1].to_json()["difference"] is None


def test_ranking_text_fits_a_terminal():
    results = [*RESULTS, row("fan", LONG, (0.5, 0.5, 0.5)), row("pump", LONG, (0.5, None, 0.5))]
    differences = [*DIFFERENCES, difference(None, LONG, -0.123)]
    means = [SystemMean(None, "new:a", Estimate(0.688, 0.5, 0.9), 2, {"normal": 8, "anomaly": 9})]
    text = ranking_text(ranking(results, differences, ["new:a"], means), "base:mse", differences)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    (new,) = [line for line in lines if "new:a" in line]
    assert new.split() == [
        *("1*", "new:a", "68.8", "±", "5.4", "[50,", "90]", "+2.0", "[-10.0,", "+30.0]", "1/1")
    ]
    assert "One seed of the baseline base:mse." in lines
    assert any(line.split() == ["2", "base:mse", "63.6", "baseline"] for line in lines)
    assert any("-12.3" in line for line in lines)
    assert any(line.split() == ["4", "new:b", "–", "–"] for line in lines)


def test_ranking_text_without_the_baseline_has_no_differences():
    without_baseline = [result for result in RESULTS if result.column != "base:mse"]
    text = ranking_text(ranking(without_baseline, [], ["new:a"]), "base:mse")
    assert "no differences, since base:mse has no results" in text
    assert "from base:mse" not in text
    assert "better" not in text
    (new,) = [line for line in text.splitlines() if "new:a" in line]
    assert new.split() == ["1*", "new:a", "68.8", "±", "5.4"]


def test_costs_are_means_over_fits_and_sums_over_clips():
    fits = {"new": [FitCost(10.0, 2.0, 100, 1000.0, 4_000_000), FitCost(20.0, 1.0, 50, 0.0, 2_000_000)]}
    (cost,) = costs(fits, {"new": ["auscult[train]"]})
    assert (cost.fit_seconds, cost.score_milliseconds, cost.model_bytes) == (15.0, 20.0, 3e6)
    assert cost.real_time == pytest.approx(1000 / 3)
    text = costs_text([cost])
    assert " ".join(text.splitlines()[-2].split()) == "new 15.0 s 20.0 ms 333 3.0 MB"
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[-1] == "Fitting needs auscult[train]: new"
    (unknown_duration,) = costs({"new": [FitCost(1.0, 1.0, 1, 0.0, 1)]}, {"new": []})
    assert unknown_duration.real_time is None
    assert "–" in costs_text([unknown_duration])


def test_interval_text_is_in_percentage_points():
    assert interval_text(Estimate(0.1234, -0.01, 0.2)) == "+12.3 [-1.0, +20.0]"
    assert interval_text(Estimate(-0.05)) == "-5.0"


def test_a_reason_why_intervals_are_missing_is_stated_once_for_each_machine():
    note = "no interval: 4 normal and 10 anomalous independent recordings"
    without = replace(difference("fan", "new:a", 0.1), difference=Estimate(0.1, note=note))
    several = [without, replace(without, system="new:b"), replace(without, machine="pump")]
    assert [n for n in interval_notes(several) if "no interval" in n] == [f"fan: {note}.", f"pump: {note}."]
