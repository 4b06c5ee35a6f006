"""Summaries of scores over spans of time, and of summaries over longer spans.

A single score is the summary of one score. So minutes, hours and the bins of a chart are made by the same
operation, which keeps the number, the minimum, the mean and the maximum exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Summaries:
    """Scores of N spans of time.

    Attributes:
        time: (N,) start of each span.
        count: (N,) number of scores.
        lowest, mean, highest: (N,) minimum, mean and maximum of the scores.
        persistent: (N,) largest persistent score; NaN if there is none.
        threshold: (N,) the last threshold; NaN if there is none.
        levels: (N, K) float32 mean of levels; NaN where there are none. K is 0 if no row has any.
    """

    time: np.ndarray
    count: np.ndarray
    lowest: np.ndarray
    mean: np.ndarray
    highest: np.ndarray
    persistent: np.ndarray
    threshold: np.ndarray
    levels: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence]) -> Summaries:
        """Make summaries of rows of a database, which have the fields in order and levels as blobs."""
        *numbers, levels = zip(*rows, strict=True) if rows else ((),) * 8
        columns = [np.array(column, dtype=np.float64) for column in numbers]
        return cls(*[*columns, levels_of(levels)])

    @classmethod
    def from_scores(
        cls,
        time: np.ndarray,
        score: np.ndarray,
        persistent: np.ndarray,
        threshold: np.ndarray,
        levels: np.ndarray,
    ) -> Summaries:
        """Make a summary of each of (N,) scores, with (N, K) levels."""
        return cls(time, np.ones(len(time)), score, score, score, persistent, threshold, levels)

    def grouped(self, keys: np.ndarray) -> tuple[np.ndarray, Summaries]:
        """Summarise the rows of equal keys.

        Args:
            keys: (N,) group of each row.

        Returns:
            (G,) keys in increasing order, and the summary of each; its time is the earliest one.
        """
        if not len(keys):
            return keys, self
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        count = self.count[order]
        total = np.add.reduceat(count, starts)
        levels = self.levels[order]
        weights = np.where(np.isnan(levels), 0.0, count[:, None])
        with np.errstate(invalid="ignore"):  # 0 / 0 where no row of a group has levels
            mean_levels = np.add.reduceat(np.nan_to_num(levels) * weights, starts) / np.add.reduceat(
                weights, starts
            )
        return keys[starts], Summaries(
            np.minimum.reduceat(self.time[order], starts),
            total,
            np.minimum.reduceat(self.lowest[order], starts),
            np.add.reduceat(self.mean[order] * count, starts) / total,
            np.maximum.reduceat(self.highest[order], starts),
            np.fmax.reduceat(self.persistent[order], starts),
            self.threshold[order][np.r_[starts[1:], len(keys)] - 1],
            mean_levels.astype(np.float32),
        )

    def within(self, since: float, until: float) -> Summaries:
        """Return the rows whose time is in [since, until)."""
        inside = (self.time >= since) & (self.time < until)
        return Summaries(*(getattr(self, field.name)[inside] for field in fields(self)))

    def to_rows(self) -> list[tuple]:
        """Invert `from_rows`; NaN becomes ``None``."""
        columns = [self.time.tolist(), self.count.astype(int).tolist()]
        columns += [values.tolist() for values in (self.lowest, self.mean, self.highest)]
        columns += [_optional(values) for values in (self.persistent, self.threshold)]
        present = ~np.isnan(self.levels).all(axis=1) if self.levels.size else [False] * len(self.time)
        blobs = [
            row.astype("<f4").tobytes() if has_levels else None
            for row, has_levels in zip(self.levels, present, strict=True)
        ]
        return list(zip(*columns, blobs, strict=True))


def concatenated(parts: Sequence[Summaries]) -> Summaries:
    """Return the rows of several summaries after one another; missing levels are NaN."""
    bands = max(part.levels.shape[1] for part in parts)
    padded = [
        np.pad(p.levels, ((0, 0), (0, bands - p.levels.shape[1])), constant_values=np.nan) for p in parts
    ]
    numbers = [field.name for field in fields(Summaries)][:-1]
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in numbers]
    return Summaries(*[*columns, np.concatenate(padded)])


def levels_of(blobs: Iterable[bytes | None]) -> np.ndarray:
    """Return (N, K) levels of N blobs of float32; NaN where there are none or fewer."""
    arrays = [np.frombuffer(blob or b"", "<f4") for blob in blobs]
    levels = np.full((len(arrays), max(map(len, arrays), default=0)), np.nan, np.float32)
    for row, values in zip(levels, arrays, strict=True):
        row[: len(values)] = values
    return levels


def _optional(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
