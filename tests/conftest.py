"""Fixtures for all tests: synthetic machine sounds, a Dask cluster, real recordings and reference figures."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a second thread gains nothing on small matrices
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for tests that import onnxruntime before auscult
os.environ["AUSCULT_CACHE"] = "off"  # tests neither read nor write the user's feature cache

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

RATE = 8000  # Hz: half the default sample rate, for speed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each reason for which tests were skipped, with their number."""
    reasons = Counter(report.longrepr[-1] for report in terminalreporter.getreports("skipped"))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")


def _folder_from_environment(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"set {variable} to the folder that this test needs")
    return Path(value)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings."""
    return _folder_from_environment("AUSCULT_REAL_DATA")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference figures."""
    return _folder_from_environment("AUSCULT_REFERENCE")


@pytest.fixture(scope="session")
def case_scripts() -> Path:
    """The folder of ``make.py``, which makes difficult inputs out of real recordings."""
    return _folder_from_environment("AUSCULT_CASES")


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """``lock(folder)``: the folder can no longer be listed, not even by root."""
    locked: set[Path] = set()
    scandir = os.scandir

    def refuse(path: str | os.PathLike[str] = ".") -> object:
        if Path(path) in locked:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return locked.add


@pytest.fixture(scope="session")
def machine_sound() -> Callable[..., np.ndarray]:
    """``machine_sound(seed, seconds=1.0, broken=False)``: float32 samples of a synthetic fan at 8 kHz."""
    from auscult.testing import machine_sound

    return machine_sound


@dataclass
class DaskCluster:
    """A scheduler and two single-threaded workers, each a process that is not restarted when killed.

    Attributes:
        folder: for the files that they write.
        address: of the scheduler.
        workers: the worker processes.
        schedulers: the scheduler process, once started.
    """

    folder: Path
    address: str = ""
    workers: list[subprocess.Popen] = field(default_factory=list)
    schedulers: list[subprocess.Popen] = field(default_factory=list)

    def start(self) -> None:
        from distributed import Client

        file = self.folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
        self.schedulers.append(_start_dask("scheduler", options))
        paths = ["--scheduler-file", str(file), "--local-directory", str(self.folder)]
        options = ["--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        self.workers = [_start_dask("worker", [*paths, *options]) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        with Client(scheduler_file=str(file), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            self.address = client.scheduler.address

    def stop(self) -> None:
        for process in (*self.workers, *self.schedulers):
            process.kill()
            process.wait()

    def kill_one(self) -> None:
        """Kill a worker with SIGKILL, as a power loss would."""
        self.workers[0].send_signal(signal.SIGKILL)


def _start_dask(command: str, arguments: list[str]) -> subprocess.Popen:
    code = f"from distributed.cli.dask_{command} import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A Dask cluster for one test: ``address``, and ``kill_one()``."""
    cluster = DaskCluster(tmp_path_factory.mktemp("dask"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
