"""Successive recordings of a machine with the same trouble are one event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.monitor.store import Event, EventChange, EventSound
from auscult.monitor.store.judged_records import Result
from auscult.monitor.store.records import Kind

#: The kind of event that recordings with a verdict belong to.
KINDS: Mapping[Result, Kind] = {"anomaly": "alarm", "sensor": "sensor"}


class Episodes:
    """The events of one machine that have not ended: at most one of each kind.

    An anomalous recording begins or continues an alarm, which ends with the next normal one. A recording with
    a sensor fault begins or continues an event ``sensor``, which ends with the next one that can be
    judged. It does not end an alarm, since it says nothing about the machine.

    Args:
        open_events: the events that have not ended.
    """

    def __init__(self, open_events: Iterable[Event]) -> None:
        self._open = {event.kind: event for event in open_events}

    def __getitem__(self, kind: Kind) -> Event | None:
        """The event of a kind that has not ended."""
        return self._open.get(kind)

    def is_peak(self, score: float) -> bool:
        """Return whether an anomalous recording has a higher score than the others of its event."""
        alarm = self._open.get("alarm")
        return alarm is None or alarm.peak is None or score > alarm.peak

    def add(
        self,
        event: Event,
        result: Result,
        end: float,
        explanation: Mapping[str, Any] | None = None,
        score_map: np.ndarray | None = None,
        sounds: Sequence[EventSound] = (),
    ) -> list[EventChange]:
        """Return how the events change by a recording; `written` is to be called when that is stored.

        Args:
            event: the event if the recording begins one, or is the new peak of one.
            result: of the recording.
            end: when the recording ended.
            explanation: of the recording, if it begins an event or is the new peak of one.
            score_map: the map of that.
            sounds: the sounds of that.
        """
        kind = KINDS.get(result)
        changes = [
            EventChange(replace(open_event, end=max(open_event.start, _last_end(open_event))))
            for other, open_event in self._open.items()
            if other != kind and (result == "normal" or (other, result) == ("sensor", "anomaly"))
        ]
        if kind is None:
            return changes
        before = self._open.get(kind)
        if before is None:
            event = replace(event, kind=kind)
        elif explanation is None:
            event = before
        else:
            event = replace(before, peak=event.peak, peak_time=event.peak_time)
        progress = {
            "recordings": 1 + (before.explanation.get("recordings", 0) if before else 0),
            "last_end": max(end, _last_end(before)) if before else end,
        }
        kept = event.explanation if explanation is None else explanation
        event = replace(event, explanation={**kept, **progress})
        return [*changes, EventChange(event, score_map, True, sounds)]

    def written(self, changes: Iterable[EventChange], numbers: Iterable[int]) -> None:
        """Note that changes were stored, with the numbers of their events."""
        for change, number in zip(changes, numbers, strict=True):
            if change.event.end is None:
                self._open[change.event.kind] = replace(change.event, id=number)
            else:
                self._open.pop(change.event.kind, None)


def _last_end(event: Event) -> float:
    """When the last recording of an event ended."""
    return float(event.explanation.get("last_end", event.start))
