"""Parallel execution, over processes on this machine with joblib or on a Dask cluster.

The caller sets the number of workers once, with the context manager `workers`. Code inside it passes its
items to `parallel_map` and does not depend on that number. Without workers, and within a worker process,
`parallel_map` is a plain loop.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from itertools import islice
from typing import Any, TypeVar

from auscult.errors import MissingExtraError, OptionError, WorkersError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Seconds within which a scheduler must answer and have a worker.
_TIMEOUT = 20
#: Bytes by which a worker process may grow before it is replaced by a new one.
_MAX_GROWTH = 2 << 30
#: Items for each worker of a cluster that are sent ahead.
_AHEAD = 2

_count: ContextVar[int] = ContextVar("workers", default=1)
#: The client of a Dask cluster.
_client: ContextVar[Any] = ContextVar("client", default=None)


@contextmanager
def workers(jobs: int = 1, cluster: str | None = None) -> Iterator[None]:
    """Distribute the work of every `parallel_map` in this context over workers.

    Args:
        jobs: number of processes on this machine, each with one BLAS thread; -1 for one process per core.
        cluster: address of a Dask scheduler, such as ``tcp://scheduler:8786``, whose workers are used
            instead. They must have the same version of auscult and see the same files under the same paths.

    Raises:
        OptionError: ``jobs`` is invalid, or both ``jobs`` and ``cluster`` are given.
        MissingExtraError: ``cluster`` is given but ``distributed`` is not installed.
        WorkersError: the scheduler does not answer or has no workers, or workers died.
    """
    if jobs == 0 or jobs < -1:
        raise OptionError(f"jobs must be at least 1, or -1 for one process per core, got {jobs}")
    if cluster is not None and jobs != 1:
        raise OptionError("jobs and cluster cannot both be given: a cluster has its own workers")
    if cluster is None and jobs == 1:
        yield
        return
    import joblib

    with _scheduler(cluster) if cluster else _processes(jobs) as client:
        number = sum(client.ncores().values()) if client else joblib.effective_n_jobs()
        tokens = _count.set(number), _client.set(client)
        try:
            yield
        except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
            raise WorkersError(
                "a worker process died (killed or out of memory); finished results are kept: run again "
                "with fewer jobs"
            ) from error
        finally:
            _count.reset(tokens[0])
            _client.reset(tokens[1])


def worker_count() -> int:
    """Return the number of workers that `parallel_map` uses; 1 without workers."""
    return _count.get()


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply a function to every item, on the workers if there are any.

    Args:
        function: a module-level function, so that other processes can import it, or a `functools.partial` of
            one. An exception that it raises ends the iteration; it should return errors that concern a
            single item.
        items: consumed one by one, a few ahead of the workers.

    Yields:
        The results in the order of the items, each as soon as it and all earlier ones are available.
    """
    client = _client.get()
    if client is not None:
        yield from _cluster_map(client, function, items)
        return
    if worker_count() == 1:
        yield from map(function, items)
        return
    from joblib import Parallel, delayed

    yield from Parallel(return_as="generator")(delayed(function)(item) for item in items)


def _cluster_map(client: Any, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply a function on the workers of a Dask cluster.

    Not by the Dask backend of joblib: if a worker is killed while a result of it is fetched, its callback for
    this result may never come.
    """
    import cloudpickle  # a dependency of Dask, which uses it only for what pickle refuses

    pickled = cloudpickle.dumps(function)
    submitted = (client.submit(_call, pickled, item, pure=False) for item in items)
    futures = deque(islice(submitted, _AHEAD * worker_count()))
    try:
        while futures:
            result = futures.popleft().result()
            futures.extend(islice(submitted, 1))
            yield result
    finally:
        if client.status == "running":
            client.cancel(list(futures))


def _call(pickled: bytes, item: Any) -> Any:
    """Apply a function on a worker."""
    import cloudpickle

    return cloudpickle.loads(pickled)(item)


@contextmanager
def blas_single_thread() -> Iterator[None]:
    """Limit BLAS to one thread while models are fitted and score.

    A second thread gains little on the small matrices of the detectors; when other work is running, the
    threads busy-wait for each other.
    """
    import scipy.linalg  # noqa: F401  # has a BLAS of its own, which could not be limited before it is loaded
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


@contextmanager
def _processes(jobs: int) -> Iterator[None]:
    """Use processes on this machine."""
    from joblib import parallel_config

    config = parallel_config(
        "loky",
        n_jobs=jobs,
        inner_max_num_threads=1,  # several threads per process would busy-wait for each other
        initializer=_initialize_worker,
        initargs=(os.getpid(),),
    )
    with config, warnings.catch_warnings():
        # Replacing a worker that was idle or has grown is normal and needs no warning.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        yield


def _initialize_worker(parent: int) -> None:
    """Set up a worker process whose parent has the process ID ``parent``."""
    from joblib.externals.loky import process_executor

    # If psutil is installed, loky takes a growth of 300 MB since the first task for a memory leak and starts
    # a new process. Here the growth is PyTorch, imported by the first fit, and again by a new process.
    process_executor._MAX_MEMORY_LEAK_SIZE = _MAX_GROWTH

    def exit_with_parent() -> None:
        """End this process within about a second after the parent was killed.

        loky would let it finish all queued tasks and write files while a restarted command writes them too.
        """
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=exit_with_parent, daemon=True).start()


@contextmanager
def _scheduler(address: str) -> Iterator[Any]:
    """Connect to a cluster, and yield the client."""
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import CommClosedError
    except ImportError as error:
        raise MissingExtraError("A cluster", "cluster") from error
    try:
        client: Any = Client(address, timeout=_TIMEOUT)
    except (OSError, ValueError) as error:  # nothing listens there, or an invalid address
        reason = str(error).rstrip(".") or type(error).__name__
        raise WorkersError(f"{address}: no Dask scheduler answers ({reason})") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_TIMEOUT)
        except TimeoutError as error:
            raise WorkersError(
                f"{address}: the scheduler has no workers; start workers with: dask worker {address}"
            ) from error
        _check_versions(client, address)
        try:
            yield client
        except KilledWorker as error:
            raise WorkersError(
                f"{address}: several workers died on the same task (killed or out of memory); finished "
                "results are kept: run again with more memory for each worker"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise WorkersError(
                f"{address}: lost the connection to the scheduler; finished results are kept: run again"
            ) from error


def _check_versions(client: Any, address: str) -> None:
    """Raise `WorkersError` if a worker has another version of auscult than this process, or none.

    Dask retries a task forever if a worker cannot import its code, and another version may give other scores.
    """
    local_version = version("auscult")
    for worker, worker_version in client.run(version, "auscult", on_error="return").items():
        if worker_version != local_version:
            installed = "no auscult" if isinstance(worker_version, Exception) else f"auscult {worker_version}"
            raise WorkersError(
                f"{address}: worker {worker} has {installed}, but this process has {local_version}: "
                "install the same version on all machines"
            )
