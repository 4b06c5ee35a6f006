"""What alarm rules do on simulated machine-weeks: false alarms, detected faults, and their delay.

Besides the calibrated policy, rules that others use: a threshold for each window, from the same calibration,
above which each window is an alarm. Alarms within the cool-down of each other are one episode for all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from auscult.decision.alarms import (
    AlarmBudget,
    AlarmPolicy,
    AlarmRule,
    Observation,
    calibrate_alarms,
    find_episodes,
)
from auscult.decision.alarms.episodes import Episode, persistent_scores
from auscult.decision.alarms.timing import USUAL
from auscult.decision.gamma_fit import plain_gamma_fit
from auscult.errors import FitError
from bench.machine_course import FAULT_HOURS, WEEK
from bench.machine_scores import CLIP_SECONDS, PERIOD, Stretch, UnitScores

HOUR = 3600.0
#: Windows of a minute that have no sample in common.
_SEPARATE = slice(None, None, 10)
#: Hours before a fault from which on a rule is applied.
_BEFORE = 1


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


def calibrated(scores: UnitScores, budget: AlarmBudget) -> AlarmPolicy | None:
    """Return the policy for a budget, or ``None`` if the calibration refuses."""
    try:
        return calibrate_alarms(scores.calibration(), budget, PERIOD)
    except FitError:
        return None


@dataclass(frozen=True)
class FaultOutcome:
    """What a rule made of one fault.

    Attributes:
        severity: of the fault.
        outcome: ``detected`` by an alarm that starts while it lasts, ``hidden`` by an alarm that was there
            before and stays, or ``missed``.
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
        alarms: seconds at which false alarms started.
        alarm_seconds: total duration of false alarms.
        faults: the injected faults.
    """

    unit: str
    drift: str
    seconds: float
    alarms: tuple[float, ...]
    alarm_seconds: float
    faults: tuple[FaultOutcome, ...]

    @property
    def weeks(self) -> float:
        """Weeks of normal running."""
        return self.seconds / (WEEK * HOUR)


def apply_rule(scores: UnitScores, rule: AlarmRule) -> Outcome:
    """Apply a rule to the normal running of a unit, and to each of its faults."""
    unit = scores.unit
    normal = scores.stretches(unit.learning, unit.hours)
    episodes = _episodes(normal, rule)
    return Outcome(
        unit.name,
        unit.drift,
        sum(len(stretch.scores) for stretch in normal) * PERIOD,
        tuple(episode.start for episode in episodes),
        sum(episode.end - episode.start + PERIOD for episode in episodes),
        tuple(_fault_outcome(scores, rule, hour) for hour in scores.course.faults),
    )


def _fault_outcome(scores: UnitScores, rule: AlarmRule, hour: int) -> FaultOutcome:
    severity, start, end = scores.course.faults[hour].severity, hour * HOUR, (hour + FAULT_HOURS) * HOUR
    episodes = _episodes(scores.stretches(hour - _BEFORE, hour + FAULT_HOURS, hour), rule)
    if detected := [episode.start for episode in episodes if start <= episode.start < end]:
        # The first window that counts as one with the fault has begun after the fault.
        return FaultOutcome(severity, "detected", detected[0] - start + CLIP_SECONDS)
    hidden = any(episode.start < start <= episode.end for episode in episodes)
    return FaultOutcome(severity, "hidden" if hidden else "missed")


def _episodes(stretches: Sequence[Stretch], rule: AlarmRule) -> list[Episode]:
    return [
        episode
        for stretch in stretches
        for episode in find_episodes(
            persistent_scores(stretch.scores, rule.k, rule.n), PERIOD, rule, stretch.start
        )
    ]


def verified_state(policy: AlarmPolicy, outcome: Outcome) -> str:
    """Return the state of a policy after the normal running of a unit."""
    seen = Observation.of(outcome.seconds, 1, len(outcome.alarms))
    return replace(policy, verification=seen).state
