"""Changes of a machine as messages of an event stream."""

from __future__ import annotations

from typing import Any

from auscult.monitor.stream.changes import AlarmChange, BaselineChange, Change, Gap, Judgement, StateChange
from auscult.monitor.web.encoding import json_bytes, picture
from auscult.monitor.web.statuses import Snapshot


def message(event: str, data: bytes) -> bytes:
    """Return a message of a kind with JSON."""
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data)


def status_message(snapshot: Snapshot, before: Snapshot | None) -> bytes:
    """Return the states of all machines: what has changed, if the client knows those of a time before."""
    changes = snapshot.changes(before) if before else None
    return message("status", snapshot.body) if changes is None else message("update", changes)


def frames_message(machine: int, judgement: Judgement, step: float) -> bytes:
    """Return the last second of the spectrogram with the score.

    Args:
        machine: number of the machine in the store.
        judgement: of the window that ends there.
        step: seconds between frames.
    """
    data = {
        "machine": machine,
        "time": judgement.time,
        "step": step,
        **picture(judgement.frames.T),
        "score": judgement.score,
        "persistent": judgement.persistent,
        "threshold": judgement.threshold,
        "counts": judgement.counts,
    }
    return message("frames", json_bytes(data))


def change_message(machine: int, change: Change) -> bytes:
    """Return what happened to the machine with a number in the store."""
    return message("change", json_bytes({"machine": machine, **_described(change)}))


def _described(change: Change) -> dict[str, Any]:
    if isinstance(change, AlarmChange):
        episode = change.episode
        return {
            "kind": "alarm",
            "change": change.kind,
            "time": episode.start if change.kind == "started" else episode.end,
            "start": episode.start,
            "peak": episode.peak,
        }
    if isinstance(change, Gap):
        return {
            "kind": "gap",
            "time": change.end,
            "start": change.start,
            "end": change.end,
            "reason": change.reason,
        }
    if isinstance(change, BaselineChange):
        return {"kind": "drift", "time": change.time, "drift": change.drift, "deviation": change.deviation}
    assert isinstance(change, StateChange)
    condition = change.condition
    described = {"kind": condition.kind, "detail": condition.detail} if condition else None
    return {
        "kind": "state" if condition is None else "sensor",
        "time": change.time,
        "state": change.state,
        "condition": described,
    }
