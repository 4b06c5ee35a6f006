"""Statements that write single rows: machines, events, gaps, conditions, notes, states, audit log.

All functions take a connection within a transaction and check their arguments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.monitor.store.arrays import pack_array
from auscult.monitor.store.checks import (
    NAME_LENGTH,
    check_choice,
    check_id,
    check_text,
    check_time,
    optional_number,
    optional_time,
    to_json,
)
from auscult.monitor.store.connection import new_id
from auscult.monitor.store.records import (
    CONDITIONS,
    KINDS,
    VERDICTS,
    AuditEntry,
    Condition,
    Event,
    Feedback,
    Gap,
    Machine,
)


def put_machine(connection: sqlite3.Connection, machine: Machine) -> int:
    """Add a machine, or replace what is known of the one of this name; return its number."""
    name = check_text("name", machine.name, NAME_LENGTH, empty=False)
    connection.execute(
        "INSERT INTO machines (name, model, source, policy, since) VALUES (?,?,?,?,?) ON CONFLICT (name) "
        "DO UPDATE SET model = excluded.model, source = excluded.source, policy = excluded.policy, "
        "since = excluded.since",
        (
            name,
            check_text("model", machine.model),
            check_text("source", machine.source),
            to_json("policy", machine.policy),
            check_time("since", machine.since),
        ),
    )
    (number,) = connection.execute("SELECT id FROM machines WHERE name = ?", (name,)).fetchone()
    return int(number)


def insert_event(
    connection: sqlite3.Connection, event: Event, machine: int, score_map: np.ndarray | None
) -> int:
    """Add an event and return its number."""
    return new_id(
        connection.execute(
            "INSERT INTO events (end, peak, peak_time, score, threshold, state, model, explanation, machine, "
            "kind, start, map) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                *_changing(event),
                machine,
                check_choice("kind", event.kind, KINDS),
                check_time("start", event.start),
                None if score_map is None else pack_array(score_map),
            ),
        )
    )


def update_event(
    connection: sqlite3.Connection, number: int, event: Event, score_map: np.ndarray | None
) -> None:
    """Replace what may change of an event: all but machine, kind and start; a map only by another one."""
    changed = connection.execute(
        "UPDATE events SET end = ?, peak = ?, peak_time = ?, score = ?, threshold = ?, state = ?, model = ?, "
        "explanation = ?, map = coalesce(?, map) WHERE id = ?",
        (*_changing(event), None if score_map is None else pack_array(score_map), check_id("id", number)),
    ).rowcount
    if not changed:
        raise OptionError(f"no event has the number {number}")


def put_state(connection: sqlite3.Connection, machine: int, key: str, data: Mapping[str, Any]) -> None:
    """Add or replace what a part of the monitor knows of a machine."""
    connection.execute(
        "INSERT INTO states (machine, key, value) VALUES (?,?,?) "
        "ON CONFLICT (machine, key) DO UPDATE SET value = excluded.value",
        (machine, check_text("key", key, NAME_LENGTH, empty=False), to_json("data", data)),
    )


def put_fact(connection: sqlite3.Connection, key: str, data: Mapping[str, Any]) -> None:
    """Add or replace what the store knows of itself."""
    connection.execute("INSERT OR REPLACE INTO facts (key, value) VALUES (?,?)", (key, to_json("data", data)))


def check_event(connection: sqlite3.Connection, number: int) -> int:
    """Return the number of an event; `OptionError` if there is none."""
    if connection.execute("SELECT 1 FROM events WHERE id = ?", (check_id("event", number),)).fetchone():
        return number
    raise OptionError(f"no event has the number {number}")


def insert_gap(connection: sqlite3.Connection, gap: Gap, machine: int) -> int:
    """Add a gap and return its number."""
    return new_id(
        connection.execute(
            "INSERT INTO gaps (machine, start, end, reason) VALUES (?,?,?,?)",
            (
                machine,
                check_time("start", gap.start),
                optional_time("end", gap.end),
                check_text("reason", gap.reason),
            ),
        )
    )


def end_gap(connection: sqlite3.Connection, number: int, end: float, reason: str | None = None) -> None:
    """Set the end of a gap, and its reason if that is known only now."""
    changed = connection.execute(
        "UPDATE gaps SET end = ?, reason = coalesce(?, reason) WHERE id = ?",
        (check_time("end", end), reason, check_id("number", number)),
    ).rowcount
    if not changed:
        raise OptionError(f"no gap has the number {number}")


def end_gaps(connection: sqlite3.Connection, machine: int, time: float) -> None:
    """Set the end of all gaps of a machine that last, but not before their starts."""
    connection.execute(
        "UPDATE gaps SET end = max(start, ?) WHERE machine = ? AND end IS NULL",
        (check_time("time", time), machine),
    )


def set_condition(
    connection: sqlite3.Connection,
    machine: int | None,
    condition: Condition,
    lasting: bool,
    time: float,
    detail: str,
) -> bool:
    """Begin or end a condition; return whether that changed anything."""
    check_choice("condition", condition, CONDITIONS)
    check_time("time", time)
    check_text("detail", detail)
    known = connection.execute(
        "SELECT id, detail FROM health WHERE machine IS ? AND condition = ? AND end IS NULL",
        (machine, condition),
    ).fetchone()
    if bool(known) == lasting:
        if lasting and detail and detail != known[1]:
            connection.execute("UPDATE health SET detail = ? WHERE id = ?", (detail, known[0]))
        return False
    if lasting:
        connection.execute(
            "INSERT INTO health (machine, condition, start, detail) VALUES (?,?,?,?)",
            (machine, condition, time, detail),
        )
    else:
        connection.execute(
            "UPDATE health SET end = ?, detail = ? WHERE id = ?", (time, detail or known[1], known[0])
        )
    return True


def insert_feedback(connection: sqlite3.Connection, feedback: Feedback) -> int:
    """Add a note about an event, with an entry in the audit log, and return its number."""
    event = check_event(connection, feedback.event)
    verdict = feedback.verdict
    number = new_id(
        connection.execute(
            "INSERT INTO feedback (event, time, author, text, verdict, data) VALUES (?,?,?,?,?,?)",
            (
                event,
                check_time("time", feedback.time),
                check_text("author", feedback.author, NAME_LENGTH, empty=False),
                check_text("text", feedback.text),
                None if verdict is None else check_choice("verdict", verdict, VERDICTS),
                None if feedback.data is None else to_json("data", feedback.data),
            ),
        )
    )
    detail = {"event": event, "feedback": number, "verdict": verdict}
    insert_audit(connection, AuditEntry(feedback.time, feedback.author, "feedback", detail))
    return number


def insert_audit(connection: sqlite3.Connection, entry: AuditEntry) -> int:
    """Add an entry to the audit log and return its number."""
    return new_id(
        connection.execute(
            "INSERT INTO audit (time, author, action, detail) VALUES (?,?,?,?)",
            (
                check_time("time", entry.time),
                check_text("author", entry.author, NAME_LENGTH, empty=False),
                check_text("action", entry.action, NAME_LENGTH, empty=False),
                to_json("detail", entry.detail),
            ),
        )
    )


def _changing(event: Event) -> tuple:
    return (
        optional_time("end", event.end),
        optional_number("peak", event.peak),
        optional_time("peak_time", event.peak_time),
        optional_number("score", event.score),
        optional_number("threshold", event.threshold),
        check_text("state", event.state, NAME_LENGTH),
        check_text("model", event.model),
        to_json("explanation", event.explanation),
    )
