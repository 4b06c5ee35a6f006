"""``fit`` and ``evaluate`` give the numbers of a benchmark: the same groups, fits and metrics."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.benchmark import run_bench
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import DetectorChoice, run_stage
from auscult.corpus import attribute_groups
from auscult.errors import EvaluationError

RATE = 8000


@pytest.fixture(scope="module")
def machine(tmp_path_factory, machine_sound) -> Path:
    """``motor``: six recordings cut into four clips each, with an attribute that says so, and test clips."""
    folder = tmp_path_factory.mktemp("data") / "motor"
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
    for i in range(24):
        samples = (1 + i // 4 / 10) * machine_sound(i)
        soundfile.write(
            folder / "train" / f"section_00_source_train_normal_{i:04d}_run_{i // 4}.wav", samples, RATE
        )
    for i in range(10):
        for condition in ("normal", "anomaly"):
            samples = 1.3 * machine_sound(500 + i)
            if condition == "anomaly":
                samples = samples + 0.03 * machine_sound(600 + i, broken=True)
            soundfile.write(
                folder / "test" / f"section_00_source_test_{condition}_{i:04d}_run_9.wav", samples, RATE
            )
    return folder


def _evaluated(folder: Path, detector: str, group_by=None, **options) -> auscult.ModelEvaluation:
    corpus = auscult.open_corpus(folder)
    clips = corpus.for_training()
    if group_by:
        clips = attribute_groups(clips, group_by)
    model = auscult.fit(clips, detector, seed=0, group_likely_segments=group_by != [], **options)
    return auscult.evaluate(model, corpus.for_evaluation(), intervals=False)


def _benched(folder: Path, output: Path, detector: str, group_by=None, **settings):
    return run_bench(
        folder.parent, detectors=[detector], seeds=[0], output=output, group_by=group_by, settings=settings
    )


def _metrics(bench, score: str) -> tuple[float, float]:
    (row,) = [row for row in bench.results if row.score == score]
    return row.auc_source, row.pauc


@pytest.mark.parametrize("group_by", [None, [], ["run"]])
@pytest.mark.parametrize(
    "detector", ["spectral_memory", pytest.param("pooled_gaussian", marks=pytest.mark.slow)]
)
def test_bench_gives_the_numbers_of_fit_and_evaluate(machine, tmp_path, detector, group_by):
    bench = _benched(machine, tmp_path, detector, group_by)
    outcome = _evaluated(machine, detector, group_by)
    score = bench.ranking[0].system.partition(":")[2] if len(bench.ranking) == 1 else None
    decisive = next(r for r in bench.ranking if r.decisive).system.partition(":")[2]
    assert score in (None, decisive)
    overall = outcome.evaluation.overall
    assert _metrics(bench, decisive) == (overall.auc_source.value, overall.pauc.value)
    assert 0.5 < overall.auc_source.value < 1, "too easy to show a difference"
    rows = (
        tmp_path / "scores" / detector / decisive / "seed0" / "anomaly_score_motor_section_00_test.csv"
    ).read_text()
    by_name = dict(row.split(",") for row in rows.split())
    for scored in outcome.scores:
        assert float(by_name[Path(scored.path).name]) == scored.score


@pytest.mark.slow
def test_bench_gives_the_numbers_of_the_ensemble(machine, tmp_path):
    bench, outcome = _benched(machine, tmp_path, "auto"), _evaluated(machine, "auto")
    overall = outcome.evaluation.overall
    assert _metrics(bench, "mean") == (overall.auc_source.value, overall.pauc.value)


def test_bench_trains_networks_without_calibration(machine, tmp_path):
    bench = _benched(machine, tmp_path, "autoencoder", epochs="3", n_mels="32")
    outcome = _evaluated(machine, "autoencoder", calibrate="none", epochs=3, n_mels=32)
    overall = outcome.evaluation.overall
    assert _metrics(bench, "mse") == pytest.approx((overall.auc_source.value, overall.pauc.value))


def test_grouping_is_reported_and_part_of_the_key(machine, tmp_path):
    by_default = _benched(machine, tmp_path, "spectral_memory")
    (note,) = [note for note in by_default.notes if "24 clips have only 6 combinations of" in note]
    assert note.startswith("motor: ")
    grouped, independent = (
        MachineData("m", str(machine), group_by=["run"]),
        MachineData("m", str(machine), group_by=[]),
    )
    choice = DetectorChoice("spectral_memory")
    calibrations = []
    for data in (MachineData("m", str(machine)), grouped, independent):
        run_stage(tmp_path / "stage", data, choice, 0, {})
        calibrations.append(auscult.load(tmp_path / "stage" / "model.auscult").calibration.scores["domain"])
    np.testing.assert_array_equal(calibrations[0], calibrations[1])
    assert not np.array_equal(calibrations[0], calibrations[2])


def test_a_machine_without_the_attribute_fails_and_the_others_are_finished(machine, root, tmp_path):
    for folder in (machine, root / "fan"):
        shutil.copytree(folder, tmp_path / "root" / folder.name)
    bench = run_bench(
        tmp_path / "root", detectors=["spectral_memory"], seeds=[0], output=tmp_path / "out", group_by=["run"]
    )
    assert {row.machine for row in bench.results} == {"motor"}
    (failure,) = bench.failures
    assert failure["machine"] == "fan"
    assert "no clip has the attribute run" in failure["error"]


def test_training_clips_among_the_test_clips_are_left_out_as_by_evaluate(machine, tmp_path):
    folder = tmp_path / "root" / "motor"
    shutil.copytree(machine, folder)
    train, test = sorted((folder / "train").iterdir()), sorted((folder / "test").glob("*anomaly*"))
    for i, clip in enumerate(train[:3]):
        shutil.copy(clip, folder / "test" / f"section_00_source_test_normal_{90 + i:04d}_run_9.wav")
    shutil.copy(test[0], folder / "test" / "section_00_source_test_anomaly_0099_run_9.wav")
    bench, outcome = (
        _benched(folder, tmp_path / "out", "spectral_memory"),
        _evaluated(folder, "spectral_memory"),
    )
    assert len(outcome.fitted_on) == 3
    overall = outcome.evaluation.overall
    assert _metrics(bench, "domain") == (overall.auc_source.value, overall.pauc.value)
    assert any(
        note.startswith("motor: the model was fitted on 3 of these 24 recordings") for note in bench.notes
    )
    ((labels, scores),) = bench.scored["spectral_memory:domain"][0]["motor"]
    assert len(scores) == 21
    assert labels.recordings(labels.anomaly) == 10, "the copy counts once"
    written = next((tmp_path / "out" / "scores").rglob("anomaly_score_*")).read_text()
    assert len(written.split()) == 24, "score files have all test clips"
    again = _benched(folder, tmp_path / "out", "spectral_memory")
    assert again.notes == bench.notes
    assert again.results == bench.results


def test_a_recording_with_both_labels_is_a_failure_that_names_both(machine, tmp_path):
    folder = tmp_path / "motor"
    shutil.copytree(machine, folder)
    clip = next((folder / "test").glob("*anomaly_0003*"))
    shutil.copy(clip, folder / "test" / "section_00_source_test_normal_0099_run_9.wav")
    with pytest.raises(
        EvaluationError, match=r"anomaly_0003_run_9\.wav is labelled anom.*normal_0099_run_9\.wav is"
    ):
        run_stage(
            tmp_path / "stage", MachineData("motor", str(folder)), DetectorChoice("spectral_memory"), 0, {}
        )
