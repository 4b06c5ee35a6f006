"""Test clips with a sensor fault: noted and counted by a benchmark, scored and decided like the others."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

import auscult
from auscult.benchmark import run_bench

SILENT = "section_00_source_test_normal_0001_spd_1.wav"
GAPS = "section_00_target_test_anomaly_0002_spd_1.wav"
LOUD = "section_00_source_test_anomaly_0003_spd_1.wav"


@pytest.fixture(scope="module")
def faulty(root, tmp_path_factory):
    """A folder with ``fan``, two test clips with a sensor fault and a loud one, and its benchmark."""
    folder = tmp_path_factory.mktemp("faulty")
    shutil.copytree(root / "fan", folder / "root" / "fan")
    test = folder / "root" / "fan" / "test"
    soundfile.write(test / SILENT, np.zeros(8000), 8000)
    samples, rate = soundfile.read(test / GAPS)
    samples[2000:3000] = 0
    soundfile.write(test / GAPS, samples, rate)
    samples, rate = soundfile.read(test / LOUD)
    soundfile.write(test / LOUD, 6 * samples, rate, subtype="FLOAT")
    return folder, _bench(folder)


def _bench(folder):
    return run_bench(folder / "root", detectors=["spectral_memory"], seeds=[0, 1], output=folder / "out")


def test_one_note_for_each_machine_and_counts_by_kind(faulty):
    folder, bench = faulty
    (note,) = [note for note in bench.notes if "sensor fault" in note]
    assert note.startswith(f"fan: test clips with a sensor fault: 2 (silence, gaps; the first is {SILENT})")
    counts = json.loads((folder / "out" / "results.json").read_text())["sensor"]
    kinds = {"silence": 1, "gaps": 1}
    assert counts == {"fan": {"clips": 2, "kinds": kinds, "doubts": {"level": 1}}}


def test_findings_are_those_of_the_model_and_are_read_back(faulty):
    folder, bench = faulty
    model = auscult.load(folder / "out/stages/fan/spectral_memory/seed0/model.auscult")
    test = folder / "root" / "fan" / "test"
    expected = {}
    for path in sorted(test.iterdir()):
        samples, rate = soundfile.read(path)
        signs = tuple(f for f in model.score(samples, rate).findings if f.effect != "note")
        if signs:
            expected[path.name] = signs
    assert set(expected) == {SILENT, GAPS, LOUD}
    stored = bench.sensor["fan"].findings
    assert {Path(path).name: signs for path, signs in stored.items()} == expected
    again = _bench(folder)  # from the files of the stages
    assert again.sensor == bench.sensor
    assert again.notes == bench.notes


def test_clips_with_a_fault_have_scores_and_decisions_and_count_in_metrics(faulty):
    folder, bench = faulty
    ((labels, scores),) = bench.scored["spectral_memory:domain"][0]["fan"]
    assert len(scores) == len(labels.anomaly) == 16
    decided = next((folder / "out/scores/spectral_memory/domain/seed0").glob("decision_result_*.csv"))
    decisions = dict(csv.reader(decided.read_text().splitlines()))
    assert len(decisions) == 16
    assert {decisions[name] for name in (SILENT, GAPS)} <= {"0", "1"}


def test_a_machine_without_faults_has_no_note(bench):
    assert not any("sensor fault" in note for note in bench.notes)
    assert bench.sensor["fan"].counts()["clips"] == 0
