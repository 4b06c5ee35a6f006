"""The threshold of an alarm rule from persistent scores of normal running, for a budget of false alarms.

Windows that follow each other overlap and are never taken as independent: what counts are excursions of the
persistent score, and blocks of time. Where there are too few separate excursions, the largest values of short
stretches of time take their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from auscult.decision.alarms.budget import AlarmBudget
from auscult.decision.alarms.episodes import AlarmRule, find_episodes
from auscult.decision.alarms.tail import ENOUGH_PEAKS, MIN_PEAKS, PeakTail
from auscult.errors import FitError

Method = Literal["conformal", "tail"]

#: Quantiles of the persistent scores at which excursions are counted, from the highest.
_LEVELS = (0.995, 0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
#: Blocks with which the conformal threshold needs no comparison with the tail.
_MANY_BLOCKS = 20
#: Resamples of the blocks, and the part of them whose thresholds are at most the one that is used.
_RESAMPLES, _CONFIDENT_PART = 200, 0.9
#: Longest block of a session in the estimate of a tail, seconds.
_TAIL_BLOCK = 3600.0


def choose_threshold(
    persistent: Sequence[np.ndarray], budget: AlarmBudget, period: float, pause: float, seed: int
) -> tuple[Method, float, float]:
    """Return the method, the threshold, and the rate at which it is exceeded by that method.

    If there are few blocks, whose largest scores say less than they seem to, the threshold is the higher one
    of both methods.

    Args:
        persistent: persistent scores of each session.
        budget: the accepted rate.
        period: seconds between scores.
        pause: as in `from_tail`.
        seed: of the resamples.

    Raises:
        FitError: there is too little normal running for the tail.
    """
    conformal, blocks = conformal_of_blocks(persistent, budget, period)
    if conformal is not None and blocks >= _MANY_BLOCKS:
        return "conformal", conformal, budget.per_second
    threshold, expected = from_tail(persistent, budget, period, pause, seed)
    if conformal is not None and conformal >= threshold:
        return "conformal", conformal, budget.per_second
    return "tail", threshold, expected


def conformal_of_blocks(
    persistent: Sequence[np.ndarray], budget: AlarmBudget, period: float
) -> tuple[float | None, int]:
    """Return the split conformal threshold of the maxima of blocks, and their number.

    The threshold is ``None`` if there are too few.

    Blocks are so short that one is allowed to have an alarm with a probability of at most one half.
    """
    shortest = min(len(values) for values in persistent) * period
    length = min(shortest, 0.5 / budget.per_second)
    maxima = np.sort([block.max() for block in _blocks(persistent, length, period)])
    rank = math.ceil((len(maxima) + 1) * (1 - budget.per_second * length))
    return (float(maxima[rank - 1]) if rank <= len(maxima) else None), len(maxima)


def from_tail(
    persistent: Sequence[np.ndarray], budget: AlarmBudget, period: float, pause: float, seed: int
) -> tuple[float, float]:
    """Return a threshold from the tail of the peaks, and the rate at which the tail says it is exceeded.

    The threshold is the 90 % quantile over resamples of the blocks: a few peaks say little about the tail,
    and a budget that is exceeded costs more than a somewhat higher threshold. It is never below the largest
    persistent score if an alarm in that time would exceed the budget.

    Args:
        persistent: persistent scores of each session.
        budget: the accepted rate.
        period: seconds between scores.
        pause: seconds that separate two excursions: the persistent scores before and after have no window in
            common. Stretches have this length.
        seed: of the resamples.
    """
    seconds = sum(map(len, persistent)) * period
    level, blocks = _tail_level(persistent, period, pause)
    peaks = [peak for block in blocks for peak in block]
    tail = PeakTail.fit(peaks, level, seconds)
    rng = np.random.default_rng(seed)
    thresholds = []
    for _ in range(_RESAMPLES):
        drawn = [peak for index in rng.integers(len(blocks), size=len(blocks)) for peak in blocks[index]]
        if len(drawn) >= MIN_PEAKS:
            thresholds.append(PeakTail.fit(drawn, level, seconds).threshold(budget.per_second))
    threshold = max(tail.threshold(budget.per_second), float(np.quantile(thresholds, _CONFIDENT_PART)))
    if seconds * budget.per_second < 1:
        threshold = max(threshold, max(peaks))
    return threshold, tail.rate_above(threshold)


def _tail_level(
    persistent: Sequence[np.ndarray], period: float, pause: float
) -> tuple[float, list[list[float]]]:
    """Return the highest level with enough peaks above it, and the peaks for each block.

    Peaks are those of separate excursions. If there are too few, as in minutes in which the score rises and
    falls slowly, they are the maxima of stretches of time (declustering by blocks in place of runs; S. Coles,
    2001, chapter 5).
    """
    observed = np.concatenate(persistent)
    blocks = _blocks(persistent, _TAIL_BLOCK, period)
    for peaks_of in (_excursions, _maxima):
        best: tuple[float, list[list[float]]] | None = None
        for quantile in _LEVELS:
            level = float(np.quantile(observed, quantile))
            peaks = [peaks_of(block, level, period, pause) for block in blocks]
            if best is None or sum(map(len, peaks)) > sum(map(len, best[1])):
                best = level, peaks
            if sum(map(len, peaks)) >= ENOUGH_PEAKS:
                break
        assert best is not None
        if sum(map(len, best[1])) >= MIN_PEAKS:
            return best
    raise too_little(len(observed) * period, needed_for_tail(pause))


def needed_for_tail(pause: float) -> float:
    """Return the seconds of normal running without interruption that have enough peaks, about."""
    return 2 * MIN_PEAKS * pause


def too_little(seconds: float, needed: float) -> FitError:
    """Return the error of normal running that is too short.

    Args:
        seconds: that there are.
        needed: seconds without interruption that are enough, about.
    """
    return FitError(
        f"{seconds / 60:.1f} min of normal running are too little: they do not show how far the score rises "
        f"by itself, and how often. Record about {max(1, round(needed / 60))} min at least without "
        "interruption; the longer, and with the more of its normal loads and speeds, the better"
    )


def _excursions(block: np.ndarray, level: float, period: float, pause: float) -> list[float]:
    """Return the largest score of each excursion above a level; a pause separates two of them."""
    rule = AlarmRule(level, level, cool_down=pause)
    return [episode.peak for episode in find_episodes(block, period, rule)]


def _maxima(block: np.ndarray, level: float, period: float, pause: float) -> list[float]:
    """Return the largest score of each stretch as long as the pause, where it is above the level."""
    maxima = (float(stretch.max()) for stretch in _blocks([block], pause, period))
    return [value for value in maxima if value > level]


def _blocks(persistent: Sequence[np.ndarray], length: float, period: float) -> list[np.ndarray]:
    """Cut sessions into blocks of at least a length, seconds; a shorter session is one block."""
    windows = max(1, math.ceil(length / period))
    return [
        block for values in persistent for block in np.array_split(values, max(1, len(values) // windows))
    ]
