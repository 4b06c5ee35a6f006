"""Prefetching in threads: the same results in the same order, with few recordings in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.corpus import AudioClip, Clip
from auscult.corpus.prefetch import AHEAD, decode_with_features, default_threads, prefetch
from auscult.errors import AudioError, TooShortAudio
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

FRONTS = FrontEnd(sample_rate=8000), FrontEnd(sample_rate=8000, n_fft=256, hop=64, n_mels=32)


def recordings(count: int) -> list[AudioClip]:
    noise = np.random.default_rng(0).normal(0, 0.1, (count, 4000)).astype(np.float32)
    return [AudioClip(Clip(str(i)), lambda i=i: Waveform(noise[i], 8000)) for i in range(count)]


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    expected = [
        r.log_mel(FRONTS[0])
        for r, _ in prefetch(recordings(20), partial(decode_with_features, front_ends=FRONTS))
    ]
    for threads in (1, 2, 5):
        parallel = list(
            prefetch(recordings(20), partial(decode_with_features, front_ends=FRONTS), threads=threads)
        )
        assert [r.clip.path for r, _ in parallel] == [str(i) for i in range(20)]
        for (recording, _), frames in zip(parallel, expected, strict=True):
            np.testing.assert_array_equal(recording.log_mel(FRONTS[0]), frames)


@pytest.mark.parametrize("threads", [1, 3])
def test_an_audio_error_is_the_result_of_that_recording(threads: int) -> None:
    def fn(recording: AudioClip) -> str:
        if recording.clip.path == "4":
            raise TooShortAudio("4", "short")
        return recording.clip.path

    outcomes = [outcome for _, outcome in prefetch(recordings(9), fn, threads=threads)]
    assert isinstance(outcomes[4], AudioError)
    assert outcomes[:4] + outcomes[5:] == list("01235678")


@pytest.mark.parametrize("threads", [1, 3])
def test_any_other_error_ends_the_iteration(threads: int) -> None:
    def fn(recording: AudioClip) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(prefetch(recordings(9), fn, threads=threads))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_few_recordings_are_taken_ahead(threads: int) -> None:
    taken = []

    def endless() -> Iterator[AudioClip]:
        for recording in recordings(100):
            taken.append(recording)
            yield recording

    for n_yielded, _ in enumerate(prefetch(endless(), AudioClip.waveform, threads=threads), start=1):
        assert len(taken) <= n_yielded + AHEAD * threads
        if n_yielded == 10:
            break
    assert len(taken) < 20


def test_threads_run_in_parallel() -> None:
    both = threading.Barrier(2, timeout=20)

    def fn(recording: AudioClip) -> int:
        return both.wait()

    waits = [outcome for _, outcome in prefetch(recordings(2), fn, threads=2)]
    assert sorted(waits) == [0, 1]


def test_one_thread_runs_nothing_ahead() -> None:
    calls = []
    for n_yielded, _ in enumerate(prefetch(recordings(5), calls.append, threads=1), start=1):
        assert len(calls) == n_yielded


def test_default_threads_respect_omp_num_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS")
    cores = default_threads()
    assert cores >= 1
    for limit, expected in (("1", 1), ("0", 1), ("100000", cores), ("", cores), ("4,2", cores)):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        assert default_threads() == expected


def test_decode_with_features_decodes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 4000), 8000)
    recording = AudioClip.from_file(Clip(str(path)))
    load = recording._load
    monkeypatch.setattr(recording, "_load", lambda: decoded.append(1) or load())
    sound = decode_with_features(recording, FRONTS)
    assert recording.waveform() is sound
    assert len(decoded) == 1
    del sound
    recording.waveform()
    assert len(decoded) == 2
