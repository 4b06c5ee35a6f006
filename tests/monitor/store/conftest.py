"""Stores in temporary folders, with a clock that the tests set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from auscult.monitor.store import EventStore, Machine, Retention


@dataclass
class Clock:
    """``clock()``: the time of the system; ``clock.steady()``: one that only `run` advances."""

    time: float = 1_767_225_600.0  # 2026-01-01 00:00 UTC
    running: float = 100.0

    def __call__(self) -> float:
        return self.time

    def steady(self) -> float:
        return self.running

    def run(self, seconds: float) -> None:
        self.time += seconds
        self.running += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_store(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., EventStore]]:
    """``open_store(folder=…, **limits)``: a store with the machines ``fan`` and ``pump``."""
    with ExitStack() as opened:

        def make(folder: Path = tmp_path / "store", **limits: float) -> EventStore:
            retention = Retention(**{"reserve_bytes": 0, **limits})  # type: ignore[arg-type]
            store = opened.enter_context(EventStore(folder, retention, clock=clock, steady=clock.steady))
            for name in ("fan", "pump"):
                store.put_machine(
                    Machine(name, "a1b2", f"microphone of the {name}", {"budget": "1/week"}, 0.0)
                )
            return store

        yield make


@pytest.fixture
def store(open_store: Callable[..., EventStore]) -> EventStore:
    return open_store()
