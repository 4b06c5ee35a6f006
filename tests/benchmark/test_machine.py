"""Machines of a benchmark: features shared by detectors, and training clips of other machines."""

import shutil

import pytest

from auscult.benchmark import run_bench
from auscult.benchmark.machine import MachineData, total_seconds
from auscult.corpus import Clip
from auscult.corpus.audio_clip import AudioClip
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.errors import FitError
from auscult.model import batching
from auscult.spectrum import FrontEnd

QUICK = {"epochs": "1", "n_mels": "32"}
FRONT = FrontEnd(sample_rate=8000, n_mels=32)


@pytest.fixture
def fitted_on(monkeypatch):
    """Machine to the other machines whose recordings were passed to its fits, one list per fit."""
    other_machines: dict[str, list[list[str]]] = {}
    real = batching.fit_models

    def spy(fits, progress):
        for fit in fits:
            machine = fit.inspection.usable[0].clip.machine
            other_machines.setdefault(machine, []).append(
                sorted({r.clip.machine for r in fit.other_machines})
            )
        return real(fits, progress)

    monkeypatch.setattr(batching, "fit_models", spy)
    return other_machines


@pytest.fixture
def comparing(monkeypatch):
    """Makes the autoencoder a detector that uses recordings of other machines."""
    monkeypatch.setattr(Autoencoder, "uses_other_machines", classmethod(lambda cls, config: True))


def run(root, output, **options):
    return run_bench(root, detectors=["autoencoder"], seeds=[0], output=output, settings=QUICK, **options)


def test_other_machines_are_passed_to_detectors_that_use_them(root, tmp_path, fitted_on, comparing):
    run(root, tmp_path / "r")
    assert fitted_on == {"fan": [["pump"]], "pump": [["fan"]]}


def test_machines_left_out_of_the_benchmark_are_other_machines_too(root, tmp_path, fitted_on, comparing):
    result = run(root, tmp_path / "r", machines=["pump"])
    assert fitted_on == {"pump": [["fan"]]}
    assert {row.machine for row in result.results} == {"pump"}


def test_alone_passes_no_other_machines(root, tmp_path, fitted_on, comparing):
    run(root, tmp_path / "r", alone=True)
    assert fitted_on == {"fan": [[]], "pump": [[]]}


def test_other_machines_are_not_read_if_no_detector_uses_them(root, tmp_path, fitted_on, monkeypatch):
    machines_read = set()
    real = AudioClip.waveform
    monkeypatch.setattr(
        AudioClip, "waveform", lambda self: machines_read.add(self.clip.machine) or real(self)
    )
    run(root, tmp_path / "r", machines=["pump"])
    assert fitted_on == {"pump": [[]]}
    assert machines_read == {"pump"}


def test_a_stage_depends_on_other_machines_only_if_the_detector_uses_them(
    root, tmp_path, fitted_on, monkeypatch
):
    data, output = tmp_path / "root", tmp_path / "r"
    shutil.copytree(root, data)
    run(data, output, machines=["pump"])
    next((data / "fan" / "train").iterdir()).unlink()
    run(data, output, machines=["pump"])
    assert fitted_on == {"pump": [[]]}, "the clips of another machine do not matter"
    monkeypatch.setattr(Autoencoder, "uses_other_machines", classmethod(lambda cls, config: True))
    run(data, output, machines=["pump"])
    run(data, output, machines=["pump"])
    assert fitted_on == {"pump": [[], ["fan"]]}
    next((data / "fan" / "train").iterdir()).unlink()
    run(data, output, machines=["pump"])
    run(data, output, machines=["pump"], alone=True)
    assert fitted_on == {"pump": [[], ["fan"], ["fan"], []]}


def test_features_are_computed_once_and_their_time_counts_for_every_detector(root):
    machine = MachineData("fan", str(root / "fan"))
    seconds = machine.prepare_features("train", [FRONT])
    assert seconds > 0
    assert machine.prepare_features("train", [FRONT]) == seconds
    recording = machine.test_audio(8000)[0]
    machine.prepare_features("test", [FRONT])
    assert recording.log_mel(FRONT) is recording.log_mel(FRONT)
    assert machine.test_audio(8000)[0] is recording
    machine.clear_cache()
    assert machine.test_audio(8000)[0] is not recording


def test_times_of_a_stage_include_the_shared_features(root, tmp_path, monkeypatch):
    """Otherwise the time would count for the first detector of a benchmark only."""
    monkeypatch.setattr(MachineData, "prepare_features", lambda *_: 1000.0)
    result = run(root, tmp_path / "r", machines=["fan"])
    (row, *_) = result.results
    assert 1000 < row.fit_seconds < 1100
    assert 1000 < row.score_seconds < 1100


def test_total_seconds_skips_files_that_cannot_be_read(root):
    clips = MachineData("fan", str(root / "fan")).test
    assert total_seconds([*clips, Clip("missing.wav")]) == pytest.approx(len(clips))


def test_a_failure_of_one_machine_does_not_affect_the_others(root, tmp_path, monkeypatch):
    real = Autoencoder.fit_fleet.__func__

    def fail(cls, detectors, fleets, **options):
        outcomes = real(cls, detectors, fleets, **options)
        is_fan = (recordings[0].clip.machine == "fan" for recordings in fleets)
        return [FitError("too quiet") if fan else error for fan, error in zip(is_fan, outcomes, strict=True)]

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(fail))
    result = run(root, tmp_path / "r")
    assert [(f["machine"], f["error"]) for f in result.failures] == [("fan", "too quiet")]
    assert {row.machine for row in result.results} == {"pump"}
    assert [cost.detector for cost in result.costs] == ["autoencoder"]
