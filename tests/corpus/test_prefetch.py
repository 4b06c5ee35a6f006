"""Hearing ahead in threads: the same outcomes in the same order, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.corpus.prefetch import AHEAD, hear, heard, usual_threads
from auscult.errors import AudioError, TooShortAudio
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

FRONTS = FrontEnd(sample_rate=8000), FrontEnd(sample_rate=8000, n_fft=256, hop=64, n_mels=32)


def recordings(count: int) -> list[AudioClip]:
    noise = np.random.default_rng(0).normal(0, 0.1, (count, 4000)).astype(np.float32)
    return [AudioClip(Clip(str(i)), lambda i=i: Waveform(noise[i], 8000)) for i in range(count)]


def test_threads_give_what_none_gives() -> None:
    alone = [r.log_mel(FRONTS[0]) for r, _ in heard(recordings(20), partial(hear, front_ends=FRONTS))]
    for threads in (1, 2, 5):
        together = list(heard(recordings(20), partial(hear, front_ends=FRONTS), threads=threads))
        assert [r.clip.path for r, _ in together] == [str(i) for i in range(20)]
        for (recording, _), frames in zip(together, alone, strict=True):
            np.testing.assert_array_equal(recording.log_mel(FRONTS[0]), frames)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_in_its_place(threads: int) -> None:
    def listen(recording: AudioClip) -> str:
        if recording.clip.path == "4":
            raise TooShortAudio("4", "short")
        return recording.clip.path

    outcomes = [outcome for _, outcome in heard(recordings(9), listen, threads=threads)]
    assert isinstance(outcomes[4], AudioError)
    assert outcomes[:4] + outcomes[5:] == list("01235678")


@pytest.mark.parametrize("threads", [1, 3])
def test_any_other_error_ends_it(threads: int) -> None:
    def listen(recording: AudioClip) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(heard(recordings(9), listen, threads=threads))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_more_than_a_few_are_taken_ahead(threads: int) -> None:
    given = []

    def endless() -> Iterator[AudioClip]:
        for recording in recordings(100):
            given.append(recording)
            yield recording

    for taken, _ in enumerate(heard(endless(), AudioClip.waveform, threads=threads), start=1):
        assert len(given) <= taken + AHEAD * threads
        if taken == 10:
            break
    assert len(given) < 20


def test_threads_hear_side_by_side() -> None:
    both = threading.Barrier(2, timeout=20)

    def listen(recording: AudioClip) -> int:
        return both.wait()

    waits = [outcome for _, outcome in heard(recordings(2), listen, threads=2)]
    assert sorted(waits) == [0, 1]


def test_one_thread_hears_nothing_ahead() -> None:
    listened = []
    for taken, _ in enumerate(heard(recordings(5), listened.append, threads=1), start=1):
        assert len(listened) == taken


def test_usual_threads_are_those_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    cores = usual_threads()
    assert cores >= 1
    for allowed, expected in (("1", 1), ("0", 1), ("100000", cores), ("", cores), ("4,2", cores)):
        monkeypatch.setenv("OMP_NUM_THREADS", allowed)
        assert usual_threads() == expected


def test_a_recording_is_decoded_once_for_sound_and_all_front_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 4000), 8000)
    recording = AudioClip.from_file(Clip(str(path)))
    load = recording._load
    monkeypatch.setattr(recording, "_load", lambda: decoded.append(1) or load())
    sound = hear(recording, FRONTS)
    assert recording.waveform() is sound
    assert len(decoded) == 1
    del sound
    recording.waveform()
    assert len(decoded) == 2
