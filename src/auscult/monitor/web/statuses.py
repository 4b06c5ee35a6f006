"""The present state of all machines, computed a few times a second at most and shared by all who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auscult.decision.alarms import AlarmPolicy
from auscult.decision.alarms.wording import describe_verification
from auscult.monitor.history.notices import notices, notices_to_json
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import Runner
from auscult.monitor.store import Event, Health, MachineOverview, StoreReader
from auscult.monitor.trend import no_data
from auscult.monitor.web.encoding import json_bytes

if TYPE_CHECKING:
    from auscult.monitor.simulated import SimulatedFleet

#: Seconds for which a snapshot is used.
FRESH_SECONDS = 0.4
#: Seconds for which what is known of a policy and a trend is used: these take longer to compute.
_SLOW_SECONDS = 10.0


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All machines at a time.

    Attributes:
        time: seconds since 1970 (UTC).
        machines: the state of each monitored machine, JSON-compatible.
        health: conditions of the monitor as a whole, likewise.
    """

    time: float
    machines: list[dict[str, Any]]
    health: list[dict[str, Any]]

    @cached_property
    def body(self) -> bytes:
        """All of it as JSON."""
        return json_bytes({"time": self.time, "health": self.health, "machines": self.machines})

    def changes(self, before: Snapshot) -> bytes | None:
        """Return what differs from an earlier snapshot as JSON; ``None`` if there are other machines.

        ``machines`` has those that differ: the number of each and the values that are new. ``health`` is
        there only if it is new.
        """
        if [status["id"] for status in self.machines] != [status["id"] for status in before.machines]:
            return None
        machines = [
            {"id": now["id"], **{key: value for key, value in now.items() if value != was[key]}}
            for now, was in zip(self.machines, before.machines, strict=True)
            if now != was
        ]
        health = {} if self.health == before.health else {"health": self.health}
        return json_bytes({"time": self.time, **health, "machines": machines})

    def of(self, machine: int) -> dict[str, Any] | None:
        """Return the state of the machine with a number in the store; ``None`` if it is not monitored."""
        return next((status for status in self.machines if status["id"] == machine), None)


class Statuses:
    """States of the machines of an engine, for any number of threads.

    Args:
        engine: the engine.
        reader: of its store.
        simulation: the simulated machines, or ``None`` if they are real.
    """

    def __init__(self, engine: Engine, reader: StoreReader, simulation: SimulatedFleet | None = None) -> None:
        self._engine, self._reader, self._simulation = engine, reader, simulation
        self._lock = threading.Lock()
        self._last: tuple[float, Snapshot] | None = None
        self._policies: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self._trends: dict[str, tuple[int, list[str] | None]] = {}
        self._notices = {
            name: notices_to_json(notices(runner.machine.model)) for name, runner in engine.runners.items()
        }

    def fresh(self) -> Snapshot | None:
        """Return the last snapshot without waiting; ``None`` if it is too old."""
        last = self._last
        return last[1] if last and time.monotonic() - last[0] <= FRESH_SECONDS else None

    def snapshot(self) -> Snapshot:
        """Return the present states, at most `FRESH_SECONDS` old.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._lock:
            if snapshot := self.fresh():
                return snapshot
            now = time.monotonic()
            snapshot = self._compute()
            self._last = now, snapshot
            return snapshot

    def _compute(self) -> Snapshot:
        now = datetime.now().astimezone()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        known = self._reader.overview(midnight.timestamp())
        machines = [
            self._status(name, runner, known[name])
            for name, runner in self._engine.runners.items()
            if name in known
        ]
        lasting = [health for health in self._reader.health(lasting=True) if health.machine is None]
        return Snapshot(now.timestamp(), machines, [health_json(health) for health in lasting])

    def _status(self, name: str, runner: Runner, known: MachineOverview) -> dict[str, Any]:
        monitor, last, policy = runner.monitor, runner.last, runner.machine.model.alarm_policy
        counts = last is not None and last.counts
        threshold = release = None
        if policy:
            threshold = policy.rule.threshold if last is None else last.threshold
            if threshold is not None:  # it may follow a slow drift, and the release level with it
                release = policy.rule.release + threshold - policy.rule.threshold
        return {
            "id": known.id,
            "name": name,
            "source": runner.machine.source,
            "model": runner.machine.model_id,
            "state": monitor.state if monitor else None,
            "no_data": no_data(ever=last is not None or self._reader.score_age(name) is not None),
            "condition": _condition(runner),
            "time": round(last.time, 3) if last else None,
            "age": None if runner.age is None else round(runner.age, 1),
            "score": _figure(last.score if last and counts else None),
            "persistent": _figure(last.persistent if last and counts else None),
            "threshold": _figure(threshold),
            "release": _figure(release),
            "alarm": _has_alarm(runner, known),
            "alarms_today": known.alarms,
            "policy": self._policy(name, runner),
            "notices": self._notices[name],
            "skipped_seconds": round(runner.backlog.skipped, 1),
            "real_time_factor": _figure(runner.pace.factor, 3),
            "trend": self._trend(name),
            "last_event": _unexplained(known.last_event, known.id),
            "open_event": _unexplained(known.open_event, known.id),
            "ended": runner.ended,
            "error": runner.error,
            "simulation": self._simulated(name),
        }

    def _trend(self, name: str) -> dict[str, Any] | None:
        key = int(time.monotonic() / _SLOW_SECONDS)
        if name not in self._trends or self._trends[name][0] != key:
            self._trends[name] = key, self._engine.trends.text(name)
        text = self._trends[name][1]
        return None if text is None else {"text": text}

    def _simulated(self, name: str) -> dict[str, Any] | None:
        if self._simulation is None:
            return None
        fault = self._simulation.fault(name)
        return {
            "faults": self._simulation.faults(name),
            "fault": {"name": fault.name, "severity": fault.severity} if fault else None,
        }

    def _policy(self, name: str, runner: Runner) -> dict[str, Any] | None:
        """Return the policy, computed again after some seconds and after each alarm."""
        key = int(time.monotonic() / _SLOW_SECONDS), runner.alarms
        if name not in self._policies or self._policies[name][0] != key:
            policy = self._engine.policy(name)
            if policy is None:
                return None
            calibrated = runner.machine.model.alarm_policy
            raised = calibrated is not None and calibrated.raises_alarms
            self._policies[name] = key, policy_json(policy, raised=raised)
        return self._policies[name][1]


def _has_alarm(runner: Runner, known: MachineOverview) -> bool:
    """Whether an alarm lasts, by its event, which is not stored if the disk is full."""
    stored = known.open_event is not None and known.open_event.kind == "alarm"
    return stored or bool(runner.last and runner.last.alarm and not runner.ended)


def _condition(runner: Runner) -> dict[str, str] | None:
    """Return the fault of the sensor; before the first samples, why nothing arrives."""
    monitor = runner.monitor
    if monitor and monitor.condition:
        return {"kind": monitor.condition.kind, "detail": monitor.condition.detail}
    if monitor is None and runner.interruption:
        return {"kind": "source gone", "detail": runner.interruption}
    return None


def policy_json(policy: AlarmPolicy, *, raised: bool) -> dict[str, Any]:
    """Return what a page shows of a policy.

    Args:
        policy: with what was observed.
        raised: whether there are alarms, also if the state is ``refused``.
    """
    return {
        "state": policy.state,
        "raised": raised,
        "budget": str(policy.budget),
        "method": policy.method,
        "observed_seconds": policy.verification.seconds,
        "observed_alarms": policy.verification.alarms,
        "missing_seconds": policy.missing_seconds,
        "text": describe_verification(policy),
    }


def event_json(event: Event, machine: int) -> dict[str, Any]:
    """Return an event of the machine with a number in the store."""
    data: Mapping[str, Any] = vars(event)
    return {**data, "machine": machine, "name": event.machine, "explanation": dict(event.explanation)}


def _unexplained(event: Event | None, machine: int) -> dict[str, Any] | None:
    """Return an event without its explanation, which is long: ``api/events`` has it."""
    if event is None:
        return None
    return {key: value for key, value in event_json(event, machine).items() if key != "explanation"}


def _figure(value: float | None, digits: int = 6) -> float | None:
    """Return a number with so many digits: more say nothing, and are sent each second."""
    return None if value is None else float(f"{value:.{digits}g}")


def health_json(health: Health) -> dict[str, Any]:
    """Return a condition without the machine that has it."""
    return {name: getattr(health, name) for name in ("condition", "start", "end", "detail")}
