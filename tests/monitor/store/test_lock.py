"""One writer at a time, and readers at any time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from auscult.errors import StoreError
from auscult.monitor.store import Event, EventStore, StoreReader
from auscult.monitor.store.connection import NAME
from auscult.monitor.store.lock import NAME as LOCK

HOLDER = """
import sys, time
from auscult.monitor.store import EventStore
store = EventStore(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has the store open for writing."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_with_the_number_of_the_first(tmp_path, holder):
    with pytest.raises(StoreError, match=rf"\b{holder.pid}\b") as caught:
        EventStore(tmp_path)
    assert caught.value.path == str(tmp_path)
    assert not caught.value.full
    with StoreReader(tmp_path) as reader:
        assert reader.events() == []


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()
    holder.wait()
    assert str(holder.pid) in (tmp_path / LOCK).read_text()
    with EventStore(tmp_path):
        assert (tmp_path / LOCK).read_text().split() == [str(os.getpid())]


def test_one_process_cannot_open_a_store_twice_but_again_after_closing_it(tmp_path):
    with EventStore(tmp_path), pytest.raises(StoreError, match="this process"):
        EventStore(tmp_path)
    EventStore(tmp_path).close()


def test_a_store_that_cannot_be_opened_is_not_left_locked(tmp_path):
    (tmp_path / NAME).write_bytes(b"no database " * 500)
    with pytest.raises(StoreError):
        EventStore(tmp_path)
    (tmp_path / NAME).unlink()
    EventStore(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        EventStore(tmp_path / "file" / "store")


def test_a_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "a b?mode=rw#c%20d&e ü'"
    with EventStore(folder) as store:
        assert store.read.machines() == []
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    StoreReader(folder).close()


def test_a_closed_store_cannot_be_written(store):
    store.close()
    with pytest.raises(StoreError):
        store.add_event(Event("fan", "alarm", start=1.0))


def test_readers_see_each_committed_event_while_others_are_written(store):
    seen: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        try:
            with StoreReader(store.folder) as reader:
                while not seen or seen[-1] < 100:
                    seen.append(len(reader.events(limit=1000)))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for start in range(100):
        store.add_event(Event("fan", "alarm", start=float(start)))
    thread.join(timeout=30)
    assert not errors
    assert seen == sorted(seen)
    assert seen[-1] == 100


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs a second user")
@pytest.mark.parametrize("closed", [False, True])
def test_a_user_who_cannot_write_can_read_and_follows_a_writer(open_store, closed):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        store = open_store(Path(folder) / "store")
        store.add_event(Event("fan", "alarm", start=1.0))
        if closed:
            store.close()
        ready, changed = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.setuid(65534)
                with StoreReader(store.folder) as reader:
                    before = len(reader.events())
                    os.write(ready[1], b".")
                    os.read(changed[0], 1)
                    status = 0 if (before, len(reader.events())) == (1, 2) else 2
            finally:
                os._exit(status)
        os.close(ready[1])  # so that a child that fails ends the wait
        os.read(ready[0], 1)
        if closed:
            store = open_store(store.folder)
        store.add_event(Event("fan", "alarm", start=2.0))
        os.write(changed[1], b".")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for descriptor in (ready[0], *changed):
            os.close(descriptor)
