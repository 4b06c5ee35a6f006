"""Alarm policies: a rule that keeps a budget of false alarms, and how far that is verified.

The rule comes from the scores of normal running that the model was not fitted on. Windows that follow each
other overlap and are never taken as independent: what counts are excursions of the persistent score, and
sessions, that is recordings without a gap, or blocks of them.

- With enough normal running the threshold is the split conformal one of the largest persistent score of each
  block (Vovk et al. 2005): another block exceeds it with a probability that keeps the budget.
- With less it comes from a generalised Pareto tail (`tail`), and is labelled as based on a model.

Either way the budget is a promise until normal running that was not used for the threshold confirms it
(`verify_alarms`): without an alarm in a time T there are at most 2.3 / T with 90 % confidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from auscult.decision.alarms.budget import AlarmBudget, lower_rate, required_seconds, upper_rate
from auscult.decision.alarms.episodes import AlarmRule, find_episodes, persistent_scores
from auscult.decision.alarms.tail import MIN_PEAKS, PeakTail
from auscult.errors import FitError

Method = Literal["conformal", "tail"]
State = Literal["armed", "probation", "refused"]

#: Scores above the threshold that start an alarm, among so many successive ones.
PERSISTENCE = (20, 30)
#: Seconds at or below the release level after which an alarm ends.
COOL_DOWN = 60.0
#: The release level lies below the threshold by this part of the distance from the median score.
HYSTERESIS = 0.25
#: Quantiles of the persistent scores at which excursions are counted, from the highest.
_LEVELS = (0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
#: Excursions that are enough for a tail.
_ENOUGH_PEAKS = 30
#: Resamples of the blocks, and the part of them whose thresholds are at most the one that is used.
_RESAMPLES, _CONFIDENT_PART = 200, 0.9
#: Longest block of a session in the estimate of a tail, seconds.
_TAIL_BLOCK = 3600.0


@dataclass(frozen=True)
class Session:
    """Scores of normal running without a gap.

    Attributes:
        scores: (N,) scores of successive windows.
        name: the recording, or when it was made.
    """

    scores: np.ndarray
    name: str = ""


@dataclass(frozen=True)
class Observation:
    """Normal running that a rule was applied to.

    Attributes:
        seconds: its duration.
        sessions: number of sessions.
        alarms: number of episodes, all of them false alarms.
        upper_rate: upper 90 % confidence limit of the rate of false alarms, per second.
        lower_rate: lower one.
    """

    seconds: float = 0.0
    sessions: int = 0
    alarms: int = 0
    upper_rate: float = math.inf
    lower_rate: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data: an unknown upper limit is ``None``, since JSON has no infinity."""
        return {**asdict(self), "upper_rate": self.upper_rate if self.seconds else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Observation:
        """Invert `to_json`."""
        limit = data["upper_rate"]
        return cls(**{**data, "upper_rate": math.inf if limit is None else limit})


@dataclass(frozen=True)
class AlarmPolicy:
    """A rule for alarms with the budget that it is to keep.

    Attributes:
        rule: when an alarm starts and ends.
        period: seconds between scores.
        budget: the largest accepted rate of false alarms.
        method: ``conformal``, or ``tail`` for a threshold that is based on a model.
        expected_rate: false alarms per second by that method.
        calibration: the normal running that set the threshold; its alarms do not verify anything.
        verification: the normal running that the threshold does not depend on.
    """

    rule: AlarmRule
    period: float
    budget: AlarmBudget
    method: Method
    expected_rate: float
    calibration: Observation
    verification: Observation = field(default_factory=Observation)

    @property
    def state(self) -> State:
        """``armed`` if the budget is verified, ``refused`` if it is not kept, otherwise ``probation``."""
        if self.verification.lower_rate > self.budget.per_second:
            return "refused"
        return "armed" if self.verification.upper_rate <= self.budget.per_second else "probation"

    @property
    def missing_seconds(self) -> float:
        """Further normal running without an alarm that would verify the budget, seconds."""
        needed = required_seconds(self.budget, self.verification.alarms)
        return max(0.0, needed - self.verification.seconds)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data."""
        observed = {name: getattr(self, name).to_json() for name in ("calibration", "verification")}
        return {**asdict(self), "budget": str(self.budget), **observed}

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
        )


def calibrate_alarms(
    sessions: Sequence[Session],
    budget: AlarmBudget,
    period: float,
    *,
    persistence: tuple[int, int] = PERSISTENCE,
    cool_down: float = COOL_DOWN,
    seed: int = 0,
) -> AlarmPolicy:
    """Return the rule with the lowest threshold that keeps a budget of false alarms.

    Args:
        sessions: normal running that the model was not fitted on.
        budget: the largest accepted rate of false alarms.
        period: seconds between scores.
        persistence: ``k`` and ``n`` of the rule.
        cool_down: as in `AlarmRule`.
        seed: of the resamples of blocks.

    Raises:
        FitError: there is too little normal running, or all of its scores are equal.
    """
    k, n = persistence
    persistent = [persistent_scores(session.scores, k, n)[k - 1 :] for session in sessions]
    persistent = [values for values in persistent if len(values)]
    observed = np.concatenate(persistent) if persistent else np.empty(0)
    if not np.all(np.isfinite(observed)):
        raise FitError("a score of the normal running is not finite")
    if len(observed) < n or np.ptp(observed) == 0:
        raise FitError(
            f"{len(observed) * period:.0f} s of normal running with different scores are too little for an "
            f"alarm threshold: record at least {_minimum_seconds(n, period):.0f} s without interruption"
        )
    threshold = _conformal(persistent, budget, period)
    method: Method = "conformal"
    expected = budget.per_second
    if threshold is None:
        method = "tail"
        threshold, expected = _from_tail(persistent, budget, period, n * period, seed)
    median = float(np.median(observed))
    rule = AlarmRule(threshold, threshold - HYSTERESIS * max(threshold - median, 0.0), k, n, cool_down)
    calibration = _observe(rule, sessions, period)
    return AlarmPolicy(rule, period, budget, method, expected, calibration)


def verify_alarms(policy: AlarmPolicy, sessions: Sequence[Session]) -> AlarmPolicy:
    """Return the policy with the alarms that it raises in other normal running.

    Args:
        policy: the policy.
        sessions: normal running that neither the model nor the threshold depends on.
    """
    return replace(policy, verification=_observe(policy.rule, sessions, policy.period))


def with_observed(policy: AlarmPolicy, seconds: float, alarms: int) -> AlarmPolicy:
    """Return the policy with further normal running, as a monitor observes it, added to the verification.

    Args:
        policy: the policy.
        seconds: time in which scores counted.
        alarms: false alarms in that time.
    """
    known = policy.verification
    seconds, alarms = known.seconds + seconds, known.alarms + alarms
    observed = Observation(
        seconds, known.sessions + 1, alarms, upper_rate(alarms, seconds), lower_rate(alarms, seconds)
    )
    return replace(policy, verification=observed)


def _observe(rule: AlarmRule, sessions: Sequence[Session], period: float) -> Observation:
    """Count the alarms of normal running. Sessions are resampled, since alarms may come in some of them."""
    lengths = np.array([len(session.scores) * period for session in sessions])
    counts = np.array(
        [
            len(find_episodes(persistent_scores(session.scores, rule.k, rule.n), period, rule))
            for session in sessions
        ]
    )
    seconds, alarms = float(lengths.sum()), int(counts.sum())
    upper, lower = upper_rate(alarms, seconds), lower_rate(alarms, seconds)
    if len(sessions) > 1 and alarms:
        rng = np.random.default_rng(0)
        draws = rng.integers(len(sessions), size=(_RESAMPLES, len(sessions)))
        rates = counts[draws].sum(axis=1) / lengths[draws].sum(axis=1)
        upper, lower = max(upper, float(np.quantile(rates, 0.9))), min(lower, float(np.quantile(rates, 0.1)))
    return Observation(seconds, len(sessions), alarms, upper, lower)


def _conformal(persistent: Sequence[np.ndarray], budget: AlarmBudget, period: float) -> float | None:
    """Return the split conformal threshold of the maxima of blocks, or ``None`` if there are too few.

    Blocks are so short that one is allowed to have an alarm with a probability of at most one half.
    """
    shortest = min(len(values) for values in persistent) * period
    length = min(shortest, 0.5 / budget.per_second)
    maxima = np.sort([block.max() for block in _blocks(persistent, length, period)])
    rank = math.ceil((len(maxima) + 1) * (1 - budget.per_second * length))
    return float(maxima[rank - 1]) if rank <= len(maxima) else None


def _from_tail(
    persistent: Sequence[np.ndarray], budget: AlarmBudget, period: float, pause: float, seed: int
) -> tuple[float, float]:
    """Return a threshold from the tail of the peaks, and the rate at which the tail says it is exceeded.

    The threshold is the 90 % quantile over resamples of the blocks: a few peaks say little about the tail,
    and a budget that is exceeded costs more than a somewhat higher threshold. It is never below the largest
    persistent score if an alarm in that time would exceed the budget.

    Args:
        persistent: persistent scores of each session.
        budget: the accepted rate.
        period: seconds between scores.
        pause: seconds that separate two excursions: the persistent scores before and after have no window in
            common.
        seed: of the resamples.
    """
    seconds = sum(map(len, persistent)) * period
    level, blocks = _tail_level(persistent, period, pause)
    peaks = [peak for block in blocks for peak in block]
    tail = PeakTail.fit(peaks, level, seconds)
    rng = np.random.default_rng(seed)
    thresholds = []
    for _ in range(_RESAMPLES):
        drawn = [peak for index in rng.integers(len(blocks), size=len(blocks)) for peak in blocks[index]]
        if len(drawn) >= MIN_PEAKS:
            thresholds.append(PeakTail.fit(drawn, level, seconds).threshold(budget.per_second))
    threshold = max(tail.threshold(budget.per_second), float(np.quantile(thresholds, _CONFIDENT_PART)))
    if seconds * budget.per_second < 1:
        threshold = max(threshold, max(peaks))
    return threshold, tail.rate_above(threshold)


def _tail_level(
    persistent: Sequence[np.ndarray], period: float, pause: float
) -> tuple[float, list[list[float]]]:
    """Return the highest level with enough excursions, and the peaks of these for each block."""
    observed = np.concatenate(persistent)
    best: tuple[float, list[list[float]]] | None = None
    for quantile in _LEVELS:
        level = float(np.quantile(observed, quantile))
        rule = AlarmRule(level, level, cool_down=pause)
        blocks = [
            [episode.peak for episode in find_episodes(block, period, rule)]
            for block in _blocks(persistent, _TAIL_BLOCK, period)
        ]
        if best is None or sum(map(len, blocks)) > sum(map(len, best[1])):
            best = level, blocks
        if sum(map(len, blocks)) >= _ENOUGH_PEAKS:
            break
    assert best is not None
    if sum(map(len, best[1])) < MIN_PEAKS:
        minutes = len(observed) * period / 60
        raise FitError(
            f"{minutes:.0f} min of normal running have only {sum(map(len, best[1]))} separate excursions of "
            f"the score, and a threshold needs {MIN_PEAKS}: record longer, with all normal loads and speeds"
        )
    return best


def _blocks(persistent: Sequence[np.ndarray], length: float, period: float) -> list[np.ndarray]:
    """Cut sessions into blocks of at least a length, seconds; a shorter session is one block."""
    windows = max(1, math.ceil(length / period))
    return [
        block for values in persistent for block in np.array_split(values, max(1, len(values) // windows))
    ]


def _minimum_seconds(n: int, period: float) -> float:
    return 10 * n * period
