"""Reads the state of all machines from the event store of `auscult watch` or `auscult monitor`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auscult.decision.alarms import AlarmPolicy
from auscult.errors import AuscultError
from auscult.monitor.history.notices import read_notices
from auscult.monitor.history.observed_policy import observed_state
from auscult.monitor.history.resuming import last_alive
from auscult.monitor.status.states import (
    MachineStatus,
    state_of_recordings,
    state_of_stream,
    with_lasting_alarm,
)
from auscult.monitor.store import Health, Look, MachineState, StoreReader
from auscult.monitor.store.lock import writer_of
from auscult.monitor.trend.keeper import trend_sentences
from auscult.monitor.watch.arrivals import LEARNED_FROM, Arrivals
from auscult.runtime.natural_order import natural_order


@dataclass(frozen=True)
class PlantStatus:
    """All machines, and the process that judges them.

    Attributes:
        machines: in natural order of the names.
        running: whether a process writes the store.
        process: number of that process.
        written: when it has last written that it runs, seconds since 1970.
        conditions: of the process as a whole, such as a full disk, with their reasons.
    """

    machines: tuple[MachineStatus, ...]
    running: bool = False
    process: int | None = None
    written: float | None = None
    conditions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        return {
            "running": self.running,
            "process": self.process,
            "written": self.written,
            "conditions": list(self.conditions),
            "machines": [machine.to_json() for machine in self.machines],
        }


def plant_status(store: str | os.PathLike[str], expected: Iterable[str] = ()) -> PlantStatus:
    """Return the state of all machines of a store.

    Args:
        store: folder of the event store, which another process may write.
        expected: names of machines that should be there, because they have a model. If there are any, other
            machines of the store are left out unless they are in trouble.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    expected = set(expected)
    if not (Path(store) / "events.sqlite").is_file() and expected:
        return PlantStatus(tuple(_without_data(name) for name in sorted(expected, key=natural_order)))
    with StoreReader(store) as reader:
        looks, process = reader.looks(), writer_of(Path(store))
        now = datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        overview = reader.overview(midnight.timestamp())
        statuses = {}
        for state in reader.last_states():
            name = state.machine.name
            if expected and name not in expected:
                continue
            alarms = overview[name].alarms if name in overview else 0
            statuses[name] = (
                _of_watch(reader, state, looks[0], alarms)
                if looks
                else _of_monitor(reader, state, alarms, running=process is not None)
            )
        for name in expected - statuses.keys():
            statuses[name] = _without_data(name)
        alive = [last_alive(reader, name) for name in overview]
        written = [time for time in (*alive, *(look.time for look in looks)) if time is not None]
        lasting = [health for health in reader.health(lasting=True, limit=1000) if health.machine is None]
    return PlantStatus(
        tuple(statuses[name] for name in sorted(statuses, key=natural_order)),
        process is not None,
        process,
        max(written, default=None),
        _in_words(lasting),
    )


def _without_data(name: str) -> MachineStatus:
    return MachineStatus(name, "no recordings yet", "unknown")


def _of_watch(reader: StoreReader, state: MachineState, look: Look, alarms: int) -> MachineStatus:
    name, now = state.machine.name, time.time()
    files = reader.last_judged(name, LEARNED_FROM + 1)
    last = files[0] if files else None
    arrivals = Arrivals(
        [file.arrived for file in files],
        state.machine.since,
        now,
        time.monotonic(),
        look.detail.get("expected"),
    )
    gone = any(health.condition == "source gone" for health in state.conditions)
    words, attention = with_lasting_alarm(state, *state_of_recordings(last, arrivals, gone))
    return MachineStatus(
        name,
        words,
        attention,
        last.recorded if last else None,
        max(0.0, now - last.arrived) if last else None,
        last.score if last else None,
        last.threshold if last else None,
        alarms,
        trend=_trend(reader, name, continuous=False),
        conditions=_in_words(state.conditions),
    )


def _of_monitor(reader: StoreReader, state: MachineState, alarms: int, *, running: bool) -> MachineStatus:
    name, now = state.machine.name, time.time()
    written = state.time if state.written is None else state.written
    age = None if written is None else max(0.0, now - written)
    gaps = [gap for gap in reader.gaps(name) if gap.end is None]
    gap = gaps[-1] if gaps else None
    alive = last_alive(reader, name)
    since = max((time for time in (alive, gap.start if gap else None) if time is not None), default=None)
    sound_age = None if since is None else max(0.0, now - since)
    policy = AlarmPolicy.from_json(state.machine.policy) if state.machine.policy else None
    stream = state_of_stream(state, gap, age, sound_age, policy, running=running)
    words, attention = with_lasting_alarm(state, *stream)
    score = state.score if state.persistent is None else state.persistent
    return MachineStatus(
        name,
        words,
        attention,
        state.time,
        age,
        score,
        state.threshold,
        alarms,
        observed_state(reader, name, state.machine.policy) or (policy.state if policy else None),
        _trend(reader, name, continuous=True),
        _in_words(state.conditions),
        read_notices(reader, name),
    )


def _trend(reader: StoreReader, name: str, *, continuous: bool) -> tuple[str, ...]:
    """What has slowly changed; nothing if that cannot be said."""
    try:
        return tuple(trend_sentences(reader, name, time.time(), continuous=continuous))
    except AuscultError:
        return ()


def _in_words(conditions: Iterable[Health]) -> tuple[str, ...]:
    return tuple(f"{c.condition}: {c.detail}" if c.detail else c.condition for c in conditions)
