"""How long something must last to be an alarm, and how cautious the threshold is: by the calibration.

The constants were chosen on simulated machine-weeks (`bench.alarms`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auscult.decision.alarms.budget import PERIODS


@dataclass(frozen=True)
class Timing:
    """Persistence and cool-down of a rule.

    Attributes:
        above: seconds of scores above the threshold that start an alarm …
        among: … in so many successive ones.
        cool_down: seconds at or below the release level after which an alarm ends.
    """

    above: float
    among: float
    cool_down: float


#: A sound nearby hardly lasts longer, and scores that hover around the threshold are one alarm.
USUAL = Timing(90.0, 120.0, 3600.0)
#: With less normal running than `ENOUGH` seconds there are too few separate excursions of the usual length.
SHORT = Timing(20.0, 30.0, 60.0)
ENOUGH = 3600.0
#: The distance of the threshold from the median score is multiplied by this if the normal running is of some
#: days: other days differ by more than the hours of one or two. A week contains such days. For less than an
#: hour it was not examined.
MARGIN = 2.0


def timing_for(lengths: Sequence[float]) -> Timing:
    """Return the timing for a calibration by sessions of such lengths in seconds."""
    return SHORT if _is_short(lengths) else USUAL


def margin_for(lengths: Sequence[float]) -> float:
    """Return by how much the distance of the threshold from the median score is multiplied."""
    return 1.0 if _is_short(lengths) or sum(lengths) >= PERIODS["week"] else MARGIN


def _is_short(lengths: Sequence[float]) -> bool:
    return sum(max(0.0, length - USUAL.among) for length in lengths) < ENOUGH
