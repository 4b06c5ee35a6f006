"""The nearest normal recording: alike in loudness and colour, never the recording itself."""

from __future__ import annotations

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.model.normal_index import Gallery
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


def test_the_nearest_runs_at_the_same_speed():
    gallery = Gallery.of(speeds(), FRONT)
    assert gallery.vectors.shape == (3, 32)
    assert gallery.vectors.dtype == np.float32
    for hertz in (300, 1000, 2500):
        assert gallery.nearest(hum(hertz, 50, "new.wav", seconds=1.7), FRONT) == f"{hertz}.wav"


def test_a_short_click_counts_beside_the_mean():
    clicking = hum(1000, 7, "clicking.wav")
    samples = clicking.waveform().samples.copy()
    samples[4000:4040] += 0.8
    clicking = AudioClip(Clip("clicking.wav"), lambda: Waveform(samples, RATE))
    gallery = Gallery.of([*speeds(), clicking], FRONT)
    other = samples.copy()
    other[4000:4040] -= 0.8
    other[1000:1040] += 0.8
    again = AudioClip(Clip("again.wav"), lambda: Waveform(other, RATE))
    assert gallery.nearest(again, FRONT) == "clicking.wav"


def test_a_recording_is_not_its_own_neighbour():
    clips = [*speeds(), hum(1010, 9, "twin.wav")]
    gallery = Gallery.of(clips, FRONT)
    assert gallery.nearest(clips[1], FRONT) == "twin.wav"
    assert Gallery.of(clips[1:2], FRONT).nearest(clips[1], FRONT) is None
    assert Gallery.of([], FRONT).nearest(clips[1], FRONT) is None
    assert Gallery.of(clips[1:2], FRONT).nearest(clips[0], FRONT) == "1000.wav"


def test_a_recording_is_known_under_another_name():
    clips = [*speeds(), hum(1010, 9, "twin.wav")]
    gallery = Gallery.of(clips, FRONT)
    renamed = AudioClip(Clip("elsewhere/renamed.wav"), clips[1].waveform)
    assert gallery.knows(renamed, FRONT)
    assert gallery.nearest(renamed, FRONT) == "twin.wav"
    assert not gallery.knows(hum(1000, 50, "1000.wav"), FRONT)  # another of the same speed and name
    assert not Gallery.of([], FRONT).knows(renamed, FRONT)


def test_more_recordings_join_and_the_old_gallery_stays():
    old = Gallery.of(speeds()[:2], FRONT)
    new = old.with_more(speeds()[2:], FRONT)
    assert old.paths == ("300.wav", "1000.wav")
    assert new.paths == ("300.wav", "1000.wav", "2500.wav")
    fast = hum(2500, 60, "new.wav")
    assert new.nearest(fast, FRONT) == "2500.wav"
    assert old.nearest(fast, FRONT) in old.paths
