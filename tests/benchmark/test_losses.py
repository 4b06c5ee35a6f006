"""A benchmark loses nothing: equal file names, machines that fail, and folders without recordings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.benchmark import run_bench
from auscult.benchmark import stage as stage_module
from auscult.benchmark.machine import MachineData
from auscult.benchmark.repeated_notes import one_line_each
from auscult.detectors import DETECTORS
from auscult.errors import CorpusError, OptionError
from auscult.evaluation import read_submission, write_submission

RATE = 8000
OPTIONS = {"detectors": ["pooled_gaussian"], "seeds": [0], "settings": {"n_mels": "16"}}


@pytest.fixture(scope="module")
def mimii(tmp_path_factory, machine_sound) -> Path:
    """Two machines whose recordings have the same names in ``normal`` and ``abnormal``, as in MIMII."""
    root = tmp_path_factory.mktemp("mimii")
    for number, machine in enumerate(("id_00", "id_02")):
        for part, count in (("train/normal", 8), ("test/normal", 5), ("test/abnormal", 5)):
            (root / machine / part).mkdir(parents=True)
            for i in range(count):
                sound = machine_sound(1000 * number + 100 * len(part) + i, broken="abnormal" in part)
                soundfile.write(root / machine / part / f"{i:08d}.wav", sound, RATE)
    return root


def test_equal_file_names_are_replaced_by_the_path_below_the_machine_folder(mimii, tmp_path):
    result = run_bench(mimii, output=tmp_path / "r", **OPTIONS)
    assert result.failures == []
    assert {row.machine for row in result.results} == {"id_00", "id_02"}
    (row, *_) = result.results
    submission = read_submission(tmp_path / "r" / "scores" / row.detector / row.score / "seed0")
    names = [r.name for r in submission.scores["id_00", "00"]]
    assert sorted(names) == sorted(
        f"test/{part}/{i:08d}.wav" for part in ("normal", "abnormal") for i in range(5)
    )


def test_score_files_of_other_systems_use_the_same_names(mimii, tmp_path):
    names = list(MachineData("id_00", str(mimii / "id_00")).test_names.values())
    write_submission(tmp_path / "other", "id_00", "00", names, ["abnormal" in name for name in names])
    options = {"machines": ["id_00"], "score_folders": {"other": tmp_path / "other"}}
    result = run_bench(mimii, output=tmp_path / "r", **options, **OPTIONS)
    assert result.failures == []
    assert [row.auc_source for row in result.results if row.detector == "other"] == [1.0]


def test_unique_file_names_stay_as_they_are(root):
    machine = MachineData("fan", str(root / "fan"))
    assert set(machine.test_names.values()) == {path.name for path in (root / "fan" / "test").iterdir()}


@pytest.mark.parametrize(
    "error", [OSError("disk"), MemoryError("too large"), NameError("name"), np.linalg.LinAlgError("singular")]
)
def test_an_unexpected_error_of_one_machine_is_reported_and_the_others_are_finished(
    mimii, tmp_path, monkeypatch, error
):
    real = stage_module.score_and_save

    def fail(stage, *arguments):
        if stage.machine.name == "id_00":
            raise error
        return real(stage, *arguments)

    monkeypatch.setattr(stage_module, "score_and_save", fail)
    result = run_bench(mimii, output=tmp_path / "r", **OPTIONS)
    assert {row.machine for row in result.results} == {"id_02"}
    (failure,) = result.failures
    assert failure["machine"] == "id_00"
    assert failure["error"].startswith(f"{type(error).__name__}: {error} (at ")
    assert json.loads((tmp_path / "r" / "results.json").read_text())["failures"] == [failure]


#: A detector with a misspelled name in `score`.
FAULTY_DETECTOR = """
from auscult.detectors.base import Config, Detector

class Faulty(Detector):
    name, scores, config_type = "faulty", ("level",), Config

    def fit(self, recordings, *, other_machines=(), progress=None):
        self.arrays = {"level": recordings[0].waveform().samples.mean(keepdims=True)}
        return self

    def score(self, recording, *, explain=False):
        return self.arrays["levels"]

    def expected_shapes(self):
        return {"level": (1,)}
"""


def test_a_programming_error_in_a_detector_is_located_and_the_other_detectors_are_finished(
    mimii, tmp_path, monkeypatch
):
    (tmp_path / "faulty_detector.py").write_text(FAULTY_DETECTOR)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(DETECTORS, "faulty", ("faulty_detector", "Faulty"))
    options = {**OPTIONS, "detectors": ["faulty", *OPTIONS["detectors"]]}
    result = run_bench(mimii, output=tmp_path / "r", machines=["id_00"], **options)
    assert {row.detector for row in result.results} == set(OPTIONS["detectors"])
    (failure,) = result.failures
    line = FAULTY_DETECTOR.splitlines().index('        return self.arrays["levels"]') + 1
    place = f"{tmp_path / 'faulty_detector.py'}:{line} in score"
    assert failure["detector"] == "faulty"
    assert failure["error"] == f"KeyError: 'levels' (at {place})"


def test_machines_that_are_empty_or_unclear_are_failures(mimii, tmp_path):
    data = Path(shutil.copytree(mimii, tmp_path / "data"))
    (data / "id_04" / "train").mkdir(parents=True)
    (data / "id_02" / "train" / "normal").rename(data / "id_02" / "train" / "no_fault")
    result = run_bench(data, output=data / "results", **OPTIONS)
    errors = {failure["machine"]: failure["error"] for failure in result.failures}
    assert set(errors) == {"id_02", "id_04"}
    assert errors["id_04"].endswith("id_04: no recordings")
    assert "what 8 recordings are is unclear: no_fault" in errors["id_02"]
    assert "conditions={'no_fault': 'normal'}" in errors["id_02"]
    assert "failed: id_04: " in result.text
    assert {row.machine for row in result.results} == {"id_00"}


def test_recordings_of_unclear_condition_are_no_training_recordings(mimii, tmp_path):
    data = Path(shutil.copytree(mimii / "id_00", tmp_path / "m"))
    (data / "train" / "klong").mkdir()
    (data / "train" / "normal" / "00000000.wav").rename(data / "train" / "klong" / "1.wav")
    with pytest.raises(CorpusError, match="klong: no word for normal or faulty"):
        MachineData("m", str(data))


def test_unclear_test_clips_fail_that_machine_before_fitting_unless_stated(mimii, tmp_path):
    data = Path(shutil.copytree(mimii, tmp_path / "data"))
    (data / "id_02" / "test" / "abnormal").rename(data / "id_02" / "test" / "klong")
    result = run_bench(data, output=tmp_path / "r", **OPTIONS)
    (failure,) = result.failures
    assert (failure["machine"], failure["detector"]) == ("id_02", "")
    assert "klong" in failure["error"]
    assert not (tmp_path / "r" / "stages" / "id_02").exists()
    stated = run_bench(data, output=tmp_path / "r", conditions={"klong": "anomaly"}, **OPTIONS)
    assert stated.failures == []
    assert {row.machine for row in stated.results} == {"id_00", "id_02"}
    labels = {row.machine: row.anomaly_clips for row in stated.results}
    other = run_bench(data, output=tmp_path / "r", conditions={"klong": "normal"}, **OPTIONS)
    (failure,) = other.failures  # results with other labels are not kept
    assert "no metrics" in failure["error"]
    assert labels["id_02"] == labels["id_00"]
    with pytest.raises(OptionError, match="clong"):
        run_bench(data, output=tmp_path / "r", conditions={"clong": "normal"}, **OPTIONS)


def test_machines_without_a_split_and_other_recordings_are_reported(mimii, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(mimii / "id_00", data / "id_00")
    for part in ("normal", "abnormal"):
        shutil.copytree(mimii / "id_02" / "test" / part, data / "fan" / "id_02" / part)
    shutil.copytree(mimii / "id_02" / "test" / "normal", data / "rain")
    result = run_bench(data, output=tmp_path / "r", **OPTIONS)
    (failure,) = result.failures
    assert failure["machine"] == "fan-id_02"
    assert "put these into train/" in failure["error"]
    assert f"{data / 'rain'}: recordings without train/ and test/ are not used: 5" in result.notes
    with pytest.raises(CorpusError, match=r"no machine folders .* put these into train/"):
        run_bench(data / "fan", output=tmp_path / "r2", **OPTIONS)


def test_notes_of_several_fits_are_one_line_each():
    notes = [(f"fan d seed {seed}", f"gamma fit: distance 0.{seed}") for seed in range(5)]
    notes += [("pump d seed 0", "no threshold"), ("pump d seed 0", "no threshold")]
    assert one_line_each(notes) == [
        "fan d seed 0, fan d seed 1, fan d seed 2 and 2 more: gamma fit: distance 0.0 (numbers of the first)",
        "pump d seed 0: no threshold",
    ]


def test_an_auc_far_below_one_half_and_copies_are_noted(mimii, tmp_path):
    data = tmp_path / "data" / "id_00"
    shutil.copytree(mimii / "id_00", data)
    shutil.copy(data / "test" / "normal" / "00000000.wav", data / "test" / "normal" / "copy.wav")
    names = list(MachineData("id_00", str(data)).test_names.values())
    write_submission(tmp_path / "other", "id_00", "00", names, ["abnormal" not in name for name in names])
    result = run_bench(
        tmp_path / "data", output=tmp_path / "r", score_folders={"other": tmp_path / "other"}, **OPTIONS
    )
    (low,) = [note for note in result.notes if "AUC far below 50 %" in note]
    assert "id_00 other" in low
    (copies,) = [note for note in result.notes if "1 clip is a copy" in note]
    assert "id_00 pooled_gaussian" in copies
