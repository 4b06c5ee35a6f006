"""Tables and CSV files of benchmark results."""

import os
from dataclasses import replace
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hmean

from auscult.dcase.published import PUBLISHED_MACHINES, published_results
from auscult.errors import EvaluationError
from auscult.evaluation import (
    Result,
    read_results,
    results_table,
    write_results,
)
from auscult.evaluation.results import COLUMNS
from auscult.evaluation.results_table import OVERALL, counts_by_machine, recordings_note
from auscult.evaluation.table import Table


def _result(machine="fan", seed=0, source=0.8, target=0.6, pauc=0.5, **overrides):
    fields = {
        "section": "00",
        "detector": "gamma_vae",
        "score": "mse",
        "fit_seconds": 1.5,
        "score_seconds": 0.25,
    }
    terms = [term for term in (source, target, pauc) if term is not None]
    return Result(
        machine=machine,
        seed=seed,
        auc_source=source,
        auc_target=target,
        pauc=pauc,
        harmonic_mean=float(hmean(terms)),
        **{**fields, **overrides},
    )


def _cells(table, machine, metric):
    """The cells of one machine and metric, one for each system."""
    index = table.header.index(metric)
    return tuple(row[index] for row in table.rows if row[0] == machine)


def test_written_results_are_read_unchanged(tmp_path):
    path = tmp_path / "results.csv"
    results = [_result(), _result("pump", target=None), replace(_result("a,b"), fit_seconds=None, section="")]
    write_results(path, results)
    assert read_results(path) == results
    header, first, second, _ = path.read_text().splitlines()
    assert header == (
        "machine,section,detector,score,seed,auc_source,auc_target,pauc,harmonic_mean,fit_seconds,"
        "score_seconds,harmonic_mean_low,harmonic_mean_high,normal_recordings,anomaly_recordings,"
        "normal_clips,anomaly_clips,recall,recall_source,recall_target,false_alarm_rate,"
        "false_alarm_rate_source,false_alarm_rate_target,accepted_rate,threshold_method"
    )
    assert first.startswith("fan,00,gamma_vae,mse,0,0.8,0.6,0.5,")
    assert ",0.8,,0.5," in second
    assert os.listdir(tmp_path) == ["results.csv"]
    old = tmp_path / "old.csv"
    for missing in (14, 10):  # as of version 0.1.0, and later without rates
        old.write_text("".join(line.rsplit(",", missing)[0] + "\n" for line in path.read_text().splitlines()))
        assert [row.machine for row in read_results(old)] == ["fan", "pump", "a,b"]
    old.write_text("".join(line.rsplit(",", 15)[0] + "\n" for line in path.read_text().splitlines()))
    with pytest.raises(EvaluationError, match="expected the columns"):
        read_results(old)


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31))
def test_written_floats_are_read_exactly(tmp_path_factory, source, pauc, seed):
    path = tmp_path_factory.mktemp("results") / "r.csv"
    result = Result("fan", "00", "x", "", seed, source, None, pauc, 0.5)
    write_results(path, [result])
    assert read_results(path) == [result]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the columns machine,section"),
        ("machine,auc\nfan,1\n", "expected the columns"),
        (
            ",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,high,0.5,1,1,,,,,,,,,,,,,,\n",
            "line 2: pauc must be a number, got 'high'",
        ),
        (
            ",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,,0.5,1,1,,,,,,,,,,,,,,\n",
            "line 2: pauc must be a number, got ''",
        ),
        (
            ",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,nan,0.5,1,1,,,,,,,,,,,,,,\n",
            "line 2: pauc must be finite, got nan",
        ),
        (
            ",".join(COLUMNS) + "\nfan,00,x,mse,one,0.5,0.5,0.5,0.5,1,1,,,,,,,,,,,,,,\n",
            "line 2: seed must be an integer, got 'one'",
        ),
        (",".join(COLUMNS) + "\n\nfan,00\n", "line 3: expected 25 fields, got 2"),
    ],
)
def test_errors_in_results_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError) as error:
        read_results(path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_files_that_cannot_be_read_or_written_are_errors(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_results(tmp_path / "absent.csv")
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_results(tmp_path / "absent" / "results.csv", [_result()])


def test_cells_of_one_seed_have_no_standard_deviation():
    table = results_table([_result(), _result("pump", source=0.9, target=0.7, pauc=0.55)])
    assert table.header == ("machine", "system", "AUC-s", "AUC-t", "pAUC", "harmonic mean")
    assert [row[1] for row in table.rows] == ["gamma_vae:mse"] * 3
    assert _cells(table, "fan", "AUC-s") == ("80.00",)
    assert _cells(table, "pump", "pAUC") == ("55.00",)
    assert _cells(table, "fan", "harmonic mean") == (f"{100 * hmean([0.8, 0.6, 0.5]):.2f}",)
    assert _cells(table, OVERALL, "AUC-t") == (f"{100 * hmean([0.6, 0.7]):.2f}",)
    overall = hmean([0.8, 0.6, 0.5, 0.9, 0.7, 0.55])
    assert _cells(table, OVERALL, "harmonic mean") == (f"{100 * overall:.2f}",)


def test_cells_of_several_seeds_have_mean_and_standard_deviation():
    results = [
        _result(machine, seed, source=source)
        for machine, seed, source in (("fan", 0, 0.8), ("fan", 1, 0.7), ("pump", 0, 0.5), ("pump", 1, 0.6))
    ]
    table = results_table(results)
    assert _cells(table, "fan", "AUC-s") == (f"75.00 ± {100 * stdev([0.8, 0.7]):.2f}",)
    seed_means = [hmean([0.8, 0.5]), hmean([0.7, 0.6])]
    expected = f"{100 * fmean(seed_means):.2f} ± {100 * stdev(seed_means):.2f}"
    assert _cells(table, OVERALL, "AUC-s") == (expected,)
    assert "over 2 seeds" in table.notes[0]


def test_a_system_without_results_for_a_machine_has_no_overall_mean():
    table = results_table([_result(), _result("pump"), _result(detector="autoencoder")])
    assert _cells(table, "fan", "system") == ("gamma_vae:mse", "autoencoder:mse")
    assert _cells(table, "pump", "system") == ("gamma_vae:mse",)
    assert _cells(table, OVERALL, "system") == ("gamma_vae:mse", "autoencoder:mse")
    assert _cells(table, OVERALL, "harmonic mean")[1] == "–"
    assert (
        "autoencoder:mse, seed 0: no result for pump, so this seed is left out of the harmonic means."
        in table.notes
    )


def test_machines_without_domains_contribute_the_metrics_they_have():
    table = results_table([_result(target=None), _result("pump")])
    assert _cells(table, "fan", "AUC-t") == ("–",)
    expected = f"{100 * hmean([0.8, 0.5, 0.8, 0.6, 0.5]):.2f}"
    assert _cells(table, OVERALL, "harmonic mean") == (expected,)


def test_a_single_machine_has_no_rows_over_all_machines():
    assert {row[0] for row in results_table([_result()]).rows} == {"fan"}


def test_rows_name_the_section_if_there_are_several():
    table = results_table([_result(section="00"), _result(section="01")])
    assert {row[0] for row in table.rows} == {"fan 00", "fan 01", OVERALL}


def test_text_is_aligned_and_markdown_is_a_table():
    table = results_table([_result(), _result("a long name"), _result(detector="x|y", score="")])
    lines = table.to_text().splitlines()
    assert len({len(line) for line in lines if "gamma_vae" in line}) == 1
    assert lines[0].split() == ["machine", "system", "AUC-s", "AUC-t", "pAUC", "harmonic", "mean"]
    assert sum(line.startswith("fan") for line in lines) == 1  # only the first row of a machine names it
    assert sum(line.startswith("─") for line in lines) == 3
    markdown = table.to_markdown().splitlines()
    assert markdown[0] == "| machine | system | AUC-s | AUC-t | pAUC | harmonic mean |"
    assert markdown[1] == "| --- | --- | ---: | ---: | ---: | ---: |"
    assert "| fan | x\\|y |" in "\n".join(markdown)
    assert len(markdown) == 2 + len(table.rows) + 1 + len(table.notes)


def test_without_results_the_table_is_empty():
    assert results_table([]).rows == ()


CALIBRATED = {"accepted_rate": 0.05, "threshold_method": "conformal"}
OF_BASELINE = {"accepted_rate": 0.1, "threshold_method": "gamma_scipy"}


def test_recall_and_false_alarms_are_means_over_seeds_and_machines():
    results = [
        _result("fan", 0, recall=0.5, false_alarm_rate=0.1, **CALIBRATED),
        _result("fan", 1, recall=0.7, false_alarm_rate=0.0, **CALIBRATED),
        _result("pump", 0, recall=0.2, false_alarm_rate=0.2, **CALIBRATED),
        _result("pump", 1, recall=0.3, false_alarm_rate=0.1, **CALIBRATED),
    ]
    table = results_table(results)
    assert table.header[-2:] == ("recall", "FPR")
    assert _cells(table, "fan", "recall") == ("60.0",)
    assert _cells(table, OVERALL, "recall") == ("42.5",)
    assert _cells(table, OVERALL, "FPR") == ("10.0",)
    (note,) = [note for note in table.notes if "Recall: detected anomalies" in note]
    assert note.endswith("at the threshold of the model for 5 % false alarms.")
    assert not any("†" in note or note.startswith("–") for note in table.notes)


def test_rates_at_another_threshold_are_marked_and_missing_ones_are_explained():
    results = [
        _result(recall=0.5, false_alarm_rate=0.1, **CALIBRATED),
        _result(detector="autoencoder", recall=0.4, false_alarm_rate=0.25, **OF_BASELINE),
        _result(detector="theirs", score=""),
    ]
    table = results_table(results)
    assert _cells(table, "fan", "recall") == ("50.0", "40.0†", "–")
    assert _cells(table, "fan", "FPR") == ("10.0", "25.0†", "–")
    assert any(note.startswith("† Networks are not calibrated in a benchmark") for note in table.notes)
    assert any(note.startswith("–: no threshold") for note in table.notes)
    assert r"40.0$^\dagger$" in table.to_latex()
    assert "recall" not in results_table([_result()]).header, "no system has a threshold"


def test_recordings_and_clips_are_stated_for_each_machine():
    counts = {"normal_recordings": 11, "anomaly_recordings": 21, "normal_clips": 55, "anomaly_clips": 105}
    results = [
        _result(**counts),
        _result(detector="other", **counts),
        _result(section="01", **counts),
        _result("pump", normal_recordings=3, anomaly_recordings=4),
        _result("valve"),
    ]
    note = recordings_note(results, lambda row: row.machine)
    assert note == (
        "Independent test recordings, normal / anomalous: fan 22 / 42 (110 / 210 clips), pump 3 / 4."
    )
    assert "fan 01 11 / 21 (55 / 105 clips), pump 00 3 / 4." in results_table(results).notes[-1]
    assert counts_by_machine(results, lambda row: row.machine)["pump"]["normal_clips"] is None
    assert recordings_note([_result()], lambda row: row.machine) is None


def test_groups_of_columns_have_a_title():
    header = ("system", "a", "b", "c")
    table = Table(
        header, (("x", "1", "2", "3"), ("y", "4", "5", "6")), (), 1, (("fan", 2), ("a long pump", 1))
    )
    lines = table.to_text().splitlines()
    assert lines == [
        "        fan   a long pump",
        "system  a  b            c",
        "──────  ─  ─  ───────────",
        "x       1  2            3",
        "y       4  5            6",
    ]
    assert table.to_markdown().splitlines()[0] == "| system | fan a | fan b | a long pump c |"
    latex = table.to_latex().splitlines()
    assert latex[2:6] == [
        r" & \multicolumn{2}{c}{fan} & \multicolumn{1}{c}{a long pump} \\",
        r"\cmidrule(lr){2-3} \cmidrule(lr){4-4}",
        r"system & a & b & c \\",
        r"\midrule",
    ]


def test_long_notes_are_wrapped_in_text():
    table = Table(("a", "b"), (("x", "1"),), ("word " * 60 + "end",))
    first, *further = table.to_text().splitlines()[3:]
    assert max(map(len, (first, *further))) <= 100
    assert all(line.startswith("  word") for line in further)


def test_the_table_of_published_results_has_the_published_means():
    results = published_results()
    assert len(results) == 14
    table = results_table(results)
    assert _cells(table, "fan", "system") == (
        "published autoencoder:mahalanobis",
        "published gamma_vae:mahalanobis",
    )
    assert _cells(table, OVERALL, "harmonic mean") == ("54.97", "54.49")
    assert _cells(table, OVERALL, "AUC-t") == ("49.44", "50.00")
    assert _cells(table, "gearbox", "AUC-s") == ("80.40", "78.28")
    assert PUBLISHED_MACHINES == ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")
