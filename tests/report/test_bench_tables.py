import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from auscult.dcase.published import published_results
from auscult.evaluation import Result
from auscult.report.bench_data import BenchData
from auscult.report.bench_tables import Cell, machines_table, systems_notes, systems_table
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


def row_of(data, system):
    """The text of the cells of a system, by title of the column."""
    columns = systems_table(data)
    index = [cell.text for cell in columns["System"]].index(system)
    return {title: f"{cells[index].text} {cells[index].detail}".strip() for title, cells in columns.items()}


def bold(rows):
    """The text of the bold cells."""
    return {cell.text for cells in rows for cell in cells if cell.bold}


@pytest.fixture
def tables(environment):
    return environment.get_template("tables.html").module


def parse(markup):
    return ET.fromstring(f"<x>{markup}</x>")


def visible_text(markup):
    return re.sub(r"\s+", " ", "".join(parse(markup).itertext()))


ONE_MACHINE = [row("fan", "base:mse", 0.7), row("fan", "new:mse", 0.8)]


def test_published_systems_are_shown_but_never_best():
    machines = dict.fromkeys(r.machine for r in published_results())
    results = [*(row(machine, "a:mse", 0.1) for machine in machines), *published_results()]
    data = bench(results, published=True)
    assert verdict(data).best == "a:mse"
    assert row_of(data, "published gamma_vae:mahalanobis")["AUC-s"]
    assert any("they were not run here" in note for note in systems_notes(data))
    assert bold(systems_table(data).values()) == {"10.00"}
    for machine in machines_table(data).values():
        assert bold(machine.values()) == {"10.00"}


def test_the_best_of_each_column_is_bold_and_spread_is_shown():
    results = [*ONE_MACHINE, *(row("fan", s, v, seed=1) for s, v in (("base:mse", 0.72), ("new:mse", 0.84)))]
    data = bench(results, ("fan", "new:mse", 0.1, -0.05, 0.25))
    assert bold(systems_table(data).values()) == {"82.00"}
    assert row_of(data, "new:mse")["harmonic mean"] == "82.00 ± 2.83"
    assert [cell.text for cell in systems_table(data)["System"]] == ["new:mse", "base:mse"]


def test_differences_with_an_interval_without_zero_are_bold():
    data = bench(ONE_MACHINE, ("fan", "new:mse", 0.1, 0.05, 0.25))
    new, base = systems_table(data)["Difference from base:mse [points]"]
    assert (new.text, new.bold, new.detail, new.order) == ("+10.0", True, "+5.0 to +25.0", 10.0)
    assert (base.text, base.bold, base.order) == ("baseline", False, 0)


def test_rates_are_the_last_columns_and_never_best():
    rates = {"recall": 0.9, "false_alarm_rate": 0.4, "accepted_rate": 0.05, "threshold_method": "conformal"}
    results = [replace(r, **rates) for r in ONE_MACHINE]
    data = bench([*results, replace(ONE_MACHINE[1], detector="other", score="")])
    columns = systems_table(data)
    assert list(columns)[-2:] == ["recall", "FPR"]
    assert list(columns).index("95\u00a0% interval") == list(columns).index("harmonic mean") + 1
    assert [cell.text for cell in columns["FPR"]] == ["40.0", "–", "40.0"]
    assert not bold([columns["recall"], columns["FPR"]])
    assert any("Recall: detected anomalies" in note for note in systems_notes(data))
    assert data.percent("new:mse") == 80.0


def test_columns_are_explained():
    data = bench(ONE_MACHINE, ("fan", "new:mse", 0.1, -0.05, 0.25))
    explained = "clips of the source/target domain against the anomalous clips of both domains"
    assert explained in " ".join(systems_notes(data))
    assert "Difference [points]" in systems_table(bench(ONE_MACHINE))


def test_header_cells_have_a_scope(tables):
    data = bench([*ONE_MACHINE, row("pump", "base:mse", 0.7), row("pump", "new:mse", 0.8)])
    for table in (
        tables.systems(systems_table(data), []),
        tables.by_machine("by machine", machines_table(data), data.table.header),
        tables.costs(COSTS),
    ):
        headers = list(parse(table).iter("th"))
        assert headers
        assert all(header.get("scope") in ("col", "row", "rowgroup") for header in headers)


def test_cells_show_what_is_bold_details_and_numbers_to_sort_by(tables):
    table = tables.systems(
        {"System": [Cell("<a>", detail="default")], "<b>": [Cell("1", True, "± <2>", 3)]}, ["<n>"]
    )
    assert [head.text for head in parse(table).iter("button")] == ["System", "<b>"]
    (cell,) = parse(table).iter("td")
    assert cell.get("data-order") == "3"
    assert cell.find("strong").text == "1"
    assert cell.find("span").text == " ± <2>"
    assert "<a> default" in visible_text(table)
    assert "<n>" in visible_text(table)


def test_for_a_single_machine_there_is_no_table_by_machine():
    assert machines_table(bench(ONE_MACHINE)) == {}


def test_run_details_include_failures_and_notes(tables):
    data = bench(
        ONE_MACHINE,
        root="/data/<b>",
        seeds=[0, 1],
        settings={"epochs": "3"},
        versions={"auscult": "9.9"},
        machine={"cores": 4},
        notes=["left out a.wav"],
    )
    details = tables.run_details(data, ["fan gamma_vae seed 0: diverged <x>"], "2 fits")
    descriptions = dict(
        zip(*([e.text for e in parse(details).iter(tag)] for tag in ("dt", "dd")), strict=True)
    )
    assert descriptions["Recordings"] == "/data/<b>"
    assert descriptions["Seeds"] == "0, 1"
    assert descriptions["Settings"] == "epochs 3"
    assert descriptions["Computer"] == "cores 4"
    assert descriptions["Versions"] == "auscult 9.9"
    assert [item.text for item in parse(details).iter("li")] == [
        "fan gamma_vae seed 0: diverged <x>",
        "left out a.wav",
    ]


def test_run_details_of_older_results_are_incomplete(tables):
    text = visible_text(tables.run_details(bench(ONE_MACHINE), [], "2 fits"))
    assert "Failures (0) None." in text
    assert "Settings defaults" in text.replace("Settingsdefaults", "Settings defaults")


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


def test_better_and_worse_machines_are_counted_and_default_scores_are_marked():
    data = bench(TWO_MACHINES, (None, "new:mse", 0.1, 0.05, 0.15), ranking=RANKING)
    assert row_of(data, "new:mse")["Machines better / worse"] == "1 / 1 worse on pump"
    assert row_of(data, "new:best")["Machines better / worse"] == "2 / 0"
    assert row_of(data, "base:mse")["Machines better / worse"] == "–"
    assert row_of(data, "new:mse")["System"] == "new:mse default"
    assert row_of(data, "new:best")["System"] == "new:best"
    assert "Machines better / worse" not in systems_table(bench(ONE_MACHINE, ranking=RANKING))


def test_costs_and_requirements_have_a_row_for_each_detector(tables):
    head, row = parse(tables.costs(COSTS)).iter("tr")
    assert dict(zip([th.text for th in head], [cell.text for cell in row], strict=True)) == {
        "Detector": "new",
        "Fit [s]": "12.3",
        "Score [ms/clip]": "5.1",
        "Score [× real time]": "1234",
        "Model [MB]": "2.5",
        "Required to fit": "auscult[train], encoder=…",
    }


def test_a_long_list_of_worse_machines_is_shortened():
    worse = ["a", "b", "c", "d"]
    ranking = [{"system": "new:mse", "decisive": True, "better_on": [], "worse_on": worse}]
    data = bench(TWO_MACHINES, ranking=ranking)
    assert row_of(data, "new:mse")["Machines better / worse"] == "0 / 4 worse on a, b, c, …"


def test_by_machine_systems_can_be_left_out():
    data = bench(TWO_MACHINES, (None, "new:mse", 0.1, 0.05, 0.15), ranking=RANKING)
    assert data.secondary_systems == {"new:best"}
    fan = machines_table(data, left_out=data.secondary_systems)["fan"]
    assert list(fan) == ["base:mse", "new:mse"]
    assert bold(fan.values()) == {"80.00"}, "the best of the scores shown"
    assert list(machines_table(data)["fan"]) == ["base:mse", "new:mse", "new:best"]
