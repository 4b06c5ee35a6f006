"""Fusions of members, and choices of members, for `bench.fusion`.

A fusion makes one score of the scores of K members. It is given the held-out scores of the N normal
recordings, (N, K), and the scores of M test clips, (M, K), and returns (M,) scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from auscult.detectors.statistics.standardizer import Standardizer

Fusion = Callable[[np.ndarray, np.ndarray], np.ndarray]

#: Share of the normal recordings in the tail that a distribution is fitted to.
TAIL = 0.2
#: Largest shape of a generalised Pareto tail: with 0.5 its variance is infinite.
MAX_SHAPE = 0.5
#: A member is dropped if its criterion is below this share of the best member's, as in version 0.1.0.
MIN_RELATIVE = 0.25


def z_scores(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(M, K) in standard deviations of the normal recordings."""
    return Standardizer.fit(normal).z(test)


def robust_z(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(M, K) by median and interquartile range, scaled to the standard deviation of a Gaussian."""
    low, middle, high = np.quantile(normal, [0.25, 0.5, 0.75], axis=0)
    return (test - middle) / np.maximum((high - low) / 1.349, 1e-9)


def rank(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(M, K) share of the normal recordings with a smaller score, with half of those with an equal one."""
    return np.stack([_rank(n, t) for n, t in zip(normal.T, test.T, strict=True)], axis=1)


def _rank(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    ascending = np.sort(normal)
    positions = np.searchsorted(ascending, test, "left") + np.searchsorted(ascending, test, "right")
    return positions / (2 * len(normal))


def _minus_log_tail(normal: np.ndarray, test: np.ndarray, *, pareto: bool) -> np.ndarray:
    """(M,) −log p of one member: by ranks, and in the tail by an exponential or a Pareto distribution.

    The shape is that of the probability-weighted moments (Hosking & Wallis 1987), from 0 to `MAX_SHAPE`.
    """
    ascending = np.sort(normal)
    start = np.quantile(normal, 1 - TAIL)
    excess = ascending[ascending > start] - start
    if not len(excess):
        return -np.log(np.maximum(1 - _rank(normal, test), 1 / (len(normal) + 1)))
    mean, shape = excess.mean(), 0.0
    if pareto and len(excess) > 2:
        weights = (len(excess) - np.arange(1, len(excess) + 1) + 0.65) / len(excess)
        second = float(np.mean(weights * excess))
        shape = float(np.clip(2 - mean / max(mean - 2 * second, 1e-12), 0, MAX_SHAPE))
    scale = mean * (1 - shape)
    beyond = np.maximum(test - start, 0) / scale
    log_tail = beyond if shape == 0 else np.log1p(shape * beyond) / shape
    inside = -np.log(np.maximum(1 - _rank(normal, test), TAIL))
    return np.where(test > start, -np.log(TAIL) + log_tail, inside)


def _minus_log_gamma(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    """(M,) −log p of one member under a gamma distribution with a location, by the method of moments."""
    skew = max(float(stats.skew(normal)), 0.1)
    z = (test - normal.mean()) / max(normal.std(ddof=1), 1e-9)
    shape = 4 / skew**2
    x = np.maximum(shape + z * np.sqrt(shape), 1e-9)
    # beyond the range of floats the tail of a gamma distribution falls like exp(-x)
    p = stats.gamma.logsf(np.minimum(x, shape + 500), shape)
    return -p + np.maximum(x - shape - 500, 0)


def _each(function: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Fusion:
    """The mean over members of a function of each."""
    return lambda normal, test: np.mean(
        [function(n, t) for n, t in zip(normal.T, test.T, strict=True)], axis=0
    )


def _trimmed(normal: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The mean of z without the largest and the smallest, if there are more than two."""
    z = np.sort(z_scores(normal, test), axis=1)
    return z[:, 1:-1].mean(axis=1) if z.shape[1] > 2 else z.mean(axis=1)


#: Name to fusion, the simplest first.
FUSIONS: dict[str, Fusion] = {
    "mean of z": lambda normal, test: z_scores(normal, test).mean(axis=1),
    "arsinh of z": lambda normal, test: np.arcsinh(z_scores(normal, test)).mean(axis=1),
    "arsinh of robust z": lambda normal, test: np.arcsinh(robust_z(normal, test)).mean(axis=1),
    "median of z": lambda normal, test: np.median(z_scores(normal, test), axis=1),
    "trimmed mean of z": _trimmed,
    "rank": lambda normal, test: rank(normal, test).mean(axis=1),
    "−log p, Gaussian": lambda normal, test: -stats.norm.logsf(z_scores(normal, test)).mean(axis=1),
    "−log p, gamma": _each(_minus_log_gamma),
    "−log p, exponential tail": _each(lambda n, t: _minus_log_tail(n, t, pareto=False)),
    "−log p, Pareto tail": _each(lambda n, t: _minus_log_tail(n, t, pareto=True)),
}


@dataclass(frozen=True)
class Evidence:
    """What is known of the K members of one machine without its test clips.

    Attributes:
        normal: (N, K) held-out scores of the normal recordings.
        folds: (N,) fold of each.
        pseudo: (A, K) scores of pseudo-anomalies.
    """

    normal: np.ndarray
    folds: np.ndarray
    pseudo: np.ndarray


def agreement(evidence: Evidence) -> np.ndarray:
    """(K,) mean rank correlation with the other members over the normal recordings."""
    count = evidence.normal.shape[1]
    ranks = stats.rankdata(evidence.normal, axis=0)
    correlation = np.corrcoef(ranks.T)
    return (correlation.sum(axis=1) - 1) / max(count - 1, 1)


def stability(evidence: Evidence) -> np.ndarray:
    """(K,) share of the variance of the normal recordings' scores that is not between folds."""
    scores, folds = evidence.normal, evidence.folds
    within = np.zeros(scores.shape[1])
    for fold in np.unique(folds):
        part = scores[folds == fold]
        within += ((part - part.mean(axis=0)) ** 2).sum(axis=0)
    return within / np.maximum(((scores - scores.mean(axis=0)) ** 2).sum(axis=0), 1e-12)


def above_chance(evidence: Evidence) -> np.ndarray:
    """(K,) AUC of pseudo-anomalies, mean over their kinds, less a half: the trial of version 0.1.0."""
    normal, pseudo = evidence.normal, evidence.pseudo
    ranks = np.stack([_rank(n, p) for n, p in zip(normal.T, pseudo.T, strict=True)], axis=1)
    return ranks.mean(axis=0) - 0.5  # there are as many of each kind


#: Name to a criterion by which members can be chosen; ``None`` keeps all.
CHOICES: dict[str, Callable[[Evidence], np.ndarray] | None] = {
    "none": None,
    "agreement": agreement,
    "stability": stability,
    "pseudo-anomalies": above_chance,
}


def chosen(choice: str, evidence: Evidence) -> np.ndarray:
    """(K,) bool, which members a choice keeps; all, if it would keep none."""
    criterion = CHOICES[choice]
    if criterion is None:
        return np.ones(evidence.normal.shape[1], bool)
    values = criterion(evidence)
    kept = (values > 0) & (values >= MIN_RELATIVE * values.max())
    return kept if kept.any() else np.ones(len(kept), bool)
