import re
import xml.etree.ElementTree as ET

from auscult.evaluation import Result, published_results
from auscult.report.bench_data import BenchData
from auscult.report.bench_tables import machines_table, systems_table, what_was_run
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


def test_published_systems_are_shown_but_never_best():
    machines = dict.fromkeys(r.machine for r in published_results())
    results = [*(row(machine, "a:mse", 0.1) for machine in machines), *published_results()]
    data = bench(results, published=True)
    table = systems_table(data)
    assert "a:mse" in words(verdict_sentence(data))
    assert "published gamma_vae:mahalanobis" in table
    assert "printed there and not run here" in table
    assert set(re.findall("<strong>(.*?)</strong>", table)) == {"10.00"}
    assert set(re.findall("<strong>(.*?)</strong>", machines_table(data))) == {"10.00"}


def test_the_best_of_each_column_is_marked_and_spread_is_shown():
    results = [*ONE, *(row("fan", s, v, seed=1) for s, v in (("base:mse", 0.72), ("new:mse", 0.84)))]
    table = systems_table(bench(results, ("fan", "new:mse", 0.1, -0.05, 0.25)))
    assert set(re.findall("<strong>(.*?)</strong>", table)) == {"82.00"}
    assert " ± 2.83" in table
    assert table.index(">new:mse<") < table.index(">base:mse<")


def test_columns_are_explained():
    said = words(systems_table(bench(ONE, ("fan", "new:mse", 0.1, -0.05, 0.25))))
    assert "Difference from base:mse [points]" in said
    assert "how often an anomaly scores above a normal clip" in said
    assert "Difference [points]" in words(systems_table(bench(ONE)))


def test_heads_of_tables_have_a_scope():
    results = [*ONE, row("pump", "base:mse", 0.7), row("pump", "new:mse", 0.8)]
    for table in (systems_table(bench(results)), machines_table(bench(results))):
        heads = [head for head in ET.fromstring(f"<x>{table}</x>").iter("th")]
        assert heads
        assert all(head.get("scope") in ("col", "row", "rowgroup") for head in heads)


def test_one_machine_needs_no_second_table():
    assert machines_table(bench(ONE)) == ""


def test_what_was_run_is_told_with_failures_and_notes():
    told = what_was_run(
        bench(
            ONE,
            root="/data/<b>",
            seeds=[0, 1],
            settings={"epochs": "3"},
            versions={"auscult": "9.9"},
            machine={"cores": 4},
            failures=[{"machine": "fan", "detector": "gamma_vae", "seed": 0, "error": "diverged <x>"}],
            notes=["left out a.wav"],
        )
    )
    said = words(told)
    for part in ("/data/<b>", "0, 1", "epochs 3", "auscult 9.9", "cores 4", "left out a.wav", "2 fits"):
        assert part in said
    assert "fan gamma_vae, seed 0: diverged <x>" in said
    assert "<x>" not in told
