import os
from dataclasses import replace
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hmean

from auscult.errors import EvaluationError
from auscult.evaluation import (
    PUBLISHED_MACHINES,
    Result,
    published_results,
    read_results,
    results_table,
    write_results,
)
from auscult.evaluation.results import COLUMNS


def _result(machine="fan", seed=0, source=0.8, target=0.6, pauc=0.5, **more):
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
        **{**fields, **more},
    )


def _cells(table, machine, metric):
    (row,) = [row for row in table.rows if row[:2] == (machine, metric)]
    return row[2:]


def test_results_come_back_as_they_went(tmp_path):
    path = tmp_path / "results.csv"
    results = [_result(), _result("pump", target=None), replace(_result("a,b"), fit_seconds=None, section="")]
    write_results(path, results)
    assert read_results(path) == results
    header, first, second, _ = path.read_text().splitlines()
    assert header == (
        "machine,section,detector,score,seed,auc_source,auc_target,pauc,harmonic_mean,fit_seconds,score_seconds"
    )
    assert first.startswith("fan,00,gamma_vae,mse,0,0.8,0.6,0.5,")
    assert ",0.8,,0.5," in second
    assert os.listdir(tmp_path) == ["results.csv"]


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31))
def test_every_float_comes_back(tmp_path_factory, source, pauc, seed):
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
            ",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,high,0.5,1,1\n",
            "line 2: pauc is 'high', not a number",
        ),
        (",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,,0.5,1,1\n", "line 2: pauc is ''"),
        (",".join(COLUMNS) + "\nfan,00,x,mse,0,0.5,0.5,nan,0.5,1,1\n", "line 2: pauc is nan"),
        (",".join(COLUMNS) + "\nfan,00,x,mse,one,0.5,0.5,0.5,0.5,1,1\n", "line 2: seed is 'one'"),
        (",".join(COLUMNS) + "\n\nfan,00\n", "line 3: 2 fields where there should be 11"),
    ],
)
def test_broken_results_name_file_and_line(tmp_path, text, message):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_results_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_results(tmp_path / "absent.csv")
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_results(tmp_path / "absent" / "results.csv", [_result()])


def test_one_seed_shows_percent_without_spread():
    table = results_table([_result(), _result("pump", source=0.9, target=0.7, pauc=0.55)])
    assert table.header == ("machine", "metric", "gamma_vae:mse")
    assert _cells(table, "fan", "AUC-s") == ("80.00",)
    assert _cells(table, "pump", "pAUC") == ("55.00",)
    assert _cells(table, "harmonic mean", "AUC-t") == (f"{100 * hmean([0.6, 0.7]):.2f}",)
    assert _cells(table, "harmonic mean", "all") == (f"{100 * hmean([0.8, 0.6, 0.5, 0.9, 0.7, 0.55]):.2f}",)


def test_several_seeds_show_mean_and_standard_deviation():
    results = [
        _result(m, seed, source=s)
        for m, seed, s in (("fan", 0, 0.8), ("fan", 1, 0.7), ("pump", 0, 0.5), ("pump", 1, 0.6))
    ]
    table = results_table(results)
    assert _cells(table, "fan", "AUC-s") == (f"75.00 ± {100 * stdev([0.8, 0.7]):.2f}",)
    means = [hmean([0.8, 0.5]), hmean([0.7, 0.6])]  # within a seed first
    assert _cells(table, "harmonic mean", "AUC-s") == (
        f"{100 * fmean(means):.2f} ± {100 * stdev(means):.2f}",
    )
    assert "over seeds (2 of them)" in table.notes[0]


def test_a_machine_that_lacks_is_not_averaged_over_in_silence():
    table = results_table([_result(), _result("pump"), _result(detector="autoencoder")])
    assert table.header[2:] == ("gamma_vae:mse", "autoencoder:mse")
    assert _cells(table, "pump", "AUC-s") == ("80.00", "–")
    assert _cells(table, "harmonic mean", "all")[1] == "–"
    assert "autoencoder:mse, seed 0: no result for pump, so not in its harmonic means." in table.notes


def test_machines_without_domains_add_what_they_have():
    table = results_table([_result(target=None), _result("pump")])
    assert not [row for row in table.rows if row[:2] == ("fan", "AUC-t")]
    assert _cells(table, "harmonic mean", "all") == (f"{100 * hmean([0.8, 0.5, 0.8, 0.6, 0.5]):.2f}",)
    alone = results_table([_result(target=None)])
    assert [row[1] for row in alone.rows] == ["AUC-s", "pAUC", "AUC-s", "pAUC", "all"]


def test_sections_are_named_where_there_are_several():
    table = results_table([_result(section="00"), _result(section="01")])
    assert {row[0] for row in table.rows} == {"fan 00", "fan 01", "harmonic mean"}


def test_text_is_aligned_and_markdown_is_a_table():
    table = results_table([_result(), _result("a long name"), _result(detector="x|y", score="")])
    lines = table.to_text().splitlines()
    body = [line for line in lines if "AUC" in line]
    assert len({len(line) for line in body}) == 1
    assert lines[0].split() == ["machine", "metric", "gamma_vae", "x|y"]
    assert lines[1].split() == ["mse"]
    markdown = table.to_markdown().splitlines()
    assert markdown[0] == "| machine | metric | gamma_vae:mse | x\\|y |"
    assert markdown[1] == "| --- | --- | ---: | ---: |"
    assert len(markdown) == 2 + len(table.rows) + 1 + len(table.notes)


def test_no_results_make_an_empty_table():
    assert results_table([]).rows == ()


def test_the_published_table_has_the_published_means():
    results = published_results()
    assert len(results) == 14
    table = results_table(results)
    assert table.header[2:] == ("published autoencoder:mahalanobis", "published gamma_vae:mahalanobis")
    assert _cells(table, "harmonic mean", "all") == ("54.97", "54.49")
    assert _cells(table, "harmonic mean", "AUC-t") == ("49.44", "50.00")
    assert _cells(table, "gearbox", "AUC-s") == ("80.40", "78.28")
    assert PUBLISHED_MACHINES == ("ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve")
