"""Metrics of anomaly detection as functions of labels and scores, exact for tied scores.

All metrics are computed from the cumulative weights of the normal and of the anomalous clips at or above
each score, from the highest score down. The weights are ones for the metric itself; without a recording, its
clips have the weight zero. There is one row for each recording left out, so that all of them are one array
operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError

Area = TypeVar("Area", float, np.ndarray)

#: The partial AUC covers false-positive rates up to this one.
MAX_FPR = 0.1


@dataclass(frozen=True)
class Ranking:
    """The order of N scores, highest first, with tied scores grouped.

    Attributes:
        order: (N,) indices of the scores from the highest to the lowest.
        ends: (L,) position in ``order`` of the last score of each of the L distinct values.
    """

    order: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray) -> Ranking:
        """Ranks (N,) finite scores."""
        order = np.argsort(-scores, kind="stable")
        last = np.flatnonzero(np.diff(scores[order]))
        return cls(order, np.append(last, len(scores) - 1))

    def cumulate(self, weights: np.ndarray) -> np.ndarray:
        """Cumulative (R, L + 1) weights at or above each distinct score, from 0 to the sum of the weights.

        Args:
            weights: (R, N) the weight of each score.
        """
        sums = np.cumsum(weights[:, self.order], axis=1)[:, self.ends]  # (R, L)
        return np.concatenate([np.zeros((len(weights), 1)), sums], axis=1)


def area_under_curve(normal: np.ndarray, anomaly: np.ndarray) -> np.ndarray:
    """AUC of each of R curves; ties count one half.

    Args:
        normal: (R, L + 1) cumulative weights of normal clips, from ``Ranking.cumulate``.
        anomaly: (R, L + 1) cumulative weights of anomalous clips.
    """
    width = np.diff(normal, axis=1)
    height = (anomaly[:, 1:] + anomaly[:, :-1]) / 2
    return np.sum(width * height, axis=1) / (normal[:, -1] * anomaly[:, -1])


def partial_area_under_curve(normal: np.ndarray, anomaly: np.ndarray, max_fpr: float = MAX_FPR) -> np.ndarray:
    """Partial AUC of each of R curves over false-positive rates up to ``max_fpr``.

    Standardised by `standardised_area`. The step that crosses ``max_fpr`` counts up to it, by linear
    interpolation.

    Args:
        normal: (R, L + 1) cumulative weights of normal clips.
        anomaly: (R, L + 1) cumulative weights of anomalous clips.
        max_fpr: the largest false-positive rate.
    """
    fpr = normal / normal[:, -1:]
    tpr = anomaly / anomaly[:, -1:]
    step = np.diff(fpr, axis=1)
    width = np.diff(np.minimum(fpr, max_fpr), axis=1)  # the part of each step below max_fpr
    fraction = np.divide(width, step, out=np.zeros_like(step), where=step > 0)
    height = tpr[:, :-1] + np.diff(tpr, axis=1) * fraction / 2
    return standardised_area(np.sum(width * height, axis=1), max_fpr)


def standardised_area(area: Area, max_fpr: float = MAX_FPR) -> Area:
    """A partial area A up to m = ``max_fpr`` as standardised by McClish (1989): ½ is chance and 1 is perfect.

    It is ½ (1 + (A − m²/2) / (m − m²/2)).
    """
    chance = max_fpr**2 / 2
    return 0.5 * (1 + (area - chance) / (max_fpr - chance))


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve.

    It equals the probability that an anomalous clip scores above a normal clip; ties count one half.

    Args:
        labels: (N,) true or 1 for anomalous clips.
        scores: (N,) higher is more anomalous.

    Raises:
        EvaluationError: lengths differ, a label is neither true nor false, a score is not finite, or one of
            the classes is missing.
    """
    normal, anomaly, _ = _curve(labels, scores)
    return float(area_under_curve(normal, anomaly)[0])


def pauc(labels: ArrayLike, scores: ArrayLike, *, max_fpr: float = MAX_FPR) -> float:
    """Partial AUC up to ``max_fpr``, McClish-standardised; arguments and errors as of ``auc``."""
    normal, anomaly, _ = _curve(labels, scores)
    return float(partial_area_under_curve(normal, anomaly, max_fpr)[0])


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ROC curve from (0, 0) to (1, 1), with a point for each of the L distinct scores.

    Args:
        labels: (N,) true or 1 for anomalous clips.
        scores: (N,) higher is more anomalous.

    Returns:
        False-positive rates, true-positive rates and thresholds: three (L + 1,) arrays. Clips with scores at
        or above the threshold count as positive; the first threshold is infinite.

    Raises:
        EvaluationError: as ``auc``.
    """
    normal, anomaly, distinct = _curve(labels, scores)
    return normal[0] / normal[0, -1], anomaly[0] / anomaly[0, -1], np.append(math.inf, distinct)


def harmonic_mean(values: ArrayLike) -> float:
    """Harmonic mean of values ≥ 0; zero if one of them is zero.

    Raises:
        EvaluationError: no values, or a negative one.
    """
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(array) == 0 or not np.all(array >= 0):
        raise EvaluationError(
            f"a harmonic mean needs at least one value and none negative, got {array.tolist()}"
        )
    return float(harmonic_means(array[:, None])[0])


def harmonic_means(terms: np.ndarray) -> np.ndarray:
    """(R,) harmonic means over the first axis of (K, R) terms ≥ 0; zero where a term is zero."""
    with np.errstate(divide="ignore"):
        return len(terms) / np.sum(1 / terms, axis=0)  # 1/0 is infinite, and K/∞ is 0


def as_booleans(values: ArrayLike, name: str) -> np.ndarray:
    """Converts N booleans, zeros and ones to an (N,) bool array.

    Args:
        values: the values.
        name: what a value is, for the error message.

    Raises:
        EvaluationError: a value is none of these.
    """
    array = np.asarray(values).reshape(-1)
    if array.dtype != bool and not np.all((array == 0) | (array == 1)):
        raise EvaluationError(f"each {name} must be true or false, 1 or 0")
    return array.astype(bool)


def as_scores(values: ArrayLike) -> np.ndarray:
    """Converts N scores to an (N,) float64 array of finite values.

    Raises:
        EvaluationError: a score is NaN or infinite.
    """
    scores = np.asarray(values, dtype=np.float64).reshape(-1)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise EvaluationError(f"{len(bad)} of {len(scores)} scores are not finite, first at index {bad[0]}")
    return scores


def _curve(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cumulative counts of normal and anomalous clips, (1, L + 1) each, and the (L,) distinct scores, highest
    first."""
    anomaly, values = as_booleans(labels, "label"), as_scores(scores)
    if len(anomaly) != len(values):
        raise EvaluationError(f"{len(anomaly)} labels but {len(values)} scores")
    anomalies = int(np.sum(anomaly))
    if anomalies in (0, len(anomaly)):
        raise EvaluationError(
            f"an AUC needs normal and anomalous clips; there are {len(anomaly) - anomalies} normal and "
            f"{anomalies} anomalous"
        )
    ranking = Ranking.of(values)
    weights = anomaly[None, :].astype(np.float64)
    return (
        ranking.cumulate(1 - weights),
        ranking.cumulate(weights),
        values[ranking.order][ranking.ends],
    )
