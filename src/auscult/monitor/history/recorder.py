"""What happens to one machine, written to the event store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from auscult.corpus import AudioClip
from auscult.errors import StoreError
from auscult.monitor.history.drift_events import DriftEvents
from auscult.monitor.history.normal_windows import NormalWindows
from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.resuming import ALIVE, ALIVE_SECONDS
from auscult.monitor.store import Event, EventStore, ScoreRow
from auscult.monitor.store import Gap as StoredGap
from auscult.monitor.stream.bands import band_levels
from auscult.monitor.stream.changes import AlarmChange, BaselineChange, Change, Gap, Judgement, StateChange
from auscult.monitor.stream.machine import MachineMonitor
from auscult.monitor.stream.sensor import Kind
from auscult.report.named_regions import score_regions

#: Seconds after the start of an alarm at which its sound is cut from the last seconds of the stream.
SOUND_AFTER = 5.0


@dataclass
class _OpenAlarm:
    """An alarm that has not ended: its number in the store, and what is written when it has."""

    number: int
    event: Event
    clip: AudioClip
    score: float
    has_sound: bool = False
    sound_until: float | None = None  # end of the stored sound, seconds since 1970 (UTC)
    explained: AudioClip | None = None  # the window that the stored explanation is of


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
        self._alarm: _OpenAlarm | None = None
        self._gap: tuple[int, str] | None = None  # number and reason of the time that is not judged
        self._condition: Kind | None = None
        self._alive = 0.0  # when that the machine is monitored was last written
        baseline = monitor.policy.baseline if monitor.policy else None
        self._drift = DriftEvents(store, monitor.name, baseline, model_id)

    def record(self, change: Change) -> Iterator[ScoreRow]:
        """Write a change, and yield the scores that are to be written with those of other machines."""
        try:
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
                self._alarm_change(change)
        except StoreError as error:
            if not error.full:
                raise

    def close(self, time: float) -> None:
        """Write what is open when the monitor ends, at the time of the last score."""
        if self._observed:
            self._observed.close(time)
        if alarm := self._alarm:
            if not alarm.has_sound:
                self._write_sound(alarm)
            alarm.event = replace(alarm.event, end=max(time, alarm.event.start))
            self._write_explanation(alarm)
            self._write_peak(alarm)
        if self._gap:
            self.store.end_gap(self._gap[0], time)
        if self._condition:
            self.store.set_condition(self.monitor.name, self._condition, False, time)
        self._write_alive(time)

    def _judgement(self, judgement: Judgement) -> Iterator[ScoreRow]:
        reason = None if judgement.counts else self._reason(judgement)
        self._not_judged(reason, judgement.time)
        if self._observed and judgement.counts and not judgement.alarm:
            self._observed.judged(self.monitor.scorer.period, judgement.time)
        self._write_normal(judgement)
        if not 0 <= judgement.time - self._alive < ALIVE_SECONDS:
            self._write_alive(judgement.time)
        alarm = self._alarm
        if alarm and not alarm.has_sound and judgement.time >= alarm.event.start + SOUND_AFTER:
            self._write_sound(alarm)
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

    def _alarm_change(self, change: AlarmChange) -> None:
        if change.kind == "started":
            assert change.clip is not None
            assert change.score is not None
            event = self._event(change, None, change.score)
            number = self.store.add_event(event)
            if self._observed:
                self._observed.alarm_started(event.start)
            self._alarm = _OpenAlarm(number, event, change.clip, change.score)
            self._write_explanation(self._alarm)
        elif self._alarm:
            if change.clip is not None and change.score is not None:
                self._alarm.clip, self._alarm.score = change.clip, change.score
            end = change.episode.end if change.kind == "ended" else None
            self._alarm.event = self._event(change, end, self._alarm.score, self._alarm.event)
            if change.kind == "peak":
                self.store.update_event(self._alarm.number, self._alarm.event)
            else:
                self._write_explanation(self._alarm)
                self._write_peak(self._alarm)
                self._alarm = None

    def _event(
        self, change: AlarmChange, end: float | None, score: float, before: Event | None = None
    ) -> Event:
        episode, policy = change.episode, self._observed.policy if self._observed else self.monitor.policy
        assert policy is not None
        return Event(
            self.monitor.name,
            "alarm",
            episode.start,
            end,
            episode.peak,
            episode.peak_time,
            score,
            change.threshold,
            before.state if before else policy.state,
            self.model_id,
            before.explanation if before else {},
        )

    def _write_explanation(self, alarm: _OpenAlarm) -> None:
        """Explain the window with the peak, unless it is explained already, and write that with the event."""
        if alarm.clip is alarm.explained:
            self.store.update_event(alarm.number, alarm.event)
            return
        model = self.monitor.model
        score = model.score_recording(alarm.clip, explain=True)
        front_end = model.detector.config.front_end
        explanation = {
            "regions": [region.to_json() for region in score_regions(score, front_end)],
            "nearest": score.nearest,
            "channel": score.axis_name,
            "window_end": alarm.event.peak_time,
            "window_seconds": self.monitor.scorer.length / model.sample_rate,
        }
        alarm.event = replace(alarm.event, explanation=explanation)
        self.store.update_event(alarm.number, alarm.event, score.map)
        alarm.explained = alarm.clip

    def _write_sound(self, alarm: _OpenAlarm) -> None:
        alarm.has_sound = True
        samples, first = self.monitor.ring.cut(0, self.monitor.ring.last)
        with self._optional("the sound of an alarm"):
            if len(samples):
                rate = self.monitor.model.sample_rate
                self.store.add_sound(alarm.number, samples, rate, self.monitor.time_of(first))
                alarm.sound_until = self.monitor.time_of(first + len(samples))
            self._normals.add_nearest(alarm.number, alarm.clip)

    def _write_alive(self, time: float) -> None:
        """Write until when the machine was monitored, whether it was judged or not."""
        self._alive = time
        self.store.put_state(self.monitor.name, ALIVE, {"time": time})

    def _write_peak(self, alarm: _OpenAlarm) -> None:
        """Keep the window with the peak, which is explained, unless the stored sound contains it."""
        end = alarm.event.peak_time
        if end is None or alarm.sound_until is None or end <= alarm.sound_until:
            return
        waveform = (alarm.clip.axes or (alarm.clip,))[0].waveform()
        with self._optional("the window with the peak of an alarm"):
            rate = waveform.sample_rate
            start = end - len(waveform.samples) / rate
            self.store.add_sound(alarm.number, waveform.samples, rate, start, "peak")

    def _write_normal(self, judgement: Judgement) -> None:
        with self._optional("a window of normal running"):
            self._normals.push(judgement)

    @contextmanager
    def _optional(self, what: str) -> Iterator[None]:
        """Go on without a sound that cannot be written, such as one for which the store is too small."""
        try:
            yield
        except StoreError as error:
            logging.getLogger("auscult").warning("%s: %s is not kept: %s", self.monitor.name, what, error)
