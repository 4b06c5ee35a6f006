"""AudioClip: reads its audio on demand and computes each log-mel once."""

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


def test_reads_the_requested_channel(stereo: str) -> None:
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


def test_a_missing_file_raises_only_when_audio_is_read(tmp_path: Path) -> None:
    recording = AudioClip.from_file(Clip(str(tmp_path / "missing.wav")))
    with pytest.raises(AudioError, match=r"missing\.wav"):
        recording.waveform()


def test_log_mel_is_computed_once_per_front_end() -> None:
    reads = []

    def load() -> Waveform:
        reads.append(1)
        return Waveform(NOISE[:, 0], 8000)

    recording = AudioClip(Clip("x"), load)
    front_end = FrontEnd(sample_rate=8000)
    first = recording.log_mel(front_end)
    assert recording.log_mel(FrontEnd(sample_rate=8000)) is first
    assert len(reads) == 1
    np.testing.assert_array_equal(first, log_mel(NOISE[:, 0], front_end))
    assert recording.log_mel(FrontEnd(sample_rate=8000, n_mels=64)).shape == (len(first), 64)
    assert len(reads) == 2


def test_clips_in_memory_have_a_path() -> None:
    assert AudioClip.from_waveform(Waveform(NOISE[:, 0], 8000)).clip.path == "<memory>"
    assert AudioClip.from_waveform(Waveform(NOISE[:, 0], 8000, path="a.wav")).clip.path == "a.wav"
