"""Estimates with confidence intervals, and the intervals that have a closed form."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError
from auscult.evaluation.metrics import MAX_FPR, as_booleans, as_scores, standardised_area

LEVEL = 0.95


#: The note of an estimate whose interval is that of `separation_interval`.
SEPARATION_NOTE = (
    "clips that are separated perfectly have no bootstrap interval; the bound is exact, from the number of "
    "recordings"
)


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, all fractions.

    Attributes:
        value: the value.
        low: lower end of the interval; ``None`` without an interval.
        high: upper end of the interval; ``None`` without an interval.
        note: why there is no interval, or how it was computed if not in the usual way; else ``None``.
    """

    value: float
    low: float | None = None
    high: float | None = None
    note: str | None = None

    def to_json(self) -> dict[str, float | None]:
        """``{"value", "low", "high"}``."""
        return {"value": self.value, "low": self.low, "high": self.high}


def proportion_interval(
    successes: int, trials: int, *, independent: int | None = None, level: float = LEVEL
) -> Estimate:
    """Clopper–Pearson interval of a proportion; its coverage is at least ``level`` for any true proportion.

    If several trials come from one recording, the interval is that of as many trials as there are recordings,
    with the same proportion (Korn and Graubard 1998): it assumes that a recording tells as much as one trial.

    Args:
        successes: number of successes.
        trials: number of trials.
        independent: number of independent trials among them; ``None`` for all.
        level: confidence level.

    Raises:
        EvaluationError: no trials, or not 0 ≤ successes ≤ trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise EvaluationError(
            "a proportion needs 0 <= successes <= trials and at least one trial, "
            f"got {successes} successes in {trials} trials"
        )
    from scipy.special import betaincinv  # slow to import, and scoring does not need it

    tail, value = (1 - level) / 2, successes / trials
    size = trials if independent is None else independent
    hits = successes if independent is None else value * independent
    low = float(betaincinv(hits, size - hits + 1, tail)) if successes else 0.0
    high = float(betaincinv(hits + 1, size - hits, 1 - tail)) if successes < trials else 1.0
    return Estimate(value, low, high)


def separation_interval(metric: str, value: float, recordings: int, *, level: float = LEVEL) -> Estimate:
    """Interval of an AUC of 0 or 1, or of the partial AUC of clips that are separated in this way.

    Let k be the smaller of the numbers of normal and of anomalous recordings. They form k disjoint pairs of a
    normal and an anomalous clip. The pairs are independent, and each is ordered correctly with a probability
    of at most the true AUC A, so all clips are separated with a probability of at most A**k. As by
    Clopper and Pearson (1934), the interval is that of the AUCs with A**k ≥ (1 − level) / 2. It holds for any
    distribution of scores, and no smaller interval does: the probability is A**k if the scores of the larger
    group are all equal.

    A partial area up to a false-positive rate of m is at least A − (1 − m) and at most m · A.

    Args:
        metric: name of the metric, which begins with ``auc`` or ``pauc``.
        value: the value; at least ½ if all anomalous clips score higher, below ½ if all score lower.
        recordings: k.
        level: confidence level.
    """
    bound = ((1 - level) / 2) ** (1 / recordings)
    low, high = (bound, 1.0) if value > 0.5 else (0.0, 1 - bound)
    if metric.startswith("pauc"):
        low, high = standardised_area(max(0.0, low - (1 - MAX_FPR))), standardised_area(MAX_FPR * high)
    return Estimate(value, float(low), float(high), SEPARATION_NOTE)


def delong_interval(labels: ArrayLike, scores: ArrayLike, *, level: float = LEVEL) -> Estimate:
    """AUC with the interval of DeLong, DeLong and Clarke-Pearson (1988), clipped to [0, 1].

    If all clips are separated, the interval is that of `separation_interval`. Otherwise it is a normal
    approximation from the variances of the placement values: for each anomalous clip the fraction of
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
    if variance == 0 and value in (0.0, 1.0):
        return separation_interval("auc", value, min(len(normals), len(anomalies)), level=level)
    if variance == 0:
        return Estimate(value, note="the scores have too many ties for an interval")
    half_width = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt(variance))
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def _fraction_below(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each value the fraction of the sorted reference below it; ties count one half."""
    below = np.searchsorted(reference, values, side="left")
    not_above = np.searchsorted(reference, values, side="right")
    return (below + not_above) / (2 * len(reference))
