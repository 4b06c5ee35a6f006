"""Sections of files: the same samples as in the complete file, without decoding the rest."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auscult.errors import OptionError, TooLongAudio, TruncatedAudio, UnsupportedAudio
from auscult.sound import read_audio, resample
from auscult.sound.section import MAX_SECONDS, read_section

RATE = 8000


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (20 * RATE, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def path(samples, tmp_path_factory):
    path = tmp_path_factory.mktemp("section") / "long.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("start", [0.0, 3.7, 4.096, 15.0])
def test_a_section_has_the_samples_of_the_file(path, samples, start):
    section = read_section(path, start, 5.0, channel=1)
    first = round(start * RATE)
    np.testing.assert_array_equal(section.samples, samples[first : first + 5 * RATE, 1])
    assert (section.sample_rate, section.channels, section.notes) == (RATE, 2, ())


@pytest.mark.parametrize("rate", [5000, 16000])
def test_a_resampled_section_equals_that_of_the_resampled_file(path, rate):
    section = read_section(path, 7.0, 2.0, sample_rate=rate)
    complete = resample(read_audio(path), rate)
    assert len(section.samples) == 2 * rate
    np.testing.assert_allclose(section.samples, complete.samples[7 * rate : 9 * rate], atol=1e-4)


def test_a_file_that_ends_within_the_section_gives_a_note(path):
    section = read_section(path, 18.5, 5.0)
    assert section.seconds == pytest.approx(1.5)
    assert any("ends 3.5 s before the end of the section" in note.message for note in section.notes)


def test_only_what_is_needed_is_decoded(path, tmp_path):
    cut = tmp_path / "cut.flac"
    samples, rate = soundfile.read(path)
    soundfile.write(cut, samples, rate)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert read_section(cut, 1.0, 2.0).seconds == 2.0
    with pytest.raises(TruncatedAudio):
        read_section(cut, 15.0, 2.0)


def test_what_is_not_there_is_refused(path):
    with pytest.raises(OptionError, match=r"it is 20\.0 s long"):
        read_section(path, 20.0, 1.0)
    for start, seconds in ((-1.0, 2.0), (1.0, 0.0), (float("nan"), 1.0)):
        with pytest.raises(OptionError, match="a section needs"):
            read_section(path, start, seconds)
    with pytest.raises(TooLongAudio, match="600 s"):
        read_section(path, 0.0, MAX_SECONDS + 1)
    with pytest.raises(UnsupportedAudio, match="channel 2"):
        read_section(path, 0.0, 1.0, channel=2)
