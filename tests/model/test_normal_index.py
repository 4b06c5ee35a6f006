"""The nearest normal recording: similar in level and spectrum, never the recording itself."""

from __future__ import annotations

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.model.normal_index import NormalIndex
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

RATE = 8000
FRONT = FrontEnd(sample_rate=RATE, n_fft=512, hop=256, n_mels=16)


def hum(hertz: float, seed: int, path: str, seconds: float = 1.0) -> AudioClip:
    t = np.arange(round(RATE * seconds)) / RATE
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(t))
    samples = (0.1 * np.sin(2 * np.pi * hertz * t) + noise).astype(np.float32)
    return AudioClip(Clip(path), lambda: Waveform(samples, RATE, path=path))


def speeds() -> list[AudioClip]:
    return [hum(hertz, i, f"{hertz}.wav") for i, hertz in enumerate((300, 1000, 2500))]


def test_the_nearest_recording_has_the_same_speed():
    index = NormalIndex.from_clips(speeds(), FRONT)
    assert index.vectors.shape == (3, 32)
    assert index.vectors.dtype == np.float32
    for hertz in (300, 1000, 2500):
        assert index.nearest(hum(hertz, 50, "new.wav", seconds=1.7), FRONT).path == f"{hertz}.wav"


def test_a_short_click_counts_besides_the_mean():
    clicking = hum(1000, 7, "clicking.wav")
    samples = clicking.waveform().samples.copy()
    samples[4000:4040] += 0.8
    clicking = AudioClip(Clip("clicking.wav"), lambda: Waveform(samples, RATE))
    index = NormalIndex.from_clips([*speeds(), clicking], FRONT)
    other = samples.copy()
    other[4000:4040] -= 0.8
    other[1000:1040] += 0.8
    query = AudioClip(Clip("query.wav"), lambda: Waveform(other, RATE))
    assert index.nearest(query, FRONT).path == "clicking.wav"


def test_a_recording_is_never_the_nearest_to_itself():
    clips = [*speeds(), hum(1010, 9, "twin.wav")]
    index = NormalIndex.from_clips(clips, FRONT)
    assert index.nearest(clips[1], FRONT).path == "twin.wav"
    assert NormalIndex.from_clips(clips[1:2], FRONT).nearest(clips[1], FRONT) is None
    assert NormalIndex.from_clips([], FRONT).nearest(clips[1], FRONT) is None
    assert NormalIndex.from_clips(clips[1:2], FRONT).nearest(clips[0], FRONT).path == "1000.wav"


def test_windows_are_kept_when_complete_files_are_added():
    first = AudioClip(Clip("long.wav", window=(2.0, 3.0)), hum(300, 1, "long.wav").waveform)
    index = NormalIndex.from_clips([first], FRONT).extended([hum(2500, 2, "b.wav")], FRONT)
    assert index.nearest(hum(310, 3, "q.wav"), FRONT) == Clip("long.wav", window=(2.0, 3.0))
    assert index.nearest(hum(2510, 3, "q.wav"), FRONT) == Clip("b.wav")
    assert NormalIndex.from_clips(speeds(), FRONT).windows == ()


def test_a_recording_is_recognised_under_another_path():
    clips = [*speeds(), hum(1010, 9, "twin.wav")]
    index = NormalIndex.from_clips(clips, FRONT)
    renamed = AudioClip(Clip("elsewhere/renamed.wav"), clips[1].waveform)
    assert index.contains(renamed, FRONT)
    assert index.nearest(renamed, FRONT).path == "twin.wav"
    # another recording at the same speed and path
    assert not index.contains(hum(1000, 50, "1000.wav"), FRONT)
    assert not NormalIndex.from_clips([], FRONT).contains(renamed, FRONT)


def test_extending_an_index_does_not_change_it():
    old = NormalIndex.from_clips(speeds()[:2], FRONT)
    new = old.extended(speeds()[2:], FRONT)
    assert old.paths == ("300.wav", "1000.wav")
    assert new.paths == ("300.wav", "1000.wav", "2500.wav")
    query = hum(2500, 60, "new.wav")
    assert new.nearest(query, FRONT).path == "2500.wav"
    assert old.nearest(query, FRONT).path in old.paths
