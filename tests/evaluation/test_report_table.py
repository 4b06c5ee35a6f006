"""Machines and metrics down, systems across; as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from statistics import fmean

import pytest

from auscult.evaluation import harmonic_mean
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.report_csv import cells_csv
from auscult.evaluation.report_table import report_cells, report_table
from auscult.evaluation.results import Result


def result(machine: str, detector: str, seed: int, *terms: float, section: str = "00") -> Result:
    return Result(machine, section, detector, "mse", seed, *terms, harmonic_mean(terms))


RESULTS = [
    result("fan", "auto", 0, 0.9, 0.8, 0.7),
    result("fan", "auto", 1, 0.8, 0.8, 0.6),
    result("fan", "base_1", 0, 0.6, 0.5, 0.5),
    result("pump", "auto", 0, 0.7, 0.6, 0.5),
    result("pump", "auto", 1, 0.6, 0.6, 0.5),
]
DIFFERENCES = {
    ("fan", "auto:mse"): Estimate(0.2345, 0.1, 0.3),
    (None, "auto:mse"): Estimate(-0.05),
}


OF_FAN = {"normal_recordings": 11, "anomaly_recordings": 21, "normal_clips": 55, "anomaly_clips": 105}
COUNTS = {"fan": OF_FAN}


@pytest.fixture
def cells():
    return report_cells(RESULTS, DIFFERENCES)


def test_rows_are_machines_and_metrics_and_columns_are_systems(cells):
    table = report_table(cells, "base_1:mse")
    assert table.header == ("machine", "metric", "auto:mse", "base_1:mse")
    rows = {row[:2]: row[2:] for row in table.rows}
    assert list(rows)[:5] == [
        ("fan", name) for name in ("AUC-s", "AUC-t", "pAUC", "harmonic mean", "difference")
    ]
    assert rows["fan", "AUC-s"] == ("85.00 ± 7.07", "60.00")
    assert rows["fan", "difference"] == ("+23.4 [+10.0, +30.0]", "–")
    assert rows["all machines", "difference"] == ("-5.0", "–")
    assert ("pump", "difference") not in rows
    by_seed = [harmonic_mean([0.9, 0.8, 0.7, 0.7, 0.6, 0.5]), harmonic_mean([0.8, 0.8, 0.6, 0.6, 0.6, 0.5])]
    assert rows["all machines", "harmonic mean"][0].startswith(f"{100 * fmean(by_seed):.2f} ± ")
    assert rows["all machines", "harmonic mean"][1] == "–"  # has no result for pump
    assert "base_1:mse" in table.notes[-1]


def test_sections_of_a_machine_are_averaged():
    results = [result("fan", "a", 0, 0.9, 0.9, 0.9), result("fan", "a", 0, 0.5, 0.5, 0.5, section="01")]
    (cell,) = (c for c in report_cells(results) if c.metric == "AUC-s")
    assert cell.values == (pytest.approx(harmonic_mean([0.9, 0.5])),)


def test_latex_has_booktabs_rules_and_escaped_names(cells):
    text = report_table(cells, "base_1:mse").to_latex()
    assert text.count(r"\midrule") == 3  # two machines, and all machines
    assert r"base\_1:mse" in text
    assert r"85.00 $\pm$ 7.07" in text
    assert "$-$5.0" in text
    assert "auto-1" in report_table(report_cells([result("fan", "auto-1", 0, 0.9, 0.8, 0.7)])).to_latex()
    body, _, notes = text.partition("\\end{tabular}\n")
    assert body.startswith(r"\begin{tabular}{llrr}")
    assert r"minus that of base\_1:mse" in notes
    assert all(line.count(" & ") == 3 for line in body.splitlines() if line.endswith(r"\\"))


def test_csv_has_numbers_in_columns_of_their_own(cells):
    rows = list(csv.DictReader(io.StringIO(cells_csv(cells, COUNTS))))
    (row,) = (
        r for r in rows if (r["machine"], r["metric"], r["system"]) == ("fan", "harmonic mean", "auto:mse")
    )
    assert float(row["difference"]) == pytest.approx(23.45)
    assert float(row["difference_low"]) == pytest.approx(10)
    assert row["seeds"] == "2"
    assert float(row["standard_deviation"]) > 0
    assert (row["normal_recordings"], row["anomaly_clips"]) == ("11", "105")
    (total,) = {r["normal_recordings"] for r in rows if r["machine"] == "all machines"}
    assert total == "", "that of pump is not known"
    both = {**COUNTS, "pump": dict.fromkeys(OF_FAN, 4)}
    rows = list(csv.DictReader(io.StringIO(cells_csv(cells, both))))
    assert {r["normal_recordings"] for r in rows if r["machine"] == "all machines"} == {"15"}


def test_transposed_csv_has_a_row_for_each_system(cells):
    first, second = csv.DictReader(io.StringIO(cells_csv(cells, COUNTS, transpose=True)))
    assert (first["system"], second["system"]) == ("auto:mse", "base_1:mse")
    assert float(first["fan AUC-s mean"]) == pytest.approx(85)
    assert float(first["fan difference"]) == pytest.approx(23.45)
    assert float(first["all machines difference"]) == pytest.approx(-5)
    assert first["fan normal_clips"] == "55"
    assert second["fan AUC-s mean"] == "60.0"
    assert second["pump AUC-s mean"] == second["fan difference"] == ""


def test_transposed_table_has_systems_down_and_machines_and_metrics_across(cells):
    plain, table = report_table(cells, "base_1:mse"), report_table(cells, "base_1:mse", transpose=True)
    assert table.notes == plain.notes
    assert table.groups == (("fan", 5), ("pump", 4), ("all machines", 5))
    assert table.header == ("system", *(row[1] for row in plain.rows))
    for index, system in enumerate(plain.header[2:], start=2):
        (row,) = [row for row in table.rows if row[0] == system]
        assert row[1:] == tuple(row[index] for row in plain.rows)


def test_one_seed_is_called_one_seed():
    table = report_table(report_cells(RESULTS[2:3]))
    assert table.notes[0] == "In percent, one seed."
