"""``table``: results folders merged into one table for a report."""

import csv
import hashlib
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from auscult.benchmark.saved_results import SavedResults
from auscult.benchmark.section_scores import SectionScores, write_scores
from auscult.errors import EvaluationError
from auscult.evaluation import Labels, Result, write_results
from auscult.evaluation.protocol import section_metrics
from auscult.evaluation.results_table import COUNTS

N = 40
ANOMALY, TARGET = np.arange(N) % 2 == 1, np.arange(N) % 4 >= 2
NAMES = tuple(f"{i:03d}.wav" for i in range(N))


def section(machine, system, seed, strength, *, names=NAMES, salt=0, recordings=""):
    """Scores of which a larger ``strength`` separates the classes; digests depend on ``recordings``."""
    rng = np.random.default_rng([seed, salt, sum(map(ord, machine + system))])
    index = [int(name[:3]) for name in names]
    values = (strength * ANOMALY + rng.normal(size=N))[index]
    labels = Labels(ANOMALY[index], TARGET[index])
    digests = tuple(f"{machine}/{recordings}/{name}" for name in names)
    return SectionScores(machine, "00", system, seed, tuple(names), digests, labels, values)


def write_folder(folder, sections, *, default=(), baseline=None):
    folder.mkdir(exist_ok=True)
    results = []
    for one in sections:
        metrics = {k: float(v[0]) for k, v in section_metrics(one.labels, one.scores).items()}
        values = [metrics[name] for name in ("auc_source", "auc_target", "pauc")]
        detector, _, score = one.system.partition(":")
        mean = 3 / sum(1 / value for value in values)
        counts = (int(sum(~one.labels.anomaly)), int(sum(one.labels.anomaly)))
        result = Result(one.machine, "00", detector, score, one.seed, *values, mean)
        results.append(replace(result, **dict(zip(COUNTS, 2 * counts, strict=True))))
    write_results(folder / "results.csv", results)
    write_scores(folder / "labelled_scores.json", sections)
    systems = dict.fromkeys(one.system for one in sections)
    ranking = [{"system": system, "decisive": system in default} for system in systems]
    (folder / "results.json").write_text(json.dumps({"ranking": ranking, "baseline": baseline}))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders: the baseline with two scores, and two settings of a detector, on two machines."""
    home = tmp_path_factory.mktemp("table")
    base = [
        section(machine, system, seed, strength)
        for machine in ("fan", "valve")
        for system, strength in (("autoencoder:mse", 1.0), ("autoencoder:mahalanobis", 1.2))
        for seed in (0, 1)
    ]
    ours = [
        section(machine, f"spectral_memory[k_source={k}]:domain", seed, k)
        for machine in ("fan", "valve")
        for k in (1, 3)
        for seed in (0, 1)
    ]
    default = ("autoencoder:mse", *(one.system for one in ours))
    return (
        write_folder(home / "base", base, default=default, baseline="autoencoder:mse"),
        write_folder(home / "ours", ours, default=default, baseline="spectral_memory[k_source=1]:domain"),
    )


def cells(result):
    assert result.exit_code == 0, result.output
    return {(r["machine"], r["metric"], r["system"]): r for r in csv.DictReader(io.StringIO(result.stdout))}


def test_folders_are_merged_and_compared_with_the_baseline_of_the_first(run, folders):
    table = cells(run("table", *folders, "--format", "csv"))
    assert {system for _, _, system in table} == {
        "autoencoder:mse",
        "spectral_memory[k_source=1]:domain",
        "spectral_memory[k_source=3]:domain",
    }
    best = table["all machines", "harmonic mean", "spectral_memory[k_source=3]:domain"]
    base = table["all machines", "harmonic mean", "autoencoder:mse"]
    assert best["seeds"] == "2"
    assert float(best["difference"]) == pytest.approx(float(best["mean"]) - float(base["mean"]), abs=1e-9)
    assert float(best["difference_low"]) < float(best["difference"]) < float(best["difference_high"])
    assert base["difference"] == ""


def test_latex_by_the_extension_of_the_file(run, folders, tmp_path):
    result = run("table", *folders, "-o", tmp_path / "table.tex")
    assert result.exit_code == 0
    assert result.stdout == ""
    latex = (tmp_path / "table.tex").read_text()
    assert "\\toprule" in latex
    assert "spectral\\_memory[k\\_source=1]:domain" in latex
    _, table, notes = latex.partition("\\end{tabular}\n")
    assert table
    assert "minus that of autoencoder:mse" in notes, "below the table"
    assert "%" not in latex.replace("\\%", ""), "no comments"
    assert "$+$" in latex
    assert latex.isascii()


def test_unknown_extensions_are_refused(run, folders, tmp_path):
    for name in ("table.xyz", "table"):
        result = run("table", *folders, "-o", tmp_path / name)
        assert result.exit_code == 2
        message = f"--output {tmp_path / name}: give a name that ends in .txt, .md, .tex or .csv"
        assert message in result.stderr
        assert not (tmp_path / name).exists()
        assert run("table", *folders, "-o", tmp_path / name, "--format", "csv").exit_code == 0
        assert (tmp_path / name).read_text().startswith("machine,metric")
    assert run("table", *folders, "-o", tmp_path / "table.TXT").exit_code == 0
    assert (tmp_path / "table.TXT").read_text().startswith("machine")


def test_systems_without_the_score_are_named(run, folders):
    result = run("table", *folders, "--score", "mahalanobis")
    assert result.stderr == (
        "not in the table, without the score mahalanobis: spectral_memory[k_source=1], "
        "spectral_memory[k_source=3]\n"
    )
    assert run("table", *folders).stderr == ""
    assert run("table", *folders, "--score", "mahalanobis", "--systems", "autoencoder:mse").stderr == ""


def test_systems_score_and_baseline_can_be_chosen(run, folders):
    options = ("--format", "csv", "--systems", "spectral_memory[k_source=3],autoencoder:mse")
    table = cells(run("table", *folders, *options, "--baseline", "autoencoder:mahalanobis"))
    systems = list(dict.fromkeys(system for _, _, system in table))
    assert systems == ["autoencoder:mahalanobis", "spectral_memory[k_source=3]:domain", "autoencoder:mse"]
    assert table["fan", "harmonic mean", "autoencoder:mse"]["difference"]
    by_score = cells(run("table", folders[0], "--score", "mahalanobis", "--format", "csv"))
    assert {system for _, _, system in by_score} == {"autoencoder:mahalanobis"}


def test_the_number_of_recordings_and_clips_is_stated_in_every_format(run, folders):
    note = "Independent test recordings, normal / anomalous: fan 20 / 20 (20 / 20 clips), valve 20 / 20"
    for form in ("text", "markdown", "latex"):
        assert note in " ".join(run("table", *folders, "--format", form).stdout.split()), form
    table = cells(run("table", *folders, "--format", "csv"))
    assert table["fan", "pAUC", "autoencoder:mse"]["normal_recordings"] == "20"
    assert table["all machines", "pAUC", "autoencoder:mse"]["anomaly_clips"] == "40"
    fewer = run("table", *folders, "--systems", "autoencoder:mse", "--format", "csv")
    assert cells(fewer)["fan", "pAUC", "autoencoder:mse"]["normal_clips"] == "20"


def test_transposed_tables_have_a_row_for_each_system(run, folders):
    result = run("table", *folders, "--transpose")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["fan", "valve", "all", "machines"]
    assert lines[1].split()[:3] == ["system", "AUC-s", "AUC-t"]
    assert [line.split()[0] for line in lines[3:6]] == [
        "autoencoder:mse",
        "spectral_memory[k_source=1]:domain",
        "spectral_memory[k_source=3]:domain",
    ]
    latex = run("table", *folders, "--transpose", "--format", "latex").stdout
    assert r"\multicolumn{5}{c}{valve}" in latex
    rows = list(csv.DictReader(io.StringIO(run("table", *folders, "--transpose", "--format", "csv").stdout)))
    plain = cells(run("table", *folders, "--format", "csv"))
    assert [row["system"] for row in rows] == [line.split()[0] for line in lines[3:6]]
    assert rows[0]["valve pAUC mean"] == plain["valve", "pAUC", "autoencoder:mse"]["mean"]


def test_systems_and_machines_are_renamed_in_table_and_notes(run, folders):
    renames = ("autoencoder=AE", "spectral_memory[k_source=3]:domain=SM, K=3", "fan=Fan A")
    options = [text for rename in renames for text in ("--rename", rename)]
    plain = cells(run("table", *folders, "--format", "csv"))
    table = cells(run("table", *folders, *options, "--format", "csv"))
    assert {system for _, _, system in table} == {"AE", "spectral_memory[k_source=1]:domain", "SM, K=3"}
    assert {machine for machine, *_ in table} == {"Fan A", "valve", "all machines"}
    old = plain["fan", "harmonic mean", "spectral_memory[k_source=3]:domain"]
    new = table["Fan A", "harmonic mean", "SM, K=3"]
    assert {**new, "machine": "", "system": ""} == {**old, "machine": "", "system": ""}
    text = " ".join(run("table", *folders, *options).stdout.split())
    assert "harmonic mean minus that of AE" in text
    assert "Fan A 20 / 20" in text
    assert "autoencoder" not in text


def test_labels_that_cannot_be_used_exit_with_2(run, folders):
    for pair, problem in (
        ("pump=Pump", "write NAME=LABEL with a name of the table: autoencoder:mse"),
        ("fan", "write NAME=LABEL"),
        ("fan=", "write NAME=LABEL"),
        ("fan=valve", "more than one column or row would be called valve"),
    ):
        result = run("table", *folders, "--rename", pair)
        assert result.exit_code == 2, pair
        assert problem in result.stderr
    result = run("table", *folders, "--rename", "fan=A", "--rename", "fan=B")
    assert "--rename fan=B: fan has the label A already" in result.stderr
    scores = ("--systems", "autoencoder:mse,autoencoder:mahalanobis", "--rename", "autoencoder=AE")
    result = run("table", *folders, *scores)
    assert "choose one of its scores: autoencoder:mse, autoencoder:mahalanobis" in result.stderr


def test_published_systems_are_columns_without_a_difference(run, folders):
    table = cells(run("table", folders[0], "--published", "2024", "--format", "csv"))
    published = table["fan", "AUC-s", "published autoencoder:mahalanobis"]
    assert float(published["mean"]) == pytest.approx(79.46)
    assert published["difference"] == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--systems", "autoencoder:loud"), "--systems autoencoder:loud: no such system"),
        (("--systems", "pump"), "no such system; the results have autoencoder:mse"),
        (("--baseline", "pump"), "--baseline pump: no such system"),
        (("--systems", ""), "--systems contains no name"),
        (("--score", "loud"), "--score loud: no system has this score"),
        (("--published", "1999"), "neither 2024 nor a file"),
    ],
)
def test_wrong_names_exit_with_2(run, folders, options, message):
    result = run("table", *folders, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_equal_results_count_once_and_different_ones_are_refused(run, folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "copy")
    both = run("table", folders[0], tmp_path / "copy")
    assert both.stdout == run("table", folders[0]).stdout
    other = write_folder(tmp_path / "other", [section("fan", "autoencoder:mse", 1, 1.0, salt=1)])
    result = run("table", folders[0], other)
    assert result.exit_code == 1
    assert (
        f"{folders[0]} and {other} have different scores of autoencoder:mse, seed 1, on fan 00"
        in result.stderr
    )


def test_other_recordings_with_the_same_names_are_refused(run, folders, tmp_path):
    other = write_folder(tmp_path / "other", [section("fan", "ours:mse", 0, 1.0, recordings="later")])
    result = run("table", folders[0], other)
    assert result.exit_code == 1
    assert (
        f"fan: 000.wav is one recording for autoencoder:mse in {folders[0]} and another for ours:mse in "
        f"{other}, although the names agree" in result.stderr
    )


def test_files_without_digests_are_compared_by_name_with_a_note(run, folders, tmp_path):
    old = write_folder(tmp_path / "old", [section("fan", "ours:mse", 0, 1.0)], default=["ours:mse"])
    path = old / "labelled_scores.json"
    content = json.loads(path.read_text())
    del content["clips"][0]["digests"]
    path.write_text(json.dumps(content))
    result = run("table", folders[0], old)
    assert result.exit_code == 0, result.output
    assert f"{old} was written by an earlier version" in " ".join(result.stdout.split())
    assert "earlier version" not in run("table", old).stdout


def test_metrics_and_differences_are_over_the_same_clips(run, tmp_path):
    first = write_folder(tmp_path / "first", [section("fan", "a:mse", 0, 1.0)], default=["a:mse"])
    fewer = section("fan", "b:mse", 0, 1.0, names=NAMES[8:])
    second = write_folder(tmp_path / "second", [fewer], default=["b:mse"])
    table = cells(run("table", first, second, "--baseline", "a:mse", "--format", "csv"))
    alone = cells(run("table", first, "--format", "csv"))
    a, b = (table["fan", "harmonic mean", system] for system in ("a:mse", "b:mse"))
    assert float(b["difference"]) == pytest.approx(float(b["mean"]) - float(a["mean"]), abs=1e-9)
    assert a["mean"] != alone["fan", "harmonic mean", "a:mse"]["mean"]
    expected = section_metrics(Labels(ANOMALY[8:], TARGET[8:]), section("fan", "a:mse", 0, 1.0).scores[8:])
    assert float(table["fan", "pAUC", "a:mse"]["mean"]) == pytest.approx(100 * expected["pauc"][0])


def test_systems_that_share_no_clips_are_refused(run, tmp_path):
    first = write_folder(
        tmp_path / "a", [section("fan", "a:mse", 0, 1.0, names=NAMES[:20])], default=["a:mse"]
    )
    second = write_folder(
        tmp_path / "b", [section("fan", "b:mse", 0, 1.0, names=NAMES[20:])], default=["b:mse"]
    )
    result = run("table", first, second)
    assert result.exit_code == 1
    assert f"fan: no clip was scored by all systems: a:mse ({first}), b:mse ({second})" in result.stderr
    assert run("table", first, second, "--systems", "a:mse").exit_code == 0
    normal = [name for name in NAMES if not ANOMALY[int(name[:3])]]
    third = write_folder(
        tmp_path / "c", [section("fan", "c:mse", 0, 1.0, names=NAMES[:8])], default=["c:mse"]
    )
    fourth = write_folder(
        tmp_path / "d",
        [section("fan", "d:mse", 0, 1.0, names=sorted({*normal, *NAMES[8:]}))],
        default=["d:mse"],
    )
    result = run("table", third, fourth)
    assert result.exit_code == 1
    assert "fan: of the clips that all systems have scored: " in result.stderr


def test_differences_are_over_the_clips_that_all_systems_scored(tmp_path):
    first, fewer = section("fan", "a:mse", 0, 1.0), section("fan", "b:mse", 0, 1.0, names=NAMES[::-1][:36])
    saved = SavedResults.merged([write_folder(tmp_path / "results", [first, fewer])])
    common = saved.of_common_clips(["a:mse", "b:mse"])
    scored = common.scored()
    ((labels, a),), ((_, b),) = scored["a:mse"][0]["fan"], scored["b:mse"][0]["fan"]
    assert common.notes == [
        "fan: 4 clips were not scored by all systems; metrics and differences are over the 36 others."
    ]
    np.testing.assert_array_equal(a, first.scores[4:])
    np.testing.assert_array_equal(b, fewer.scores[::-1])
    np.testing.assert_array_equal(labels.anomaly, ANOMALY[4:])


def test_systems_with_different_labels_are_not_compared(tmp_path):
    one, two = section("fan", "a:mse", 0, 1.0), section("fan", "b:mse", 0, 1.0)
    two.labels.anomaly[:2] ^= True
    saved = SavedResults.merged([write_folder(tmp_path / "results", [one, two])])
    with pytest.raises(EvaluationError, match="a:mse and b:mse were evaluated with different labels"):
        saved.of_common_clips(["a:mse", "b:mse"])


def test_folders_without_scores_have_no_differences(run, folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "old")
    (tmp_path / "old" / "labelled_scores.json").unlink()
    result = run("table", tmp_path / "old")
    assert result.exit_code == 0
    assert "harmonic mean" in result.stdout
    assert "has no labelled_scores.json, so no differences" in " ".join(result.stdout.split())
    result = run("table", tmp_path)
    assert result.exit_code == 1
    assert "no results.csv; give the output folder of auscult bench" in result.stderr
    result = run("table", tmp_path / "none")
    assert result.exit_code == 1
    assert f"{tmp_path / 'none'}: no such folder; give the output folder of auscult bench" in result.stderr
    result = run("table", write_folder(tmp_path / "failed", []))
    assert result.exit_code == 1
    assert f"{tmp_path / 'failed'}: results.csv has no results" in result.stderr


def test_saved_scores_are_those_of_the_bench(experiment_results, machine):
    saved = SavedResults.read(experiment_results)
    by_key = {(row.machine, row.section, row.column, row.seed): row for row in saved.results}
    assert {one.key for one in saved.scores} == by_key.keys()
    for one in saved.scores:
        metrics = section_metrics(one.labels, one.scores)
        assert float(metrics["auc_source"][0]) == pytest.approx(by_key[one.key].auc_source, abs=1e-12)
        assert all(name.endswith(".wav") for name in one.names)
        files = [machine / "test" / name for name in one.names]
        assert list(one.digests) == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


@pytest.fixture(scope="module")
def experiment_results(run, machine, tmp_path_factory):
    """The results folder of a real benchmark."""
    folder = tmp_path_factory.mktemp("bench") / "results"
    options = ("--detectors", "spectral_memory", "--seeds", "0,", "--set", "n_mels=16", "-q")
    result = run("bench", machine.parent, "-o", folder, *options)
    assert result.exit_code == 0, result.output
    return folder
