"""Messages that wait to be sent to another program, in the order in which they were added."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from auscult.monitor.store.checks import check_time, to_json
from auscult.monitor.store.connection import Database


class Delivery(NamedTuple):
    """A message that waits: its number, when it was added, and what it consists of."""

    number: int
    time: float
    body: dict[str, Any]


class Deliveries:
    """The messages of all channels.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, channel: str, time: float, body: Mapping[str, Any], most: int) -> int:
        """Add a message, and delete the oldest ones of the channel if there are too many.

        Args:
            channel: by which it is sent.
            time: current time.
            body: JSON-compatible.
            most: messages of the channel that may wait.

        Returns:
            The number of deleted messages.
        """

        def write(connection: sqlite3.Connection) -> int:
            connection.execute(
                "INSERT INTO deliveries (channel, time, body) VALUES (?,?,?)",
                (channel, check_time("time", time), to_json("body", body)),
            )
            return connection.execute(
                "DELETE FROM deliveries WHERE channel = ? AND id NOT IN "
                "(SELECT id FROM deliveries WHERE channel = ? ORDER BY id DESC LIMIT ?)",
                (channel, channel, most),
            ).rowcount

        return self._database.write(write)

    def first(self, channel: str) -> Delivery | None:
        """Return the oldest message of a channel."""
        with self._database.transaction(durable=False) as connection:
            row = connection.execute(
                "SELECT id, time, body FROM deliveries WHERE channel = ? ORDER BY id LIMIT 1", (channel,)
            ).fetchone()
        return Delivery(row[0], row[1], json.loads(row[2])) if row else None

    def count(self, channel: str) -> int:
        """Return how many messages of a channel wait."""
        with self._database.transaction(durable=False) as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM deliveries WHERE channel = ?", (channel,)
            ).fetchone()
        return int(count)

    def remove(self, number: int) -> None:
        """Delete a message, once it is delivered."""
        self._database.write(
            lambda connection: connection.execute("DELETE FROM deliveries WHERE id = ?", (number,))
        )
