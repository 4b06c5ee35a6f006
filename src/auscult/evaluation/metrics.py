"""The field's metrics, each a function of labels and scores, exact where scores are tied.

Everything rests on one thing: how much weight of the normal and of the anomalous clips lies at or above
each score, highest score first. Weights are ones for a metric itself and the times that a clip was
drawn for its bootstrap, a row for each resample, so that a thousand resamples are one array operation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError


@dataclass(frozen=True)
class Ranking:
    """The order of N scores, highest first, tied ones together.

    Attributes:
        order: (N,) indices of the scores from the highest to the lowest.
        ends: (L,) place in ``order`` of the last score of each of the L distinct values.
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
        """Weight at or above each distinct score: (R, N) weights to (R, L + 1), from 0 to their sum."""
        sums = np.cumsum(weights[:, self.order], axis=1)[:, self.ends]  # (R, L)
        return np.concatenate([np.zeros((len(weights), 1)), sums], axis=1)


def area_under_curve(normal: np.ndarray, anomaly: np.ndarray) -> np.ndarray:
    """AUC of each of R curves; ties count one half.

    Args:
        normal: (R, L + 1) cumulated weight of normal clips, as from ``Ranking.cumulate``.
        anomaly: (R, L + 1) the same of anomalous clips.
    """
    width = np.diff(normal, axis=1)
    height = (anomaly[:, 1:] + anomaly[:, :-1]) / 2
    return np.sum(width * height, axis=1) / (normal[:, -1] * anomaly[:, -1])


def partial_area_under_curve(normal: np.ndarray, anomaly: np.ndarray, max_fpr: float = 0.1) -> np.ndarray:
    """Partial AUC of each of R curves over false-positive rates up to ``max_fpr``.

    McClish (1989) standardised, ½ (1 + (A − m²/2) / (m − m²/2)) with m = ``max_fpr``: ½ is chance and 1
    is perfect. The step that crosses ``max_fpr`` counts up to it, by linear interpolation.

    Args:
        normal: (R, L + 1) cumulated weight of normal clips.
        anomaly: (R, L + 1) cumulated weight of anomalous clips.
    """
    fpr = normal / normal[:, -1:]
    tpr = anomaly / anomaly[:, -1:]
    step = np.diff(fpr, axis=1)
    width = np.diff(np.minimum(fpr, max_fpr), axis=1)  # what of each step lies below max_fpr
    part = np.divide(width, step, out=np.zeros_like(step), where=step > 0)
    height = tpr[:, :-1] + np.diff(tpr, axis=1) * part / 2
    area = np.sum(width * height, axis=1)
    chance = max_fpr**2 / 2
    return 0.5 * (1 + (area - chance) / (max_fpr - chance))


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: the probability that an anomaly scores above a normal, ties one half.

    Args:
        labels: (N,) true or 1 for anomalous clips.
        scores: (N,) higher is more anomalous.

    Raises:
        EvaluationError: lengths differ, a score is not finite, or one of the classes is missing.
    """
    normal, anomaly, _ = _curve(labels, scores)
    return float(area_under_curve(normal, anomaly)[0])


def pauc(labels: ArrayLike, scores: ArrayLike, *, max_fpr: float = 0.1) -> float:
    """Partial AUC up to ``max_fpr``, McClish-standardised; arguments and errors as of ``auc``."""
    normal, anomaly, _ = _curve(labels, scores)
    return float(partial_area_under_curve(normal, anomaly, max_fpr)[0])


def roc_curve(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ROC curve, from (0, 0) to (1, 1), with a point for each distinct score.

    Returns:
        False-positive rates, true-positive rates, and the scores at or above which they count: three
        (L + 1,) arrays, the first score infinite.

    Raises:
        EvaluationError: as ``auc``.
    """
    normal, anomaly, distinct = _curve(labels, scores)
    return normal[0] / normal[0, -1], anomaly[0] / anomaly[0, -1], np.append(math.inf, distinct)


def harmonic_mean(values: ArrayLike) -> float:
    """Harmonic mean of values ≥ 0; zero where one of them is zero.

    Raises:
        EvaluationError: no values, or a negative one.
    """
    array = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(array) == 0 or not np.all(array >= 0):
        raise EvaluationError(f"a harmonic mean takes one value or more, none negative, not {array.tolist()}")
    return float(harmonic_means(array[:, None])[0])


def harmonic_means(terms: np.ndarray) -> np.ndarray:
    """Harmonic mean over the first axis of (K, R) terms ≥ 0; zero where a term is zero."""
    with np.errstate(divide="ignore"):
        return len(terms) / np.sum(1 / terms, axis=0)  # 1/0 is infinite, and K/∞ is 0


@dataclass(frozen=True)
class Detection:
    """How well decisions match labels; a ratio without cases counts as 0, as in the official evaluator."""

    precision: float
    recall: float
    f1: float


def precision_recall_f1(labels: ArrayLike, decisions: ArrayLike) -> Detection:
    """Precision, recall and F1 of decisions, true or 1 for "anomalous".

    Raises:
        EvaluationError: lengths differ or a value is neither true nor false.
    """
    anomaly, flagged = as_booleans(labels, "label"), as_booleans(decisions, "decision")
    if len(anomaly) != len(flagged):
        raise EvaluationError(f"{len(anomaly)} labels but {len(flagged)} decisions")
    hits, flags, anomalies = (np.array([float(np.sum(x))]) for x in (anomaly & flagged, flagged, anomaly))
    precision, recall, f1 = detection_rates(hits, flags, anomalies)
    return Detection(float(precision[0]), float(recall[0]), float(f1[0]))


def detection_rates(
    hits: np.ndarray, flags: np.ndarray, anomalies: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of (R,) counts: flagged anomalies, flagged clips, anomalies; 0/0 is 0."""
    return _ratio(hits, flags), _ratio(hits, anomalies), _ratio(2 * hits, flags + anomalies)


def as_booleans(values: ArrayLike, what: str) -> np.ndarray:
    """(N,) bool from truth values, zeros and ones.

    Raises:
        EvaluationError: another value is among them.
    """
    array = np.asarray(values).reshape(-1)
    if array.dtype != bool and not np.all((array == 0) | (array == 1)):
        raise EvaluationError(f"each {what} must be true or false, 1 or 0")
    return array.astype(bool)


def as_scores(values: ArrayLike) -> np.ndarray:
    """(N,) float64, all finite.

    Raises:
        EvaluationError: a score is NaN or infinite.
    """
    scores = np.asarray(values, dtype=np.float64).reshape(-1)
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise EvaluationError(f"{len(bad)} of {len(scores)} scores are not finite, first at index {bad[0]}")
    return scores


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _curve(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cumulated normals and anomalies, (1, L + 1) each, and the (L,) distinct scores, highest first."""
    anomaly, values = as_booleans(labels, "label"), as_scores(scores)
    if len(anomaly) != len(values):
        raise EvaluationError(f"{len(anomaly)} labels but {len(values)} scores")
    anomalies = int(np.sum(anomaly))
    if anomalies in (0, len(anomaly)):
        raise EvaluationError(
            f"an AUC takes normal and anomalous clips; there are {len(anomaly) - anomalies} normal and "
            f"{anomalies} anomalous"
        )
    ranking = Ranking.of(values)
    weights = anomaly[None, :].astype(np.float64)
    return (
        ranking.cumulate(1 - weights),
        ranking.cumulate(weights),
        values[ranking.order][ranking.ends],
    )
