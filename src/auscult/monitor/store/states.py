"""The last state of each machine."""

from __future__ import annotations

import json

from auscult.monitor.store.connection import ReadConnection
from auscult.monitor.store.records import Health, Machine, MachineState
from auscult.monitor.store.rows import OPEN_EVENTS, event_of

MACHINE_COLUMNS = "m.name, m.model, m.source, m.policy, m.since"


def read_states(connection: ReadConnection) -> list[MachineState]:
    """Return the last score, the open event and the conditions of each machine, in the order of names."""
    with connection.snapshot():
        machines = connection.rows(
            f"SELECT {MACHINE_COLUMNS}, s.time, s.score, s.persistent, s.threshold, s.written "
            "FROM machines m LEFT JOIN last_scores s ON s.machine = m.id ORDER BY m.name"
        )
        events = connection.rows(OPEN_EVENTS)
        health = connection.rows(
            "SELECT m.name, h.condition, h.start, h.end, h.detail FROM health h "
            "JOIN machines m ON m.id = h.machine WHERE h.end IS NULL ORDER BY h.id DESC"
        )
    lasting = {event.machine: event for event in map(event_of, events)}
    states = []
    for row in machines:
        machine = machine_of(row[:5])
        time, score, persistent, threshold, written = row[5:]
        conditions = tuple(Health(*entry) for entry in health if entry[0] == machine.name)
        event = lasting.get(machine.name)
        states.append(MachineState(machine, time, score, persistent, threshold, written, event, conditions))
    return states


def machine_of(row: tuple) -> Machine:
    """Make a machine of a row of `MACHINE_COLUMNS`."""
    name, model, source, policy, since = row
    return Machine(name, model, source, json.loads(policy), since)
