"""Estimates with confidence intervals, and the intervals that have a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation.metrics import MAX_FPR, standardised_area
from auscult.evaluation.spread import Spread

LEVEL = 0.95

#: The note of an estimate whose interval is that of `separation_interval`.
SEPARATION_NOTE = (
    "clips that are separated perfectly have no measured variation; the bound is exact, from the number of "
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


def logit_interval(spread: Spread, *, level: float = LEVEL) -> Estimate:
    """The interval of a value between 0 and 1 by Student's t on the scale log(v / (1 − v)).

    Args:
        spread: the value, strictly between 0 and 1, with its variance.
        level: confidence level.
    """
    from scipy.special import expit, logit

    value = spread.value
    width = t_quantile(spread.freedom, level) * np.sqrt(spread.variance) / (value * (1 - value))
    return Estimate(value, float(expit(logit(value) - width)), float(expit(logit(value) + width)))


def difference_interval(first: Estimate, second: Estimate, correlation: float, symmetric: float) -> Estimate:
    """The interval of a difference of two values from theirs (Zou 2007, for AUCs Kottas, Kuss and Zapf 2014).

    A difference is as uncertain downwards as the first value downwards and the second one upwards, less what
    they have in common. Unlike a symmetric interval it holds near 1 too, where values vary to one side only.

    Zou's margin for the correlation ρ, √(a² + b² − 2ρab), where a and b are the margins of both values to
    opposite sides, does not vanish for equal systems if their intervals are asymmetric. The difference of
    similar systems is nearly symmetric, so its square is averaged with that of the symmetric margin, with the
    weights 1 − ρ and ρ.

    Args:
        first: a value with its interval.
        second: the value to subtract, with its interval.
        correlation: of the two values.
        symmetric: the margin of the difference by Student's t.

    Raises:
        EvaluationError: a value has no interval.
    """
    if first.low is None or first.high is None or second.low is None or second.high is None:
        raise EvaluationError("the interval of a difference needs those of both values")
    value = first.value - second.value

    weight = max(0.0, correlation)

    def margin(one: float, other: float) -> float:
        zou = max(0.0, one**2 + other**2 - 2 * correlation * one * other)
        return float(np.sqrt(weight * symmetric**2 + (1 - weight) * zou))

    low = value - margin(first.value - first.low, second.high - second.value)
    high = value + margin(first.high - first.value, second.value - second.low)
    if high - low < _NO_WIDTH:
        return Estimate(value, note="no interval: both systems have the same results")
    return Estimate(value, max(-1.0, low), min(1.0, high))


#: Narrower intervals have no width but for rounding.
_NO_WIDTH = 1e-9


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """The quantile of Student's t for a two-sided interval."""
    from scipy.special import stdtrit  # slow to import, and scoring does not need it

    return float(stdtrit(freedom, (1 + level) / 2))


def proportion_interval(
    successes: float, trials: int, *, spread: Spread | None = None, independent: int | None = None
) -> Estimate:
    """The 95 % interval of a proportion of clips, where clips of one recording may be alike.

    For independent trials it is that of Clopper and Pearson (1934). Otherwise it is theirs for the effective
    number of trials, which would give the variance over recordings, reduced by the ratio of the quantiles of
    the normal and the t distribution (Korn and Graubard 1998). If all trials agree, nothing can be said about
    how alike clips of one recording are, and the effective number is that of the recordings.

    Args:
        successes: number of successes; of several decisions on each trial their mean.
        trials: number of trials.
        spread: the proportion with its variance over recordings; ``None`` for independent trials.
        independent: number of recordings; ``None`` for independent trials.

    Raises:
        EvaluationError: no trials, or not 0 ≤ successes ≤ trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise EvaluationError(
            "a proportion needs 0 <= successes <= trials and at least one trial, "
            f"got {successes} successes in {trials} trials"
        )
    from scipy.special import betaincinv

    value, size = successes / trials, float(trials)
    if independent is not None and independent < trials:
        size = float(independent)
        if spread is not None and spread.variance > 0 and 0 < successes < trials:
            quantiles = t_quantile(np.inf) / t_quantile(spread.freedom)
            size = min(float(trials), value * (1 - value) / spread.variance * quantiles**2)
    hits, tail = value * size, (1 - LEVEL) / 2
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
