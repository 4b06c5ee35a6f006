"""Anomaly scores from what an autoencoder fails to rebuild.

A residual is r = x̂ − x, a (V, context · bands) array of one clip's windows; its rows of ``bands`` values,
one for every frame of every window, are what the covariances are made of. Sources: the DCASE Task 2
baseline (2023–2026) as described by Harada et al., "First-shot anomaly detection for machine condition
monitoring", EUSIPCO 2023; shrinkage by Ledoit & Wolf, J. Multivariate Analysis 88 (2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from auscult.errors import FitError, OptionError
from auscult.spectrum import spread_over_frames

COVARIANCES = ("auto", "exact", "float32", "ledoit_wolf")
#: Above this condition number a float32 inverse has no correct digit left.
WORST_CONDITION = 1e6
#: Added to squared residuals, dB², so that a band rebuilt without error has a logarithm.
LEAST_SQUARE = 1e-9


@dataclass
class ResidualCovariance:
    """Sums from which one domain's covariance and its shrinkage are worked out.

    Attributes:
        outer: (bands, bands) float64, Σ rᵀr over rows centred within their batch.
        fourth: Σ ‖row‖⁴, all that Ledoit and Wolf's shrinkage needs besides ``outer``.
        vectors: windows seen, the count that the baseline divides by.
        rows: rows seen, ``context`` for each window.
    """

    outer: np.ndarray
    fourth: float = 0.0
    vectors: int = 0
    rows: int = 0

    def add(self, residual: np.ndarray, bands: int) -> None:
        """Adds one batch of (B, context · bands) residuals, centred on the batch's own mean row."""
        rows = residual.reshape(-1, bands).astype(np.float64)
        rows -= rows.mean(axis=0)
        self.outer += rows.T @ rows
        self.fourth += float(np.sum(np.sum(rows**2, axis=1) ** 2))
        self.vectors += len(residual)
        self.rows += len(rows)

    def covariance(self) -> np.ndarray:
        """(bands, bands) Σ rᵀr / (N − 1) with N the number of windows, as the baseline divides."""
        return self.outer / max(1, self.vectors - 1)

    def shrinkage(self) -> float:
        """Ledoit and Wolf's weight of the identity, in [0, 1], for rows of known mean zero."""
        bands = len(self.outer)
        sample = self.outer / self.rows
        spread = np.sum((sample - np.trace(sample) / bands * np.eye(bands)) ** 2)
        noise = (self.fourth / self.rows - np.sum(sample**2)) / self.rows
        return float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0 else 1.0

    def joined(self, precision: np.ndarray, weight: float) -> ResidualCovariance:
        """These sums and those of vectors of which only the precision matrix is left.

        Args:
            precision: (bands, bands), the inverse of their covariance.
            weight: how many vectors they were, less the one that the division takes off.
        """
        outer = self.outer + weight * np.linalg.inv(precision)
        vectors = self.vectors + round(weight) + 1
        return ResidualCovariance((outer + outer.T) / 2, self.fourth, vectors, self.rows)


def residual_covariances(
    batches: Iterable[tuple[np.ndarray, np.ndarray]], bands: int
) -> dict[str, ResidualCovariance]:
    """Covariance sums of both domains.

    Args:
        batches: residuals (B, context · bands) and marks (B,) that are true for the target domain.

    Returns:
        ``source`` and ``target``; a domain without a window takes the other's sums.
    """
    sums = {name: ResidualCovariance(np.zeros((bands, bands))) for name in ("source", "target")}
    for residual, is_target in batches:
        for name, mine in (("source", ~is_target), ("target", is_target)):
            if mine.any():
                sums[name].add(residual[mine], bands)
    if not sums["target"].vectors:
        sums["target"] = sums["source"]
    if not sums["source"].vectors:
        sums["source"] = sums["target"]
    return sums


def precision_matrix(sums: ResidualCovariance, how: str) -> tuple[np.ndarray, dict[str, float]]:
    """The inverse covariance that a Mahalanobis distance needs.

    Args:
        how: ``exact`` (float64 inverse), ``float32`` (the baseline's own, nonsense when ill-conditioned),
            ``ledoit_wolf`` (shrunk towards the identity, then inverted), or ``auto``: exact, but shrunk
            where the condition number exceeds 1e6.

    Returns:
        (bands, bands) float64, and what was done: ``condition`` and ``shrinkage`` (0 where not shrunk).

    Raises:
        OptionError: ``how`` is none of these.
        FitError: the inverse does not exist.
    """
    if how not in COVARIANCES:
        raise OptionError(f"covariance={how!r}: choose one of {', '.join(COVARIANCES)}")
    covariance = sums.covariance()
    values = np.linalg.eigvalsh(covariance)
    condition = float(values[-1] / values[0]) if values[0] > 0 else float("inf")
    shrunk = how == "ledoit_wolf" or (how == "auto" and not condition <= WORST_CONDITION)
    weight = sums.shrinkage() if shrunk else 0.0
    if shrunk:
        mean_variance = max(np.trace(covariance) / len(covariance), np.finfo(np.float64).tiny)
        # Rows that all lie on a plane can ask for no shrinkage at all; a millionth keeps the inverse.
        weight = max(weight, 1.0 / WORST_CONDITION)
        covariance = (1 - weight) * covariance + weight * mean_variance * np.eye(len(covariance))
    try:
        inverse = np.linalg.inv(covariance.astype(np.float32) if how == "float32" else covariance)
    except np.linalg.LinAlgError as error:
        raise FitError(
            f"covariance={how}: the covariance of the residuals has no inverse; take covariance=auto"
        ) from error
    condition = min(condition, np.finfo(np.float64).max.item())  # JSON knows no infinity
    return inverse.astype(np.float64), {"condition": condition, "shrinkage": weight}


@dataclass(frozen=True)
class ResidualMoments:
    """What of one clip's rows its scores rest on, worked out once for all of them.

    Attributes:
        mean: (bands,) float64 mean row r̄.
        scatter: (bands, bands) float64, the mean of rᵀr; on its diagonal the mean square of every band.
    """

    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, residual: np.ndarray, bands: int) -> ResidualMoments:
        """Moments of a (V, context · bands) residual."""
        rows = residual.reshape(-1, bands).astype(np.float64)
        return cls(rows.mean(axis=0), rows.T @ rows / len(rows))


def residual_scores(moments: ResidualMoments, precisions: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The three scores of one clip.

    ``mse`` is the mean square. ``mahalanobis`` is the official selective Mahalanobis score: the average
    of the whole N×N matrix R Σ⁻¹ Rᵀ, which is r̄ᵀ Σ⁻¹ r̄ of the mean row r̄. ``mahalanobis_frames`` is
    the mean of every row's own squared distance. Of both the smaller over the domains counts.

    Args:
        precisions: domain to (bands, bands).
    """
    mean, scatter = moments.mean, moments.scatter
    return {
        "mse": float(np.trace(scatter)) / len(mean),
        "mahalanobis": min(float(mean @ p @ mean) for p in precisions.values()),
        "mahalanobis_frames": min(float(np.sum(scatter * p)) for p in precisions.values()),
    }


def residual_maps(
    residual: np.ndarray, moments: ResidualMoments, precisions: Mapping[str, np.ndarray], context: int
) -> dict[str, np.ndarray]:
    """Where each score of `residual_scores` comes from: (T, bands) maps that average to score / bands.

    The quadratic forms are shared out by band: r_b (Σ⁻¹ v)_b summed over the bands b is rᵀ Σ⁻¹ v. A
    frame's value is the mean over the windows that hold it, so at the ends the average is not exact.

    Args:
        residual: (V, context · bands).
        moments: those of the residual.
        precisions: domain to (bands, bands).
    """
    mean, scatter = moments.mean, moments.scatter
    bands = len(mean)
    rows = residual.reshape(-1, bands).astype(np.float64)
    near_mean = min(precisions.values(), key=lambda p: float(mean @ p @ mean))
    near_rows = min(precisions.values(), key=lambda p: float(np.sum(scatter * p)))
    shares = {
        "mse": rows**2 / bands,
        "mahalanobis": rows * (near_mean @ mean),
        "mahalanobis_frames": rows * (rows @ near_rows),
    }
    return {
        name: spread_over_frames(share.reshape(len(residual), -1), context).astype(np.float32)
        for name, share in shares.items()
    }


def pooled_residual(moments: ResidualMoments) -> np.ndarray:
    """What a clip's residual is like on the whole: for every band its mean over time, and how large it is.

    Returns:
        (2 · bands,) float64: means of the signed residual in dB, then logarithms of its mean square.
    """
    return np.concatenate([moments.mean, np.log(np.diag(moments.scatter) + LEAST_SQUARE)])


def pooled_residual_map(shares: np.ndarray, residual: np.ndarray, context: int) -> np.ndarray:
    """Where a score of `pooled_residual` comes from: each band's share spread by its squared residual.

    Args:
        shares: (2 · bands,) what each element of the vector added to the score.
        residual: (V, context · bands).

    Returns:
        (T, bands) float32 that averages over T to the share of each band, but for the clip's ends.
    """
    share = shares.reshape(2, -1).sum(axis=0)  # (bands,)
    square = residual.reshape(-1, len(share)).astype(np.float64) ** 2 + LEAST_SQUARE
    parts = share * square / square.mean(axis=0)
    return spread_over_frames(parts.reshape(len(residual), -1), context).astype(np.float32)
