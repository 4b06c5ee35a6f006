"""Number, sum and products of context windows: from these follow mean and covariance, and they add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from auscult.spectrum import context_windows


@dataclass(frozen=True)
class WindowMoments:
    """Sums over the context windows of any number of recordings, in float64.

    Attributes:
        counts: (2,) number of windows of the source and of the target domain.
        sums: (2, D) sum of the windows of each domain.
        products: (D (D + 1) / 2,) sum over all windows of x_i x_j, i ≤ j, row by row.
    """

    counts: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, clips: Iterable[tuple[np.ndarray, bool]], context: int, bands: int) -> WindowMoments:
        """Compute the moments of clips.

        Args:
            clips: (T, bands) frames of each, and whether it is of the target domain. A clip of fewer than
                ``context`` frames has no windows.
            context: number of frames in one window.
            bands: length of one frame.
        """
        size = context * bands
        counts, sums, products = np.zeros(2), np.zeros((2, size)), np.zeros((size, size))
        for frames, target in clips:
            windows = np.ascontiguousarray(context_windows(frames.astype(np.float64), context))
            counts[int(target)] += len(windows)
            sums[int(target)] += windows.sum(axis=0)
            products += windows.T @ windows
        return cls(counts, sums, products.ravel()[_upper_triangle(size)])

    def __add__(self, other: WindowMoments) -> WindowMoments:
        return WindowMoments(
            self.counts + other.counts, self.sums + other.sums, self.products + other.products
        )

    def __sub__(self, other: WindowMoments) -> WindowMoments:
        return WindowMoments(
            self.counts - other.counts, self.sums - other.sums, self.products - other.products
        )

    def mean_and_covariance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the (D,) mean and the (D, D) covariance of at least one window.

        With one domain these are those of its windows. With two, the mean is half-way between the means of
        the domains, and the covariance is that within the domains, of all windows, plus the outer product of
        the difference of the means: a domain of few windows moves them as much as one of many, and the
        direction in which the machine has changed is one of variance (as in `densities`).
        """
        size, used = self.sums.shape[1], self.counts > 0
        means = self.sums[used] / self.counts[used, None]
        products = np.empty(size * size)
        products[_upper_triangle(size)] = self.products
        products[_lower_triangle(size)] = self.products
        within = (products.reshape(size, size) - (means.T * self.counts[used]) @ means) / self.counts.sum()
        difference = means[-1] - means[0]  # 0 with one domain
        return means.mean(axis=0), within + np.outer(difference, difference)


@lru_cache(maxsize=4)  # a third of the time of a sum or a difference
def _upper_triangle(size: int) -> np.ndarray:
    """Return the indices into a flat (size, size) array of the diagonal and what is above it, row by row."""
    return np.ravel_multi_index(np.triu_indices(size), (size, size))


@lru_cache(maxsize=4)
def _lower_triangle(size: int) -> np.ndarray:
    """Return the indices of the transposed elements of `_upper_triangle`."""
    return np.ravel_multi_index(np.triu_indices(size)[::-1], (size, size))
