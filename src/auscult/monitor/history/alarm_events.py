"""Alarms of one machine as events of the store, each with its sound and an explanation of its peak."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auscult.corpus import AudioClip
from auscult.monitor.history.normal_windows import NormalWindows
from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.optional_sound import optional_sound
from auscult.monitor.store import Event, EventStore
from auscult.monitor.stream.changes import AlarmChange
from auscult.monitor.stream.machine import MachineMonitor
from auscult.report.named_regions import score_regions
from auscult.report.nearest_file import nearest_file

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


class AlarmEvents:
    """Writes the alarms of one machine.

    Args:
        store: the store, which knows the machine.
        monitor: the machine.
        model_id: digest of the model file.
        observed: the policy with what was observed before.
        normals: windows of normal running, to compare alarms with.
    """

    def __init__(
        self,
        store: EventStore,
        monitor: MachineMonitor,
        model_id: str,
        observed: ObservedPolicy | None,
        normals: NormalWindows,
    ) -> None:
        self.store, self.monitor, self.model_id = store, monitor, model_id
        self._observed, self._normals = observed, normals
        self._open: _OpenAlarm | None = None

    def record(self, change: AlarmChange) -> None:
        """Write what has changed of an alarm."""
        if change.kind == "started":
            assert change.clip is not None
            assert change.score is not None
            event = self._event(change, None, change.score)
            number = self.store.add_event(event)
            if self._observed:
                self._observed.alarm_started(event.start)
            self._open = _OpenAlarm(number, event, change.clip, change.score)
            self._write_explanation(self._open)
        elif self._open:
            if change.clip is not None and change.score is not None:
                self._open.clip, self._open.score = change.clip, change.score
            end = change.episode.end if change.kind == "ended" else None
            self._open.event = self._event(change, end, self._open.score, self._open.event)
            if change.kind == "peak":
                self.store.update_event(self._open.number, self._open.event)
            else:
                self._write_explanation(self._open)
                self._write_peak(self._open)
                self._open = None

    def reached(self, time: float) -> None:
        """Write the sound of an alarm once there is enough of it at a time."""
        alarm = self._open
        if alarm and not alarm.has_sound and time >= alarm.event.start + SOUND_AFTER:
            self._write_sound(alarm)

    def close(self, time: float) -> None:
        """End an alarm that lasts when the monitor ends, at the time of the last score."""
        if alarm := self._open:
            if not alarm.has_sound:
                self._write_sound(alarm)
            alarm.event = replace(alarm.event, end=max(time, alarm.event.start))
            self._write_explanation(alarm)
            self._write_peak(alarm)

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
            "nearest": nearest_file(score),
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
        with optional_sound(self.monitor.name, "the sound of an alarm"):
            if len(samples):
                rate = self.monitor.model.sample_rate
                self.store.add_sound(alarm.number, samples, rate, self.monitor.time_of(first))
                alarm.sound_until = self.monitor.time_of(first + len(samples))
            self._normals.add_nearest(alarm.number, alarm.clip)

    def _write_peak(self, alarm: _OpenAlarm) -> None:
        """Keep the window with the peak, which is explained, unless the stored sound contains it."""
        end = alarm.event.peak_time
        if end is None or alarm.sound_until is None or end <= alarm.sound_until:
            return
        waveform = (alarm.clip.axes or (alarm.clip,))[0].waveform()
        with optional_sound(self.monitor.name, "the window with the peak of an alarm"):
            rate = waveform.sample_rate
            start = end - len(waveform.samples) / rate
            self.store.add_sound(alarm.number, waveform.samples, rate, start, "peak")
