"""Normal running that an alarm rule was applied to: how many false alarms there were, and what it proves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from auscult.decision.alarms.budget import lower_rate, upper_rate
from auscult.decision.alarms.episodes import AlarmRule, find_episodes, persistent_scores
from auscult.decision.alarms.followed import find_followed
from auscult.decision.alarms.slow_baseline import BaselineTracker, SlowBaseline

#: Resamples of the sessions.
_RESAMPLES = 200


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

    @classmethod
    def of(cls, seconds: float, sessions: int, alarms: int) -> Observation:
        """Return an observation with the limits of a Poisson process."""
        return cls(seconds, sessions, alarms, upper_rate(alarms, seconds), lower_rate(alarms, seconds))

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data: an unknown upper limit is ``None``, since JSON has no infinity."""
        return {**asdict(self), "upper_rate": self.upper_rate if self.seconds else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Observation:
        """Invert `to_json`."""
        limit = data["upper_rate"]
        return cls(**{**data, "upper_rate": math.inf if limit is None else limit})


def observe(
    rule: AlarmRule, sessions: Sequence[Session], period: float, baseline: SlowBaseline | None = None
) -> Observation:
    """Count the alarms of normal running. Sessions are resampled, since alarms may come in some of them.

    Args:
        rule: the rule.
        sessions: in the order of time.
        period: seconds between scores.
        baseline: that drift is followed by; it continues from one session to the next.
    """
    lengths = np.array([len(session.scores) * period for session in sessions])
    tracker = BaselineTracker(baseline, period) if baseline else None
    counts = np.array(
        [
            len(
                find_followed(session.scores, period, rule, tracker)
                if tracker
                else find_episodes(persistent_scores(session.scores, rule.k, rule.n), period, rule)
            )
            for session in sessions
        ]
    )
    counted = Observation.of(float(lengths.sum()), len(sessions), int(counts.sum()))
    if len(sessions) < 2 or not counted.alarms:
        return counted
    rng = np.random.default_rng(0)
    draws = rng.integers(len(sessions), size=(_RESAMPLES, len(sessions)))
    rates = counts[draws].sum(axis=1) / lengths[draws].sum(axis=1)
    lower, upper = (float(np.quantile(rates, part)) for part in (0.1, 0.9))
    return replace(
        counted, upper_rate=max(counted.upper_rate, upper), lower_rate=min(counted.lower_rate, lower)
    )
