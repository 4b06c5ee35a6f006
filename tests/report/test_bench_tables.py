import re
import xml.etree.ElementTree as ET

from auscult.dcase.published import published_results
from auscult.evaluation import Result
from auscult.report.bench_data import BenchData
from auscult.report.bench_tables import costs_table, machines_table, systems_table, what_was_run
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
    for table in (
        systems_table(bench(results)),
        machines_table(bench(results)),
        costs_table(bench(results, costs=COSTS)),
    ):
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


RANKING = [
    {"system": "new:best", "decisive": False, "better_on": ["fan", "pump"], "worse_on": []},
    {"system": "new:mse", "decisive": True, "better_on": ["fan"], "worse_on": ["pump"]},
    {"system": "base:mse", "decisive": False, "better_on": [], "worse_on": []},
]
COSTS = [
    {
        "detector": "new",
        "fit_seconds": 12.34,
        "score_milliseconds": 5.06,
        "real_time": 1234.5,
        "model_bytes": 2_500_000,
        "needs": ["auscult[train]", "encoder=…"],
    }
]
TWO = [
    row(m, s, v) for m in ("fan", "pump") for s, v in (("base:mse", 0.7), ("new:mse", 0.8), ("new:best", 0.9))
]


def cells(table, system):
    """The cells of one row as a reader sees them."""
    root = ET.fromstring(f"<x>{table}</x>")
    rows = [[re.sub(r"\s+", " ", "".join(cell.itertext())) for cell in line] for line in root.iter("tr")]
    heads = rows[0]
    (mine,) = [line for line in rows if line[0].removesuffix(" decides") == system]
    return dict(zip(heads, mine, strict=True))


def test_machines_are_counted_and_the_scores_that_decide_are_marked():
    told = ("new:mse", 0.1, 0.05, 0.15)
    table = systems_table(bench(TWO, (None, *told), ranking=RANKING))
    assert cells(table, "new:mse")["Machines better / worse"] == "1 / 1 below on pump"
    assert cells(table, "new:best")["Machines better / worse"] == "2 / 0"
    assert cells(table, "base:mse")["Machines better / worse"] == "–"
    assert cells(table, "new:mse")["System"] == "new:mse decides"
    assert cells(table, "new:best")["System"] == "new:best"
    assert "Machines better / worse" not in words(systems_table(bench(ONE, ranking=RANKING)))


def test_costs_and_needs_have_a_row_for_each_detector():
    assert cells(costs_table(bench(TWO, costs=COSTS)), "new") == {
        "Detector": "new",
        "Fit [s]": "12.3",
        "Score [ms a clip]": "5.1",
        "Score [× real time]": "1234",
        "Model [MB]": "2.5",
        "Needs to fit": "auscult[train], encoder=…",
    }
    assert costs_table(bench(TWO)) == ""


def test_many_machines_below_are_cut_short():
    worse = ["a", "b", "c", "d"]
    ranking = [{"system": "new:mse", "decisive": True, "better_on": [], "worse_on": worse}]
    assert cells(systems_table(bench(TWO, ranking=ranking)), "new:mse")["Machines better / worse"] == (
        "0 / 4 below on a, b, c, …"
    )


def test_by_machine_the_scores_that_decide_stand_at_sight_and_the_rest_is_folded():
    told = ("new:mse", 0.1, 0.05, 0.15)
    table = machines_table(bench(TWO, (None, *told), ranking=RANKING))
    sight, _, rest = table.partition("<details>")
    assert "new:mse" in sight
    assert "base:mse" in sight
    assert "new:best" not in sight
    assert "new:best" in rest
    assert set(re.findall("<strong>(.*?)</strong>", sight)) == {"80.00"}, "the best of what is shown"
    assert "<details>" not in machines_table(bench(TWO))
