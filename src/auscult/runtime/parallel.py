"""Work spread over processes of this machine or over a cluster, by joblib and nothing else.

Whoever starts the work says how many workers there are, once and around all of it (`workers`); code that has
many alike things to do hands them to `each` and need not know. Without workers, and within a worker, `each`
is a plain loop.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any, TypeVar

from auscult.errors import MissingExtraError, OptionError, WorkersError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds in which a scheduler must answer and have a worker.
_PATIENCE = 20
#: Bytes by which a process may grow before a fresh one takes its place.
_MOST_GROWTH = 2 << 30

_count: ContextVar[int] = ContextVar("workers", default=1)


@contextmanager
def workers(jobs: int = 1, cluster: str | None = None) -> Iterator[None]:
    """Within it `each` spreads its work.

    Args:
        jobs: processes on this machine, each with one thread for its algebra; -1 takes one a core.
        cluster: address of a Dask scheduler, as ``tcp://scheduler:8786``, whose workers do it instead; they
            must have auscult of this version and see the same files under the same names.

    Raises:
        OptionError: a number of jobs that is none, or both jobs and a cluster.
        MissingExtraError: a cluster without ``distributed`` installed.
        WorkersError: no such scheduler, a scheduler without workers, or workers that died.
    """
    if jobs == 0 or jobs < -1:
        raise OptionError(f"jobs={jobs}: give a number from 1, or -1 for as many as there are cores")
    if cluster is not None and jobs != 1:
        raise OptionError("jobs and a cluster are both given: the cluster has its own workers")
    if cluster is None and jobs == 1:
        yield
        return
    import joblib

    with _scheduler(cluster) if cluster else _processes(jobs):
        token = _count.set(joblib.effective_n_jobs())
        try:
            yield
        except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
            raise WorkersError(
                "a worker process died, killed or out of memory; what was finished is kept: run it again "
                "with fewer jobs"
            ) from error
        finally:
            _count.reset(token)


def worker_count() -> int:
    """How many workers `each` spreads its work over; 1 where there are none."""
    return _count.get()


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """What ``function`` gives for every item, in their order, as soon as it and all before it are there.

    Args:
        function: at the top of a module, so that another process finds it, or `functools.partial` of one
            such; an error that it raises ends the whole, so those that concern one item alone it returns.
        items: taken one after the other, a few ahead of the workers.
    """
    if worker_count() == 1:
        yield from map(function, items)
        return
    from joblib import Parallel, delayed

    yield from Parallel(return_as="generator")(delayed(function)(item) for item in items)


@contextmanager
def one_thread() -> Iterator[None]:
    """Algebra on one thread, for what learns and fold_models: two threads gain little on its small matrices, and
    where other work runs they wait for each other, spinning."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def _processes(jobs: int) -> Iterator[None]:
    from joblib import parallel_config

    config = parallel_config(
        "loky",
        n_jobs=jobs,
        inner_max_num_threads=1,  # processes of several threads would wait for each other, spinning
        initializer=_begin,
        initargs=(os.getpid(),),
    )
    with config, warnings.catch_warnings():
        # One that idled or has grown is replaced by a fresh one, which is nothing to tell of.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        yield


def _begin(parent: int) -> None:
    """What a process does first that is to work for ``parent``."""
    from joblib.externals.loky import process_executor

    # With psutil at hand loky takes 300 MB more than after the first task for a leak, and begins a fresh
    # process; but that is PyTorch, imported by the first fit, and costs five seconds a process.
    process_executor._MAX_MEMORY_LEAK_SIZE = _MOST_GROWTH

    def watch() -> None:
        """Ends this process in a second or so when the parent is killed; loky would let it finish all that
        was handed out, and write files beside whoever begins anew."""
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _scheduler(address: str) -> Iterator[None]:
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise MissingExtraError("A cluster", "cluster") from error
    from joblib import parallel_config

    try:
        client: Any = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:  # no one there, or no address
        reason = str(error).rstrip(".") or type(error).__name__
        raise WorkersError(f"{address}: no Dask scheduler answers ({reason})") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError as error:
            raise WorkersError(
                f"{address}: the scheduler has no workers; start some: dask worker {address}"
            ) from error
        _check_versions(client, address)
        try:
            with parallel_config("dask", client=client):
                yield
        except KilledWorker as error:
            raise WorkersError(
                f"{address}: several workers died of the same work, killed or out of memory; what was "
                "finished is kept: run it again with more memory for each worker"
            ) from error
        except CancelledError as error:
            raise WorkersError(
                f"{address}: the scheduler went away; what was finished is kept: run it again"
            ) from error


def _check_versions(client: Any, address: str) -> None:
    """A task whose code a worker lacks is tried again for ever; another version may score otherwise."""
    here = version("auscult")
    for worker, there in client.run(version, "auscult", on_error="return").items():
        if there != here:
            has = "no auscult" if isinstance(there, Exception) else f"auscult {there}"
            raise WorkersError(
                f"{address}: its worker {worker} has {has}, and here is {here}: install the same"
            )
