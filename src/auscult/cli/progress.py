"""Progress on standard error: live bars in a terminal, otherwise an occasional plain line."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auscult.cli.text import note

if TYPE_CHECKING:
    from auscult.detectors import Progress

#: Minimum seconds between two plain lines of stages; later at least half of the time before.
PLAIN_EVERY = 10.0
#: Columns of a live line that are not available to its name, the digits of its count and the figures: the
#: bar of 20, a slash, a time of 7 and four gaps.
_FIXED_COLUMNS = 20 + 1 + 7 + 4


@contextmanager
def show_progress(
    *, quiet: bool = False, in_bytes: bool = False, name: str = "", longest: float = math.inf
) -> Iterator[Progress | None]:
    """Display the progress of a long operation.

    Args:
        quiet: display nothing.
        in_bytes: steps are bytes.
        name: what is worked on, e.g. a machine; precedes the plain lines.
        longest: seconds between two plain lines, at most; for what runs in real time.

    Yields:
        The callback to pass as ``progress``; ``None`` if ``quiet``.
    """
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _live(in_bytes) as progress:
            yield progress
    else:
        yield _Plain(in_bytes, name, longest)


def _is_job(stage: str) -> bool:
    """Whether this is a job of several stages, e.g. "fan autoencoder seed 0".

    Stages are single words. If several machines are fitted, these precede it: "fan and 2 more: train".
    """
    return " " in _without_machines(stage)


def _without_machines(stage: str) -> str:
    return stage.rpartition(": ")[2]


class _Plain:
    """Prints a line when a job starts, and ever more rarely after that; short stages have none.

    The end of a stage has one only if its steps are bytes, since it is a file then.
    """

    def __init__(self, in_bytes: bool, name: str, longest: float) -> None:
        self._in_bytes, self._longest = in_bytes, longest
        self._prefix = f"{name}: " if name else ""
        self._started = self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        now = time.monotonic()
        if _is_job(stage):
            note(f"{self._prefix}{stage}  ({done + 1} of {total})")
            self._started = now
        elif self._in_bytes and done == total:
            self._note(stage, done, total, figures)
        elif now - self._last < min(self._longest, max(PLAIN_EVERY, (self._last - self._started) / 2)):
            return
        else:
            self._note(stage, done, total, figures)
        self._last = now

    def _note(self, stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        steps = f"{done / 1e6:.1f}/{total / 1e6:.1f} MB" if self._in_bytes else f"{done}/{total}"
        note(self._prefix + "  ".join(part for part in (stage, steps, _figures(figures)) if part))


@contextmanager
def _live(in_bytes: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        (DownloadColumn if in_bytes else MofNCompleteColumn)(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        job: TaskID | None = None
        stages: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
            nonlocal job
            if _is_job(stage):
                for finished in stages.values():
                    bars.remove_task(finished)
                stages.clear()
                if job is None:
                    job = bars.add_task(stage, total=total, figures="")
                bars.update(job, description=stage, completed=done, total=total)
                return
            name = _without_machines(stage)  # of several machines, one bar after the other
            if name not in stages:
                stages[name] = bars.add_task(stage, total=total, figures="")
            bars.update(stages[name], description=stage, total=total)
            name_width = max(len(task.description) for task in bars.tasks)
            room = bars.console.width - name_width - _FIXED_COLUMNS - 2 * len(str(total))
            bars.update(stages[name], completed=done, figures=_figures(figures, room))

        yield update


def _figure(name: str, value: float) -> str:
    """Format a figure, with its unit if the name ends with it: ``level -29.4 dB`` of ``level_dB``."""
    quantity, _, unit = name.rpartition("_")
    if unit == "dB":
        return f"{quantity} {value:.1f} dB"
    return f"{name.replace('_', ' ')} {value:.4g}"


def _figures(figures: Mapping[str, float], room: int | None = None) -> str:
    """Format the figures, as many as fit into ``room`` columns; the counts have priority."""
    shown = ""
    for name, value in figures.items():
        longer = f"{shown}  {_figure(name, value)}".strip()
        if room is not None and len(longer) > room:
            break
        shown = longer
    return shown
