"""Copies and overlapping pieces are found; other recordings of the same machine are not."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.corpus.copies import copies
from auscult.corpus.sound_print import PERIOD, sound_print
from auscult.spectrum import FrontEnd, log_mel

RATE = 8000


def prints(*sounds):
    front_end = FrontEnd(sample_rate=RATE)
    return [
        sound_print(np.asarray(s, np.float32), log_mel(np.asarray(s, np.float32), front_end)) for s in sounds
    ]


def half_rate(samples):
    """Resample to half the rate and back."""
    import soxr

    return soxr.resample(soxr.resample(samples, RATE, RATE // 2), RATE // 2, RATE)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.copy(),
        lambda s: 0.1 * s,
        lambda s: -s,
        lambda s: s + 0.2,
        lambda s: np.round(s * 400) / 400,  # few bits
        lambda s: s[1000:],
        lambda s: np.roll(s, 777),
        half_rate,
    ],
    ids=["same", "quieter", "inverted", "offset", "coarse", "trimmed", "shifted", "resampled"],
)
def test_changed_copies_are_detected(machine_sound, change):
    sound = machine_sound(1, 2.0)
    assert copies(prints(machine_sound(2, 2.0), sound, machine_sound(3, 2.0), change(sound))) == [(1, 3)]


def test_windows_that_overlap_by_half_are_detected(machine_sound):
    sound = machine_sound(1, 4.0)
    pieces = [sound[start : start + 16000] for start in (0, 8000, 16000)]
    assert copies(prints(*pieces)) == [(0, 1), (1, 2)]


def test_independent_recordings_and_silence_are_no_copies(machine_sound):
    silent = [np.zeros(8000), np.zeros(8000), np.full(8000, 0.3), np.full(8000, 0.3)]
    assert copies(prints(*(machine_sound(i) for i in range(30)), *silent)) == []
    assert copies([]) == copies(prints(machine_sound(1))) == []


def test_short_recordings_are_no_copies_by_chance():
    rng = np.random.default_rng(0)
    assert copies(prints(*(rng.standard_normal(300) for _ in range(60)))) == []
    assert len(prints(np.ones(1))[0].phase_codes) == PERIOD // 2 + 1


def test_many_recordings_are_compared_at_fewer_frequencies(machine_sound, monkeypatch):
    monkeypatch.setattr("auscult.corpus.copies.MAX_FINE", 3)
    sounds = [machine_sound(i, 2.0) for i in range(8)]
    assert copies(prints(*sounds, 0.5 * sounds[2])) == [(2, 8)]


def test_a_second_microphone_of_a_run_is_detected_but_not_equal_strokes(machine_sound):
    rng = np.random.default_rng(0)
    run = rng.standard_normal(4 * RATE)
    far = np.convolve(run, [0.2, 0.9, -0.4, 0.3], mode="same") + 5.0 * rng.standard_normal(len(run))
    assert copies(prints(machine_sound(1, 4.0), run, machine_sound(2, 4.0), far)) == [(1, 3)]
    stroke = np.exp(-np.arange(80) / 10.0) * np.sin(np.arange(80))
    strokes = np.zeros((8, 4 * RATE))
    for i, clip in enumerate(strokes):
        clip[np.arange(rng.integers(2000), len(clip) - 80, 2500)] = 40.0 if i < 4 else 80.0
    pieces = [np.convolve(clip, stroke, mode="same") + rng.standard_normal(len(clip)) for clip in strokes]
    assert copies(prints(*pieces)) == []
