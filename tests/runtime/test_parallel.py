"""Work spread over workers: the same results in the same order, and plain words if it fails."""

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

import cloudpickle
import pytest

from auscult.errors import MissingExtraError, OptionError, TooShortAudio, WorkersError
from auscult.runtime.parallel import each, worker_count, workers

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


def squared(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def slowly_squared(started: str, number: int) -> tuple[int, int]:
    Path(started, f"{number}-{os.getpid()}").touch()
    time.sleep(0.3)
    return squared(number)


def inner_workers(_: int) -> int:
    return worker_count()


def killed(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def given_up(number: int) -> None:
    from distributed import KilledWorker

    raise KilledWorker("work", None, 3)  # as a scheduler does when three workers died of it


def grown(megabytes: int) -> int:
    sys.held = b"x" * (megabytes << 20)  # as what is imported for good
    time.sleep(1.1)  # loky looks once a second
    return os.getpid()


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_without_workers_it_is_a_loop_that_takes_items_one_by_one():
    taken = []
    results = each(squared, (taken.append(i) or i for i in range(5)))
    assert worker_count() == 1
    assert next(results) == (0, os.getpid())
    assert taken == [0]
    assert [value for value, _ in results] == [1, 4, 9, 16]


def test_processes_give_the_same_in_the_same_order():
    with workers(2):
        assert worker_count() == 2
        results = list(each(squared, range(20)))
        assert list(each(inner_workers, range(2))) == [1, 1]  # who works for another has no workers
    assert [value for value, _ in results] == [n**2 for n in range(20)]
    assert os.getpid() not in {process for _, process in results}
    assert worker_count() == 1


def test_one_core_each():
    with workers(-1):
        assert worker_count() == os.cpu_count()


def test_errors_travel_whole():
    for error in (TooShortAudio("a.wav", "0.1 s"), MissingExtraError("Drawing", "report"), OptionError("no")):
        there = cloudpickle.loads(cloudpickle.dumps(error))
        assert type(there) is type(error)
        assert str(there) == str(error)
        assert vars(there) == vars(error)


def test_a_dead_process_is_told():
    with pytest.raises(WorkersError, match="died, killed or out of memory"), workers(2):
        list(each(killed, range(2)))


def test_a_process_that_has_imported_much_goes_on():
    pytest.importorskip("psutil")
    with workers(2):
        processes = [set(each(grown, [megabytes] * 4)) for megabytes in (1, 400, 1)]
    assert processes[0] == processes[1] == processes[2]


def test_processes_end_when_the_one_they_work_for_is_killed(tmp_path):
    code = f"""
import os, time
from pathlib import Path
from auscult.runtime.parallel import each, workers

def work(number):
    while True:
        Path({str(tmp_path)!r}, str(os.getpid())).write_text(str(time.monotonic()))
        time.sleep(0.05)

with workers(2):
    list(each(work, range(2)))
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        eventually(lambda: len(list(tmp_path.iterdir())) == 2)
    finally:
        parent.kill()
        parent.wait()

    def at_rest() -> bool:
        before = [file.read_text() for file in tmp_path.iterdir()]
        time.sleep(1)
        return before == [file.read_text() for file in tmp_path.iterdir()]

    eventually(at_rest)


@pytest.mark.parametrize("jobs", [0, -2])
def test_no_such_number_of_jobs(jobs):
    with pytest.raises(OptionError, match="jobs"), workers(jobs):
        pass


def test_jobs_and_cluster_exclude_each_other():
    with pytest.raises(OptionError, match="both"), workers(2, "tcp://127.0.0.1:1"):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_no_scheduler_there(address, monkeypatch):
    monkeypatch.setattr("auscult.runtime.parallel._PATIENCE", 1)
    with pytest.raises(WorkersError, match="no Dask scheduler answers"), workers(cluster=address):
        pass


def test_without_distributed_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"auscult\[cluster\]"), workers(cluster="tcp://there:8786"):
        pass


def test_a_cluster_finishes_though_a_worker_is_killed(dask_cluster, tmp_path):
    with workers(cluster=dask_cluster.address):
        assert worker_count() == 2
        results = each(partial(slowly_squared, str(tmp_path)), range(12))
        first = next(results)
        dask_cluster.kill_one()
        done = [first, *results]
    assert [value for value, _ in done] == [n**2 for n in range(12)]
    assert len(list(tmp_path.iterdir())) > 12  # what the dead one had begun was begun again


def test_work_that_kills_its_workers_is_told(dask_cluster):
    with pytest.raises(WorkersError, match="several workers died"), workers(cluster=dask_cluster.address):
        list(each(given_up, range(2)))


def test_a_scheduler_that_goes_away_is_told(dask_cluster, tmp_path):
    def work() -> None:
        with workers(cluster=dask_cluster.address):
            for _ in each(partial(slowly_squared, str(tmp_path)), range(40)):
                dask_cluster.schedulers[0].kill()

    with pytest.raises(WorkersError, match="the scheduler went away"):
        work()


@pytest.mark.parametrize(("theirs", "has"), [("0.9", "auscult 0.9"), (None, "no auscult")])
def test_a_worker_with_another_auscult_is_told(dask_cluster, monkeypatch, theirs, has):
    here = os.getpid()

    def version(package: str) -> str:
        if os.getpid() == here:
            return "1.0"
        if theirs is None:
            raise PackageNotFoundError(package)
        return theirs

    monkeypatch.setattr("auscult.runtime.parallel.version", version)
    told = f"has {has}, and here is 1.0"
    with pytest.raises(WorkersError, match=told), workers(cluster=dask_cluster.address):
        pass


def test_a_cluster_without_workers_is_told(dask_cluster, monkeypatch):
    for worker in dask_cluster.workers:
        worker.kill()
        worker.wait()
    monkeypatch.setattr("auscult.runtime.parallel._PATIENCE", 1)
    with pytest.raises(WorkersError, match="dask worker"), workers(cluster=dask_cluster.address):
        pass
