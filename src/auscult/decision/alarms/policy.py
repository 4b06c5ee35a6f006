"""Alarm policies: a rule that keeps a budget of false alarms, and how far that is verified.

The rule comes from the scores of normal running that the model was not fitted on. Windows that follow each
other overlap and are never taken as independent: what counts are excursions of the persistent score, and
sessions, that is recordings without a gap, or blocks of them.

- With enough normal running there is the split conformal threshold of the largest persistent score of each
  block (Vovk et al. 2005): another block exceeds it with a probability that keeps the budget.
- With few or no such blocks there is one from a generalised Pareto tail (`tail`). The higher of both is used;
  if it is that of the tail it is labelled as based on a model.
- With between an hour and a week of normal running the distance from the median score is doubled (`timing`):
  blocks of one or two days are not exchangeable with those of other days.

Either way the budget is a promise until normal running that was not used for the threshold confirms it
(`verify_alarms`): without an alarm in a time T there are at most 2.3 / T with 90 % confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from auscult.decision.alarms.budget import AlarmBudget, lower_rate, required_seconds
from auscult.decision.alarms.episodes import AlarmRule, persistent_scores
from auscult.decision.alarms.followed import calibration_shifts
from auscult.decision.alarms.observation import Observation, Session, observe
from auscult.decision.alarms.slow_baseline import REACH, TIME_CONSTANT, SlowBaseline
from auscult.decision.alarms.thresholds import Method, choose_threshold, needed_for_tail, too_little
from auscult.decision.alarms.timing import Timing, margin_for, timing_for
from auscult.errors import FitError
from auscult.findings import Finding, findings_from_json, findings_to_json

State = Literal["armed", "probation", "refused"]

#: The release level lies below the threshold by this part of the distance from the median score.
HYSTERESIS = 0.25
#: A threshold is far beyond what was observed if it is so many times as far from the usual score as the
#: highest normal one: simulated faults of medium severity, which are clearly audible, remain below it.
FAR = 6.0


@dataclass(frozen=True)
class NormalScores:
    """Persistent scores of the normal running that set a threshold, relative to the slow baseline.

    Attributes:
        median: the usual one.
        highest: the largest one.
    """

    median: float
    highest: float


@dataclass(frozen=True)
class AlarmPolicy:
    """A rule for alarms with the budget that it is to keep.

    Attributes:
        rule: when an alarm starts and ends.
        period: seconds between scores.
        budget: the largest accepted rate of false alarms.
        method: ``conformal``, or ``tail`` for a threshold that is based on a model.
        expected_rate: false alarms per second by that method, before the margin for other days.
        calibration: the normal running that set the threshold; its alarms do not verify anything.
        verification: the normal running that the threshold does not depend on.
        baseline: how slow drift of the scores is followed; ``None`` if it is not.
        normal: what persistent scores the calibration had; ``None`` in models of earlier versions.
        notes: what the user should know about the normal running that set the threshold.
    """

    rule: AlarmRule
    period: float
    budget: AlarmBudget
    method: Method
    expected_rate: float
    calibration: Observation
    verification: Observation = field(default_factory=Observation)
    baseline: SlowBaseline | None = None
    normal: NormalScores | None = None
    notes: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the user should know about the policy."""
        return (*self.notes, *self._far_threshold())

    def _far_threshold(self) -> tuple[Finding, ...]:
        if self.normal is None:
            return ()
        above = self.normal.highest - self.normal.median
        times = (self.rule.threshold - self.normal.median) / above if above > 0 else 0.0
        if times <= FAR:
            return ()
        return (
            Finding(
                "far_threshold",
                f"the alarm threshold of {self.rule.threshold:.6g} is far beyond all that was observed: "
                f"it is {times:.0f} times as far from the usual score of {self.normal.median:.6g} as the "
                f"highest normal one of {self.normal.highest:.6g}, so that it may miss faults. The normal "
                "running is too short or too uneven to say more: calibrate again with a longer recording, "
                "of hours or days, that has all normal loads and speeds",
            ),
        )

    @property
    def state(self) -> State:
        """``armed`` if the budget is verified, ``refused`` if it is not kept, otherwise ``probation``."""
        if self.verification.lower_rate > self.budget.per_second:
            return "refused"
        return "armed" if self.verification.upper_rate <= self.budget.per_second else "probation"

    @property
    def raises_alarms(self) -> bool:
        """Whether a monitor raises alarms by this policy, which is as it was calibrated.

        It does not if calibration has shown that the budget is not kept. What a monitor observes later may
        refuse the policy too (`with_observed`), but never silences the machine.
        """
        return self.state != "refused"

    @property
    def missing_seconds(self) -> float:
        """Further normal running without an alarm that would verify the budget, seconds."""
        needed = required_seconds(self.budget, self.verification.alarms)
        return max(0.0, needed - self.verification.seconds)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        observed = {name: getattr(self, name).to_json() for name in ("calibration", "verification")}
        baseline = self.baseline.to_json() if self.baseline else None
        known = {**asdict(self), "budget": str(self.budget), **observed, "baseline": baseline}
        del known["notes"]
        if self.notes:  # otherwise the data are those of earlier versions, which stores compare
            known["notes"] = findings_to_json(self.notes)
        return known

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AlarmPolicy:
        """Invert `to_json`."""
        return cls(
            AlarmRule.from_json(data["rule"]),
            data["period"],
            AlarmBudget.parse(data["budget"]),
            data["method"],
            data["expected_rate"],
            Observation.from_json(data["calibration"]),
            Observation.from_json(data["verification"]),
            SlowBaseline.from_json(data["baseline"]) if data.get("baseline") else None,
            NormalScores(**data["normal"]) if data.get("normal") else None,
            findings_from_json(data.get("notes", ())),
        )


def calibrate_alarms(
    sessions: Sequence[Session],
    budget: AlarmBudget,
    period: float,
    *,
    timing: Timing | None = None,
    time_constant: float | None = TIME_CONSTANT,
    seed: int = 0,
) -> AlarmPolicy:
    """Return the rule with the lowest threshold that keeps a budget of false alarms.

    Args:
        sessions: normal running that the model was not fitted on, in the order of time.
        budget: the largest accepted rate of false alarms.
        period: seconds between scores.
        timing: persistence and cool-down; ``None`` for those that suit the length of the sessions.
        time_constant: of the baseline that follows slow drift, seconds; ``None`` for none.
        seed: of the resamples of blocks.

    Raises:
        FitError: there is too little normal running, or all of its scores are equal.
    """
    lengths = [len(session.scores) * period for session in sessions]
    timing = timing or timing_for(lengths)
    k, n = (max(1, round(length / period)) for length in (timing.above, timing.among))
    scores = [np.asarray(session.scores, np.float64) for session in sessions]
    if not all(np.all(np.isfinite(values)) for values in scores):
        raise FitError("a score of the normal running is not finite")
    baseline = None
    if time_constant is not None and any(map(len, scores)):
        settings = SlowBaseline.of_scores(scores, time_constant)
        shifts, baseline = calibration_shifts(scores, period, settings)
        scores = [values - shift for values, shift in zip(scores, shifts, strict=True)]
    persistent = [persistent_scores(values, k, n)[k - 1 :] for values in scores]
    persistent = [values for values in persistent if len(values)]
    observed = np.concatenate(persistent) if persistent else np.empty(0)
    if len(observed) < n:
        raise too_little(sum(lengths), needed_for_tail(n * period))
    if np.ptp(observed) == 0:
        raise FitError(
            "all scores of the normal running are equal, so that they show no alarm threshold: record the "
            "machine itself as it runs"
        )
    method, threshold, expected = choose_threshold(persistent, budget, period, n * period, seed)
    median = float(np.median(observed))
    threshold = median + margin_for(lengths) * (threshold - median)
    rule = AlarmRule(threshold, threshold - HYSTERESIS * max(threshold - median, 0.0), k, n, timing.cool_down)
    normal = NormalScores(median, float(observed.max()))
    if baseline is None:
        calibration = observe(rule, sessions, period)
        return AlarmPolicy(rule, period, budget, method, expected, calibration, normal=normal)
    settings = replace(baseline.settings, reach=REACH * max(threshold - baseline.settings.reference, 0.0))
    calibration = observe(rule, sessions, period, settings)
    followed = replace(settings, start=baseline.deviation)
    return AlarmPolicy(rule, period, budget, method, expected, calibration, baseline=followed, normal=normal)


def verify_alarms(policy: AlarmPolicy, sessions: Sequence[Session]) -> AlarmPolicy:
    """Return the policy with the alarms that it raises in other normal running.

    Args:
        policy: the policy.
        sessions: normal running that neither the model nor the threshold depends on, in the order of time.
    """
    observed = observe(policy.rule, sessions, policy.period, policy.baseline)
    return replace(policy, verification=observed)


def with_observed(policy: AlarmPolicy, seconds: float, alarms: int) -> AlarmPolicy:
    """Return the policy with further running, as a monitor observes it, added to the verification.

    All alarms count against the budget, but one of them may be real: the lower limit of the rate, from which
    follows that a budget is not kept, is without it.

    Args:
        policy: the policy.
        seconds: time in which scores counted.
        alarms: alarms in that time that are not known to be real.
    """
    known = policy.verification
    total = known.seconds + seconds
    observed = Observation.of(total, known.sessions + 1, known.alarms + alarms)
    least = lower_rate(known.alarms + max(0, alarms - 1), total)
    return replace(policy, verification=replace(observed, lower_rate=least))
