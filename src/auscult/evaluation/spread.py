"""The variance of a value over recordings and over seeds, with its degrees of freedom.

Recordings and seeds both vary, and independently of each other: every seed is evaluated on the same
recordings. The variance of a mean over seeds is that over recordings, of contributions averaged over seeds,
plus that over seeds, s² / N with s² from N − 1, less the part that both contain, which is that of recordings
within seeds (Cameron, Gelbach and Miller 2011). Seeds of different detectors are independent.

The degrees of freedom follow Satterthwaite (1946). For recordings, they take into account that a few may
contribute most of the variance, which is then known poorly: the variance of a sample variance depends on the
kurtosis of the contributions (O'Neill 2014, with the sample kurtosis corrected for small samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auscult.evaluation.jackknife import Influence


@dataclass(frozen=True)
class Spread:
    """A value with its variance.

    Attributes:
        value: the value.
        variance: its variance over recordings and seeds.
        freedom: the degrees of freedom of this variance; at least 1.
    """

    value: float
    variance: float
    freedom: float


def spread(*samples: tuple[float, Sequence[Influence]]) -> Spread:
    """The spread of a weighted sum of means over seeds.

    Args:
        samples: for each mean its weight and one or more values on the same recordings, one for each seed.
            For a difference of two systems, the weights are 1 and −1.
    """
    strata, recordings, shares = _aligned([one for _, sample in samples for one in sample])
    total = np.zeros(len(strata))
    value = over_seeds = shared = 0.0
    terms: list[tuple[float, float]] = []  # variances with their degrees of freedom
    start = 0
    for weight, sample in samples:
        count, of_sample = len(sample), shares[start : start + len(sample)]
        start += count
        values = np.array([one.value for one in sample])
        mean_share = of_sample.mean(axis=0)
        value += weight * float(values.mean())
        total += weight * mean_share
        if count > 1:
            variance = weight**2 * float(np.var(values, ddof=1)) / count
            terms.append((variance, count - 1))
            over_seeds += variance
            residuals = [_variance(recordings, one - mean_share) for one in of_sample]
            shared += weight**2 * sum(residuals) / (count * (count - 1))
    over_recordings = _variance(recordings, total)
    for stratum in np.unique(strata):
        terms.append(_variance_and_freedom(total[strata == stratum]))
    variance = max(over_recordings, over_seeds, over_recordings + over_seeds - shared)
    denominator = sum(part**2 / freedom for part, freedom in terms)
    freedom = sum(part for part, _ in terms) ** 2 / denominator if denominator > 0 else 1.0
    return Spread(value, variance, max(1.0, freedom))


def _aligned(influences: Sequence[Influence]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stratum and recording of each of R shares, and the (S, R) shares; 0 of those that one does not have."""
    keys = [np.stack([one.stratum, one.recording], axis=1) for one in influences]
    unique, positions = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    shares = np.zeros((len(influences), len(unique)))
    start = 0
    for row, one in enumerate(influences):
        columns = positions.reshape(-1)[start : start + len(one.share)]
        shares[row] = np.bincount(columns, one.share, len(unique))
        start += len(one.share)
    return unique[:, 0], unique[:, 1], shares


def _variance(recordings: np.ndarray, share: np.ndarray) -> float:
    _, numbers = np.unique(recordings, return_inverse=True)
    return float(np.sum(np.bincount(numbers.reshape(-1), share) ** 2))


def _variance_and_freedom(share: np.ndarray) -> tuple[float, float]:
    """The variance over the recordings of one stratum, and its degrees of freedom."""
    n, second = len(share), float(np.mean(share**2))
    if second == 0 or n < 4:
        return n * second, max(1, n - 1)
    excess = float(np.mean(share**4)) / second**2 - 3
    unbiased = max(0.0, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6))
    return n * second, 2 * n / (unbiased + 2 * n / (n - 1))
