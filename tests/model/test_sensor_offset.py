"""A DC offset is reported if the recordings of the model do not have it, and does not change the verdict."""

from __future__ import annotations

import numpy as np
import pytest

import auscult
from auscult.corpus import AudioClip, Clip
from auscult.findings import messages
from auscult.model import Model
from auscult.sound import Waveform

RATE = 8000


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["without offset", "gravity"])
def fitted(request: pytest.FixtureRequest, machine_sound, tmp_path_factory) -> tuple[Model, float]:
    import soundfile

    folder = tmp_path_factory.mktemp("machine") / "normal"
    folder.mkdir()
    for seed in range(20):
        samples = machine_sound(seed, 1.0) + request.param
        soundfile.write(folder / f"{seed:02}.wav", samples, RATE, subtype="FLOAT")
    return auscult.fit(auscult.open_corpus(folder), "spectral_memory"), request.param


@pytest.mark.parametrize("offset", [-1.0, -0.05, 0.0, 0.05, 1.0])
def test_an_offset_that_the_recordings_of_the_model_lack(fitted, machine_sound, offset: float) -> None:
    model, usual = fitted
    assert not any("offset" in warning for warning in messages(model.warnings))
    samples = (machine_sound(50, 1.0) + usual + offset).astype(np.float32)
    score = model.score_recording(AudioClip(Clip("a.wav"), lambda: Waveform(samples, RATE)))
    assert [finding.kind for finding in score.findings] == (["offset"] if offset else [])
    if offset:
        assert "DC offset" in score.findings[0].message
        assert score.findings[0].effect == "note"
