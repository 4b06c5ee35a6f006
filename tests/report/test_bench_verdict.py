import re
import xml.etree.ElementTree as ET

import pytest

from auscult.evaluation import Result
from auscult.report.bench_data import BenchData
from auscult.report.bench_verdict import verdict_sentence


def row(machine, system, value, seed=0):
    detector, _, score = system.partition(":")
    return Result(machine, "00", detector, score, seed, value, value, value, value, 2.0, 0.5)


def bench(results, *differences, **facts):
    told = [
        {"machine": machine, "system": system, "baseline": "base:mse", "value": v, "low": low, "high": high}
        for machine, system, v, low, high in differences
    ]
    return BenchData(None, results, {**facts, "differences": told}, [])


def words(markup):
    return re.sub(r"\s+", " ", "".join(ET.fromstring(f"<x>{markup}</x>").itertext()))


ONE = [row("fan", "base:mse", 0.7), row("fan", "new:mse", 0.8)]


def test_a_clear_winner_is_told_with_its_interval():
    said = words(verdict_sentence(bench(ONE, ("fan", "new:mse", 0.1, 0.05, 0.15))))
    assert said.startswith(
        "new:mse has the highest harmonic mean on fan, 80.0 %. It stands 10.0 points above"
    )
    assert "(95 % interval +5.0 to +15.0 over the same clips)" in said
    assert "does not hold zero" in said


def test_the_name_of_the_best_breaks_between_detector_and_score_alone():
    verdict = verdict_sentence(bench([row("fan", "one@two:far_off", 0.8)]))
    parts = [span.text for span in ET.fromstring(verdict).iter("span")]
    assert parts == ["one@two:", "far_off"]


def test_a_winner_by_chance_is_told_as_such():
    said = words(verdict_sentence(bench(ONE, ("fan", "new:mse", 0.1, -0.05, 0.25))))
    assert "−5.0 to +25.0" in said
    assert "The interval holds zero: these clips do not tell the two apart" in said


def test_where_the_baseline_wins_the_next_is_told():
    results = [row("fan", "base:mse", 0.9), row("fan", "new:mse", 0.8), row("fan", "worst:mse", 0.1)]
    told = [("fan", "new:mse", -0.1, -0.2, -0.02), ("fan", "worst:mse", -0.8, -0.9, -0.7)]
    said = words(verdict_sentence(bench(results, *told)))
    assert "is the baseline. The next, new:mse, stands 10.0 points below (95 % interval −20.0 to −2.0" in said


def test_a_gain_by_another_score_is_not_told_as_one_by_another_detector():
    results = [*ONE, row("fan", "base:far", 0.77), row("fan", "base@odd:low", 0.6)]
    said = words(verdict_sentence(bench(results, ("fan", "new:mse", 0.1, 0.05, 0.15))))
    assert "Above the best score of the base, base:far, it stands 3.0 points (no interval)." in said


def test_a_preset_of_the_baselines_detector_counts_as_that_detector():
    results = [*ONE, row("fan", "base@odd:far", 0.79)]
    said = words(verdict_sentence(bench(results, ("fan", "new:mse", 0.1, 0.05, 0.15))))
    assert "best score of the base, base@odd:far, it stands 1.0 points" in said


def test_where_the_baseline_is_its_detectors_best_it_is_named_once():
    said = words(verdict_sentence(bench(ONE, ("fan", "new:mse", 0.1, 0.05, 0.15))))
    assert "best score of" not in said
    assert "chance:" not in said


def test_a_winner_of_the_baselines_own_detector_is_told_as_such():
    results = [row("fan", "base:mse", 0.7), row("fan", "base:far", 0.8)]
    said = words(verdict_sentence(bench(results, ("fan", "base:far", 0.1, 0.05, 0.15))))
    assert "The gain is the score’s: the detector is the baseline’s, base." in said


def test_what_is_below_chance_is_said_to_be():
    results = [row("fan", "base:mse", 0.3), row("fan", "new:mse", 0.4)]
    said = words(verdict_sentence(bench(results, ("fan", "new:mse", 0.1, 0.05, 0.15))))
    assert "still below chance: anomalies score lower than normals." in said
    assert "harmonic mean of new:mse 40.0, base:mse 30.0; AUC-t of new:mse 40.0, base:mse 30.0." in said


def test_many_systems_below_chance_are_counted():
    results = [row("fan", f"base:{n}", 0.3 + n / 100) for n in range(4)] + [row("fan", "new:mse", 0.6)]
    said = words(verdict_sentence(bench(results)))
    assert "harmonic mean of 4 of 5 systems, down to 30.0 by base:0; AUC-t of 4 of 5 systems" in said


def test_a_target_domain_below_chance_is_said_beside_a_good_mean():
    results = [row("fan", "base:mse", 0.7), Result("fan", "00", "new", "mse", 0, 0.9, 0.45, 0.8, 0.8)]
    said = words(verdict_sentence(bench(results)))
    assert "still below chance" not in said
    assert "Below chance: anomalies score lower than normals: AUC-t of new:mse 45.0." in said


def test_over_several_machines_the_overall_difference_counts():
    results = [*ONE, row("pump", "base:mse", 0.7), row("pump", "new:mse", 0.8)]
    told = [("fan", "new:mse", 0.3, 0.2, 0.4), (None, "new:mse", 0.1, -0.1, 0.3)]
    said = words(verdict_sentence(bench(results, *told)))
    assert "over 2 machines" in said
    assert "10.0 points above" in said
    assert "holds zero" in said


@pytest.mark.parametrize(
    ("results", "part"),
    [
        ([], "none is best"),
        ([row("fan", "a", 0.5)], "the only system"),
        ([row("fan", "a", 0.5), row("pump", "b", 0.5)], "none is best"),
        (ONE, "no baseline was run"),
    ],
)
def test_what_cannot_be_compared_is_not(results, part):
    assert part in words(verdict_sentence(bench(results)))
