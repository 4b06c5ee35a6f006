"""One machine: from blocks of its source to scores, states and alarms.

A score counts only if the machine was running and the sensor was sound during the whole window. Scores are
held back for the run-down time, so that those of a machine that is being switched off can be withdrawn.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from auscult.decision.alarms import AlarmPolicy, AlarmTracker, BaselineTracker, Episode
from auscult.decision.alarms.wording import duration
from auscult.model import Model
from auscult.monitor.stream.audio_ring import AudioRing
from auscult.monitor.stream.changes import AlarmChange, BaselineChange, Change, Gap, Judgement, StateChange
from auscult.monitor.stream.gate import GateSettings, RunningGate, State
from auscult.monitor.stream.scoring import ScoredWindow, WindowScorer, score_period
from auscult.monitor.stream.sensor import Condition, SensorWatch
from auscult.sound.live import Block, Interruption
from auscult.sound.resampling import BlockResampler

#: Seconds of sound kept besides those that a window and the persistence of an alarm take.
_RING_MARGIN = 10.0


class MachineMonitor:
    """Follows one machine.

    Args:
        name: of the machine.
        model: its model.
        policy: when there is an alarm; without one, or if it is refused, there are scores only.
        sample_rate: of the source, Hz.
        channels: of the source.
        gate: when the machine counts as running.
        baseline: state of the slow baseline of an earlier monitor (`BaselineChange`).
        period: seconds between scores, about; by default as calibrated, or a second.

    Raises:
        OptionError: the source lacks a channel that the model needs, or the alarms of the policy are
            calibrated for another period.

    Attributes:
        condition: the present fault of the sensor, or ``None``.
        scorer: what scores the windows.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        policy: AlarmPolicy | None,
        *,
        sample_rate: int,
        channels: int = 1,
        gate: GateSettings | None = None,
        baseline: Mapping[str, Any] | None = None,
        period: float | None = None,
    ) -> None:
        self.name, self.model, self.policy = name, model, policy
        self.scorer = WindowScorer(model, period=score_period(model, policy, period))
        self.scorer.check_channels(channels)
        self.condition: Condition | None = None
        self._gate = RunningGate(model.normals.spectrum_range, gate)
        self._sensor = SensorWatch(sample_rate, model.normal_range, model.sample_rate)
        self._off_for_too_long = False
        self._resampler = BlockResampler(sample_rate, model.sample_rate, channels)
        self._tracker = self._alarm_tracker(policy, baseline)
        rule_seconds = policy.rule.n * self.scorer.period if policy else 0.0
        seconds = self.scorer.length / model.sample_rate + rule_seconds + _RING_MARGIN
        self.ring = AudioRing(round(seconds * model.sample_rate))
        self._held_back: deque[ScoredWindow] = deque()
        self._counts_from = 0.0  # windows that begin earlier do not count, seconds of the stream
        self._anchor = (0.0, 0.0)  # a sample at the model's rate, and when it was recorded
        self._last: tuple[int, float] | None = None  # index and time after the last block
        self._reason = "samples are missing"

    def _alarm_tracker(
        self, policy: AlarmPolicy | None, state: Mapping[str, Any] | None
    ) -> AlarmTracker | None:
        if policy is None or not policy.raises_alarms:
            return None
        followed = policy.baseline
        baseline = BaselineTracker(followed, self.scorer.period, state) if followed else None
        return AlarmTracker(policy.rule, baseline)

    @property
    def state(self) -> State:
        """The state of the machine."""
        return self._gate.state

    def time_of(self, sample: float) -> float:
        """Return when a sample at the model's rate was recorded, seconds since 1970 (UTC)."""
        index, time = self._anchor
        return time + (sample - index) / self.model.sample_rate

    def sample_at(self, time: float) -> float:
        """Invert `time_of`."""
        index, start = self._anchor
        return index + (time - start) * self.model.sample_rate

    @property
    def due(self) -> int:
        """Index after the sample of the source that completes the next window."""
        return math.ceil(self.scorer.due * self._resampler.sample_rate / self.model.sample_rate)

    @property
    def run_down(self) -> float:
        """Seconds for which scores are held back."""
        return self._gate.settings.run_down

    def push(self, item: Block | Interruption) -> Iterator[Change]:
        """Add what the source delivers next, and yield what follows from it."""
        if isinstance(item, Interruption):
            self._reason = item.reason
            self._sensor.interrupt(item.reason)
            yield from self._condition_change(self._now())
            return
        end = item.time + len(item.samples) / self._resampler.sample_rate
        if self._last is not None and item.first != self._last[0]:
            yield Gap(self._last[1], item.time, self._reason)
            self._interrupt()
        self._reason = "samples are missing"
        self._last = item.first + len(item.samples), end
        watched = item.samples[:, self.scorer.channels[0]]
        self._sensor.push(watched, item.first, item.time)
        yield from self._condition_change(end)
        self._anchor = item.first * self.model.sample_rate / self._resampler.sample_rate, item.time
        samples, first = self._resampler.push(item.samples, item.first)
        if len(samples):
            self.ring.push(samples[:, self.scorer.channels[0]], first)
            for window in self.scorer.push(samples, first):
                yield from self._judge(window)

    def skip(self, reason: str) -> None:
        """Forget what has not been scored, because there is no time for it; the gap has this reason."""
        self.scorer.skip()
        self._interrupt()
        self._reason = reason

    def _judge(self, window: ScoredWindow) -> Iterator[Change]:
        seconds = window.last / self.model.sample_rate
        before = self._gate.state
        state = self._gate.push(seconds, window.recent)
        self._off_for_too_long = self._gate.is_off_for_too_long(seconds)
        if state == before:
            yield from self._condition_change(self.time_of(window.last))
        else:
            self._follow_condition()
            yield StateChange(self.time_of(window.last), state, self.condition)
            if state == "off":
                self._interrupt()
            elif state == "starting":
                self._counts_from = seconds + self._gate.settings.settle
        begins = window.first / self.model.sample_rate
        counts = (
            state == "running"
            and self.condition is None
            and begins >= self._counts_from
            and bool(np.isfinite(window.score))
        )
        if counts:
            self._held_back.append(window)
            while self._held_back and self._is_released(self._held_back[0], seconds):
                yield from self._track(self._held_back.popleft())
        tracker = self._tracker
        persistent = tracker.persistent if tracker and counts else None
        yield Judgement(
            self.time_of(window.last),
            window.score,
            counts,
            state,
            tracker.level_of(persistent) if tracker and persistent is not None else None,
            tracker.level_of(tracker.rule.threshold) if tracker else None,
            bool(tracker and tracker.episode),
            window.recent,
            window.frames,
        )

    def _is_released(self, window: ScoredWindow, seconds: float) -> bool:
        return seconds - window.last / self.model.sample_rate >= self._gate.settings.run_down

    def _track(self, window: ScoredWindow) -> Iterator[AlarmChange | BaselineChange]:
        """Apply the rule to a score that counts."""
        tracker = self._tracker
        if tracker is None:
            return
        seconds, before = window.last / self.model.sample_rate, tracker.episode
        followed = tracker.baseline.seconds if tracker.baseline else 0.0
        ended = tracker.push(seconds, window.score)
        threshold = tracker.level_of(tracker.rule.threshold)
        if ended:
            yield AlarmChange("ended", self._in_utc(ended), threshold)
        now = tracker.episode
        if now and (before is None or now.peak > before.peak):
            kind: Literal["started", "peak"] = "peak" if before else "started"
            yield AlarmChange(kind, self._in_utc(now), threshold, window.clip, window.score)
        baseline = tracker.baseline
        if baseline and baseline.seconds > followed:
            yield BaselineChange(
                self.time_of(window.last),
                baseline.settings,
                baseline.deviation,
                baseline.drift,
                baseline.exhausted,
                baseline.state(),
            )

    def _in_utc(self, episode: Episode) -> Episode:
        """Return an alarm with times since 1970 and the peak on the scale of the scores."""
        start, end, peak = (
            self.time_of(seconds * self.model.sample_rate)
            for seconds in (episode.start, episode.end, episode.peak_time)
        )
        return Episode(start, end, episode.peak + episode.shift, peak)

    def _condition_change(self, time: float) -> Iterator[StateChange]:
        if self._follow_condition():
            yield StateChange(time, self._gate.state, self.condition)

    def _follow_condition(self) -> bool:
        """Set the present condition; return whether it is another one than before."""
        condition = self._sensor.condition
        if condition is None and self._off_for_too_long:
            longest = duration(self._gate.settings.longest_off)
            detail = f"the machine is off for more than {longest}: is it, or does the sensor not hear it?"
            condition = Condition("off for too long", detail)
        if (condition and condition.kind) == (self.condition and self.condition.kind):
            return False
        self.condition = condition
        self._interrupt()
        return True

    def _interrupt(self) -> None:
        """Withdraw the scores that are held back; those before and after do not belong together."""
        self._held_back.clear()
        if self._tracker:
            self._tracker.interrupt()
        if self._last:
            position = self._last[0] / self._resampler.sample_rate
            self._counts_from = max(self._counts_from, position)

    def _now(self) -> float:
        return self._last[1] if self._last else 0.0
