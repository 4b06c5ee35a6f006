"""Fits a gamma distribution with a location to scores, and tells whether it describes them.

The likelihood of three parameters has no maximum: with a shape below 1 it grows without bound as the location
approaches the smallest score (Smith 1985). A single optimisation ends there, or anywhere, depending on where
it starts. Here it starts from several points, and only solutions away from that singularity count.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from auscult.errors import FitError

#: Lower bound of the shape of a solution.
MIN_SHAPE = 1.0
#: A solution's location is below the smallest score by at least this multiple of the standard deviation.
MIN_GAP = 0.01
#: Largest Kolmogorov–Smirnov distance between the scores and a distribution that describes them.
MAX_DISTANCE = 0.2
#: Distances from the smallest score to the location of further starting points, in standard deviations.
_START_GAPS = (0.1, 0.5, 2.0, 8.0)


@dataclass(frozen=True)
class GammaFit:
    """A gamma distribution fitted to scores.

    Attributes:
        shape: shape parameter.
        location: location parameter.
        scale: scale parameter.
        gap: distance from the location to the smallest score, in standard deviations of the scores.
        distance: Kolmogorov–Smirnov distance from the distribution of the scores.
    """

    shape: float
    location: float
    scale: float
    gap: float
    distance: float

    @classmethod
    def of(cls, parameters: tuple[float, float, float], scores: np.ndarray) -> GammaFit:
        """Compares the distribution with these parameters with (n,) scores."""
        from scipy import stats

        gap = (float(scores.min()) - parameters[1]) / float(scores.std())
        return cls(*parameters, gap, float(stats.kstest(scores, stats.gamma(*parameters).cdf).statistic))

    @property
    def problem(self) -> str | None:
        """Why the distribution does not describe the scores, or ``None`` if it does."""
        if not self.shape >= MIN_SHAPE:
            return f"the shape is {self.shape:.2g}, below {MIN_SHAPE:g}"
        if not self.gap >= MIN_GAP:
            return "the location is at the smallest score"
        if not self.distance <= MAX_DISTANCE:
            return f"the Kolmogorov–Smirnov distance is {self.distance:.2f}, above {MAX_DISTANCE:g}"
        return None

    def quantile(self, probability: float) -> float:
        """The score that is exceeded with a probability of ``1 − probability``."""
        from scipy import stats

        return float(stats.gamma.ppf(probability, self.shape, loc=self.location, scale=self.scale))


def fit_gamma(scores: np.ndarray) -> GammaFit | None:
    """Return the solution of the greatest likelihood, or ``None`` if there is no acceptable one.

    Args:
        scores: (n,) finite scores, not all equal.
    """
    from scipy import stats  # slow to import, and needed by this method only

    mean, deviation = float(scores.mean()), float(scores.std())
    standardised = (scores - mean) / deviation  # the tolerances of the optimisation are absolute
    best: tuple[float, float, float] | None = None
    lowest = math.inf
    for start in _starting_points(standardised):
        parameters = _optimised(standardised, start)
        if parameters is None or not _acceptable(parameters, standardised):
            continue
        loss = float(stats.gamma.nnlf(parameters, standardised))
        if loss < lowest:
            best, lowest = parameters, loss
    if best is None:
        return None
    shape, location, scale = best
    return GammaFit.of((shape, mean + deviation * location, deviation * scale), scores)


def plain_gamma_fit(scores: np.ndarray) -> GammaFit:
    """Return the distribution that SciPy fits from its own start, as in the baseline, whatever it is.

    Args:
        scores: (n,) finite scores, not all equal.

    Raises:
        FitError: the optimisation fails.
    """
    from scipy import stats

    try:
        with np.errstate(all="ignore"):
            shape, location, scale = map(float, stats.gamma.fit(scores))
    except (stats.FitError, ValueError, ArithmeticError) as error:
        raise FitError(
            f"cannot fit a gamma distribution to {len(scores)} calibration scores ({error}); "
            "use the conformal threshold"
        ) from error
    return GammaFit.of((shape, location, scale), scores)


def _starting_points(scores: np.ndarray) -> Iterator[tuple[float, float, float] | None]:
    """Shape, location and scale: SciPy's own (``None``), by the method of moments, and for several locations.

    Args:
        scores: (n,) scores with mean 0 and standard deviation 1.
    """
    yield None
    skewness = max(float(np.mean(scores**3)), 0.1)
    yield 4 / skewness**2, -2 / skewness, skewness / 2
    for gap in _START_GAPS:
        location = float(scores.min()) - gap
        yield location**2, location, -1 / location


def _optimised(
    scores: np.ndarray, start: tuple[float, float, float] | None
) -> tuple[float, float, float] | None:
    """The local maximum of the likelihood that SciPy finds from a starting point, or ``None``."""
    from scipy import stats

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            if start is None:
                fitted = stats.gamma.fit(scores)
            else:
                shape, location, scale = start
                fitted = stats.gamma.fit(scores, shape, loc=location, scale=scale)
            return float(fitted[0]), float(fitted[1]), float(fitted[2])
    except (stats.FitError, ValueError, ArithmeticError):
        return None


def _acceptable(parameters: tuple[float, float, float], scores: np.ndarray) -> bool:
    fitted = GammaFit.of(parameters, scores)
    return all(map(math.isfinite, parameters)) and fitted.shape >= MIN_SHAPE and fitted.gap >= MIN_GAP
