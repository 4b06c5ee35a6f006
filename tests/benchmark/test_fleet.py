"""Machines beside each other: what detectors share, and what they may hear of other machines."""

import shutil

import pytest

from auscult.benchmark import run_bench
from auscult.benchmark import stage as stage_module
from auscult.benchmark.machine import MachineData, seconds_of
from auscult.corpus import Clip
from auscult.corpus.audio_clip import AudioClip
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.errors import FitError
from auscult.spectrum import FrontEnd

QUICK = {"epochs": "1", "n_mels": "32"}
FRONT = FrontEnd(sample_rate=8000, n_mels=32)


@pytest.fixture
def given(monkeypatch):
    """Machine to the machines of the others that its fits were given."""
    found: dict[str, list[str]] = {}
    real = stage_module.fit_cases

    def spy(cases, progress):
        for case in cases:
            machine = case.inspection.usable[0].clip.machine
            found.setdefault(machine, []).append(sorted({r.clip.machine for r in case.other_machines}))
        return real(cases, progress)

    monkeypatch.setattr(stage_module, "fit_cases", spy)
    return found


@pytest.fixture
def comparing(monkeypatch):
    """The autoencoder as a detector that learns how machines differ."""
    monkeypatch.setattr(Autoencoder, "learns_from_others", classmethod(lambda cls, config: True))


def bench_of(root, output, **options):
    return run_bench(root, detectors=["autoencoder"], seeds=[0], output=output, settings=QUICK, **options)


def test_detectors_that_learn_from_others_are_given_the_other_machines(root, tmp_path, given, comparing):
    bench_of(root, tmp_path / "r")
    assert given == {"fan": [["pump"]], "pump": [["fan"]]}


def test_machines_that_were_not_asked_for_are_others_too(root, tmp_path, given, comparing):
    result = bench_of(root, tmp_path / "r", machines=["pump"])
    assert given == {"pump": [["fan"]]}
    assert {row.machine for row in result.results} == {"pump"}


def test_alone_gives_no_others(root, tmp_path, given, comparing):
    bench_of(root, tmp_path / "r", alone=True)
    assert given == {"fan": [[]], "pump": [[]]}


def test_detectors_that_do_not_learn_from_others_never_read_them(root, tmp_path, given, monkeypatch):
    heard = set()
    real = AudioClip.waveform
    monkeypatch.setattr(AudioClip, "waveform", lambda self: heard.add(self.clip.machine) or real(self))
    bench_of(root, tmp_path / "r", machines=["pump"])
    assert given == {"pump": [[]]}
    assert heard == {"pump"}


def test_a_stage_depends_on_the_others_only_where_it_learns_from_them(root, tmp_path, given, monkeypatch):
    data, output = tmp_path / "root", tmp_path / "r"
    shutil.copytree(root, data)
    bench_of(data, output, machines=["pump"])
    next((data / "fan" / "train").iterdir()).unlink()
    bench_of(data, output, machines=["pump"])
    assert given == {"pump": [[]]}, "another machine's clips are nothing to it"
    monkeypatch.setattr(Autoencoder, "learns_from_others", classmethod(lambda cls, config: True))
    bench_of(data, output, machines=["pump"])
    bench_of(data, output, machines=["pump"])
    assert given == {"pump": [[], ["fan"]]}
    next((data / "fan" / "train").iterdir()).unlink()
    bench_of(data, output, machines=["pump"])
    bench_of(data, output, machines=["pump"], alone=True)
    assert given == {"pump": [[], ["fan"], ["fan"], []]}


def test_what_is_shared_is_worked_out_once_and_counted_for_each(root):
    machine = MachineData("fan", str(root / "fan"))
    seconds = machine.hear("train", [FRONT])
    assert seconds > 0
    assert machine.hear("train", [FRONT]) == seconds
    recording = machine.testing(8000)[0]
    machine.hear("test", [FRONT])
    assert recording.log_mel(FRONT) is recording.log_mel(FRONT)
    assert machine.testing(8000)[0] is recording
    machine.forget()
    assert machine.testing(8000)[0] is not recording


def test_times_of_a_stage_hold_what_is_shared(root, tmp_path, monkeypatch):
    """The first detector of a bench would else pay for all of them."""
    monkeypatch.setattr(MachineData, "hear", lambda *_: 1000.0)
    result = bench_of(root, tmp_path / "r", machines=["fan"])
    (row, *_) = result.results
    assert 1000 < row.fit_seconds < 1100
    assert 1000 < row.score_seconds < 1100


def test_seconds_of_sound_by_what_files_say(root):
    clips = MachineData("fan", str(root / "fan")).test
    assert seconds_of([*clips, Clip("gone.wav")]) == pytest.approx(len(clips))


def test_a_failure_of_one_machine_leaves_the_next(root, tmp_path, monkeypatch):
    real = Autoencoder.fit_fleet.__func__

    def fail(cls, detectors, fleets, **options):
        outcomes = real(cls, detectors, fleets, **options)
        of_fan = (recordings[0].clip.machine == "fan" for recordings in fleets)
        return [FitError("too quiet") if fan else told for fan, told in zip(of_fan, outcomes, strict=True)]

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(fail))
    result = bench_of(root, tmp_path / "r")
    assert [(f["machine"], f["error"]) for f in result.failures] == [("fan", "too quiet")]
    assert {row.machine for row in result.results} == {"pump"}
    assert [cost.detector for cost in result.costs] == ["autoencoder"]
