"""Estimates with confidence intervals, and the intervals that have a closed form."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError
from auscult.evaluation.metrics import as_booleans, as_scores

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its 95 % interval, all fractions; the ends are ``None`` without an interval."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


def proportion_interval(successes: int, trials: int, *, level: float = LEVEL) -> Estimate:
    """Clopper–Pearson interval of a proportion; its coverage is at least ``level`` for any true proportion.

    Raises:
        EvaluationError: no trials, or not 0 ≤ successes ≤ trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise EvaluationError(
            "a proportion needs 0 <= successes <= trials and at least one trial, "
            f"got {successes} successes in {trials} trials"
        )
    from scipy.special import betaincinv  # slow to import, and scoring does not need it

    tail = (1 - level) / 2
    low = float(betaincinv(successes, trials - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, trials - successes, 1 - tail)) if successes < trials else 1.0
    return Estimate(successes / trials, low, high)


def delong_interval(labels: ArrayLike, scores: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """AUC with the interval of DeLong, DeLong and Clarke-Pearson (1988), clipped to [0, 1].

    Normal approximation from the variances of the placement values: for each anomalous clip the fraction of
    normal clips below it, for each normal clip the fraction of anomalous clips above it; ties count one half.

    Args:
        labels: (N,) true or 1 for anomalous clips.
        scores: (N,) higher is more anomalous.

    Raises:
        EvaluationError: fewer than two normal or two anomalous clips, or a score that is not finite.
    """
    anomaly, values = as_booleans(labels, "label"), as_scores(scores)
    if len(anomaly) != len(values):
        raise EvaluationError(f"{len(anomaly)} labels but {len(values)} scores")
    normals, anomalies = np.sort(values[~anomaly]), np.sort(values[anomaly])
    if min(len(normals), len(anomalies)) < 2:
        raise EvaluationError(
            f"a DeLong interval needs at least two normal and two anomalous clips; there are {len(normals)} "
            f"normal and {len(anomalies)} anomalous"
        )
    of_anomalies = _fraction_below(normals, anomalies)
    of_normals = 1 - _fraction_below(anomalies, normals)
    variance = np.var(of_anomalies, ddof=1) / len(anomalies) + np.var(of_normals, ddof=1) / len(normals)
    value = float(np.mean(of_anomalies))
    half_width = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def _fraction_below(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value the fraction of the sorted reference below it; ties count one half."""
    below = np.searchsorted(reference, values, side="left")
    not_above = np.searchsorted(reference, values, side="right")
    return (below + not_above) / (2 * len(reference))
