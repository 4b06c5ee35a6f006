"""Covariances of reconstruction errors, for Mahalanobis distances.

The residual is r = x̂ − x, a (V, context · bands) array for the V windows of a clip. Covariances are those of
its rows of ``bands`` values, one row for every frame of every window. Sources: the DCASE Task 2 baseline
(2023–2026) as described by Harada et al., "First-shot anomaly detection for machine condition monitoring",
EUSIPCO 2023; shrinkage by Ledoit & Wolf, J. Multivariate Analysis 88 (2004).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from auscult.detectors.statistics.ledoit_wolf import shrinkage
from auscult.errors import FitError

COVARIANCES = ("auto", "exact", "float32", "ledoit_wolf")
#: Above this condition number, a float32 inverse has no correct digit.
MAX_CONDITION = 1e6


@dataclass
class ResidualCovariance:
    """Sums from which the covariance of one domain and its shrinkage are computed.

    Attributes:
        outer: (bands, bands) float64, Σ rᵀr over rows centred within their batch.
        fourth: Σ ‖row‖⁴, which Ledoit and Wolf's shrinkage needs in addition to ``outer``.
        vectors: number of windows, by which the baseline divides.
        rows: number of rows, ``context`` for each window.
    """

    outer: np.ndarray
    fourth: float = 0.0
    vectors: int = 0
    rows: int = 0

    def add(self, residual: np.ndarray, bands: int) -> None:
        """Add one batch of (B, context · bands) residuals, centred on the mean row of the batch."""
        rows = residual.reshape(-1, bands).astype(np.float64)
        rows -= rows.mean(axis=0)
        self.outer += rows.T @ rows
        self.fourth += float(np.sum(np.sum(rows**2, axis=1) ** 2))
        self.vectors += len(residual)
        self.rows += len(rows)

    def covariance(self) -> np.ndarray:
        """Return (bands, bands) Σ rᵀr / (N − 1) with N the number of windows; the baseline divides so."""
        return self.outer / max(1, self.vectors - 1)

    def shrinkage(self) -> float:
        """Return Ledoit and Wolf's weight of the identity, in [0, 1], for rows of known mean zero."""
        return shrinkage(self.outer, len(self.outer), self.fourth, self.rows)[0]

    def merged(self, precision: np.ndarray, weight: float) -> ResidualCovariance:
        """Return these sums plus those of earlier vectors, whose precision matrix alone is known.

        Args:
            precision: (bands, bands), the inverse covariance of the earlier vectors.
            weight: the number of earlier vectors minus one, by which their covariance was divided.
        """
        outer = self.outer + weight * np.linalg.inv(precision)
        vectors = self.vectors + round(weight) + 1
        return ResidualCovariance((outer + outer.T) / 2, self.fourth, vectors, self.rows)


def residual_covariances(
    batches: Iterable[tuple[np.ndarray, np.ndarray]], bands: int
) -> dict[str, ResidualCovariance]:
    """Return the covariance sums of both domains.

    Args:
        batches: residuals (B, context · bands), and a mask (B,) that is true for the target domain.
        bands: number of mel bands.

    Returns:
        ``source`` and ``target``; a domain without windows uses the sums of the other.
    """
    sums = {name: ResidualCovariance(np.zeros((bands, bands))) for name in ("source", "target")}
    for residual, is_target in batches:
        for name, mask in (("source", ~is_target), ("target", is_target)):
            if mask.any():
                sums[name].add(residual[mask], bands)
    if not sums["target"].vectors:
        sums["target"] = sums["source"]
    if not sums["source"].vectors:
        sums["source"] = sums["target"]
    return sums


def precision_matrix(sums: ResidualCovariance, method: str) -> tuple[np.ndarray, dict[str, float]]:
    """Return the inverse covariance for a Mahalanobis distance.

    Args:
        sums: covariance sums of one domain.
        method: ``exact`` (float64 inverse), ``float32`` (the baseline's, meaningless if ill-conditioned),
            ``ledoit_wolf`` (shrunk towards the identity, then inverted), or ``auto``: exact, but shrunk if
            the condition number exceeds 1e6.

    Returns:
        (bands, bands) float64, and diagnostics: ``condition`` and ``shrinkage`` (0 if not shrunk).

    Raises:
        FitError: the inverse does not exist.
    """
    covariance = sums.covariance()
    eigenvalues = np.linalg.eigvalsh(covariance)
    condition = float(eigenvalues[-1] / eigenvalues[0]) if eigenvalues[0] > 0 else float("inf")
    shrink = method == "ledoit_wolf" or (method == "auto" and not condition <= MAX_CONDITION)
    weight = sums.shrinkage() if shrink else 0.0
    if shrink:
        mean_variance = max(np.trace(covariance) / len(covariance), np.finfo(np.float64).tiny)
        # The weight can be 0 if all rows lie in a plane; a millionth keeps the covariance invertible.
        weight = max(weight, 1.0 / MAX_CONDITION)
        covariance = (1 - weight) * covariance + weight * mean_variance * np.eye(len(covariance))
    try:
        inverse = np.linalg.inv(covariance.astype(np.float32) if method == "float32" else covariance)
    except np.linalg.LinAlgError as error:
        raise FitError(
            f"covariance={method}: the covariance of the residuals has no inverse; use `covariance='auto'`"
        ) from error
    condition = min(condition, np.finfo(np.float64).max.item())  # JSON cannot represent infinity
    return inverse.astype(np.float64), {"condition": condition, "shrinkage": weight}
