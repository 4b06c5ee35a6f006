"""Clips of simulated machines are independent, if the folder holds what its description says."""

from __future__ import annotations

import json
import shutil

import pytest

import auscult
from auscult.corpus import open_corpus
from auscult.corpus.training_checks import likely_segments
from auscult.findings import messages
from auscult.simulation import simulate


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    return simulate(folder, machines=["fan"], clips=24, test_clips=3, seconds=2.0)[0]


@pytest.fixture
def fan(simulated, tmp_path):
    return shutil.copytree(simulated, tmp_path / "fan")


def sources(folder):
    return [clip.source_recording for clip in open_corpus(folder)]


def test_each_clip_is_a_recording(fan):
    corpus = open_corpus(fan)
    assert sources(fan) == [clip.path for clip in corpus]
    assert len(corpus) == 24 + 4 * 3
    assert likely_segments(list(corpus)) == ([], 0)
    (fan / "simulation.json").unlink()
    assert likely_segments(list(open_corpus(fan)))[0] == ["spd", "mic"], "as for other recordings"


@pytest.mark.parametrize("changed", ["more", "fewer", "renamed", "other description", "damaged description"])
def test_clips_of_another_folder_are_not_known_to_be_independent(fan, changed):
    first = sorted((fan / "train").iterdir())[0]
    faulty = next(path for path in (fan / "test").iterdir() if "anomaly" in path.name)
    if changed == "more":
        shutil.copy(first, first.with_name(first.name.replace("0000", "0999")))
    elif changed == "fewer":
        first.unlink()
    elif changed == "renamed":
        faulty.rename(faulty.with_name(faulty.name.replace("anomaly_00", "anomaly_01")))
    else:
        text = json.dumps({"machine": "fan"}) if changed == "other description" else "{"
        (fan / "simulation.json").write_text(text)
    assert set(sources(fan)) == {None}


def test_fits_of_simulated_machines_have_no_note_about_recordings(fan):
    options = {"n_mels": 16}
    model = auscult.fit(open_corpus(fan).for_training(), "pooled_gaussian", **options)
    assert not any("combinations of" in warning for warning in messages(model.warnings))
    assert model.provenance["threshold_label"] is None
    (fan / "simulation.json").unlink()
    other = auscult.fit(open_corpus(fan).for_training(), "pooled_gaussian", **options)
    assert any("combinations of" in warning for warning in messages(other.warnings))
    assert (model.calibration.scores["gaussian"] == other.calibration.scores["gaussian"]).all(), "same folds"
