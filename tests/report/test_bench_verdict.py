import pytest

from auscult.evaluation import Result
from auscult.report.bench_data import BenchData
from auscult.report.bench_verdict import verdict


def row(machine, system, value, seed=0):
    detector, _, score = system.partition(":")
    return Result(machine, "00", detector, score, seed, value, value, value, value, 2.0, 0.5)


def bench(results, *differences, **facts):
    entries = [
        {"machine": machine, "system": system, "baseline": "base:mse", "value": v, "low": low, "high": high}
        for machine, system, v, low, high in differences
    ]
    return BenchData(None, results, {**facts, "differences": entries}, [])


def verdict_text(*args):
    """The sentence and the note."""
    outcome = verdict(bench(*args))
    return f"{outcome.best}{outcome.text} {outcome.note}".replace("\u00a0", " ")


ONE_MACHINE = [row("fan", "base:mse", 0.7), row("fan", "new:mse", 0.8)]


def test_a_significant_difference_has_an_interval_without_zero():
    text = verdict_text(ONE_MACHINE, ("fan", "new:mse", 0.1, 0.05, 0.15))
    assert text.startswith("new:mse has the highest harmonic mean on fan, 80.0 %. It is 10.0 points above")
    assert "(95 % interval +5.0 to +15.0 over recordings)" in text
    assert "excludes zero" in text


def test_a_difference_that_is_not_significant():
    text = verdict_text(ONE_MACHINE, ("fan", "new:mse", 0.1, -0.05, 0.25))
    assert "−5.0 to +25.0" in text
    assert "The interval includes zero: these recordings do not show which of the two is better" in text


def test_if_the_baseline_is_best_it_is_compared_with_the_second_best():
    results = [row("fan", "base:mse", 0.9), row("fan", "new:mse", 0.8), row("fan", "worst:mse", 0.1)]
    differences = [("fan", "new:mse", -0.1, -0.2, -0.02), ("fan", "worst:mse", -0.8, -0.9, -0.7)]
    text = verdict_text(results, *differences)
    assert "is the baseline. The second best, new:mse, is 10.0 points below it (95 % interval −20.0" in text


def test_the_best_score_of_the_baseline_detector_is_compared_too():
    results = [*ONE_MACHINE, row("fan", "base:far", 0.77), row("fan", "base@other:low", 0.6)]
    text = verdict_text(results, ("fan", "new:mse", 0.1, 0.05, 0.15))
    assert "It is 3.0 points above base:far, the best score of base (no interval)." in text


def test_a_preset_of_the_baseline_detector_counts_as_that_detector():
    results = [*ONE_MACHINE, row("fan", "base@other:far", 0.79)]
    text = verdict_text(results, ("fan", "new:mse", 0.1, 0.05, 0.15))
    assert "It is 1.0 points above base@other:far, the best score of base" in text


def test_a_baseline_with_the_best_score_of_the_detector_is_named_once():
    text = verdict_text(ONE_MACHINE, ("fan", "new:mse", 0.1, 0.05, 0.15))
    assert "best score of" not in text
    assert "chance" not in text


def test_a_gain_of_another_score_of_the_baseline_detector():
    results = [row("fan", "base:mse", 0.7), row("fan", "base:far", 0.8)]
    text = verdict_text(results, ("fan", "base:far", 0.1, 0.05, 0.15))
    assert "The gain comes from the score: the detector, base, is that of the baseline." in text


def test_systems_below_chance_are_named():
    results = [row("fan", "base:mse", 0.3), row("fan", "new:mse", 0.4)]
    text = verdict_text(results, ("fan", "new:mse", 0.1, 0.05, 0.15))
    assert "Even the highest is below chance: anomalies score lower than normal clips." in text
    assert "harmonic mean of new:mse 40.0, base:mse 30.0; AUC-t of new:mse 40.0, base:mse 30.0." in text


def test_many_systems_below_chance_are_counted():
    results = [row("fan", f"base:{n}", 0.3 + n / 100) for n in range(4)] + [row("fan", "new:mse", 0.6)]
    text = verdict_text(results)
    assert "harmonic mean of 4 of 5 systems, down to 30.0 for base:0; AUC-t of 4 of 5 systems" in text


def test_a_target_auc_below_chance_is_reported_despite_a_good_mean():
    results = [row("fan", "base:mse", 0.7), Result("fan", "00", "new", "mse", 0, 0.9, 0.45, 0.8, 0.8)]
    text = verdict_text(results)
    assert "Even the highest is below chance" not in text
    assert "Below chance (anomalies score lower than normal clips): AUC-t of new:mse 45.0." in text


def test_with_several_machines_the_overall_difference_is_reported():
    results = [*ONE_MACHINE, row("pump", "base:mse", 0.7), row("pump", "new:mse", 0.8)]
    differences = [("fan", "new:mse", 0.3, 0.2, 0.4), (None, "new:mse", 0.1, -0.1, 0.3)]
    text = verdict_text(results, *differences)
    assert "over 2 machines" in text
    assert "10.0 points above" in text
    assert "includes zero" in text


@pytest.mark.parametrize(
    ("results", "part"),
    [
        ([], "there is no best system"),
        ([row("fan", "a", 0.5)], "the only system"),
        ([row("fan", "a", 0.5), row("pump", "b", 0.5)], "there is no best system"),
        (ONE_MACHINE, "No baseline was run"),
    ],
)
def test_results_that_cannot_be_compared(results, part):
    assert part in verdict_text(results)
