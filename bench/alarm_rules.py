"""What alarm rules do on simulated machine-weeks: false alarms, detected faults, and their delay.

Besides the calibrated policy, rules that others use: a threshold for each window, from the same calibration,
above which each window is an alarm. Alarms within the cool-down of each other are one alarm for all rules.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from auscult.decision.alarms import AlarmRule, BaselineTracker, SlowBaseline, find_episodes
from auscult.decision.alarms.episodes import Episode, persistent_scores
from auscult.decision.alarms.followed import find_followed
from auscult.decision.alarms.timing import USUAL
from auscult.decision.gamma_fit import plain_gamma_fit
from bench.machine_course import FAULT_HOURS, WEEK
from bench.machine_scores import CLIP_SECONDS, PERIOD, Stretch, UnitScores

HOUR = 3600.0
#: Windows of a minute that have no sample in common.
_SEPARATE = slice(None, None, 10)
#: Hours after which it is noted whether drift is reported.
_PART_HOURS = 6


def gamma_rule(scores: UnitScores) -> AlarmRule:
    """The 90 % quantile of a gamma distribution fitted to clips, as in the baseline of DCASE Task 2."""
    clips = scores.calibration_minutes()[:, _SEPARATE]
    return _window_rule(plain_gamma_fit(clips[np.isfinite(clips)].astype(np.float64)).quantile(0.9))


def percentile_rule(scores: UnitScores) -> AlarmRule:
    """The 99.9 % quantile of the windows of calibration."""
    return _window_rule(float(np.quantile(_windows(scores), 0.999)))


def deviation_rule(scores: UnitScores) -> AlarmRule:
    """Mean and three standard deviations of the windows of calibration."""
    windows = _windows(scores)
    return _window_rule(float(windows.mean() + 3 * windows.std()))


#: Name to a rule without a budget.
RULES: dict[str, Callable[[UnitScores], AlarmRule]] = {
    "gamma, 90 %": gamma_rule,
    "99.9 % quantile": percentile_rule,
    "mean + 3 sd": deviation_rule,
}


def _windows(scores: UnitScores) -> np.ndarray:
    return np.concatenate([stretch.scores for stretch in scores.calibration()])


def _window_rule(threshold: float) -> AlarmRule:
    return AlarmRule(threshold, threshold, cool_down=USUAL.cool_down)


@dataclass(frozen=True)
class FaultOutcome:
    """What a rule made of one fault.

    Attributes:
        severity: of the fault.
        outcome: ``detected`` by an alarm that starts while it lasts, ``hidden`` by an alarm that was there
            before, or ``missed``.
        delay: seconds from the fault to the alarm, if it is detected.
    """

    severity: str
    outcome: str
    delay: float = np.nan


@dataclass(frozen=True)
class Outcome:
    """What a rule did on one unit after the learning hours.

    Attributes:
        unit: name of the unit.
        drift: of the unit.
        seconds: of normal running that was judged.
        alarms: number of false alarms.
        alarm_seconds: their total duration.
        faults: the injected faults.
        drift_seconds: time in which the slow baseline reported drift.
        alarms_in_drift: number of false alarms that started in this time.
    """

    unit: str
    drift: str
    seconds: float
    alarms: int
    alarm_seconds: float
    faults: tuple[FaultOutcome, ...] = field(repr=False)
    drift_seconds: float = 0.0
    alarms_in_drift: int = 0

    @property
    def weeks(self) -> float:
        """Weeks of normal running."""
        return self.seconds / (WEEK * HOUR)


class UnitRunning:
    """The running of a unit after the learning hours, with and without each fault.

    Args:
        scores: of the unit.
    """

    def __init__(self, scores: UnitScores) -> None:
        unit = scores.unit
        self.unit = unit
        self.faults = {
            hour: (scores.course.faults[hour].severity, scores.stretches(hour, hour + FAULT_HOURS, hour))
            for hour in sorted(scores.course.faults)
        }
        self._normal = scores.stretches(unit.learning, unit.hours)

    def apply(self, rule: AlarmRule, baseline: SlowBaseline | None = None) -> Outcome:
        """Apply a rule to the normal running, and from the same state to each fault."""
        tracker = BaselineTracker(baseline, PERIOD) if baseline else None
        episodes: list[Episode] = []
        outcomes: list[FaultOutcome] = []
        drift_seconds, alarms_in_drift = 0.0, 0
        for stretch, fault_hour in self._parts():
            if fault_hour is not None:
                outcomes.append(self._outcome(fault_hour, episodes, rule, copy.deepcopy(tracker)))
            drifting, before = tracker is not None and tracker.drift is not None, len(episodes)
            episodes = _joined([*episodes, *_episodes([stretch], rule, tracker)], rule)
            if drifting:
                drift_seconds += len(stretch.scores) * PERIOD
                alarms_in_drift += len(episodes) - before
        return Outcome(
            self.unit.name,
            self.unit.drift,
            sum(len(stretch.scores) for stretch in self._normal) * PERIOD,
            len(episodes),
            sum(episode.end - episode.start + PERIOD for episode in episodes),
            tuple(outcomes),
            drift_seconds,
            alarms_in_drift,
        )

    def _parts(self) -> Iterator[tuple[Stretch, int | None]]:
        """Yield the normal running in parts of a few hours, with the fault that could begin with one."""
        hours = sorted({*self.faults, *range(self.unit.learning, self.unit.hours, _PART_HOURS)})
        for stretch in self._normal:
            end = stretch.start + len(stretch.scores) * PERIOD
            position, fault = 0, None
            while hours and hours[0] * HOUR < end:
                cut, hour = max(0, round((hours[0] * HOUR - stretch.start) / PERIOD)), hours.pop(0)
                yield _cut(stretch, position, cut), fault
                position, fault = cut, hour if hour in self.faults else None
            yield _cut(stretch, position, len(stretch.scores)), fault

    def _outcome(
        self, hour: int, before: Sequence[Episode], rule: AlarmRule, tracker: BaselineTracker | None
    ) -> FaultOutcome:
        severity, stretches = self.faults[hour]
        start = hour * HOUR
        if before and before[-1].end + rule.cool_down >= start:
            return FaultOutcome(severity, "hidden")
        episodes = _episodes(stretches, rule, tracker)
        if not episodes:
            return FaultOutcome(severity, "missed")
        # The first window that is taken with the fault has begun after the fault.
        return FaultOutcome(severity, "detected", episodes[0].start - start + CLIP_SECONDS)


def _episodes(
    stretches: Sequence[Stretch], rule: AlarmRule, tracker: BaselineTracker | None
) -> list[Episode]:
    episodes = []
    for stretch in stretches:
        if tracker:
            of_stretch = find_followed(stretch.scores, PERIOD, rule, tracker)
        else:
            of_stretch = find_episodes(persistent_scores(stretch.scores, rule.k, rule.n), PERIOD, rule)
        for episode in of_stretch:
            start, end = stretch.start + episode.start, stretch.start + episode.end
            episodes.append(Episode(start, end, episode.peak, stretch.start + episode.peak_time))
    return episodes


def _joined(episodes: Sequence[Episode], rule: AlarmRule) -> list[Episode]:
    """Join alarms that a cut has separated: the second begins within the cool-down of the first."""
    joined: list[Episode] = []
    for episode in episodes:
        if joined and episode.start - joined[-1].end <= rule.cool_down + rule.n * PERIOD:
            first = joined.pop()
            peak = max(first, episode, key=lambda e: e.peak)
            episode = Episode(first.start, episode.end, peak.peak, peak.peak_time)
        joined.append(episode)
    return joined


def _cut(stretch: Stretch, first: int, last: int) -> Stretch:
    return Stretch(stretch.scores[first:last], start=stretch.start + first * PERIOD)
