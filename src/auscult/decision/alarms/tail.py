"""How often persistent scores exceed levels beyond those that were observed: a generalised Pareto tail.

The peaks of separate excursions above a level are described by a Poisson process with generalised Pareto
excesses (S. Coles, "An Introduction to Statistical Modeling of Extreme Values", 2001, chapters 4 and 5).
Shape and scale are those of probability-weighted moments (J. R. M. Hosking and J. R. Wallis, Technometrics
29, 1987), which are stable for few peaks. The shape is kept between 0 and 0.5: a bounded tail is never
assumed, since nothing says that a machine cannot sound more unusual than it ever has.

Few peaks say nothing about the shape: the standard error is about 0.4 for five of them, and 0.2 for thirty. A
wrong shape of 0.5 makes a threshold that nothing reaches of ten minutes and a budget of one alarm a week. So
the tail is exponential for five peaks, and the estimated shape counts more the more there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auscult.errors import FitError

#: Range of the shape; 0 is an exponential tail.
SHAPES = (0.0, 0.5)
#: Fewest peaks from which a tail is estimated, and with which the estimate of the shape counts in full.
MIN_PEAKS, ENOUGH_PEAKS = 5, 30


@dataclass(frozen=True)
class PeakTail:
    """The rate of excursions above levels of at least ``level``.

    Attributes:
        level: the level whose excursions were counted.
        rate: of these, per second.
        scale: of the generalised Pareto distribution of the excesses, in the unit of the score.
        shape: of that distribution.
        peaks: number of excursions that it was fitted to.
    """

    level: float
    rate: float
    scale: float
    shape: float
    peaks: int

    @classmethod
    def fit(cls, peaks: Sequence[float], level: float, seconds: float) -> PeakTail:
        """Fit the tail to the peaks of all excursions above a level.

        Args:
            peaks: the largest value of each excursion, above the level.
            level: the level.
            seconds: time of observation.

        Raises:
            FitError: there are fewer than five excursions.
        """
        excesses = np.sort(np.asarray(peaks, np.float64) - level)
        count = len(excesses)
        if count < MIN_PEAKS:
            raise FitError(f"a tail needs at least {MIN_PEAKS} separate excursions, got {count}")
        mean = float(excesses.mean())
        weights = 1 - (np.arange(1, count + 1) - 0.35) / count
        weighted = float((weights * excesses).mean())
        shape = 2 - mean / max(mean - 2 * weighted, 1e-12)
        known = min(1.0, (count - MIN_PEAKS) / (ENOUGH_PEAKS - MIN_PEAKS))
        shape = known * float(np.clip(shape, *SHAPES))
        return cls(level, count / seconds, mean * (1 - shape), shape, count)

    def rate_above(self, threshold: float) -> float:
        """Return the rate of excursions above a threshold of at least the level, per second."""
        excess = max(threshold - self.level, 0.0) / self.scale
        if self.shape == 0:
            return float(self.rate * np.exp(-excess))
        return float(self.rate * (1 + self.shape * excess) ** (-1 / self.shape))

    def threshold(self, rate: float) -> float:
        """Return the level that is exceeded at a rate, per second; at least ``level``."""
        ratio = max(self.rate / rate, 1.0)
        if self.shape == 0:
            return float(self.level + self.scale * np.log(ratio))
        return float(self.level + self.scale * (ratio**self.shape - 1) / self.shape)
