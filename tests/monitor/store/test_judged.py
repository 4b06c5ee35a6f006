"""Recordings of watched folders in the store."""

from __future__ import annotations

import time

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.monitor.store import Event, EventChange, EventSound, JudgedFile, Look, Retention, ScoreRow

NOW = 1_767_225_600.0


def file_of(name="a.wav", machine="fan", result="normal", size=100, **fields):
    return JudgedFile(name, machine, size, 1_700_000_000_123_456_789, "d1", NOW, NOW, result, **fields)


def names(store):
    return {file.name: gone for file, gone in store.read.judged_files()}


def test_a_recording_a_score_and_an_event_are_written_together(store):
    event = Event("fan", "alarm", NOW - 1, peak=2.5)
    rng = np.random.default_rng(0)
    sounds = [EventSound(rng.uniform(-1, 1, 800), 8000, NOW - 1), EventSound(np.ones(8), 8000, 0.0, "normal")]
    files = [file_of("b.wav"), file_of("a.wav", result="anomaly", score=2.5, threshold=1.0)]
    rows = [ScoreRow("fan", NOW, 1.0), ScoreRow("fan", NOW + 1, 2.5)]
    (number,) = store.judged.add(files, rows, [EventChange(event, np.ones((3, 4)), True, sounds)])
    first, second = (file for file, _ in store.read.judged_files())
    assert (first.event, second.event) == (None, number)
    assert (second.score, second.modified) == (2.5, 1_700_000_000_123_456_789)
    assert store.read.event_map(number).shape == (3, 4)
    assert [sound.role for sound in store.read.sounds(number)] == ["event", "normal"]
    assert store.read.last_states()[0].score == 2.5
    assert store.read.last_judged("fan")[0].name == "a.wav"
    ended = Event("fan", "alarm", NOW - 1, NOW, peak=3.0, id=number)
    assert store.judged.add([file_of("c.wav")], (), [EventChange(ended)]) == [number]
    assert store.read.event(number).end == NOW
    assert store.read.last_judged("fan")[0].event is None


@pytest.mark.parametrize(
    "files",
    [
        [file_of(machine="press")],
        [file_of(), file_of("")],
        [file_of(), file_of("a\0b")],
        [file_of(), file_of(result="odd")],
        [file_of(), file_of(score=float("nan"))],
    ],
)
def test_an_invalid_recording_writes_nothing(store, files):
    event = EventChange(Event("fan", "alarm", NOW), None, True, [EventSound(np.ones(8), 8000, NOW)])
    with pytest.raises(OptionError):
        store.judged.add(files, [ScoreRow("fan", NOW, 1.0)], [event])
    assert names(store) == {}
    assert store.read.events() == []
    assert store.read.last_states()[0].score is None
    assert list((store.folder / "sounds").iterdir()) == []
    assert store.used_bytes() < 1 << 20


def test_a_recording_that_is_written_again_replaces_the_other(store):
    store.judged.add([file_of(), file_of("b.wav")])
    store.judged.add([file_of(size=200)])
    assert list(names(store)) == ["b.wav", "a.wav"]
    assert store.read.last_judged("fan")[0].size == 200


def test_moved_recordings(store):
    store.judged.add([file_of(), file_of("b.wav")])
    store.judged.mark_gone(["a.wav"], [], NOW)
    store.judged.rename("a.wav", "b.wav", 7, 8)
    ((file, gone),) = store.read.judged_files()
    assert (file.name, file.size, file.modified, gone) == ("b.wav", 7, 8, False)


def test_recordings_that_have_disappeared_are_forgotten_after_a_while(store, clock):
    store.judged.add([file_of(name) for name in ("a.wav", "b.wav", "c.wav")])
    store.judged.mark_gone(["a.wav", "b.wav"], [], clock())
    store.judged.mark_gone([], ["b.wav"], clock())
    clock.run(86400 * Retention().file_days - 10)
    store.judged.mark_gone(["a.wav"], [], clock())  # the first time counts
    store.enforce_retention()
    assert names(store) == {"a.wav": True, "b.wav": False, "c.wav": False}
    clock.run(20)
    store.enforce_retention()
    assert names(store) == {"b.wav": False, "c.wav": False}


def test_recordings_outlive_their_events(open_store, clock):
    store = open_store(event_days=1)
    event = Event("fan", "alarm", NOW, NOW + 1)
    store.judged.add([file_of()], (), [EventChange(event, None, True)])
    clock.run(3 * 86400)
    store.enforce_retention()
    assert store.read.events() == []
    assert store.read.last_judged("fan")[0].event is None


def test_names_need_not_be_unicode(store):
    store.judged.add([file_of("\udcff/größe.wav")])
    assert names(store) == {"\udcff/größe.wav": False}
    store.judged.put_look(Look("/plant/\udcff", NOW, {"expected": None}))
    store.judged.put_look(Look("/plant/\udcff", NOW + 1, {"expected": 5.0}))
    store.judged.put_look(Look("/other", NOW, {}))
    assert [(look.folder, look.time) for look in store.read.looks()] == [
        ("/plant/\udcff", NOW + 1),
        ("/other", NOW),
    ]


@pytest.mark.slow
def test_a_hundred_thousand_recordings(store):
    started = time.process_time()
    for start in range(0, 100_000, 1000):
        store.judged.add([file_of(f"fan/2026/{i:06}.wav", score=1.0) for i in range(start, start + 1000)])
    assert len(names(store)) == 100_000
    assert store.read.last_judged("fan", 101)[-1].name == "fan/2026/099899.wav"
    assert store.used_bytes() < 40e6
    assert time.process_time() - started < 60
