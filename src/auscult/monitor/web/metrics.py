"""Figures of a monitor in the text format of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import get_args

from auscult.monitor.service.engine import Engine
from auscult.monitor.store import CONDITIONS
from auscult.monitor.stream.gate import State
from auscult.monitor.web.statuses import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STATES: tuple[str, ...] = get_args(State)

#: Gauges of a machine that are numbers of its state, and what they mean.
_GAUGES = (
    ("score", "score", "Score of the last window, if it counts."),
    ("persistent", "persistent_score", "Persistent score, which is compared with the threshold."),
    ("threshold", "alarm_threshold", "Threshold of the persistent score."),
    ("alarm", "alarm", "1 while an alarm lasts."),
    ("alarms_today", "alarms_today", "Alarms since midnight."),
    ("age", "sample_age_seconds", "Seconds since the last sample arrived."),
    ("real_time_factor", "real_time_factor", "Seconds of sound scored per second of work."),
    ("ended", "ended", "1 if the source has ended."),
)


def metrics_text(snapshot: Snapshot, engine: Engine, clients: int) -> str:
    """Return all figures.

    Args:
        snapshot: of the machines.
        engine: that monitors them.
        clients: number of pages that listen.
    """
    machines = snapshot.machines
    lines: list[str] = []
    for key, name, text in _GAUGES:
        lines += _metric(name, "gauge", text, (({"machine": m["name"]}, m[key]) for m in machines))
    lines += _metric(
        "state",
        "gauge",
        "1 for the present state of the machine.",
        (
            ({"machine": m["name"], "state": state}, m["state"] == state)
            for m in machines
            for state in _STATES
        ),
    )
    lines += _metric(
        "condition",
        "gauge",
        "1 for the present fault of the sensor.",
        (
            ({"machine": m["name"], "condition": kind}, (m["condition"] or {}).get("kind") == kind)
            for m in machines
            for kind in CONDITIONS
            if kind != "disk full"
        ),
    )
    lines += _metric(
        "failed",
        "gauge",
        "1 if the machine cannot be monitored.",
        (({"machine": m["name"]}, m["error"] is not None) for m in machines),
    )
    runners = engine.runners.items()
    for name, text, values in (
        ("windows_total", "Windows scored.", ((n, r.windows) for n, r in runners)),
        ("alarms_total", "Alarms since the start of the monitor.", ((n, r.alarms) for n, r in runners)),
        (
            "skipped_seconds_total",
            "Seconds of sound not scored for lack of time.",
            ((n, r.backlog.skipped) for n, r in runners),
        ),
    ):
        lines += _metric(name, "counter", text, (({"machine": n}, value) for n, value in values))
    store = engine.store
    lines += _metric("disk_full", "gauge", "1 if scores are not stored for lack of room.", [({}, store.full)])
    lines += _metric(
        "dropped_scores_total",
        "counter",
        "Scores not stored for lack of room.",
        [({}, store.dropped_scores)],
    )
    lines += _metric("page_clients", "gauge", "Pages that are open.", [({}, clients)])
    return "\n".join(lines) + "\n"


def _metric(
    name: str, kind: str, text: str, samples: Iterable[tuple[dict[str, str], float | None]]
) -> list[str]:
    """Return the lines of a metric; samples without a value are left out."""
    lines = [f"# HELP auscult_{name} {text}", f"# TYPE auscult_{name} {kind}"]
    for labels, value in samples:
        if value is not None:
            pairs = ",".join(f'{label}="{escaped(label_value)}"' for label, label_value in labels.items())
            lines.append(
                f"auscult_{name}{{{pairs}}} {_number(value)}" if pairs else f"auscult_{name} {_number(value)}"
            )
    return lines


def escaped(value: str) -> str:
    r"""Return the value of a label as it is written between quotation marks.

    Example:
        >>> print(escaped('fan "3"'))
        fan \"3\"
    """
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return repr(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
