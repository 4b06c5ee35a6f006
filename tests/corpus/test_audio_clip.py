"""Recordings: sound read when heard, log-mel worked out once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.errors import AudioError
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, log_mel

NOISE = np.random.default_rng(0).normal(0, 0.1, (8000, 2)).astype(np.float32)


@pytest.fixture
def stereo(tmp_path: Path) -> str:
    path = tmp_path / "noise.wav"
    soundfile.write(path, NOISE, 8000, subtype="FLOAT")
    return str(path)


def test_reads_the_channel_asked_for(stereo: str) -> None:
    for channel in (0, 1):
        waveform = AudioClip.from_file(Clip(stereo), channel=channel).waveform()
        assert waveform.sample_rate == 8000
        np.testing.assert_array_equal(waveform.samples, NOISE[:, channel])


def test_resamples_when_asked(stereo: str) -> None:
    waveform = AudioClip.from_file(Clip(stereo), sample_rate=16000).waveform()
    assert waveform.sample_rate == 16000
    assert len(waveform.samples) == 16000
    memory = AudioClip.from_waveform(Waveform(NOISE[:, 0], 8000), sample_rate=16000).waveform()
    np.testing.assert_array_equal(memory.samples, waveform.samples)


def test_a_missing_file_is_noticed_when_heard_not_before(tmp_path: Path) -> None:
    recording = AudioClip.from_file(Clip(str(tmp_path / "gone.wav")))
    with pytest.raises(AudioError, match=r"gone\.wav"):
        recording.waveform()


def test_log_mel_is_worked_out_once_for_each_front_end() -> None:
    heard = []

    def load() -> Waveform:
        heard.append(1)
        return Waveform(NOISE[:, 0], 8000)

    recording = AudioClip(Clip("x"), load)
    front_end = FrontEnd(sample_rate=8000)
    first = recording.log_mel(front_end)
    assert recording.log_mel(FrontEnd(sample_rate=8000)) is first
    assert len(heard) == 1
    np.testing.assert_array_equal(first, log_mel(NOISE[:, 0], front_end))
    assert recording.log_mel(FrontEnd(sample_rate=8000, n_mels=64)).shape == (len(first), 64)
    assert len(heard) == 2


def test_samples_in_memory_are_named() -> None:
    assert AudioClip.from_waveform(Waveform(NOISE[:, 0], 8000)).clip.path == "<memory>"
    assert AudioClip.from_waveform(Waveform(NOISE[:, 0], 8000, path="a.wav")).clip.path == "a.wav"
