"""``bench`` of a TOML file, with score files of several seeds and published systems."""

import json
import shutil

import numpy as np
import pytest

from auscult.evaluation import write_submission

EXPERIMENT = """
root = "data"
seeds = [0]

[detectors]
spectral_memory = [{ k_source = 1 }, { k_source = 3 }]

[set]
n_mels = 16
spectral_memory.k_target = 2

[scores]
theirs = "theirs/seed*"
"""


@pytest.fixture(scope="module")
def experiment(run, machine, tmp_path_factory):
    """A folder with the data, a TOML file and score files of two seeds, its results, and the JSON output."""
    folder = tmp_path_factory.mktemp("experiment")
    (folder / "data").mkdir()
    shutil.copytree(machine, folder / "data" / "fan")
    (folder / "experiment.toml").write_text(EXPERIMENT)
    names = sorted(path.name for path in (machine / "test").iterdir())
    for seed in (5, 6):
        scores = np.random.default_rng(seed).normal(size=len(names)) + ["anomaly" in name for name in names]
        write_submission(folder / "theirs" / f"seed{seed}", "fan", "00", names, scores)
    published = folder / "published.csv"
    columns = "machine,section,detector,score,seed,auc_source,auc_target,pauc,harmonic_mean,fit_seconds,"
    published.write_text(f"{columns}score_seconds\nfan,00,paper,mse,0,0.7,0.6,0.5,0.59,,\n")
    options = ("--published", published, "--set", "n_mels=24", "--json", "-q")
    result = run("bench", folder / "experiment.toml", "-o", folder / "results", *options)
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout)


def test_the_file_gives_detectors_settings_and_scores(experiment):
    folder, result = experiment
    systems = {(row["detector"], row["seed"]) for row in result["results"]}
    own = {("spectral_memory[k_source=1]", 0), ("spectral_memory[k_source=3]", 0)}
    assert systems == own | {("theirs", 5), ("theirs", 6), ("published paper", 0)}
    facts = json.loads((folder / "results" / "results.json").read_text())
    assert facts["root"] == str(folder / "data")
    assert any(str(folder / "published.csv") in note for note in facts["notes"])


def test_thresholds_of_another_method_fit_nothing_again(run, experiment, tmp_path):
    folder, _ = experiment
    results = tmp_path / "results"
    shutil.copytree(folder / "results", results)
    before = {path: path.stat().st_mtime_ns for path in results.glob("stages/*/*/*/*")}
    method = 'threshold_method = "conformal"\nfalse_alarms = "20%"\n'
    other = folder / "conformal.toml"  # next to the first one, since its paths are relative
    other.write_text(method + EXPERIMENT)
    options = ("--set", "n_mels=24", "--published", folder / "published.csv", "-q")
    result = run("bench", other, "-o", results, *options)
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in results.glob("stages/*/*/*/*")} == before
    facts = json.loads((results / "results.json").read_text())
    assert (facts["threshold_method"], facts["false_alarms"]) == ("conformal", 0.2)
    earlier = json.loads((folder / "results" / "results.json").read_text())
    assert (earlier["threshold_method"], earlier["false_alarms"]) == ("gamma_scipy", None)
    for threshold, former in zip(facts["thresholds"], earlier["thresholds"], strict=True):
        assert (threshold["method"], threshold["rate"]) == ("conformal", 0.2)
        assert former["method"] == "gamma_scipy"
        where = results / "scores" / "spectral_memory+k_source=1" / threshold["score"] / "seed0"
        if threshold["detector"] == "spectral_memory[k_source=1]":
            scores, decisions = (
                [line.rpartition(",")[2] for line in (where / f"{kind}_fan_section_00_test.csv").open()]
                for kind in ("anomaly_score", "decision_result")
            )
            flags = [float(score) > threshold["value"] for score in scores]
            assert flags == [bool(int(decision)) for decision in decisions]


def test_options_of_the_command_line_take_precedence(experiment):
    folder, _ = experiment
    facts = json.loads((folder / "results" / "results.json").read_text())
    assert facts["settings"] == {"n_mels": "24"}, "a repeated option replaces the table of the file"
    copy = (folder / "results" / "experiment.toml").read_text()
    assert copy.endswith(EXPERIMENT)
    assert "# Changed on the command line: --output, --published, --set" in copy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('root = "data"\nmachine = ["fan"]', "did you mean 'machines'"),
        ('root = "data"\njson = true', "unknown key 'json'"),
        ('root = "data"\nepochs = "many"', "'many' is not a valid integer"),
        ('root = "data"\npublished = 1999', "neither 2024 nor a file"),
        ('root = "data"\npublished = "2024"\ndetectors = ["autoencoder[epochs=x]"]', "not a valid int"),
    ],
)
def test_wrong_files_exit_with_2(run, experiment, tmp_path, content, message):
    path = tmp_path / "experiment.toml"
    path.write_text(content.replace('"data"', json.dumps(str(experiment[0] / "data"))))
    result = run("bench", path, "-o", tmp_path / "results", "--set", "n_mels=16", "-q")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "results").exists(), "refused before anything is written"


def test_wrong_options_exit_with_2_before_anything_is_written(run, machine, tmp_path):
    for options, message in (
        (("--detectors", ""), "no detectors: name at least one"),
        (("--detectors", "spectral_memory", "--scores", "spectral_memory=x"), "the name is taken"),
        (("--detectors", "spectral_memory", "--set", "views=a\x1b"), "control character"),
    ):
        result = run("bench", machine.parent, "-o", tmp_path / "results", *options)
        assert result.exit_code == 2
        assert message in result.stderr
        assert not (tmp_path / "results").exists()


def test_repeated_names_of_scores_are_seeds(run, experiment):
    folder, _ = experiment
    given = [part for seed in (5, 6) for part in ("--scores", f"theirs={folder / 'theirs' / f'seed{seed}'}")]
    options = (
        "--detectors",
        "spectral_memory[k_source=1]",
        "--seeds",
        "0,",
        "--set",
        "n_mels=24",
        "--json",
        "-q",
    )
    result = run("bench", folder / "data", "-o", folder / "again", *options, *given)
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["results"]
    assert {row["seed"] for row in rows if row["detector"] == "theirs"} == {5, 6}
