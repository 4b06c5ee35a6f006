"""``bench`` and the ``dcase`` commands: from machine folders to a table, submission and official score."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from auscult.cli import dcase_meta
from auscult.cli.bench import _parse_seeds
from auscult.cli.dcase_meta import is_development, meta_file
from auscult.detectors import detector_type
from auscult.errors import OptionError


@pytest.fixture(scope="module")
def bench(run, machine, tmp_path_factory):
    """The results folder of a small benchmark, and the result of the command."""
    folder = tmp_path_factory.mktemp("bench") / "results"
    options = ("--detectors", "autoencoder", "--seeds", "7,", "--epochs", 1, "--set", "batch_size=64")
    result = run("bench", machine.parent, "-o", folder, *options)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture(scope="module")
def submission(run, bench, tmp_path_factory):
    """A submission made from the benchmark, and the JSON output."""
    folder = tmp_path_factory.mktemp("submissions") / "Me_task2_1"
    result = run("dcase", "submit", bench[0], "-o", folder, "--system", "autoencoder:mse", "--json")
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


@pytest.fixture(scope="module")
def ground_truth(machine, tmp_path_factory):
    """The ground truth of the synthetic machine, in the format of the challenge."""
    root = tmp_path_factory.mktemp("truth")
    names = sorted(clip.name for clip in (machine / "test").iterdir())
    for kind, mark in (("data", "_anomaly_"), ("domain", "_target_")):
        (root / f"ground_truth_{kind}").mkdir()
        rows = "".join(f"{name},{int(mark in name)}\n" for name in names)
        (root / f"ground_truth_{kind}" / "ground_truth_fan_section_00_test.csv").write_text(rows)
    return root


@pytest.mark.parametrize(
    ("written", "seeds"), [("3", [0, 1, 2]), ("1", [0]), ("13711,1", [13711, 1]), ("13711,", [13711])]
)
def test_seeds_are_a_number_or_a_list(written, seeds):
    assert _parse_seeds(written) == seeds


@pytest.mark.parametrize("written", ["0", "", ",", "two", "-1", "1,x", "-3,", "13711"])
def test_invalid_seeds_are_refused(written):
    with pytest.raises(OptionError, match="--seeds"):
        _parse_seeds(written)


def test_bench_prints_a_table_and_names_the_files(bench):
    folder, result = bench
    for part in ("autoencoder:mse", "autoencoder:mahalanobis", "fan", "AUC-s", str(folder)):
        assert part in result.stdout.replace("autoencoder\n", "autoencoder:")
    assert "fan autoencoder seed 7  (1 of 1)" in result.stderr
    assert (folder / "report.html").read_text().startswith("<!")
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["machine"], row["seed"]) for row in rows} == {("fan", "7")}


def test_bench_json_and_external_scores(run, bench, machine):
    folder, _ = bench
    external = folder / "scores" / "autoencoder" / "mse" / "seed7"
    options = ("--detectors", "autoencoder", "--seeds", "7,", "--epochs", 1, "--set", "batch_size=64")
    result = run(
        "bench", machine.parent, "-o", folder, *options, "--scores", f"theirs={external}", "--json", "-q"
    )
    assert result.exit_code == 0, result.output
    output = json.loads(result.stdout)
    assert set(output) == {
        "output", "expected_seconds", "report", "results", "baseline", "means", "differences", "ranking",
        "costs", "failures", "notes",
    }  # fmt: skip
    assert {row["system"] for row in output["ranking"]} == {
        row["system"] for row in output["differences"]
    } | {"autoencoder:mse"}
    by_system = {(r["detector"], r["score"]): r["harmonic_mean"] for r in output["results"]}
    assert by_system["theirs", ""] == pytest.approx(by_system["autoencoder", "mse"])


def test_bench_without_jinja2_says_how_to_get_the_report(run, bench, machine, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    options = ("--detectors", "autoencoder", "--seeds", "7,", "--epochs", 1, "--set", "batch_size=64")
    result = run("bench", machine.parent, "-o", bench[0], *options)
    assert result.exit_code == 0, result.output
    assert "autoencoder:mse" in result.stdout.replace("autoencoder\n", "autoencoder:")
    assert "report:" not in result.stdout
    assert "pip install 'auscult[report]'" in result.stderr


def test_bench_continues_after_a_failure_with_exit_code_4(run, bench, machine, tmp_path):
    shutil.copytree(machine, tmp_path / "data" / "fan")
    (tmp_path / "data" / "void" / "test").mkdir(parents=True)
    shutil.copy(next((machine / "test").iterdir()), tmp_path / "data" / "void" / "test")
    options = ("--detectors", "autoencoder", "--seeds", "7,", "--epochs", 1, "--set", "batch_size=64")
    result = run("bench", tmp_path / "data", "-o", tmp_path / "results", *options, "--json", "-q")
    assert result.exit_code == 4
    output = json.loads(result.stdout)
    assert {failure["machine"] for failure in output["failures"]} == {"void"}
    assert {row["machine"] for row in output["results"]} == {"fan"}
    assert "Error: void" in result.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--scores", "theirs"], 2),
        (["--seeds", "x"], 2),
        (["--detectors", "ear"], 2),
        (["--set", "colour=red"], 2),
        (["--machines", "pump"], 1),
    ],
)
def test_bench_reports_wrong_options(run, machine, tmp_path, options, code):
    result = run("bench", machine.parent, "-o", tmp_path / "results", *options)
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_submission_has_the_scores_of_the_bench(bench, submission):
    folder, output = submission
    assert set(output) == {
        "submissions", "hidden_names", "labelled_names", "problems", "threshold_warnings"
    }  # fmt: skip
    (made,) = output["submissions"]
    assert (made["folder"], made["system"], made["seed"]) == (str(folder), "autoencoder:mse", 7)
    assert (output["hidden_names"], output["labelled_names"], output["problems"]) == ([], ["fan"], [])
    assert {path.name for path in folder.iterdir()} == {file.rsplit("/", 1)[-1] for file in made["files"]}
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "anomaly_score_fan_section_00_test.csv",
        "decision_result_fan_section_00_test.csv",
        "Me_task2_1.meta.yaml",
    }
    original = bench[0] / "scores" / "autoencoder" / "mse" / "seed7"
    for name in names - {"Me_task2_1.meta.yaml"}:
        assert (folder / name).read_text() == (original / name).read_text()


def test_the_meta_file_describes_the_system(run, bench, tmp_path):
    options = ("--system", "autoencoder:mse", "--development", bench[0])
    result = run("dcase", "submit", bench[0], "-o", tmp_path / "Me_task2_1", *options)
    assert "Complete the entries marked ? in the meta file: authors." in result.stdout
    meta = (tmp_path / "Me_task2_1" / "Me_task2_1.meta.yaml").read_text()
    with (bench[0] / "results.csv").open() as file:
        (row,) = (r for r in csv.DictReader(file) if r["score"] == "mse" and r["detector"] == "autoencoder")
    for line in (
        'label: "Me_task2_1"',
        "total_parameters: 267928",
        'input_sampling_rate: "8 kHz"',
        f"auc_source: {100 * float(row['auc_source']):.2f}",
        "seed: 7",
        'data_augmentation: "none"',
        'external_data_usage: "none"',
        'acoustic_features: "log-mel energies"',
    ):
        assert line in meta
    (threshold,) = (
        entry
        for entry in json.loads((bench[0] / "results.json").read_text())["thresholds"]
        if (entry["detector"], entry["score"], entry["seed"]) == ("autoencoder", "mse", 7)
    )
    assert threshold["rate"] == pytest.approx(0.1)
    count = threshold["calibration_count"]
    decision = f"90th percentile of a gamma distribution fitted to the scores of {count} normal recordings"
    assert (decision in meta) is (threshold["value"] is not None)


def test_the_meta_file_states_nothing_that_the_results_do_not(bench, submission, tmp_path):
    meta = (submission[0] / "Me_task2_1.meta.yaml").read_text()
    assert 'development_dataset: "?"' in meta  # the data root is no folder dev_data
    assert submission[1]["submissions"][0]["to_complete"] == ["authors", "development_dataset"]
    outside = meta_file("Me_task2_1", bench[0], "other:score", 7, ["fan"])  # has no model in the results
    for entry in ("data_augmentation", "external_data_usage", "decision_making", "acoustic_features"):
        assert f'{entry}: "?"' in outside
    assert not is_development("data/eval_data/raw")
    assert is_development("data/dcase2024t2/dev_data/raw")


@pytest.mark.parametrize(
    ("options", "entry", "expected"),
    [
        (
            {"detector": "discriminative", "config": {"mixup": 0.5, "disturb": 0.0}},
            "data_augmentation",
            "mixup 0.5",
        ),
        ({"detector": "auto", "config": {"encoder": "nets/beats.onnx"}}, "external_data_usage", "beats.onnx"),
        ({"detector": "mine", "config": {}}, "external_data_usage", '"?"'),
    ],
)
def test_augmentation_and_external_data_follow_from_the_options(
    monkeypatch, tmp_path, options, entry, expected
):
    monkeypatch.setattr(dcase_meta, "_models", lambda *_: {"fan": (options, 1)})
    (line,) = (
        line
        for line in meta_file("L", tmp_path, f"{options['detector']}:x", 0, ["fan"]).splitlines()
        if f" {entry}:" in line
    )
    assert expected in line


def test_every_system_gets_a_separate_submission(run, bench, submission, tmp_path):
    result = run("dcase", "submit", bench[0], "-o", tmp_path / "Me_Here")
    assert result.exit_code == 0, result.output
    labels = sorted(path.name for path in (tmp_path / "Me_Here").iterdir())
    systems = detector_type("autoencoder").scores  # as in the table
    assert labels == [f"Me_Here_task2_{i + 1}" for i in range(len(systems))]
    for label, system in zip(labels, systems, strict=True):
        folder = tmp_path / "Me_Here" / label
        assert f"{folder}: autoencoder:{system}, seed 7, 1 section, 3 files\n" in result.stdout
        assert f'label: "{label}"' in (folder / f"{label}.meta.yaml").read_text()
    name = "anomaly_score_fan_section_00_test.csv"
    first = tmp_path / "Me_Here" / labels[0] / name
    assert first.read_text() == (submission[0] / name).read_text()
    assert "per team" not in result.stdout


def test_the_first_seed_of_the_last_run_is_used(run, bench, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(bench[0], results)
    for score in detector_type("autoencoder").scores:
        shutil.copytree(
            results / f"scores/autoencoder/{score}/seed7", results / f"scores/autoencoder/{score}/seed1"
        )
    for score in ("mse", "a", "b", "c", "d"):
        shutil.copytree(results / "scores/autoencoder/mse", results / "scores/earlier" / score)
    facts = json.loads((results / "results.json").read_text())
    other_seed = [{**entry, "seed": 1} for entry in facts["thresholds"]]
    facts = {**facts, "seeds": [7, 1], "thresholds": [*facts["thresholds"], *other_seed]}
    (results / "results.json").write_text(json.dumps(facts))
    result = run("dcase", "submit", results, "-o", tmp_path / "all")
    assert result.exit_code == 0, result.output
    assert "Results of the first seed, 7, are used; choose another with --seed: 1." in result.stdout
    made = list((tmp_path / "all").iterdir())
    assert len(made) == len(detector_type("autoencoder").scores), "systems of earlier runs are not included"
    output = run("dcase", "submit", results, "-o", tmp_path / "one", "--seed", 1, "--json").stdout
    assert {made["seed"] for made in json.loads(output)["submissions"]} == {1}
    assert (
        run("dcase", "submit", results, "-o", tmp_path / "Two_task2_1", "--system", "earlier:mse").exit_code
        == 0
    )
    (results / "results.json").unlink()  # as after an interrupted benchmark
    result = run("dcase", "submit", results, "-o", tmp_path / "more_task2")
    assert result.exit_code == 0, result.output
    assert "The challenge accepts 4 systems" in result.stdout
    assert {path.name for path in (tmp_path / "more_task2").iterdir()} == {
        f"more_task2_{n}" for n in range(1, len(detector_type("autoencoder").scores) + 6)
    }


def test_clips_of_an_evaluation_set_get_their_hidden_names(run, bench, machine, tmp_path):
    data, results = tmp_path / "data", tmp_path / "results"
    shutil.copytree(machine, data / "fan")
    (data / "fan" / "test").rename(data / "fan" / "test_rename")
    (data / "fan" / "test").mkdir()
    copies = sorted(
        (data / "fan" / "test_rename").iterdir(), key=lambda p: hashlib.md5(p.name.encode()).digest()
    )
    hidden = {copy.name: f"section_00_{number:04d}.wav" for number, copy in enumerate(copies)}
    for copy in copies:
        shutil.copy(copy, data / "fan" / "test" / hidden[copy.name])
    shutil.copytree(bench[0], results)
    facts = json.loads((results / "results.json").read_text())
    (results / "results.json").write_text(json.dumps({**facts, "root": str(data)}))
    result = run("dcase", "submit", results, "-o", tmp_path / "sub_task2_1", "--system", "autoencoder:mse")
    assert result.exit_code == 0, result.output
    assert "fan: clips have their names in test/" in result.stdout
    for file in ("anomaly_score_fan_section_00_test.csv", "decision_result_fan_section_00_test.csv"):
        before = dict(csv.reader((results / "scores/autoencoder/mse/seed7" / file).open()))
        after = dict(csv.reader((tmp_path / "sub_task2_1" / file).open()))
        assert after == {hidden[name]: value for name, value in before.items()}

    copies[0].write_bytes(b"something else")
    result = run(
        "dcase", "submit", results, "-o", tmp_path / "other_task2_1", "--system", "autoencoder:mse", "--json"
    )
    assert result.exit_code == 4
    output = json.loads(result.stdout)
    assert (output["hidden_names"], output["labelled_names"]) == ([], ["fan"])
    assert copies[0].name in output["problems"][0]
    written = dict(csv.reader((tmp_path / "other_task2_1" / file).open()))
    assert written == before, "either all names of a machine are replaced, or none"

    shutil.rmtree(data)
    result = run("dcase", "submit", results, "-o", tmp_path / "third_task2_1", "--system", "autoencoder:mse")
    assert result.exit_code == 0
    assert f"{data} no longer exists" in result.stdout


def test_warnings_about_thresholds_are_passed_on(run, machine, tmp_path, monkeypatch):
    from auscult.benchmark import decisions
    from auscult.decision import Threshold

    reasons = iter(["no threshold: no gamma distribution fits", "the gamma distribution fits poorly"])
    values = {"no threshold: no gamma distribution fits": None, "the gamma distribution fits poorly": 1.0}

    def doubtful(method, scores, *, rate):
        assert (method, rate) == ("gamma_scipy", None), "the decisions are those of the baseline"
        reason = next(reasons, None)
        return Threshold(values.get(reason, 1.0), "gamma", 0.1, len(scores), warning=reason)

    monkeypatch.setattr(decisions, "threshold_by_name", doubtful)
    out = tmp_path / "results"
    result = run("bench", machine.parent, "-o", out, "--detectors", "spectral_memory", "--json", "-q")
    notes = json.loads(result.stdout)["notes"]
    recorded = json.loads((out / "results.json").read_text())["threshold_warnings"]
    assert [entry["warning"] for entry in recorded] == list(values)
    for entry in recorded:
        assert entry["machine"] == "fan"
        expected = f"fan spectral_memory:{entry['score']} seed 13711: {entry['warning']}"
        assert any(note.startswith(expected) for note in notes)
        assert entry["warning"] in (out / "report.html").read_text()
        submit = ("dcase", "submit", out, "--system", f"spectral_memory:{entry['score']}", "--json")
        submitted = run(*submit, "-o", tmp_path / f"{entry['score']}_task2_1")
        message = f"spectral_memory:{entry['score']}: fan: decisions: {entry['warning']}"
        assert json.loads(submitted.stdout)["threshold_warnings"] == [message]
        assert f"Warning: {message}" in submitted.stderr
        assert submitted.exit_code == (4 if "no threshold" in entry["warning"] else 0)


def test_submission_requires_a_known_system_and_seed_and_an_empty_folder(run, bench, submission, tmp_path):
    results = bench[0]
    system = ("--system", "autoencoder:mse")
    for options in (
        ["-o", submission[0]],
        ["-o", tmp_path / "a", "--seed", 8],
        ["-o", tmp_path / "a", "--system", "other:mse"],
        ["-o", tmp_path / "a", *system, "--seed", 8],
        ["-o", submission[0], *system],
    ):
        assert run("dcase", "submit", results, *options).exit_code == 2
    assert not (tmp_path / "a").exists()
    assert run("dcase", "submit", tmp_path, "-o", tmp_path / "a").exit_code == 1


def test_an_incomplete_submission_is_reported_with_exit_code_4(run, bench, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(bench[0], results)
    scores = results / "scores" / "autoencoder" / "mse" / "seed7"
    (scores / "decision_result_fan_section_00_test.csv").unlink()
    other = results / "scores" / "autoencoder" / "mahalanobis" / "seed7"
    shutil.copy(
        other / "anomaly_score_fan_section_00_test.csv", other / "anomaly_score_pump_section_00_test.csv"
    )
    result = run("dcase", "submit", results, "-o", tmp_path / "sub_task2_1", "--system", "autoencoder:mse")
    assert result.exit_code == 4
    assert "fan section 00: no decisions" in result.stderr
    assert "pump section 00: no scores" in result.stderr


def test_scores_and_decisions_of_different_clips_are_refused(run, bench, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(bench[0], results)
    decisions = results / "scores/autoencoder/mse/seed7/decision_result_fan_section_00_test.csv"
    decisions.write_text("".join(decisions.read_text().splitlines(keepends=True)[1:]))
    result = run("dcase", "submit", results, "-o", tmp_path / "sub_task2_1", "--system", "autoencoder:mse")
    assert result.exit_code == 1
    assert not (tmp_path / "sub_task2_1").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "my system", "--system", "autoencoder:mse"], "Name_Institute_task2_1"),
        (["-o", "Me_Here", "--system", "autoencoder:mse"], "Name_Institute_task2_1"),
        (["-o", "my system"], "only contain letters, digits, _ and -"),
    ],
)
def test_a_folder_that_is_no_label_is_refused(run, bench, tmp_path, options, message):
    options[1] = tmp_path / options[1]
    result = run("dcase", "submit", bench[0], *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not options[1].exists()


def test_a_detector_stands_for_the_default_score(run, bench, tmp_path):
    options = ("--system", "autoencoder", "--json")
    output = run("dcase", "submit", bench[0], "-o", tmp_path / "Me_task2_1", *options).stdout
    assert json.loads(output)["submissions"][0]["system"] == "autoencoder:mse"


def test_scores_of_earlier_runs_do_not_make_a_submission_incomplete(run, bench, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(bench[0], results)
    scores = results / "scores" / "autoencoder"
    for earlier in (scores / "old_score" / "seed7", scores / "mse" / "seed1"):
        shutil.copytree(scores / "mse" / "seed7", earlier)
        (earlier / "anomaly_score_fan_section_00_test.csv").rename(
            earlier / "anomaly_score_pump_section_00_test.csv"
        )
    result = run("dcase", "submit", results, "-o", tmp_path / "Me_Here", "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)["submissions"]
    assert [entry["system"] for entry in made] == [
        f"autoencoder:{s}" for s in detector_type("autoencoder").scores
    ]


def test_the_number_of_parameters_is_that_of_the_largest_model(monkeypatch, tmp_path):
    for counts, expected in (
        ({}, 'total_parameters: "?"'),
        ({"fan": 7, "pump": 7}, "total_parameters: 7"),
        ({"fan": 7, "pump": 9}, "total_parameters: 9  # of the largest model: fan 7, pump 9"),
    ):
        models = {machine: ({}, count) for machine, count in counts.items()}
        monkeypatch.setattr(dcase_meta, "_models", lambda *_, models=models: models)
        lines = meta_file("L", tmp_path, "x:y", 0, counts).splitlines()
        assert f"    {expected}" in lines


def test_the_official_score_equals_that_of_the_benchmark(run, bench, submission, ground_truth):
    options = (submission[0], "--ground-truth", ground_truth)
    result = run("dcase", "evaluate", *options, "--json")
    assert result.exit_code == 0, result.output
    output = json.loads(result.stdout)
    with (bench[0] / "results.csv").open() as file:
        (row,) = (r for r in csv.DictReader(file) if r["score"] == "mse")
    assert set(output) >= {"official_score", "machines", "missing", "extra"}
    assert set(output["official_score"]) == {"value", "low", "high"}
    assert output["official_score"]["value"] == pytest.approx(float(row["harmonic_mean"]))
    assert output["machines"]["fan"]["auc_source"]["value"] == pytest.approx(float(row["auc_source"]))
    assert output["missing"] == output["extra"] == []
    text = run("dcase", "evaluate", *options, "--year", 2024).stdout
    assert "official score 2024" in text
    assert "0 missing, 0 duplicate, 0 extra" in text


@pytest.mark.parametrize(("year", "anomalies"), [(2021, "of the domain"), (2024, "of both domains")])
def test_the_legend_says_what_the_auc_of_a_domain_compares(run, submission, ground_truth, year, anomalies):
    result = run("dcase", "evaluate", submission[0], "--ground-truth", ground_truth, "--year", year)
    legend = "AUC source, AUC target: normal clips of the domain against the anomalous clips"
    assert f"{legend} {anomalies}" in result.stdout.splitlines()


def test_equal_scores_of_a_submission_are_one_line(run, submission, ground_truth, tmp_path):
    folder = tmp_path / "equal"
    shutil.copytree(submission[0], folder)
    path = folder / "anomaly_score_fan_section_00_test.csv"
    path.write_text("".join(f"{row.split(',')[0]},1.5\n" for row in path.read_text().splitlines()))
    result = run("dcase", "evaluate", folder, "--ground-truth", ground_truth)
    assert result.exit_code == 0
    assert result.stderr == "Warning: all scores are equal: they do not depend on the recording\n"
    assert "50.00 [" not in result.stdout, "an interval of equal scores would have zero width"
    assert (
        "note: fan AUC source, fan AUC target, fan pAUC, fan mean: no interval: it is the same without any"
        in (result.stdout)
    )


def test_missing_rows_are_listed_with_exit_code_4(run, submission, ground_truth, tmp_path):
    folder = tmp_path / "sub"
    shutil.copytree(submission[0], folder)
    scores = folder / "anomaly_score_fan_section_00_test.csv"
    first, *rest = scores.read_text().splitlines()
    scores.write_text("\n".join([*rest, "unknown.wav,1.0"]) + "\n")
    result = run("dcase", "evaluate", folder, "--ground-truth", ground_truth, "--json")
    assert result.exit_code == 4
    output = json.loads(result.stdout)
    missing = f"fan/{first.split(',')[0]}: no row in {scores.name}"
    assert output["missing"] == [missing]
    assert output["extra"] == ["fan/unknown.wav"]
    assert f"missing: {missing}" in result.stderr
    text = run("dcase", "evaluate", folder, "--ground-truth", ground_truth).stdout
    assert f"1 missing, 0 duplicate, 1 extra: not an official score. Missing is {missing}. Every clip" in text
    scores.write_text("\n".join([first, *rest, first]) + "\n")
    text = run("dcase", "evaluate", folder, "--ground-truth", ground_truth).stdout
    assert f"Repeated is fan/{first.split(',')[0]}. Remove all but one of its rows" in text


def test_the_official_score_of_the_2023_baseline(run, reference):
    root = reference / "dcase2023_eval_mse"
    output = json.loads(run("dcase", "evaluate", root / "scores", "--ground-truth", root, "--json").stdout)
    assert output["official_score"]["value"] == pytest.approx(0.5988161137636058, abs=1e-12)
    assert len(output["machines"]) == 7


@pytest.fixture
def zenodo(machine):
    """A server with the record of 2024 and one archive: its address, and the requests it received."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for clip in sorted((machine / "train").iterdir())[:3]:
            archive.write(clip, f"fan/train/{clip.name}")
    data, requests = packed.getvalue(), []
    entry = {
        "key": "dev_fan.zip", "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}",
    }  # fmt: skip
    record = {"files": [entry], "metadata": {"license": {"id": "cc-by-4.0"}}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            body = json.dumps(record).encode() if "/api/" in self.path else data
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", requests
    server.shutdown()
    server.server_close()


def test_download_shows_the_plan_and_downloads(run, zenodo, tmp_path):
    url, requests = zenodo
    options = ("2024", "--to", tmp_path, "--machines", "fan", "--base-url", url)
    result = run("dcase", "download", *options, "--yes", "--json")
    assert result.exit_code == 0, result.output
    (folder,) = json.loads(result.stdout)["folders"]
    assert len(list((tmp_path / "dcase2024t2/dev_data/raw/fan/train").iterdir())) == 3
    assert folder == str(tmp_path / "dcase2024t2/dev_data/raw/fan")
    assert "licence: cc-by-4.0" in result.stderr
    assert "disk needed" in result.stderr
    fetched = len(requests)
    again = run("dcase", "download", *options)  # nothing to download, so no confirmation
    assert (again.exit_code, again.stdout) == (0, f"{folder}\n")
    assert len(requests) == fetched + 1


def test_download_requires_confirmation(run, zenodo, tmp_path):
    url, requests = zenodo
    result = run("dcase", "download", 2024, "--to", tmp_path, "--machines", "fan", "--base-url", url)
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert all("/api/" in path for path in requests)
    assert list(tmp_path.iterdir()) == []


def test_download_without_a_network_is_reported_on_one_line(run, tmp_path):
    result = run(
        "dcase", "download", 2024, "--to", tmp_path, "--machines", "fan", "--base-url", "http://127.0.0.1:9"
    )
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "manually" in result.stderr
    assert run("dcase", "download", 1999, "--to", tmp_path).exit_code == 2
