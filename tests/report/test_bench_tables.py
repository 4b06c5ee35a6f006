import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from auscult.dcase.published import published_results
from auscult.evaluation import Result
from auscult.report.bench_data import BenchData
from auscult.report.bench_tables import costs_table, machines_table, run_details, systems_table
from auscult.report.bench_verdict import verdict_sentence


def row(machine, system, value, seed=0):
    detector, _, score = system.partition(":")
    return Result(machine, "00", detector, score, seed, value, value, value, value, 2.0, 0.5)


def bench(results, *differences, **facts):
    entries = [
        {"machine": machine, "system": system, "baseline": "base:mse", "value": v, "low": low, "high": high}
        for machine, system, v, low, high in differences
    ]
    return BenchData(None, results, {**facts, "differences": entries}, [])


def visible_text(markup):
    return re.sub(r"\s+", " ", "".join(ET.fromstring(f"<x>{markup}</x>").itertext()))


ONE_MACHINE = [row("fan", "base:mse", 0.7), row("fan", "new:mse", 0.8)]


def test_published_systems_are_shown_but_never_best():
    machines = dict.fromkeys(r.machine for r in published_results())
    results = [*(row(machine, "a:mse", 0.1) for machine in machines), *published_results()]
    data = bench(results, published=True)
    table = systems_table(data)
    assert "a:mse" in visible_text(verdict_sentence(data))
    assert "published gamma_vae:mahalanobis" in table
    assert "they were not run here" in table
    assert set(re.findall("<strong>(.*?)</strong>", table)) == {"10.00"}
    assert set(re.findall("<strong>(.*?)</strong>", machines_table(data))) == {"10.00"}


def test_the_best_of_each_column_is_marked_and_spread_is_shown():
    results = [*ONE_MACHINE, *(row("fan", s, v, seed=1) for s, v in (("base:mse", 0.72), ("new:mse", 0.84)))]
    table = systems_table(bench(results, ("fan", "new:mse", 0.1, -0.05, 0.25)))
    assert set(re.findall("<strong>(.*?)</strong>", table)) == {"82.00"}
    assert " ± 2.83" in table
    assert table.index(">new:mse<") < table.index(">base:mse<")


def test_rates_are_the_last_columns_and_never_best():
    rates = {"recall": 0.9, "false_alarm_rate": 0.4, "accepted_rate": 0.05, "threshold_method": "conformal"}
    results = [replace(r, **rates) for r in ONE_MACHINE]
    data = bench([*results, replace(ONE_MACHINE[1], detector="other", score="")])
    table = systems_table(data)
    heads = [visible_text(head) for head in re.findall("<th scope=.col.>.*?</th>", table)]
    assert heads[-2:] == ["recall", "FPR"]
    assert heads.index("95 % interval") == heads.index("harmonic mean") + 1
    assert re.findall("<td>([^<]*)</td></tr>", table) == ["40.0", "–", "40.0"]
    assert "<strong>90.0</strong>" not in table
    assert "<strong>40.0</strong>" not in table
    assert "Recall: detected anomalies" in visible_text(table)
    assert data.percent("new:mse") == 80.0


def test_columns_are_explained():
    text = visible_text(systems_table(bench(ONE_MACHINE, ("fan", "new:mse", 0.1, -0.05, 0.25))))
    assert "Difference from base:mse [points]" in text
    assert "clips of the source/target domain against the anomalous clips of both domains" in text
    assert "Difference [points]" in visible_text(systems_table(bench(ONE_MACHINE)))


def test_header_cells_have_a_scope():
    results = [*ONE_MACHINE, row("pump", "base:mse", 0.7), row("pump", "new:mse", 0.8)]
    for table in (
        systems_table(bench(results)),
        machines_table(bench(results)),
        costs_table(bench(results, costs=COSTS)),
    ):
        headers = list(ET.fromstring(f"<x>{table}</x>").iter("th"))
        assert headers
        assert all(header.get("scope") in ("col", "row", "rowgroup") for header in headers)


def test_for_a_single_machine_there_is_no_table_by_machine():
    assert machines_table(bench(ONE_MACHINE)) == ""


def test_run_details_include_failures_and_notes():
    details = run_details(
        bench(
            ONE_MACHINE,
            root="/data/<b>",
            seeds=[0, 1],
            settings={"epochs": "3"},
            versions={"auscult": "9.9"},
            machine={"cores": 4},
            failures=[{"machine": "fan", "detector": "gamma_vae", "seed": 0, "error": "diverged <x>"}],
            notes=["left out a.wav"],
        )
    )
    text = visible_text(details)
    for part in ("/data/<b>", "0, 1", "epochs 3", "auscult 9.9", "cores 4", "left out a.wav", "2 fits"):
        assert part in text
    assert "fan gamma_vae, seed 0: diverged <x>" in text
    assert "<x>" not in details


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
TWO_MACHINES = [
    row(m, s, v) for m in ("fan", "pump") for s, v in (("base:mse", 0.7), ("new:mse", 0.8), ("new:best", 0.9))
]


def cells(table, system):
    """The text of the cells in the row of a system, by column header."""
    root = ET.fromstring(f"<x>{table}</x>")
    rows = [[re.sub(r"\s+", " ", "".join(cell.itertext())) for cell in tr] for tr in root.iter("tr")]
    headers = rows[0]
    (system_row,) = [row for row in rows if row[0].removesuffix(" default") == system]
    return dict(zip(headers, system_row, strict=True))


def test_better_and_worse_machines_are_counted_and_default_scores_are_marked():
    difference = (None, "new:mse", 0.1, 0.05, 0.15)
    table = systems_table(bench(TWO_MACHINES, difference, ranking=RANKING))
    assert cells(table, "new:mse")["Machines better / worse"] == "1 / 1 worse on pump"
    assert cells(table, "new:best")["Machines better / worse"] == "2 / 0"
    assert cells(table, "base:mse")["Machines better / worse"] == "–"
    assert cells(table, "new:mse")["System"] == "new:mse default"
    assert cells(table, "new:best")["System"] == "new:best"
    assert "Machines better / worse" not in visible_text(systems_table(bench(ONE_MACHINE, ranking=RANKING)))


def test_costs_and_requirements_have_a_row_for_each_detector():
    assert cells(costs_table(bench(TWO_MACHINES, costs=COSTS)), "new") == {
        "Detector": "new",
        "Fit [s]": "12.3",
        "Score [ms/clip]": "5.1",
        "Score [× real time]": "1234",
        "Model [MB]": "2.5",
        "Required to fit": "auscult[train], encoder=…",
    }
    assert costs_table(bench(TWO_MACHINES)) == ""


def test_a_long_list_of_worse_machines_is_shortened():
    worse = ["a", "b", "c", "d"]
    ranking = [{"system": "new:mse", "decisive": True, "better_on": [], "worse_on": worse}]
    assert cells(systems_table(bench(TWO_MACHINES, ranking=ranking)), "new:mse")[
        "Machines better / worse"
    ] == ("0 / 4 worse on a, b, c, …")


def test_by_machine_default_scores_are_shown_and_the_others_collapsed():
    difference = (None, "new:mse", 0.1, 0.05, 0.15)
    table = machines_table(bench(TWO_MACHINES, difference, ranking=RANKING))
    shown, _, collapsed = table.partition("<details>")
    assert "new:mse" in shown
    assert "base:mse" in shown
    assert "new:best" not in shown
    assert "new:best" in collapsed
    assert set(re.findall("<strong>(.*?)</strong>", shown)) == {"80.00"}, "the best of the scores shown"
    assert "<details>" not in machines_table(bench(TWO_MACHINES))
