"""Sound around events: exact samples, names that only the store chooses, and repair."""

from __future__ import annotations

import io
import os
import re

import numpy as np
import pytest
import soundfile

from auscult.errors import OptionError, StoreError
from auscult.monitor.store import Event
from auscult.monitor.store.connection import NAME
from auscult.monitor.store.sounds import encode

RATE = 8000


@pytest.fixture
def event(store):
    return store.add_event(Event("fan", "alarm", start=100.0))


def decode(data, scale):
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    return samples * scale


@pytest.mark.parametrize("bits", [8, 16, 24])
def test_integers_of_up_to_24_bits_are_restored_exactly(bits):
    full = 1 << (bits - 1)
    steps = np.random.default_rng(bits).integers(-full, full, 5000)
    steps[:3] = -full, full - 1, 0
    data, scale = encode((steps / full).astype(np.float32), RATE)
    assert scale == 1.0
    np.testing.assert_array_equal(decode(data, scale)[:, 0] * full, steps)


@pytest.mark.parametrize("peak", [1e-9, 1e-3, 0.7, 1.0, 1.0001, 300.0, 1e20])
def test_samples_of_any_unit_keep_their_size(peak):
    samples = np.random.default_rng(0).uniform(-1, 1, (4000, 2))
    samples *= peak / np.abs(samples).max()
    data, scale = encode(samples, 51_200)
    step = 2**-23 if 2**-12 <= peak <= 1 else 2 * peak * 2**-23
    np.testing.assert_allclose(decode(data, scale), samples, atol=step, rtol=0)


@pytest.mark.parametrize("rate", [1, 25_600, 192_000, 655_350])
def test_all_rates_of_flac_can_be_written(rate):
    data, _ = encode(np.zeros(100, np.float32), rate)
    assert soundfile.info(io.BytesIO(data)).samplerate == rate


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        (np.zeros(0), RATE),
        (np.zeros(10, np.int16), RATE),
        (np.zeros((10, 9)), RATE),
        (np.zeros((2, 2, 2)), RATE),
        (np.array([np.nan]), RATE),
        (np.array([np.inf]), RATE),
        (np.zeros(10), 0),
        (np.zeros(10), 655_351),
        (np.zeros(10), 8000.5),
    ],
)
def test_what_flac_cannot_contain_is_refused(samples, rate):
    with pytest.raises(OptionError):
        encode(samples, rate)


def test_a_sound_belongs_to_an_event(store, event, machine_sound):
    samples = machine_sound(1, 2.0)
    number = store.add_sound(event, samples, RATE, start=95.0)
    (sound,) = store.read.sounds(event)
    assert (sound.id, sound.start, sound.seconds, sound.channels) == (number, 95.0, 2.0, 1)
    back, rate = store.read.read_sound(number)
    assert rate == RATE
    np.testing.assert_allclose(back[:, 0], samples, atol=2**-23)
    path = store.read.sound_path(number)
    assert re.fullmatch(r"[0-9a-f]{32}\.flac", path.name)
    assert path.stat().st_size == sound.bytes
    assert [entry.name for entry in os.scandir(path.parent)] == [path.name]


def test_a_sound_needs_an_event(store, event, machine_sound):
    with pytest.raises(OptionError):
        store.add_sound(event + 1, machine_sound(1), RATE, start=95.0)
    with pytest.raises(OptionError):
        store.add_sound(event, machine_sound(1), RATE, start=float("nan"))
    assert not os.listdir(store.folder / "sounds")


@pytest.mark.parametrize("name", ["../events.sqlite", "/etc/passwd", "", "a.flac", "0" * 32 + ".flac/../x"])
def test_a_name_from_elsewhere_is_not_followed(store, event, machine_sound, name):
    number = store.add_sound(event, machine_sound(1), RATE, start=95.0)
    with store._database.transaction() as connection:
        connection.execute("UPDATE sounds SET name = ?", (name,))
    with pytest.raises(StoreError):
        store.read.sound_path(number)
    with pytest.raises(StoreError):
        store.read.read_sound(number)


def test_opening_removes_orphans_and_rows_whose_file_is_missing(open_store, machine_sound):
    store = open_store()
    events = [store.add_event(Event("fan", "alarm", start=float(start))) for start in range(3)]
    numbers = [store.add_sound(event, machine_sound(1), RATE, start=0.0) for event in events]
    gone, emptied, kept = (store.read.sound_path(number) for number in numbers)
    store.close()
    gone.unlink()
    emptied.write_bytes(b"")
    folder = kept.parent
    (folder / f"{'a' * 32}.flac").write_bytes(kept.read_bytes())
    (folder / f".{'b' * 32}.flac.0123456789ab.part").write_bytes(b"half")
    (folder / "notes.txt").write_bytes(b"of the operator")

    store = open_store()
    assert [len(store.read.sounds(event)) for event in events] == [0, 0, 1]
    assert len(store.read.events()) == 3
    assert {entry.name for entry in os.scandir(folder)} >= {kept.name, "notes.txt"}
    assert not [entry.name for entry in os.scandir(folder) if entry.name.startswith((".", "a" * 32))]
    (entry,) = [entry for entry in store.read.audit() if entry.action == "repair"]
    assert entry.detail["events whose sound is missing"] == events[:2]


def test_a_damaged_or_missing_file_is_a_store_error(store, event, machine_sound):
    number = store.add_sound(event, machine_sound(1), RATE, start=95.0)
    path = store.read.sound_path(number)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreError) as caught:
        store.read.read_sound(number)
    assert caught.value.path == str(path)
    path.unlink()
    with pytest.raises(StoreError):
        store.read.read_sound(number)


@pytest.mark.parametrize("lost", ["emptied", "removed"])
def test_sounds_are_kept_if_the_database_is_lost(store, open_store, lost):
    number = store.add_event(Event("fan", "alarm", 10.0))
    store.add_sound(number, np.zeros(8000), 8000, 9.0)
    store.close()
    for file in store.folder.glob(f"{NAME}*"):
        file.unlink()
    if lost == "emptied":
        (store.folder / NAME).touch()
    for _ in range(2):
        with pytest.raises(StoreError, match="restore it"):
            open_store()
    assert len(list((store.folder / "sounds").iterdir())) == 1
