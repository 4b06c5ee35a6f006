"""Models of two machines, a folder that recordings are dropped into, and a watch of it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import soundfile

import auscult
from auscult.monitor.store import EventStore
from auscult.monitor.watch import FolderWatch, JudgedRecording, ModelFolder, Report, WatchSettings

RATE = 8000
#: Times of a watch in tests: a file settles after this, seconds.
SETTLE, POLL = 0.2, 0.03


@pytest.fixture(scope="session")
def fitted(tmp_path_factory, machine_sound) -> Path:
    """A folder with models of ``fan`` and ``pump``, which sound different."""
    folder = tmp_path_factory.mktemp("fitted")
    for name, shaft in (("fan", 47.0), ("pump", 61.0)):
        sounds = [machine_sound(seed, shaft_hz=shaft) for seed in range(24)]
        model = auscult.fit(sounds, "pooled_gaussian", all_scores=False, sample_rate=RATE)
        model.save(str(folder / f"{name}.auscult"))
    return folder


@pytest.fixture
def models(fitted, tmp_path) -> Path:
    """A copy of the models."""
    return shutil.copytree(fitted, tmp_path / "models")


@pytest.fixture
def incoming(tmp_path) -> Path:
    """The folder that recordings are dropped into, with a folder for each machine."""
    for name in ("fan", "pump"):
        (tmp_path / "incoming" / name).mkdir(parents=True)
    return tmp_path / "incoming"


@pytest.fixture
def drop(machine_sound) -> Callable[..., Path]:
    """``drop(path, seed, broken=False, age=0)``: write a recording of the machine that the path names."""

    def write(path: Path, seed: int = 100, *, broken: bool = False, age: float = 0.0) -> Path:
        shaft = 61.0 if "pump" in str(path).rpartition("incoming")[2] else 47.0
        part = path.with_name(".part")
        soundfile.write(part, machine_sound(seed, broken=broken, shaft_hz=shaft), RATE, format="WAV")
        stamp = time.time() - age
        os.utime(part, (stamp, stamp))
        os.replace(part, path)
        return path

    return write


@dataclass
class Watched:
    """A watch that runs in a thread.

    Attributes:
        store: its store.
        reports: what it has reported.
    """

    store: EventStore
    reports: list[Report] = field(default_factory=list)
    watch: FolderWatch | None = None

    @property
    def recordings(self) -> list[JudgedRecording]:
        """The recordings that are stored."""
        return [report for report in self.reports if isinstance(report, JudgedRecording)]

    @property
    def results(self) -> dict[str, str]:
        """Name to result."""
        return {report.file.name: report.file.result for report in self.recordings}

    def wait(self, condition: Callable[[], object], seconds: float = 30.0) -> None:
        """Wait until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.reports
            time.sleep(0.02)


@pytest.fixture
def settings() -> WatchSettings:
    """Settings with short times."""
    return WatchSettings(settle=SETTLE, poll=POLL, threads=2)


@pytest.fixture
def short_pauses(monkeypatch) -> None:
    """Files that cannot be read are tried again after short pauses."""
    monkeypatch.setattr("auscult.monitor.watch.incoming.RETRY_PAUSES", (0.1, 0.2))


@pytest.fixture
def watching(models, incoming, tmp_path, settings, short_pauses):
    """``with watching() as watched``: a watch in a thread; further arguments are settings."""

    @contextmanager
    def run(chosen: WatchSettings = settings, path: Path = models) -> Iterator[Watched]:
        with EventStore(tmp_path / "store") as store:
            watched = Watched(store)
            watched.watch = FolderWatch(ModelFolder(path), incoming, store, chosen, watched.reports.append)
            errors: list[BaseException] = []

            def run_watch() -> None:
                try:
                    watched.watch.run()
                except BaseException as error:
                    errors.append(error)

            thread = threading.Thread(target=run_watch)
            thread.start()
            try:
                yield watched
            finally:
                watched.watch.stop()
                thread.join()
            assert not errors

    return run


@pytest.fixture
def once(models, incoming, tmp_path, settings, short_pauses):
    """``once()``: judge what is there and return what was reported; ``once.store`` is closed then."""

    def run(chosen: WatchSettings = settings, path: Path = models) -> Watched:
        with EventStore(tmp_path / "store") as store:
            watched = Watched(store)
            watched.watch = FolderWatch(ModelFolder(path), incoming, store, chosen, watched.reports.append)
            watched.watch.run(once=True)
            return watched

    return run
