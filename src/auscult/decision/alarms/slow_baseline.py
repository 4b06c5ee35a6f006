"""A baseline that follows slow drift of the scores, so that running-in and seasons do not break a budget.

The baseline is an average of the medians of ten minutes of counted running, in which older ones weigh
exponentially less. What is compared with the threshold is the score minus the rise of this baseline since the
calibration. A fault that develops faster than the baseline follows still raises an alarm, and nothing is
hidden for good:

- A median counts as at most the reach above the shifted reference. So the shift rises by at most the reach in
  a time constant, and a sudden rise is an alarm for hours before it is followed, also during that alarm.
- Policies of earlier versions have no reach but a limit of the shift, and their scores during an alarm do
  not count: a rise that is sudden or beyond the limit is an alarm for as long as it lasts.
- A fall of the scores is not followed: it would make alarms of scores that were normal at calibration.
- A baseline that leaves the spread of the calibration scores, upwards or downwards, is reported as drift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from auscult.errors import OptionError

Drift = Literal["up", "down"]

#: Seconds of counted running whose median is one value of the baseline.
BLOCK_SECONDS = 600.0
#: Time constant of the average of these medians, seconds of counted running.
TIME_CONSTANT = 3 * 3600.0
#: How far the baseline reaches, as a part of the distance of the threshold from the reference.
REACH = 0.5
#: A drift ends when the baseline is closer to the reference than this part of the spread.
_DRIFT_ENDS = 0.8
#: Quantiles of the calibration scores that are half of the spread away from each other, on both sides.
_SPREAD = (0.05, 0.95)


@dataclass(frozen=True)
class SlowBaseline:
    """How slow drift of the scores is followed.

    Attributes:
        reference: level of the scores at calibration.
        spread: half the distance between the 5 % and 95 % quantiles of the calibration scores.
        limit: largest shift; ``None`` for any.
        time_constant: seconds of counted running in which 63 % of a lasting change are followed.
        start: deviation of the baseline from the reference at the end of the calibration.
        reach: a median counts as at most so much above the shifted reference, and scores during an alarm
            count as well; ``None`` if medians count as they are, and scores during an alarm do not.

    Raises:
        OptionError: the time constant is not positive, or one of the other settings is negative.
    """

    reference: float
    spread: float
    limit: float | None = None
    time_constant: float = TIME_CONSTANT
    start: float = 0.0
    reach: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.time_constant < math.inf:
            raise OptionError(f"time_constant={self.time_constant:g} is not a valid duration in seconds")
        for name in ("limit", "spread", "reach"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise OptionError(f"{name}={value:g} must not be negative")

    @classmethod
    def of_scores(cls, scores: Sequence[np.ndarray], time_constant: float = TIME_CONSTANT) -> SlowBaseline:
        """Return a baseline relative to the scores of normal running.

        Args:
            scores: of each session.
            time_constant: see `SlowBaseline`.
        """
        low, reference, high = np.quantile(np.concatenate(scores), (_SPREAD[0], 0.5, _SPREAD[1]))
        spread = float(high - low) / 2
        return cls(float(reference), spread, time_constant=time_constant)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data without what is ``None``; earlier versions wrote the same."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SlowBaseline:
        """Invert `to_json`."""
        return cls(**data)


class BaselineTracker:
    """Follows the baseline as scores arrive.

    Args:
        settings: how.
        period: seconds between scores.
        state: from `state`, of an earlier tracker with the same settings; otherwise it is ignored.

    Attributes:
        settings: as given.
        deviation: of the baseline from the reference, positive if the scores have risen.
        seconds: counted running that was followed.
        drift: whether the baseline has left the spread of the calibration scores, and in which direction.
    """

    def __init__(self, settings: SlowBaseline, period: float, state: Mapping[str, Any] | None = None) -> None:
        self.settings, self.period = settings, period
        self.deviation, self.seconds = settings.start, 0.0
        self.drift: Drift | None = None
        if state and state.get("baseline") == settings.to_json():
            self.deviation, self.seconds = float(state["deviation"]), float(state["seconds"])
            self.drift = state["drift"]
        self._block = max(1, round(BLOCK_SECONDS / period))
        self._weight = -math.expm1(-self._block * period / settings.time_constant)
        self._scores: list[float] = []

    @property
    def shift(self) -> float:
        """What is subtracted from a score before it is compared with the threshold."""
        limit = math.inf if self.settings.limit is None else self.settings.limit
        return min(max(self.deviation, 0.0), limit)

    @property
    def exhausted(self) -> bool:
        """Whether the shift has reached its limit, so that a further rise is not followed."""
        return self.settings.limit is not None and self.deviation >= self.settings.limit

    @property
    def missing(self) -> int:
        """Number of scores after which the shift changes next."""
        return self._block - len(self._scores)

    def push(self, *scores: float) -> bool:
        """Add scores, at most `missing` ones; those of an alarm only if the settings have a reach.

        Returns:
            Whether the baseline was updated.
        """
        self._scores += scores
        if len(self._scores) < self._block:
            return False
        median = float(np.median(self._scores)) - self.settings.reference
        if self.settings.reach is not None:
            median = min(median, self.shift + self.settings.reach)
        self.deviation += self._weight * (median - self.deviation)
        self.seconds += self._block * self.period
        self._scores.clear()
        self._update_drift()
        return True

    def discard(self) -> None:
        """Forget the scores since the last update, because they led to an alarm."""
        self._scores.clear()

    def state(self) -> dict[str, Any]:
        """Return JSON-compatible data from which another tracker continues."""
        return {
            "baseline": self.settings.to_json(),
            "deviation": self.deviation,
            "seconds": self.seconds,
            "drift": self.drift,
        }

    def _update_drift(self) -> None:
        distance = abs(self.deviation)
        if distance > self.settings.spread:
            self.drift = "up" if self.deviation > 0 else "down"
        elif distance < _DRIFT_ENDS * self.settings.spread:
            self.drift = None
