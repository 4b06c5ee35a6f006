"""Parallel execution: the same results in the same order, and clear errors when workers fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import cloudpickle
import pytest

from auscult.errors import MissingExtraError, OptionError, TooShortAudio, WorkersError
from auscult.runtime.parallel import parallel_map, worker_count, workers

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


def square(number: int) -> tuple[int, int]:
    """The square of a number, and the ID of the process that computed it."""
    return number**2, os.getpid()


def slow_square(folder: str, number: int) -> tuple[int, int]:
    """Record the start of the task as a file in ``folder``, then compute as `square` does."""
    Path(folder, f"{number}-{os.getpid()}").touch()
    time.sleep(0.3)
    return square(number)


def inner_worker_count(_: int) -> int:
    return worker_count()


def kill_own_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raise_killed_worker(_: int) -> None:
    from distributed import KilledWorker

    last = SimpleNamespace(address="tcp://127.0.0.1:1")
    raise KilledWorker("task", last, 3)  # what a scheduler reports after three workers died on one task


def allocate(megabytes: int) -> int:
    sys.held = b"x" * (megabytes << 20)  # never freed, like an imported module
    time.sleep(1.1)  # loky checks memory once a second
    return os.getpid()


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_without_workers_items_are_consumed_one_by_one():
    consumed = []
    results = parallel_map(square, (consumed.append(i) or i for i in range(5)))
    assert worker_count() == 1
    assert next(results) == (0, os.getpid())
    assert consumed == [0]
    assert [value for value, _ in results] == [1, 4, 9, 16]


def test_processes_give_the_same_results_in_the_same_order():
    with workers(2):
        assert worker_count() == 2
        results = list(parallel_map(square, range(20)))
        assert list(parallel_map(inner_worker_count, range(2))) == [1, 1]  # workers have no workers
    assert [value for value, _ in results] == [n**2 for n in range(20)]
    assert os.getpid() not in {process for _, process in results}
    assert worker_count() == 1


def test_minus_one_is_one_process_per_core():
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with workers(-1):
        assert 1 <= worker_count() <= usable  # fewer if a container has a share of the cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process")
def test_only_the_cores_that_the_process_may_use_count():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from auscult.runtime.parallel import worker_count, workers\n"
        "with workers(-1): print(worker_count())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "1"


def test_errors_can_be_pickled():
    for error in (TooShortAudio("a.wav", "0.1 s"), MissingExtraError("Drawing", "report"), OptionError("no")):
        copy = cloudpickle.loads(cloudpickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)


def test_a_dead_process_raises():
    with pytest.raises(WorkersError, match=r"died \(killed or out of memory\)"), workers(2):
        list(parallel_map(kill_own_process, range(2)))


def test_a_process_that_uses_more_memory_is_not_replaced():
    pytest.importorskip("psutil")
    with workers(2):
        processes = [set(parallel_map(allocate, [megabytes] * 4)) for megabytes in (1, 400, 1)]
    assert processes[0] == processes[1] == processes[2]


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from auscult.runtime.parallel import parallel_map, workers

def work(number):
    while True:
        Path({str(tmp_path)!r}, str(os.getpid())).write_text(str(time.monotonic()))
        time.sleep(0.05)

with workers(2):
    list(parallel_map(work, range(2)))
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()

    def files_are_unchanged() -> bool:
        before = [file.read_text() for file in tmp_path.iterdir()]
        time.sleep(1)
        return before == [file.read_text() for file in tmp_path.iterdir()]

    wait_until(files_are_unchanged)


@pytest.mark.parametrize("jobs", [0, -2])
def test_invalid_number_of_jobs(jobs):
    with pytest.raises(OptionError, match="jobs"), workers(jobs):
        pass


def test_jobs_and_cluster_cannot_be_combined():
    with pytest.raises(OptionError, match="both"), workers(2, "tcp://127.0.0.1:1"):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_no_scheduler_at_the_address(address, monkeypatch):
    monkeypatch.setattr("auscult.runtime.parallel._TIMEOUT", 1)
    with pytest.raises(WorkersError, match="no Dask scheduler answers"), workers(cluster=address):
        pass


def test_without_distributed_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[cluster\]"), workers(cluster="tcp://there:8786"):
        pass


def test_a_cluster_finishes_after_a_worker_is_killed(dask_cluster, tmp_path):
    with workers(cluster=dask_cluster.address):
        assert worker_count() == 2
        results = parallel_map(partial(slow_square, str(tmp_path)), range(12))
        first = next(results)
        dask_cluster.kill_one()
        done = [first, *results]
    assert [value for value, _ in done] == [n**2 for n in range(12)]
    assert len(list(tmp_path.iterdir())) > 12  # tasks of the killed worker were started again


def test_a_task_that_kills_several_workers_raises(dask_cluster):
    with pytest.raises(WorkersError, match="several workers died"), workers(cluster=dask_cluster.address):
        list(parallel_map(raise_killed_worker, range(2)))


def test_a_killed_scheduler_raises(dask_cluster, tmp_path):
    def work() -> None:
        with workers(cluster=dask_cluster.address):
            for _ in parallel_map(partial(slow_square, str(tmp_path)), range(40)):
                dask_cluster.schedulers[0].kill()

    with pytest.raises(WorkersError, match="lost the connection to the scheduler"):
        work()


@pytest.mark.parametrize(("worker_version", "installed"), [("0.9", "auscult 0.9"), (None, "no auscult")])
def test_a_worker_with_another_version_of_auscult_raises(
    dask_cluster, monkeypatch, worker_version, installed
):
    test_process = os.getpid()

    def version(package: str) -> str:
        if os.getpid() == test_process:
            return "1.0"
        if worker_version is None:
            raise PackageNotFoundError(package)
        return worker_version

    monkeypatch.setattr("auscult.runtime.parallel.version", version)
    message = f"has {installed}, but this process has 1.0"
    with pytest.raises(WorkersError, match=message), workers(cluster=dask_cluster.address):
        pass


def test_a_cluster_without_workers_raises(dask_cluster, monkeypatch):
    for worker in dask_cluster.workers:
        worker.kill()
        worker.wait()
    monkeypatch.setattr("auscult.runtime.parallel._TIMEOUT", 1)
    with pytest.raises(WorkersError, match="dask worker"), workers(cluster=dask_cluster.address):
        pass
