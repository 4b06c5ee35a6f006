"""What a page shows of all machines at once, in a few queries however many there are."""

from __future__ import annotations

from dataclasses import dataclass

from auscult.monitor.store.connection import ReadConnection
from auscult.monitor.store.records import Event
from auscult.monitor.store.rows import EVENTS, OPEN_EVENTS, event_of


@dataclass(frozen=True)
class MachineOverview:
    """A machine in the store.

    Attributes:
        id: number of the machine.
        alarms: alarms that started since the given time.
        last_event: the event that arrived last.
        open_event: the alarm that lasts; otherwise the last fault of the sensor that lasts.
    """

    id: int
    alarms: int = 0
    last_event: Event | None = None
    open_event: Event | None = None


def read_overview(connection: ReadConnection, since: float) -> dict[str, MachineOverview]:
    """Return all machines by name; alarms are counted from a time on, in seconds since 1970 UTC."""
    with connection.snapshot():
        machines = connection.rows("SELECT name, id FROM machines")
        alarms = connection.rows(
            "SELECT machine, count(*) FROM events WHERE start >= ? AND kind = 'alarm' GROUP BY machine",
            (since,),
        )
        last = connection.rows(
            f"{EVENTS} WHERE e.id IN (SELECT (SELECT max(id) FROM events WHERE machine = machines.id) "
            "FROM machines)"
        )
        lasting = connection.rows(OPEN_EVENTS)
    counts = dict(alarms)
    last_events = {event.machine: event for event in map(event_of, last)}
    open_events = {event.machine: event for event in map(event_of, lasting)}
    return {
        name: MachineOverview(number, counts.get(number, 0), last_events.get(name), open_events.get(name))
        for name, number in machines
    }
