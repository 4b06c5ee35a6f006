"""Windows of normal running, the nearest of which is kept with an alarm."""

from __future__ import annotations

import os

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.monitor.store import KEPT_NORMALS, Event

RATE = 8000


def add_normals(store, count, machine="fan", first=0):
    """Windows whose spectra are all ``index`` dB, a tenth of a second each."""
    for index in range(first, first + count):
        samples = np.random.default_rng(index).uniform(-0.5, 0.5, 800)
        store.add_normal(machine, samples, RATE, 3600.0 * index, np.full(16, float(index)))


def files(store):
    return {entry.name for entry in os.scandir(store.folder / "sounds")}


def test_the_last_windows_of_each_machine_are_kept(open_store):
    store = open_store()
    add_normals(store, KEPT_NORMALS + 3)
    add_normals(store, 2, "pump")
    normals = store.read.normals("fan")
    assert [normal.start for normal in normals] == [3600.0 * i for i in range(3, KEPT_NORMALS + 3)]
    assert (normals[0].machine, normals[0].seconds, normals[0].sample_rate) == ("fan", 0.1, RATE)
    np.testing.assert_array_equal(normals[0].spectrum, np.full(16, 3.0))
    assert len(store.read.normals("pump")) == 2
    assert len(files(store)) == KEPT_NORMALS + 2
    used = store.used_bytes()
    store.close()
    store = open_store()
    assert store.used_bytes() == pytest.approx(used, abs=20_000)
    assert len(store.read.normals("fan")) == KEPT_NORMALS


def test_an_event_gets_a_copy_of_the_nearest_one(store):
    add_normals(store, 5)
    add_normals(store, 1, "pump", first=50)
    store.add_normal("fan", np.full(800, 0.25), RATE, 9e4, np.zeros(20))  # by another model
    event = store.add_event(Event("fan", "alarm", start=1e5))
    own = store.add_sound(event, np.full(400, 0.5), RATE, 99_999.0)
    number = store.add_nearest_normal(event, np.full(16, 2.9))
    sounds = store.read.sounds(event)
    assert [(sound.id, sound.role) for sound in sounds] == [(own, "event"), (number, "normal")]
    assert sounds[1].start == 3 * 3600.0
    samples, _ = store.read.read_sound(number)
    np.testing.assert_allclose(samples[:, 0], np.random.default_rng(3).uniform(-0.5, 0.5, 800), atol=2**-23)
    add_normals(store, KEPT_NORMALS, first=100)
    assert store.read.read_sound(number)[0].shape == (800, 1), "the copy outlives the window"


def test_without_a_window_of_the_machine_there_is_no_copy(store):
    add_normals(store, 1, "pump")
    event = store.add_event(Event("fan", "alarm", start=1e5))
    assert store.add_nearest_normal(event, np.zeros(16)) is None
    assert store.read.sounds(event) == []


def test_a_window_whose_file_someone_deleted_is_not_used(open_store):
    store = open_store()
    add_normals(store, 2)
    event = store.add_event(Event("fan", "alarm", start=1e5))
    first = store.add_nearest_normal(event, np.zeros(16))
    with store._database.transaction() as connection:
        (name,) = connection.execute("SELECT name FROM normals ORDER BY id").fetchone()
    (store.folder / "sounds" / name).unlink()
    second = store.add_nearest_normal(event, np.zeros(16))
    assert [sound.start for sound in store.read.sounds(event)] == [0.0, 3600.0]
    store.close()
    store = open_store()
    assert len(store.read.normals("fan")) == 1
    assert {sound.id for sound in store.read.sounds(event)} == {first, second}


def test_they_give_way_after_the_sound_of_events(open_store, clock):
    store = open_store(max_bytes=400_000)
    event = store.add_event(Event("fan", "alarm", start=clock.time))
    store.add_sound(event, np.random.default_rng(0).uniform(-1, 1, RATE // 2), RATE, clock.time)
    for index in range(KEPT_NORMALS):
        samples = np.random.default_rng(index).uniform(-1, 1, RATE)
        store.add_normal("fan", samples, RATE, clock.time, np.zeros(16))
        assert store.used_bytes() <= 400_000
    assert store.read.sounds(event) == []
    assert 5 < len(store.read.normals("fan")) < KEPT_NORMALS
    assert len(files(store)) == len(store.read.normals("fan"))


def test_they_expire_with_other_sound(open_store, clock):
    store = open_store(sound_days=2)
    store.add_normal("fan", np.zeros(800), RATE, clock.time, np.zeros(16))
    clock.run(2.1 * 86400)
    store.enforce_retention()
    assert store.read.normals("fan") == []
    assert not files(store)


@pytest.mark.parametrize("spectrum", [np.zeros((2, 2)), np.array([np.nan]), np.array(1.0)])
def test_a_spectrum_has_one_axis_of_numbers(store, spectrum):
    with pytest.raises(OptionError):
        store.add_normal("fan", np.zeros(800), RATE, 0.0, spectrum)
    assert not files(store)


def test_invalid_roles_and_machines_are_refused(store):
    event = store.add_event(Event("fan", "drift", start=0.0))
    with pytest.raises(OptionError):
        store.add_sound(event, np.zeros(800), RATE, 0.0, role="other")
    with pytest.raises(OptionError):
        store.add_normal("mixer", np.zeros(800), RATE, 0.0, np.zeros(16))
    with pytest.raises(OptionError):
        store.read.normals("mixer")
