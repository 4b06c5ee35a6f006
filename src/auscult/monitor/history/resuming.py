"""Ends what an earlier monitor left open in the store, and records how long none was running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auscult.monitor.store import EventStore, Gap, MachineState, StoreReader

#: Key of the state with the time until which a machine was monitored, and when that was written, which differ
#: for a recording that is played back; and seconds between writes of it.
ALIVE, ALIVE_SECONDS = "monitored", 60.0


def last_alive(reader: StoreReader, machine: str) -> float | None:
    """Return when a monitor has last written that it has sound of a machine, seconds since 1970."""
    alive = reader.state(machine, ALIVE) or {}
    return alive.get("written", alive.get("time"))


def resume(store: EventStore, machines: Mapping[str, bool], now: float) -> None:
    """Write the end of what was open when the last monitor of each machine ended, and the gap since then.

    An alarm of a machine that is not monitored any more ends too: nobody listens whether it lasts.

    Args:
        store: the store.
        machines: names of the machines, and whether there is a gap: not with recordings, whose times are not
            those of the monitor.
        now: seconds since 1970 (UTC).
    """
    for state in store.read.last_states():
        name = state.machine.name
        alive = (store.read.state(name, ALIVE) or {}).get("time")
        times = [time for time in (state.time, alive) if time is not None]
        _end(store, state, max(times, default=now), now, gap=bool(times) and machines.get(name, False))


def _end(store: EventStore, state: MachineState, last: float, now: float, *, gap: bool) -> None:
    """Write the end of what was open for one machine, which was monitored last at a time.

    A drift may continue.
    """
    machine = state.machine.name
    store.end_gaps(machine, last)
    for event in store.read.events(machine=machine, lasting=True):
        if event.kind == "drift":
            continue
        assert event.id is not None
        store.update_event(event.id, replace(event, end=max(last, event.start)))
    for health in state.conditions:
        store.set_condition(machine, health.condition, False, now)
    if gap and now > last:
        store.add_gap(Gap(machine, last, now, "the monitor was not running"))
