"""Recordings that a model was fitted on are recognised by their content."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

import auscult
from auscult.corpus import AudioClip, Clip
from auscult.model.known_recordings import was_fitted_on

RATE = 8000


def noise(seed: int, seconds: float = 12.0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(RATE * seconds))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of the windows of one recording of 12 s."""
    path = str(tmp_path_factory.mktemp("normal") / "long.wav")
    soundfile.write(path, noise(0), RATE, subtype="PCM_16")
    return auscult.fit([Clip(path)], "spectral_memory", window=1.0)


@pytest.fixture
def known(model, tmp_path):
    """Whether the model knows samples that are written to a file."""

    def known(name: str, samples: np.ndarray, condition=None, subtype="PCM_16") -> bool:
        soundfile.write(tmp_path / name, samples, RATE, subtype=subtype)
        return was_fitted_on(model, AudioClip.from_file(Clip(str(tmp_path / name), condition=condition)))

    return known


def test_a_recording_whose_windows_were_learned_is_known(known):
    assert known("whole.flac", noise(0))
    assert known("window.wav", noise(0)[RATE : 2 * RATE])
    assert not known("other.wav", noise(1), "normal")
    assert not known("constant.wav", np.zeros(RATE), "normal")


@pytest.mark.parametrize("subtype", ["PCM_U8", "ULAW", "FLOAT"])
def test_altered_copies_are_no_new_normal_recordings(known, subtype):
    assert known("window.wav", 0.8 * noise(0)[RATE : 2 * RATE], "normal", subtype)
    assert known("whole.wav", 0.8 * noise(0), "normal", subtype)
    assert not known("anomaly.wav", 0.8 * noise(0), "anomaly", subtype), "it may contain a fault"


def test_a_fault_that_was_added_makes_another_recording(known):
    window = noise(0)[RATE : 2 * RATE]
    tone = 0.001 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert known("same.wav", window, "anomaly")
    assert not known("tone.wav", window + tone, "anomaly")
