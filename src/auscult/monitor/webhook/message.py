"""The messages of a webhook, made when they are sent, so that they tell what is known by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from auscult.errors import OptionError
from auscult.monitor.store import StoreReader

#: Version of the form of messages.
VERSION = 1


def message_of(reader: StoreReader, number: int, delivery: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a message, JSON-compatible.

    Args:
        reader: of the store.
        number: of the delivery; the same one at each attempt to send it.
        delivery: what is to be sent, from `Outbox`.

    Returns:
        The message; ``None`` if its event was deleted meanwhile.
    """
    head = {
        "version": VERSION,
        "delivery": number,
        "subject": delivery["subject"],
        "change": delivery["change"],
    }
    if "event" not in delivery:
        about = {name: delivery[name] for name in ("machine", "time", "condition", "detail")}
        return {**head, **about}
    try:
        event = reader.event(delivery["event"])
    except OptionError:
        return None
    ended = delivery["change"] == "ended"
    known = asdict(event)
    del known["machine"], known["kind"]
    return {**head, "machine": event.machine, "time": event.end if ended else event.start, "event": known}
