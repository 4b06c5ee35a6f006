"""`fit_machines`: machines fitted together and one by one, resumed runs, failures, and workers."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult import fit, fit_machines, load, open_corpus
from auscult.corpus import machine_folders
from auscult.corpus.folds import FOLDS
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.errors import AuscultWarning, FitError, OptionError
from auscult.findings import messages
from auscult.model import batching
from auscult.runtime.parallel import workers

QUICK = {"epochs": 2, "n_mels": 32, "batch_size": 32, "calibrate": "none", "detector": "autoencoder"}
PLAIN = {"n_mels": 32, "detector": "pooled_gaussian"}


@pytest.fixture(scope="module")
def plant(tmp_path_factory, machine_sound) -> Path:
    """Three machines of six, seven and eight clips."""
    root = tmp_path_factory.mktemp("plant")
    for number, name in enumerate(("fan", "pump", "valve")):
        folder = root / name / "train"
        folder.mkdir(parents=True)
        for i in range(6 + number):
            soundfile.write(folder / f"normal_id_00_{i:08d}.wav", machine_sound(20 * number + i), 8000)
    return root


@pytest.fixture
def plant_copy(plant, tmp_path) -> Path:
    """A copy of the plant that a test may change."""
    return Path(shutil.copytree(plant, tmp_path / "plant"))


def calibration_scores(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """The calibration scores of each model in a folder."""
    return {path.stem: load(path).calibration.scores for path in sorted(folder.glob("*.auscult"))}


def scores(folder: Path, plant: Path) -> dict[str, list[float]]:
    clips = list(open_corpus(plant / "fan"))[:3]
    return {p.stem: [s.score for s in load(p).score_many(clips)] for p in sorted(folder.glob("*.auscult"))}


def assert_same_scores(actual, expected, **tolerance) -> None:
    assert actual.keys() == expected.keys() == {"fan", "pump", "valve"}
    for machine, machine_scores in actual.items():
        for name, values in machine_scores.items():
            np.testing.assert_allclose(values, expected[machine][name], **tolerance)


@pytest.fixture
def batch_sizes(monkeypatch) -> list[int]:
    """The number of autoencoders in each batch that is trained."""
    sizes = []
    real = Autoencoder.fit_fleet.__func__

    def counting(cls, detectors, training_sets, **options):
        sizes.append(len(detectors))
        return real(cls, detectors, training_sets, **options)

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(counting))
    return sizes


def test_machines_of_different_size_train_together_as_they_do_alone(plant, tmp_path, batch_sizes):
    stages: dict[str, None] = {}  # in order of their first call
    fitted = fit_machines(
        machine_folders(plant), tmp_path, **QUICK, progress=lambda stage, *_: stages.setdefault(stage)
    )
    assert list(stages)[:4] == ["machines", "fan: inspect", "pump: inspect", "valve: inspect"]
    assert "fan and 2 more: train" in stages
    assert [(result.machine, result.error, result.already_fitted) for result in fitted] == [
        (name, None, False) for name in ("fan", "pump", "valve")
    ]
    assert batch_sizes == [3]
    clips = list(open_corpus(plant / "fan"))[:3]
    for name, together in scores(tmp_path, plant).items():
        alone = fit(open_corpus(plant / name), **QUICK)
        assert together == pytest.approx([s.score for s in alone.score_many(clips)], rel=1e-4)


def test_existing_models_are_not_fitted_again(plant_copy, tmp_path, batch_sizes):
    folders, output = machine_folders(plant_copy), tmp_path / "models"
    fit_machines(folders, output, **QUICK)
    assert all(result.already_fitted for result in fit_machines(folders, output, **QUICK))
    assert batch_sizes == [3]
    (output / "pump.auscult").write_bytes(b"cut short")
    next((plant_copy / "valve" / "train").iterdir()).unlink()
    fitted = fit_machines(folders, output, **QUICK)
    assert [result.already_fitted for result in fitted] == [True, False, False]
    assert batch_sizes == [3, 2]
    changed = fit_machines(folders, output, **{**QUICK, "epochs": 1})
    assert not any(result.already_fitted for result in changed)


def test_a_machine_that_fails_does_not_stop_the_others(plant_copy, tmp_path, monkeypatch):
    for clip in (plant_copy / "pump" / "train").iterdir():
        clip.write_bytes(b"no sound")
    real = Autoencoder.fit_fleet.__func__

    def fail(cls, detectors, training_sets, **options):
        outcomes = real(cls, detectors, training_sets, **options)
        return [
            FitError("diverged") if recordings[0].clip.machine == "fan" else outcome
            for recordings, outcome in zip(training_sets, outcomes, strict=True)
        ]

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(fail))
    fan, pump, valve = fit_machines(machine_folders(plant_copy), tmp_path / "m", **QUICK)
    assert fan.error.startswith("diverged")
    assert "none of 7 recordings can be read" in pump.error
    assert valve.error is None
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["valve.auscult"]


def test_a_machine_without_folds_does_not_keep_the_others_from_training_together(
    plant_copy, tmp_path, batch_sizes, monkeypatch
):
    monkeypatch.setattr(batching, "NETWORKS_ON_CPU", 3 * (1 + FOLDS))
    for clip in sorted((plant_copy / "pump" / "train").iterdir())[1:]:
        clip.unlink()
    calibrated = {**QUICK, "calibrate": "crossfit"}
    fan, pump, valve = fit_machines(machine_folders(plant_copy), tmp_path / "m", **calibrated)
    assert "at least two recordings" in pump.error
    assert (fan.error, valve.error) == (None, None)
    assert batch_sizes == [2 * (1 + FOLDS)]


def test_options_are_checked_before_any_recording_is_read(plant, tmp_path):
    with pytest.raises(OptionError, match="no option 'colour'"):
        fit_machines(machine_folders(plant), tmp_path, colour="red")


def test_only_folders_are_taken(plant, tmp_path):
    corpus = open_corpus(plant / "fan")
    for given in (corpus, list(corpus), str(plant), {"fan": corpus}):
        with pytest.raises(OptionError, match="takes folders"):
            fit_machines(given, tmp_path)


def test_processes_make_the_same_models(plant, tmp_path):
    fit_machines(machine_folders(plant), tmp_path / "one", **PLAIN)
    with workers(2):
        fitted = fit_machines(machine_folders(plant), tmp_path / "two", **PLAIN)
    assert not any(result.error for result in fitted)
    assert_same_scores(calibration_scores(tmp_path / "one"), calibration_scores(tmp_path / "two"), rtol=0)


@pytest.mark.slow
def test_a_cluster_fits_all_machines_even_if_a_worker_is_killed(plant, tmp_path, dask_cluster):
    fit_machines(machine_folders(plant), tmp_path / "one", **PLAIN)
    output = tmp_path / "two"

    def kill_when_one_is_done() -> None:
        while not list(output.glob("*.auscult")):
            time.sleep(0.01)
        dask_cluster.kill_one()

    killer = threading.Thread(target=kill_when_one_is_done)
    killer.start()
    with workers(cluster=dask_cluster.address):
        fitted = fit_machines(machine_folders(plant), output, **PLAIN)
    killer.join()
    assert not any(result.error for result in fitted)
    assert_same_scores(calibration_scores(tmp_path / "one"), calibration_scores(output), rtol=0)


def test_anomalies_are_left_out_and_unclear_folders_asked_about_by_machine(plant_copy, tmp_path):
    for machine, folder in (("fan", "faulty"), ("pump", "klong")):
        part = plant_copy / machine / "train" / folder
        part.mkdir()
        for clip in sorted((plant_copy / machine / "train").glob("*.wav"))[:2]:
            clip.rename(part / f"{clip.stem[-2:]}.wav")
        (plant_copy / machine / "train" / "ok").mkdir()
        for clip in (plant_copy / machine / "train").glob("*.wav"):
            clip.rename(clip.parent / "ok" / f"{clip.stem[-2:]}.wav")
    folders = machine_folders(plant_copy)
    quick = PLAIN | {"calibrate": "none"}
    fan, pump, valve = fit_machines(folders, tmp_path / "models", **quick)
    assert (fan.error, valve.error) == (None, None)
    assert "2 recordings labelled as anomalies left out: train/faulty (2)" in messages(
        load(fan.path).warnings
    )
    assert "what 2 recordings are is unclear: train/klong" in pump.error
    _, pump, _ = fit_machines(folders, tmp_path / "models", conditions={"klong": "anomaly"}, **quick)
    assert pump.error is None
    assert load(pump.path).provenance["clips"] == 5
    assert load(pump.path).provenance["conditions"] == {"klong": "anomaly"}
    with pytest.raises(OptionError, match="'klang'"):
        fit_machines(folders, tmp_path / "models", conditions={"klang": "anomaly"}, **quick)


def test_the_machines_of_a_manifest_get_the_models_of_their_folders(plant, tmp_path):
    lines = [f"{path},{path.parts[-3]},1450" for path in sorted(plant.rglob("*.wav"))]
    manifest = tmp_path / "list.csv"
    manifest.write_text("\n".join(["path,machine,rpm", *lines]))
    fit_machines({name: manifest for name in ("fan", "pump")}, tmp_path / "a", **PLAIN)
    fit_machines({name: plant / name for name in ("fan", "pump")}, tmp_path / "b", **PLAIN)
    assert scores(tmp_path / "a", plant) == scores(tmp_path / "b", plant)
    again = fit_machines({name: manifest for name in ("fan", "pump")}, tmp_path / "a", **PLAIN)
    assert [result.already_fitted for result in again] == [True, True]
    assert {finding.kind for finding in again[0].warnings} >= {"unused_columns"}


def test_machines_that_all_have_the_same_folders_have_a_finding(plant, tmp_path):
    for date in ("2024-05-03", "2024-05-04"):
        for name in ("fan", "pump"):
            shutil.copytree(plant / name / "train", tmp_path / "plant" / date / name)
    folders = {path.name: path for path in sorted((tmp_path / "plant").iterdir())}
    with pytest.warns(AuscultWarning, match="fan, pump"):
        fitted = fit_machines(folders, tmp_path / "models", **PLAIN)
    for result in fitted:
        assert "mixed_machines" in {finding.kind for finding in result.warnings}
        assert "mixed_machines" in {finding.kind for finding in load(result.path).warnings}


def test_a_model_that_cannot_be_saved_is_the_error_of_one_machine(plant, tmp_path):
    (tmp_path / "pump.auscult").mkdir()
    fan, pump, valve = fit_machines(machine_folders(plant), tmp_path, **PLAIN)
    assert "cannot be written" in pump.error
    assert (fan.error, valve.error) == (None, None)


@pytest.mark.parametrize("name", ["", " ", "../fan", "a\\b", 3])
def test_names_of_machines_that_are_no_names_of_files_are_refused(plant, tmp_path, name):
    with pytest.raises(OptionError, match="name of a file"):
        fit_machines({name: plant / "fan"}, tmp_path / "models", **PLAIN)
    assert not (tmp_path / "models").exists()


def test_machines_are_fitted_with_a_detector_as_an_instance(plant, tmp_path):
    (fan,) = fit_machines({"fan": plant / "fan"}, tmp_path, detector=PooledGaussian(n_mels=32, components=3))
    assert fan.error is None
    config = load(fan.path).detector.config
    assert (config.components, config.front_end.n_mels) == (3, 32)
    assert fit_machines({"fan": plant / "fan"}, tmp_path, components=3, **PLAIN)[0].already_fitted
