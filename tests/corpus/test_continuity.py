"""Pieces that continue each other are found; pieces of other recordings are not."""

from __future__ import annotations

import numpy as np

from auscult.corpus.continuity import continuations
from auscult.corpus.sound_print import END, sound_print
from auscult.spectrum import FrontEnd, log_mel

RATE = 8000


def prints(*sounds):
    front_end = FrontEnd(sample_rate=RATE)
    return [
        sound_print(np.asarray(s, np.float32), log_mel(np.asarray(s, np.float32), front_end)) for s in sounds
    ]


def pairs_of(*sounds):
    return continuations(prints(*sounds), range(len(sounds)))


def test_pieces_are_ordered_in_time(machine_sound):
    sounds = [machine_sound(seed, 9.0) for seed in range(2)]
    pieces = [sound[first : first + 24000] for sound in sounds for first in (0, 24000, 48000)]
    order = [4, 0, 2, 5, 1, 3]
    pairs = pairs_of(*(pieces[i] for i in order))
    assert {(order[a], order[b]) for a, b in pairs} == {(0, 1), (1, 2), (3, 4), (4, 5)}


def test_independent_recordings_continue_nothing(machine_sound):
    assert pairs_of(*(machine_sound(i, 4.0) for i in range(40))) == []


def test_pieces_of_noise_are_not_recognised():
    sound = np.random.default_rng(0).standard_normal(80000)
    assert pairs_of(*sound.reshape(10, -1)) == []


def test_the_copy_of_a_continuation_is_no_rival(machine_sound):
    sound = machine_sound(1, 2.0)
    pieces = [sound[:8000], sound[8000:], sound[8000:], machine_sound(2)]
    assert continuations(prints(*pieces), [0, 1, 1, 2]) == [(0, 1), (0, 2)]
    assert continuations(prints(*pieces), [0, 1, 2, 3]) == []  # two different ones cannot both be right


def test_a_machine_that_is_quiet_between_strokes_joins_nothing():
    rng = np.random.default_rng(0)
    t = np.arange(RATE) / RATE
    stroke = np.exp(-(((t - 0.5) / 0.05) ** 2)) * np.sin(2 * np.pi * 400 * t)
    pieces = [stroke * rng.uniform(0.8, 1.2) + 1e-3 * rng.standard_normal(RATE) for _ in range(40)]
    assert pairs_of(*pieces) == []


def test_silent_clipped_and_short_recordings_and_tones_give_numbers():
    t = np.arange(RATE) / RATE
    sounds = [
        np.zeros(RATE),
        np.full(RATE, 0.5),
        np.sin(2 * np.pi * 440 * t),
        np.clip(3 * np.sin(2 * np.pi * 100 * t), -1, 1),
        1e-20 * np.random.default_rng(0).standard_normal(RATE),
        1e6 * np.random.default_rng(1).standard_normal(RATE),
        np.eye(1, RATE, 500)[0],
        np.ones(1),
        np.random.default_rng(2).standard_normal(2 * END),
    ]
    with np.errstate(all="raise", under="ignore"):
        pairs = pairs_of(*sounds)
    assert all(index in (2, 3) for pair in pairs for index in pair)
    assert pairs_of() == []
