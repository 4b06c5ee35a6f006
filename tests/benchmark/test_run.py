"""Whole benchmarks: results, files, resuming, failures and the text for the terminal."""

import json
import shutil
from collections import Counter

import numpy as np
import pytest
import soundfile

import auscult
from auscult.benchmark import run_bench
from auscult.dcase.published import published_results
from auscult.detectors import detector_type
from auscult.errors import CorpusError, OptionError
from auscult.evaluation import auc, read_results, read_submission
from auscult.model import batching

QUICK = {"epochs": "2", "n_mels": "32"}
AUTOENCODER_SCORES = detector_type("autoencoder").scores


def test_every_machine_section_score_and_seed_has_a_row(bench):
    rows = read_results(bench.output / "results.csv")
    assert rows == bench.results
    assert Counter((r.machine, r.section) for r in rows) == {
        ("fan", "00"): 2 * len(AUTOENCODER_SCORES),
        ("pump", "00"): 2 * len(AUTOENCODER_SCORES),
        ("pump", "02"): 2 * len(AUTOENCODER_SCORES),
    }
    assert {r.column for r in rows} == {f"autoencoder:{s}" for s in AUTOENCODER_SCORES}
    assert {r.seed for r in rows} == {0, 1}
    assert all(r.fit_seconds > 0 and r.score_seconds > 0 for r in rows)
    assert bench.failures == []


def test_machines_without_domains_have_no_target_auc(bench):
    assert all(r.auc_target is None for r in bench.results if r.machine == "pump")
    assert all(r.auc_target is not None for r in bench.results if r.machine == "fan")
    lines = (bench.output / "results.csv").read_text().splitlines()
    assert any(line.startswith("pump,00,") and ",," in line for line in lines)


def test_score_files_contain_every_clip_and_give_the_same_metric(bench, root):
    for row in bench.results:
        submission = read_submission(bench.output / "scores" / row.detector / row.score / f"seed{row.seed}")
        rows = submission.scores[row.machine, row.section]
        names = {p.name for p in (root / row.machine / "test").iterdir()}
        assert {r.name for r in rows} <= names
        labels = np.array(["anomaly" in r.name for r in rows])
        values = np.array([r.value for r in rows])
        if row.machine == "pump":
            assert row.auc_source == pytest.approx(auc(labels, values), abs=1e-12)
        assert (row.machine, row.section) in submission.decisions
    names = {r.name for rows in submission.scores.values() for r in rows}
    assert len(names) == 16 + 16


def test_detectors_that_store_training_clips_do_not_flag_all_other_clips(root, tmp_path):
    detectors = ["spectral_memory", "pooled_gaussian"]
    result = run_bench(root, detectors=detectors, seeds=[0], output=tmp_path, machines=["fan"])
    assert result.failures == []
    for detector in detectors:
        score = detector_type(detector).scores[0]
        submission = read_submission(tmp_path / "scores" / detector / score / "seed0")
        decisions = [r.value for r in submission.decisions["fan", "00"] if "normal" in r.name]
        assert len(decisions) == 8
        assert sum(decisions) <= 4, f"{detector}: {decisions}"


def test_rates_are_at_the_threshold_of_the_model_or_of_the_baseline(bench, root, tmp_path):
    options = {"detectors": ["pooled_gaussian"], "settings": {"n_mels": "16"}, "machines": ["fan"]}
    machine = tmp_path / "root" / "fan"
    shutil.copytree(root / "fan", machine)
    for i in range(20):  # enough to be calibrated for 5 % false alarms
        file = machine / "train" / f"section_00_source_train_normal_{i % 6:04d}_spd_1.wav"
        samples, rate = soundfile.read(file)
        noise = np.random.default_rng(i).standard_normal(len(samples)) * 0.01
        name = f"section_00_source_train_normal_{20 + i:04d}_spd_1.wav"
        soundfile.write(machine / "train" / name, np.roll(samples, 997 * i) + noise, rate)
    result = run_bench(tmp_path / "root", seeds=[0], output=tmp_path / "out", group_by=[], **options)
    model = auscult.load(tmp_path / "out/stages/fan/pooled_gaussian/seed0/model.auscult")
    threshold = model.threshold()
    assert threshold.value is not None
    (row,) = [row for row in result.results if row.score == model.detector.decisive_score]
    ((labels, scores),) = result.scored[row.column][0]["fan"]
    flags, domains = scores > threshold.value, labels.domains
    assert row.recall == np.mean(flags[labels.anomaly])
    assert row.recall_target == np.mean(flags[labels.anomaly & domains["target"]])
    assert row.false_alarm_rate_source == np.mean(flags[~labels.anomaly & domains["source"]])
    assert (row.accepted_rate, row.threshold_method) == (0.05, "conformal")
    assert (row.normal_clips, row.anomaly_clips) == (8, 8)
    assert "recall" in result.text.splitlines()[0]
    for row in bench.results:  # networks are not calibrated
        assert (row.accepted_rate, row.threshold_method) == (0.1, "gamma_scipy")
        rows = read_submission(bench.output / "scores" / row.detector / row.score / f"seed{row.seed}")
        decisions = rows.decisions[row.machine, row.section]
        assert row.recall == np.mean([r.value for r in decisions if "anomaly" in r.name])
        assert row.false_alarm_rate == np.mean([r.value for r in decisions if "normal" in r.name])


def test_every_system_is_compared_with_the_baseline(bench):
    systems = {(d.machine, d.system) for d in bench.differences}
    expected = {f"autoencoder:{s}" for s in AUTOENCODER_SCORES if s != "mse"}
    assert systems == {(m, s) for m in ("fan", "pump", None) for s in expected}
    for d in bench.differences:
        if d.difference.low is None:
            assert "independent recordings" in d.difference.note
        else:
            assert d.difference.low <= d.difference.value <= d.difference.high
    data = json.loads((bench.output / "results.json").read_text())
    assert data["differences"] == [d.to_json() for d in bench.differences]
    assert data["seeds"] == [0, 1]
    assert data["systems"] == list(dict.fromkeys(r.column for r in bench.results))


def test_finished_stages_are_not_run_again(bench, root, tmp_path, monkeypatch):
    copy = tmp_path / "results"
    shutil.copytree(bench.output, copy)
    # A process killed between writing the model and the scores leaves a stage like this.
    (copy / "stages/pump/autoencoder/seed1/test.json").unlink()
    fitted_detectors = []
    real = batching.fit_models

    def spy(fits, progress):
        fitted_detectors.extend(fit.spec.detector for fit in fits)
        return real(fits, progress)

    monkeypatch.setattr(batching, "fit_models", spy)
    resumed = run_bench(root, detectors=["autoencoder"], seeds=[0, 1], output=copy, settings=QUICK)
    assert fitted_detectors == ["autoencoder"]
    assert [(r.column, r.seed, r.machine, r.section, r.pauc) for r in resumed.results] == [
        (r.column, r.seed, r.machine, r.section, r.pauc) for r in bench.results
    ]


def test_score_files_of_an_earlier_run_are_removed_from_the_folders_of_this_run(bench, root, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(bench.output, copy)
    run_bench(root, detectors=["autoencoder"], seeds=[1], machines=["fan"], output=copy, settings=QUICK)
    scores = {
        s: read_submission(copy / "scores" / "autoencoder" / "mse" / s).scores for s in ("seed0", "seed1")
    }
    assert set(scores["seed1"]) == {("fan", "00")}
    assert set(scores["seed0"]) == {("fan", "00"), ("pump", "00"), ("pump", "02")}, "not part of this run"


def test_a_stage_is_run_again_with_other_settings_or_other_clips(bench, root, tmp_path, monkeypatch):
    copy, data = tmp_path / "results", tmp_path / "root"
    shutil.copytree(bench.output, copy)
    shutil.copytree(root, data)
    fitted_epochs = []
    real = batching.fit_models
    monkeypatch.setattr(
        batching,
        "fit_models",
        lambda fits, _: fitted_epochs.append(fits[0].config.epochs) or real(fits),
    )
    options = {"detectors": ["autoencoder"], "seeds": [0], "machines": ["fan"], "output": copy}
    run_bench(data, **options, settings=QUICK)
    assert fitted_epochs == []
    run_bench(data, **options, settings={**QUICK, "epochs": "1"})
    assert fitted_epochs == [1]
    next((data / "fan" / "train").iterdir()).unlink()
    run_bench(data, **options, settings={**QUICK, "epochs": "1"})
    assert fitted_epochs == [1, 1]


def test_a_failed_stage_is_listed_and_the_others_go_on(root, tmp_path):
    data = tmp_path / "root"
    shutil.copytree(root, data)
    for path in (data / "pump" / "train").iterdir():
        path.write_bytes(b"not a sound")
    broken = next((data / "fan" / "test").iterdir())
    broken.write_bytes(b"not a sound")
    result = run_bench(
        data, detectors=["autoencoder"], seeds=[0], output=tmp_path / "results", settings=QUICK
    )
    assert [f["machine"] for f in result.failures] == ["pump"]
    assert "recordings can be read" in result.failures[0]["error"]
    assert {r.machine for r in result.results} == {"fan"}
    assert any(broken.name in note for note in result.notes)
    assert "failed: pump" in result.text


def test_what_cannot_be_read_fails_only_that_machine_and_other_files_are_noted(root, tmp_path, lock):
    data = tmp_path / "root"
    shutil.copytree(root, data)
    for folder in ("pump/train/a", "valve/train"):
        (data / folder).mkdir(parents=True)
        lock(data / folder if folder.startswith("pump") else data / "valve")
    (data / "spare").mkdir()
    for folder in ("fan/test", "spare"):
        (data / folder / "phone.m4a").touch()
    stages: list[str] = []
    result = run_bench(
        data,
        detectors=["pooled_gaussian"],
        seeds=[0],
        output=tmp_path / "results",
        settings={"n_mels": "16"},
        progress=lambda stage, *_: stages.append(stage),
    )
    assert stages[:2] == ["fan pooled_gaussian seed 0", "fan: inspect"]
    assert stages[-1] == "fan: score"
    errors = {failure["machine"]: failure["error"] for failure in result.failures}
    assert set(errors) == {"pump", "valve"}
    assert errors["pump"].startswith(f"{data / 'pump' / 'train' / 'a'}: the folder cannot be listed")
    assert errors["valve"].startswith(f"{data / 'valve'}: the folder cannot be listed")
    assert {r.machine for r in result.results} == {"fan"}
    others = "1 file of another kind was not read: 1 .m4a"
    assert {f"fan: {others}", f"{data / 'spare'}: no recordings; {others}"} <= set(result.notes)


def test_unusable_training_clips_are_noted_and_the_others_are_used(root, tmp_path):
    data = tmp_path / "root"
    shutil.copytree(root / "fan", data / "fan")
    first, second, third = sorted((data / "fan" / "train").iterdir())[:3]
    soundfile.write(first, np.zeros(100), 8000)
    second.write_bytes(b"not a sound")
    third.unlink()
    third.symlink_to(tmp_path / "missing.wav")
    result = run_bench(data, detectors=["gamma_vae@exact"], seeds=[0], output=tmp_path / "r", settings=QUICK)
    assert result.failures == []
    assert {r.score for r in result.results} == set(detector_type("gamma_vae").scores)
    for path in (first, second, third):
        assert any(path.name in note for note in result.notes)


def test_a_section_without_anomalies_or_labels_has_scores_but_no_metrics(root, tmp_path):
    data = tmp_path / "root"
    shutil.copytree(root / "pump", data / "pump")
    for path in (data / "pump" / "test").glob("anomaly_id_02_*"):
        path.unlink()
    for number, path in enumerate(sorted((data / "pump" / "test").glob("*_id_00_*"))):
        path.rename(path.with_name(f"id_04_{number:08d}.wav"))  # without a label, as in an evaluation set
    for i, condition in enumerate(("normal", "anomaly")):
        source = next((root / "pump" / "test").glob(f"{condition}_id_00_*"))
        shutil.copy(source, data / "pump" / "test" / f"{condition}_id_06_{i:08d}.wav")
    result = run_bench(data, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r", settings=QUICK)
    assert result.failures == []
    assert {(r.section, r.score) for r in result.results} == {("06", s) for s in AUTOENCODER_SCORES}
    (note,) = (note for note in result.notes if note.startswith("pump: scores but no metrics"))
    assert "section 02" in note
    assert "section 04" in note
    scores = read_submission(tmp_path / "r" / "scores" / "autoencoder" / "mse" / "seed0").scores
    assert {section: len(rows) for (_, section), rows in scores.items()} == {"02": 4, "04": 8, "06": 2}


def test_a_machine_without_any_metrics_is_a_failure(root, tmp_path):
    data = tmp_path / "root"
    shutil.copytree(root / "fan", data / "fan")
    shutil.copytree(root / "pump", data / "pump")
    for path in (data / "pump" / "test").glob("anomaly_*"):
        path.unlink()
    result = run_bench(data, detectors=["spectral_memory"], seeds=[0], output=tmp_path / "r")
    (failure,) = result.failures
    assert failure["machine"] == "pump"
    assert "no metrics" in failure["error"]
    assert {row.machine for row in result.results} == {"fan"}
    assert any("pump" in path.name for path in (tmp_path / "r" / "scores").rglob("*.csv"))


def test_other_systems_are_added_to_the_table(bench, root, tmp_path):
    copy = tmp_path / "results"
    shutil.copytree(bench.output, copy)
    score_folder = bench.output / "scores" / "autoencoder" / "mse" / "seed0"
    result = run_bench(
        root,
        detectors=["autoencoder"],
        seeds=[0, 1],
        output=copy,
        settings=QUICK,
        score_folders={"external": score_folder, "missing": tmp_path},
    )
    external = {(r.machine, r.section): r for r in result.results if r.detector == "external"}
    original = {
        (r.machine, r.section): r for r in result.results if r.column == "autoencoder:mse" and r.seed == 0
    }
    assert external.keys() == original.keys()
    for key, row in external.items():
        assert (row.auc_source, row.auc_target, row.pauc) == pytest.approx(
            (original[key].auc_source, original[key].auc_target, original[key].pauc)
        )
        assert row.fit_seconds is None
    assert {f["detector"] for f in result.failures} == {"missing"}


def test_published_results_are_added_for_the_data_of_2024(tmp_path, root):
    year = tmp_path / "dcase2024t2" / "dev_data" / "raw"
    for row in published_results():
        if not (year / row.machine).exists():
            shutil.copytree(root / "fan", year / row.machine)
    result = run_bench(
        year, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r", settings={**QUICK, "epochs": "1"}
    )
    published = [r for r in result.results if r.detector.startswith("published")]
    assert published == published_results()
    assert "published gamma_vae:mahalanobis" in result.text


def test_other_data_with_the_same_machine_names_has_no_published_results(tmp_path, root):
    data = tmp_path / "2024-11-22" / "simulated"
    shutil.copytree(root / "fan", data / "fan")
    (data / "fan" / "simulation.json").write_text("{}")
    result = run_bench(
        data, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r", settings={**QUICK, "epochs": "1"}
    )
    assert {r.detector for r in result.results} == {"autoencoder"}
    assert "Simulated recordings, not of real machines: fan." in result.text.splitlines()
    assert json.loads((result.output / "results.json").read_text())["simulated"] == ["fan"]


def test_text_explains_columns_and_differences(bench):
    one_line = " ".join(bench.text.split())
    assert "clips of the source/target domain against the anomalous clips of both domains" in one_line
    assert "difference from the baseline on the same recordings, in\npercentage points" in bench.text
    assert "Simulated" not in bench.text


def test_the_table_has_the_default_scores_and_the_ranking_all_scores(bench):
    table, _, ranking = bench.text.partition("Systems by harmonic mean")
    assert "autoencoder:mse" in table
    assert "autoencoder:mahalanobis" not in table
    assert all(f"autoencoder:{score}" in ranking for score in AUTOENCODER_SCORES)


def test_ranking_and_costs_are_in_the_results(bench):
    data = json.loads((bench.output / "results.json").read_text())
    assert data["ranking"] == [json.loads(json.dumps(r.to_json())) for r in bench.ranking]
    means = [r.harmonic_mean for r in bench.ranking]
    assert means == sorted(means, reverse=True)
    assert {r.system for r in bench.ranking} == {r.column for r in bench.results}
    assert [r.system for r in bench.ranking if r.decisive] == ["autoencoder:mse"]
    (cost,) = data["costs"]
    assert cost["detector"] == "autoencoder"
    assert cost["needs"] == ["auscult[train]"]
    sizes = [path.stat().st_size for path in bench.output.glob("stages/*/*/*/model.auscult")]
    assert cost["model_bytes"] == np.mean(sizes)
    stages = [json.loads(path.read_text()) for path in bench.output.glob("stages/*/*/*/test.json")]
    assert cost["fit_seconds"] == pytest.approx(np.mean([s["fit_seconds"] for s in stages]))
    score_seconds = sum(s["score_seconds"] for s in stages)
    assert cost["score_milliseconds"] == pytest.approx(1000 * score_seconds / (4 * 16))
    assert cost["real_time"] == pytest.approx(4 * 16 / score_seconds), "clips of one second"


def test_unknown_names_are_refused(root, tmp_path):
    with pytest.raises(OptionError, match="no detector named 'autoencodr'"):
        run_bench(root, detectors=["autoencodr"], seeds=[0], output=tmp_path / "r")
    with pytest.raises(CorpusError, match="no machine 'fanny'"):
        run_bench(root, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r", machines=["fanny"])
    with pytest.raises(OptionError, match="option 'epoch'"):
        run_bench(root, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r", settings={"epoch": 1})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, problem in (
        (
            "empty",
            "no machine folders .*: give a folder of machine folders, each with train/",
        ),
        ("none", "no such folder: check the path, and give a folder of machine folders"),
        ("file", "not a folder: check the path"),
    ):
        with pytest.raises(CorpusError, match=problem) as caught:
            run_bench(tmp_path / name, detectors=["autoencoder"], seeds=[0], output=tmp_path / "r")
        assert caught.value.path == str(tmp_path / name)


def test_a_results_folder_that_cannot_be_made_is_refused_before_fitting(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match="results folder cannot be created"):
        run_bench(root, detectors=["spectral_memory"], seeds=[0], output=tmp_path / "file" / "results")
