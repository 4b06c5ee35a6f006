"""Measuring fairly: sides take turns, each in a process of its own, and medians come with their spread."""

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

#: What one run of one side gave, by name of the quantity.
Record = dict[str, float]
#: Side to its runs.
Runs = dict[str, list[Record]]

ROOT = Path(__file__).parent.parent
#: Set where this program was started, they would hold both sides to fewer threads than a user's run has.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def interleaved(sides: Mapping[str, Callable[[], Record]], repeats: int) -> Runs:
    """Every side once, then every side again: what slows the machine down for a while slows all of them."""
    runs: Runs = {side: [] for side in sides}
    for round in range(repeats):
        for side, run in sides.items():
            print(f"    {side}, {round + 1} of {repeats}", file=sys.stderr)
            runs[side].append(run())
    return runs


@dataclass(frozen=True)
class Spread:
    """The middle of some runs, and the least and the most of them."""

    median: float
    least: float
    most: float
    runs: int


def spread(records: Sequence[Record], quantity: str) -> Spread:
    """One quantity over all runs of a side."""
    values = [record[quantity] for record in records]
    return Spread(statistics.median(values), min(values), max(values), len(values))


class Child:
    """A fresh process that does one task of `bench.speed_child`.

    Args:
        task: its name there.
        threads: what ``OMP_NUM_THREADS`` says to it; ``None``: nothing, as for a user.
        cache: folder in which it keeps features; ``None``: it keeps none.
        arguments: of the task, as JSON can say them.
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
        """What the task gave, with ``process_seconds`` from the start of the process to its end.

        Raises:
            RuntimeError: the process failed; says what it said.
        """
        out, said = self._process.communicate()
        seconds = time.perf_counter() - self._started
        if self._process.returncode:
            raise RuntimeError(f"{self._task}: {said.strip()}")
        return {**json.loads(out.splitlines()[-1]), "process_seconds": seconds}


def environment(threads: int | None = None, cache: Path | None = None) -> dict[str, str]:
    """The variables of a child; see `Child`."""
    kept = {name: value for name, value in os.environ.items() if name not in _THREADS}
    if threads is not None:
        kept["OMP_NUM_THREADS"] = str(threads)
    return {**kept, "AUSCULT_CACHE": "off" if cache is None else str(cache)}


def alone(task: str, **arguments: Any) -> Callable[[], Record]:
    """A side that is one process; arguments as of `Child`."""
    return lambda: Child(task, **arguments).result()


def command_seconds(command: Sequence[str]) -> Callable[[], Record]:
    """A side that is a command of the shell, from its start to its end.

    Raises (when run):
        RuntimeError: the command failed; says what it said.
    """

    def run() -> Record:
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        seconds = time.perf_counter() - started
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return {"process_seconds": seconds}

    return run
