"""Long recordings cut into windows: which windows, their audio, and their sources."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip, long_recording
from auscult.corpus.windowing import cut_into_windows
from auscult.errors import OptionError, TooShortAudio

RATE = 8000


@pytest.fixture
def write(tmp_path):
    """``write(name, seconds)``: a file of noise; returns its clip."""

    def write(name: str, seconds: float) -> Clip:
        samples = 0.1 * np.random.default_rng(len(name)).standard_normal(round(seconds * RATE))
        soundfile.write(tmp_path / name, samples, RATE, subtype="FLOAT")
        return Clip(str(tmp_path / name))

    yield write
    long_recording.release()


def windows(result) -> list[tuple[float, float] | None]:
    return [clip.window for clip in result.clips]


def test_the_file_is_the_source_of_a_window(write):
    clips = [write(f"{i}.wav", 2.0) for i in range(5)]
    result = cut_into_windows(clips, 0.5)
    assert windows(result) == 5 * [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
    assert [clip.source_recording for clip in result.clips] == [c.path for c in clips for _ in range(4)]
    assert result.findings == ()


def test_windows_shorter_than_any_frame_are_refused(write):
    clips = [write("0.wav", 1.0)]
    assert len(cut_into_windows(clips, 16 / RATE).clips) == RATE / 16
    for seconds in (1e-9, 15 / RATE):
        with pytest.raises(OptionError, match="window="):
            cut_into_windows(clips, seconds)


def test_the_remainder_is_reported_and_short_recordings_are_not_cut(write):
    clips = [write(f"{i}.wav", seconds) for i, seconds in enumerate((2.3, 0.4, 1.0, 1.0, 1.0))]
    result = cut_into_windows(clips, 1.0)
    assert windows(result) == [(0.0, 1.0), (1.0, 2.0), None, (0.0, 1.0), (0.0, 1.0), (0.0, 1.0)]
    rest, uncut = result.findings
    assert (rest.kind, rest.paths) == ("remainder", (clips[0].path,))
    assert "0.3 s at the end of 1 recording" in rest.message
    assert uncut.paths == (clips[1].path,)
    assert "1 recording not divided" in uncut.message


def test_windows_of_a_stated_source_follow_each_other(write):
    clips = [Clip(write(f"{i}.wav", 2.0).path, source_recording=f"tape {i % 2}") for i in range(4)]
    result = cut_into_windows(clips, 1.0).clips
    assert [clip.source_recording for clip in result] == 4 * ["tape 0"] + 4 * ["tape 1"]
    assert [clip.path for clip in result] == [clips[i].path for i in (0, 0, 2, 2, 1, 1, 3, 3)]


def test_windows_have_the_right_audio_and_the_file_is_decoded_once(write, monkeypatch):
    clip = write("long.wav", 5.0)
    samples_of_file, _ = soundfile.read(clip.path, dtype="float32")
    reads = []
    read = long_recording.read_audio
    monkeypatch.setattr(long_recording, "read_audio", lambda *a, **k: reads.append(a) or read(*a, **k))
    for part in cut_into_windows([clip], 1.0).clips:
        samples = AudioClip.from_file(part).waveform().samples
        assert np.array_equal(
            samples, samples_of_file[round(part.window[0] * RATE) : round(part.window[1] * RATE)]
        )
    assert len(reads) == 1
    resampled = AudioClip.from_file(part, sample_rate=4000).waveform()
    assert (len(resampled.samples), resampled.sample_rate) == (4000, 4000)


def test_a_window_beyond_the_end_is_an_error(write):
    clip = write("short.wav", 1.0)
    with pytest.raises(TooShortAudio, match=r"has 1\.000 s, but its header declares at least 2\.000 s"):
        AudioClip.from_file(Clip(clip.path, window=(1.0, 2.0))).waveform()


def test_windows_survive_json():
    clip = Clip("a.wav", window=(1.0, 2.0))
    assert Clip.from_json(clip.to_json()) == clip
    assert "window" not in Clip("a.wav").to_json()
    assert clip.name == "a.wav (1–2 s)"
