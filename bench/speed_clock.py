"""Fair measurements: sides alternate, each run is a separate process, and medians come with their range."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The results of one run of one side, by name of the quantity.
Record = dict[str, float]
#: The runs of each side.
Runs = dict[str, list[Record]]

ROOT = Path(__file__).parent.parent
#: Removed from the environment of children: they would limit both sides to fewer threads than by default.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def interleaved(sides: Mapping[str, Callable[[], Record]], repeats: int) -> Runs:
    """Run every side once, then every side again, so that a temporary slowdown affects all of them."""
    runs: Runs = {side: [] for side in sides}
    for repeat in range(repeats):
        for side, run in sides.items():
            print(f"    {side}, {repeat + 1} of {repeats}", file=sys.stderr)
            runs[side].append(run())
    return runs


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum over some runs."""

    median: float
    minimum: float
    maximum: float
    runs: int


def spread(records: Sequence[Record], quantity: str) -> Spread:
    """The spread of one quantity over all runs of a side."""
    values = [record[quantity] for record in records]
    return Spread(statistics.median(values), min(values), max(values), len(values))


class Child:
    """A new process that runs one task of `bench.speed_child`.

    Args:
        task: name of the task.
        threads: value of ``OMP_NUM_THREADS``; ``None``: not set, as for a user.
        cache: folder of its feature cache; ``None``: no cache.
        arguments: of the task, representable in JSON.
    """

    def __init__(
        self, task: str, *, threads: int | None = None, cache: Path | None = None, **arguments: Any
    ) -> None:
        self._started = time.perf_counter()
        self._task = task
        command = [sys.executable, "-m", "bench.speed_child", task, json.dumps(arguments)]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(threads, cache),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self) -> Record:
        """The results of the task, and ``process_seconds`` from the start of the process to its end.

        Raises:
            RuntimeError: the process failed; the message includes its error output.
        """
        out, errors = self._process.communicate()
        seconds = time.perf_counter() - self._started
        if self._process.returncode:
            raise RuntimeError(f"{self._task}: {errors.strip()}")
        return {**json.loads(out.splitlines()[-1]), "process_seconds": seconds}


def environment(threads: int | None = None, cache: Path | None = None) -> dict[str, str]:
    """The environment variables of a child; see `Child`."""
    variables = {name: value for name, value in os.environ.items() if name not in _THREADS}
    if threads is not None:
        variables["OMP_NUM_THREADS"] = str(threads)
    return {**variables, "AUSCULT_CACHE": "off" if cache is None else str(cache)}


def child_side(task: str, **arguments: Any) -> Callable[[], Record]:
    """A side that runs one `Child` with these arguments."""
    return lambda: Child(task, **arguments).result()


def command_seconds(command: Sequence[str]) -> Callable[[], Record]:
    """A side that runs a command and times it from start to end.

    Raises (when run):
        RuntimeError: the command failed; the message includes its error output.
    """

    def run() -> Record:
        started = time.perf_counter()
        process = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: {process.stderr.strip()}")
        return {"process_seconds": seconds}

    return run
