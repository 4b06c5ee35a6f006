"""Versions of the tables: upgrades, and databases that are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from auscult.errors import StoreError
from auscult.monitor.store import EventStore, Feedback, StoreReader, schema
from auscult.monitor.store.connection import NAME
from auscult.monitor.store.sounds import encode

VERSION_1 = Path(__file__).with_name("version_1.sql")


def execute(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / NAME)) as connection:
        connection.executescript(script)


def version(folder: Path) -> int:
    with closing(sqlite3.connect(folder / NAME)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def test_a_store_of_version_1_is_upgraded_with_all_rows(tmp_path):
    execute(tmp_path, VERSION_1.read_text())
    with pytest.raises(StoreError):
        StoreReader(tmp_path)
    with EventStore(tmp_path) as store:
        assert version(tmp_path) == schema.VERSION > 1
        (event,) = store.read.events()
        assert (event.id, event.machine, event.peak, event.state) == (3, "fan", 3.5, "probation")
        assert event.explanation == {"band": "high"}
        (state,) = store.read.last_states()
        assert (state.score, state.conditions[0].condition) == (0.75, "silent")
        scores = store.read.scores("fan", 1767225000.0, 1767226000.0)
        assert scores.highest.tolist() == [4.0, 0.75]
        assert store.read.gaps("fan")[0].reason == "no signal"
        store.add_feedback(Feedback(3, 1767230000.0, "operator", verdict="real"))
        assert store.read.feedback(3)[0].verdict == "real"
        store.put_state("fan", "policy", {"seconds": 60.0})
        assert store.read.state("fan", "policy") == {"seconds": 60.0}


def test_the_sounds_of_a_store_of_version_2_are_of_the_event(tmp_path, machine_sound):
    execute(tmp_path, VERSION_1.read_text())
    statements = ";\n".join(schema.STEPS[1])
    execute(tmp_path, f"{statements};\nPRAGMA user_version=2")
    name = f"{'0' * 32}.flac"
    data, scale = encode(machine_sound(1), 8000)
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / name).write_bytes(data)
    execute(
        tmp_path,
        "INSERT INTO sounds (event, name, start, seconds, sample_rate, channels, scale, bytes) "
        f"VALUES (3, '{name}', 1767225500.0, 1.0, 8000, 1, {scale}, {len(data)})",
    )
    with EventStore(tmp_path) as store:
        (sound,) = store.read.sounds(3)
        assert (sound.role, sound.seconds) == ("event", 1.0)
        assert store.read.read_sound(sound.id)[1] == 8000


def test_an_upgraded_store_has_the_same_tables_as_a_new_one(tmp_path):
    def tables(folder):
        with EventStore(folder), closing(sqlite3.connect(folder / NAME)) as connection:
            return dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))

    execute(tmp_path / "old", VERSION_1.read_text())
    assert tables(tmp_path / "old") == tables(tmp_path / "new")


def test_a_newer_store_is_refused_and_not_changed(tmp_path):
    with EventStore(tmp_path):
        pass
    execute(tmp_path, f"PRAGMA user_version={schema.VERSION + 1}")
    before = (tmp_path / NAME).read_bytes()
    for kind in (EventStore, StoreReader):
        with pytest.raises(StoreError, match=f"{schema.VERSION + 1}") as caught:
            kind(tmp_path)
        assert caught.value.path == str(tmp_path / NAME)
    assert (tmp_path / NAME).read_bytes() == before


@pytest.mark.parametrize("kind", [EventStore, StoreReader])
def test_other_databases_are_refused(tmp_path, kind):
    execute(tmp_path, "CREATE TABLE a (b)")
    with pytest.raises(StoreError):
        kind(tmp_path)
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]


@pytest.mark.parametrize("kind", [EventStore, StoreReader])
def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path, kind):
    (tmp_path / NAME).write_bytes(b"no database " * 500)
    with pytest.raises(StoreError, match="from a backup, or move"):
        kind(tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"no database " * 500


def test_a_reader_needs_a_store(tmp_path):
    with pytest.raises(StoreError) as caught:
        StoreReader(tmp_path)
    assert caught.value.path == str(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path, monkeypatch):
    with EventStore(tmp_path):
        pass
    steps = (*schema.STEPS, ("CREATE TABLE more (a)", "CREATE TABLE more (a)"))
    monkeypatch.setattr(schema, "STEPS", steps)
    monkeypatch.setattr(schema, "VERSION", len(steps))
    with pytest.raises(StoreError):
        EventStore(tmp_path)
    assert version(tmp_path) == len(steps) - 1
    with closing(sqlite3.connect(tmp_path / NAME)) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchall()
