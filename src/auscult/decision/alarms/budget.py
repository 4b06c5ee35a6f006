"""Alarm budgets, such as one false alarm a week, and what normal running without alarms says about them.

False alarms are counted as a Poisson process. The upper limits are those of F. Garwood, "Fiducial limits for
the Poisson distribution", Biometrika 28 (1936): without any event in a time T the rate is at most 2.3 / T
with 90 % confidence.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from auscult.errors import OptionError

#: Seconds in each period in which a budget can be stated; a month is a twelfth of a mean year.
PERIODS = {"hour": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2629746.0, "year": 31556952.0}
#: One-sided confidence of the limits.
CONFIDENCE = 0.9
#: A budget is written with six digits, and without an exponent, as users write it.
_FEWEST, _MOST = 1e-4, 1e5


@dataclass(frozen=True)
class AlarmBudget:
    """The largest rate of false alarms that is accepted.

    Attributes:
        count: alarms in each period, from 0.0001 to 100000.
        period: ``hour``, ``day``, ``week``, ``month`` or ``year``.

    Raises:
        OptionError: the count is out of this range, or the period is unknown.

    Example:
        >>> budget = AlarmBudget.parse("1/week")
        >>> budget.per_second == 1 / (7 * 24 * 3600)
        True
    """

    count: float
    period: str

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise OptionError(f"unknown period {self.period!r}: choose one of {', '.join(PERIODS)}")
        if not _FEWEST <= self.count <= _MOST:
            raise OptionError(
                f"a budget must be a number of alarms from {_FEWEST:g} to {_MOST:g}, got {self.count:g}"
            )

    @classmethod
    def parse(cls, text: str) -> AlarmBudget:
        """Parse a budget as a user writes it: ``1/week``, ``0.5/day``, ``2 per month``.

        Raises:
            OptionError: the text is something else.
        """
        match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*(?:/|per)\s*([a-z]+)", text.strip().lower())
        if match is None:
            raise OptionError(
                f"invalid alarm budget {text!r}: write a number and a period, like 1/week or 2/day"
            )
        return cls(float(match[1]), match[2].removesuffix("s") if match[2] not in PERIODS else match[2])

    @property
    def per_second(self) -> float:
        """The accepted rate in alarms per second."""
        return self.count / PERIODS[self.period]

    def per_period(self, per_second: float) -> str:
        """Return a rate in words, in the period of this budget.

        Example:
            >>> AlarmBudget(1, "day").per_period(0.0281), AlarmBudget(1, "week").per_period(3.8e-6)
            ('2,400 a day', '2.3 a week')
        """
        rate = float(f"{per_second * PERIODS[self.period]:.2g}")
        return f"{rate:,.12g} {'an' if self.period == 'hour' else 'a'} {self.period}"

    def __str__(self) -> str:
        return f"{self.count:g}/{self.period}"


def upper_rate(events: int, seconds: float, confidence: float = CONFIDENCE) -> float:
    """Return the upper confidence limit of a Poisson rate, in events per second.

    Args:
        events: the number of events observed.
        seconds: the time of observation; the limit is infinite if it is 0.
        confidence: one-sided, between 0 and 1.
    """
    return _expected(events + 1, confidence) / seconds if seconds > 0 else math.inf


def lower_rate(events: int, seconds: float, confidence: float = CONFIDENCE) -> float:
    """Return the lower confidence limit of a Poisson rate, as `upper_rate`; 0 without events."""
    if not events or not seconds > 0:
        return 0.0
    return _expected(events, 1 - confidence) / seconds


def required_seconds(budget: AlarmBudget, events: int = 0, confidence: float = CONFIDENCE) -> float:
    """Return the time of observation with which that many events do not contradict the budget.

    Example:
        >>> round(required_seconds(AlarmBudget(1, "week")) / 86400, 1)  # days without an alarm
        16.1
    """
    return _expected(events + 1, confidence) / budget.per_second


def _expected(events: int, probability: float) -> float:
    """Return the expected number of events with which at least so many occur with a probability."""
    from scipy.special import gammaincinv  # slow to import, and not needed to load a model

    return float(gammaincinv(events, probability))
