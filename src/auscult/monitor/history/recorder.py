"""What happens to one machine, written to the event store."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator

import numpy as np

from auscult.monitor.history.alarm_events import AlarmEvents
from auscult.monitor.history.drift_events import DriftEvents
from auscult.monitor.history.normal_windows import NormalWindows
from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.optional_sound import optional_sound
from auscult.monitor.history.recent_scores import RecentScores
from auscult.monitor.history.resuming import ALIVE, ALIVE_SECONDS
from auscult.monitor.store import EventStore, ScoreRow
from auscult.monitor.store import Gap as StoredGap
from auscult.monitor.store.full import unless_full
from auscult.monitor.stream.bands import band_levels
from auscult.monitor.stream.changes import BaselineChange, Change, Gap, Judgement, StateChange
from auscult.monitor.stream.machine import MachineMonitor
from auscult.monitor.stream.sensor import Kind

#: Reason of a gap at the end of which the monitor was stopped.
STOPPED = "monitoring stopped"


class Recorder:
    """Writes the changes of one machine to a store.

    If the store has no room, what does not fit is left out; the store itself keeps that as a condition.

    Args:
        store: the store, which knows the machine.
        monitor: the machine.
        model_id: digest of the model file.
        observed: the policy with what was observed before.
    """

    def __init__(
        self,
        store: EventStore,
        monitor: MachineMonitor,
        model_id: str = "",
        observed: ObservedPolicy | None = None,
    ) -> None:
        self.store, self.monitor, self.model_id, self._observed = store, monitor, model_id, observed
        self._normals = NormalWindows(store, monitor)
        self._alarms = AlarmEvents(store, monitor, model_id, observed, self._normals)
        self._gap: tuple[int, str] | None = None  # number and reason of the time that is not judged
        self._recent = RecentScores()
        self._condition: Kind | None = None
        self._alive = 0.0  # when that the machine is monitored was last written
        baseline = monitor.policy.baseline if monitor.policy else None
        self._drift = DriftEvents(store, monitor.name, baseline, model_id)

    def record(self, change: Change) -> Iterator[ScoreRow]:
        """Write a change, and yield the scores that are to be written with those of other machines."""
        with unless_full():
            if isinstance(change, Judgement):
                yield from self._judgement(change)
            elif isinstance(change, StateChange):
                self._state_change(change)
            elif isinstance(change, Gap):
                self.store.add_gap(StoredGap(self.monitor.name, change.start, change.end, change.reason))
            elif isinstance(change, BaselineChange):
                policy = self.monitor.policy
                self._drift.record(change, policy.state if policy else "")
            else:
                self._alarms.record(change)

    def close(self, time: float) -> None:
        """Write what is open when the monitor ends, at the time of the last score."""
        if self._observed:
            self._observed.close(time)
        self._alarms.close(time)
        if self._gap:
            number, reason = self._gap
            # It was quiet for a moment, and whether the machine has stopped will not be known any more.
            known = STOPPED if reason == "machine stopping" else None
            self.store.end_gap(number, time, known)
        if self._condition:
            self.store.set_condition(self.monitor.name, self._condition, False, time)
        self._write_alive(time)

    def _judgement(self, judgement: Judgement) -> Iterator[ScoreRow]:
        reason = None if judgement.counts else self._reason(judgement)
        self._not_judged(reason, judgement.time)
        repeated = judgement.counts and self._recent.repeats(judgement.score)
        if self._observed and judgement.counts and not judgement.alarm and not repeated:
            self._observed.judged(self.monitor.scorer.period, judgement.time)
        self._write_normal(judgement)
        if not 0 <= judgement.time - self._alive < ALIVE_SECONDS:
            self._write_alive(judgement.time)
        self._alarms.reached(judgement.time)
        if judgement.counts and np.isfinite(judgement.score):
            yield ScoreRow(
                self.monitor.name,
                judgement.time,
                judgement.score,
                judgement.persistent,
                judgement.threshold,
                band_levels(judgement.spectrum),
            )

    def _reason(self, judgement: Judgement) -> str:
        if self.monitor.condition:
            return f"sensor: {self.monitor.condition.kind}"
        if not np.isfinite(judgement.score):
            return "no finite score"
        return "settling" if judgement.state == "running" else f"machine {judgement.state}"

    def _not_judged(self, reason: str | None, time: float) -> None:
        """Begin or end the time without scores."""
        if self._gap and self._gap[1] != reason:
            self.store.end_gap(self._gap[0], time)
            self._gap = None
        if reason and self._gap is None:
            gap = StoredGap(self.monitor.name, time - self.monitor.scorer.period, None, reason)
            self._gap = self.store.add_gap(gap), reason

    def _state_change(self, change: StateChange) -> None:
        kind = change.condition.kind if change.condition else None
        if kind == self._condition:
            return
        name = self.monitor.name
        if self._condition:
            self.store.set_condition(name, self._condition, False, change.time)
        if change.condition:
            self.store.set_condition(name, change.condition.kind, True, change.time, change.condition.detail)
        self._condition = kind

    def _write_alive(self, time: float) -> None:
        """Write until when the machine was monitored, whether it was judged or not."""
        self._alive = time
        self.store.put_state(self.monitor.name, ALIVE, {"time": time, "written": clock.time()})

    def _write_normal(self, judgement: Judgement) -> None:
        with optional_sound(self.monitor.name, "a window of normal running"):
            self._normals.push(judgement)
