"""From the scores of normal recordings to the score above which a recording is called anomalous.

Calibration scores come from normal recordings that the scoring model was not fitted on. Two ways lead
from them to a threshold:

- split conformal (Vovk et al. 2005; Lei et al. 2018): promises the rate of false alarms for any
  distribution of scores, as long as later normals are exchangeable with the calibration clips;
- a gamma distribution fitted to them, as the DCASE baseline does: a model, and no promise.

Where the scores do not suffice there is no threshold, and a warning says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError, FitError, OptionError

THRESHOLD_METHODS = ("conformal", "gamma")

#: A gamma distribution with a location has three parameters; fewer scores than this leave nothing to fit.
GAMMA_MINIMUM = 4


@dataclass(frozen=True)
class Threshold:
    """The score above which a recording is anomalous, and how it was found.

    Attributes:
        value: the threshold, in the unit of the score; ``None`` where no verdict is possible.
        method: ``"conformal"``, ``"gamma"`` or ``"fixed"``.
        rate: the rate of false alarms aimed at; ``None`` for a fixed threshold.
        calibration_count: how many calibration scores it rests on.
        needed: how many more calibration clips it would take to have a value; 0 when it has one.
        warning: what the user should know; ``None`` where there is nothing.
    """

    value: float | None
    method: str
    rate: float | None = None
    calibration_count: int = 0
    needed: int = 0
    warning: str | None = None

    def is_anomalous(self, score: float) -> bool | None:
        """``score > value``; ``None``, no verdict, where there is no value."""
        return None if self.value is None else bool(score > self.value)


def conformal_threshold(calibration_scores: ArrayLike, rate: float = 0.05) -> Threshold:
    """Split conformal threshold: the ⌈(n + 1)(1 − rate)⌉-th smallest of n calibration scores.

    A later normal clip that is exchangeable with the calibration clips scores above it with
    probability at most ``rate``. With fewer than 1/rate − 1 clips no score is high enough to promise
    that: the value is then ``None``.

    Args:
        calibration_scores: (n,) scores of normal clips that the model was not fitted on.
        rate: false alarms per normal clip, between 0 and 1.

    Raises:
        OptionError: the rate is not between 0 and 1.
        FitError: a calibration score is not finite.
    """
    exact_rate = _exact(rate)
    scores = np.sort(_finite(calibration_scores))
    count = len(scores)
    required = math.ceil(1 / exact_rate) - 1
    if count < required:
        needed = required - count
        warning = (
            f"no threshold: a false-alarm rate of {_percent(rate)} takes {required} calibration clips of "
            f"normal running and there {'is' if count == 1 else 'are'} {count}; {needed} more "
            f"{'is' if needed == 1 else 'are'} needed"
        )
        if count >= 1:
            warning += f" ({count} promise no rate below {_percent(1 / (count + 1))})"
        return Threshold(None, "conformal", rate, count, needed, warning)
    rank = math.ceil((count + 1) * (1 - exact_rate))  # in fractions: in floats 20 × 0.95 may exceed 19
    return Threshold(float(scores[rank - 1]), "conformal", rate, count)


def gamma_threshold(scores: ArrayLike, percentile: float = 0.9) -> Threshold:
    """The ``percentile`` of a gamma distribution (shape, location, scale) fitted to the scores.

    The DCASE baseline's rule, fitted to clip scores. It extrapolates by a model and promises no rate;
    where the scores do not look like the fitted gamma the threshold carries a warning.

    Args:
        scores: (n,) scores of normal clips.
        percentile: between 0 and 1; the rate aimed at is ``1 − percentile``.

    Raises:
        OptionError: the percentile is not between 0 and 1.
        FitError: a score is not finite, all are equal, or the fit does not end well.
    """
    rate = float(1 - _exact(percentile, "percentile"))
    values = _finite(scores)
    count = len(values)
    if count < GAMMA_MINIMUM:
        needed = GAMMA_MINIMUM - count
        missing = (
            f"no threshold: a gamma fit takes {GAMMA_MINIMUM} scores, {count} are there, {needed} are needed"
        )
        return Threshold(None, "gamma", rate, count, needed, missing)
    if np.ptp(values) == 0:
        raise FitError(
            f"no gamma distribution fits {count} calibration scores that all equal {values[0]:g}; "
            "use the conformal threshold"
        )
    value = _gamma_quantile(values, percentile)

    above = int(np.sum(values > value))
    spread = math.sqrt(count * rate * (1 - rate))
    warning = None
    if abs(above - count * rate) > 3 * spread + 0.5:
        warning = (
            f"the gamma distribution fits badly: {above} of {count} calibration scores lie above the "
            f"threshold where {count * rate:.1f} should; the conformal threshold needs no distribution"
        )
    return Threshold(value, "gamma", rate, count, warning=warning)


def fixed_threshold(value: float) -> Threshold:
    """A threshold that the user names.

    Raises:
        OptionError: the value is not finite.
    """
    if not math.isfinite(value):
        raise OptionError(f"a threshold must be a finite number, not {value}")
    return Threshold(float(value), "fixed")


def threshold_by_name(method: str, calibration_scores: ArrayLike, *, rate: float | None = None) -> Threshold:
    """A threshold by the name of its method, at a rate of false alarms.

    Args:
        method: ``"conformal"`` or ``"gamma"``.
        calibration_scores: (n,) scores of normal clips.
        rate: between 0 and 1; ``None`` takes the method's own: 5 % conformal, 10 % gamma (the
            baseline's 90th percentile).

    Raises:
        OptionError: no such method, or a rate out of range.
        FitError: the scores cannot be used.
    """
    if method == "conformal":
        return conformal_threshold(calibration_scores, 0.05 if rate is None else rate)
    if method == "gamma":
        return gamma_threshold(calibration_scores, 0.9 if rate is None else float(1 - _exact(rate)))
    raise OptionError(
        f"there is no threshold method {method!r}; choose one of {', '.join(THRESHOLD_METHODS)}"
    )


def p_value(score: float, calibration_scores: ArrayLike) -> float:
    """Conformal p-value (1 + #{calibration scores ≥ score}) / (n + 1).

    For exchangeable normal clips it is at most α with probability at most α, and it is at most α
    exactly where the score exceeds the conformal threshold at α. Without calibration scores it is 1.

    Raises:
        EvaluationError: the score is not a number.
        FitError: a calibration score is not finite.
    """
    if math.isnan(score):
        raise EvaluationError("the score is not a number (NaN), so it has no p-value")
    scores = _finite(calibration_scores)
    return float((1 + np.sum(scores >= score)) / (len(scores) + 1))


def parse_rate(text: str) -> float:
    """A rate of false alarms as a user writes it: ``"5%"`` or ``"0.05"``.

    Raises:
        OptionError: not a number, or not above 0 and below 1 (100 %).
    """
    written = text.strip()
    is_percent = written.endswith("%")
    try:
        number = Decimal(written.removesuffix("%").strip())
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise OptionError(f"false-alarm rate {text!r} is not a number; write it like 5% or 0.05") from None
    rate = number / 100 if is_percent else number
    if not 0 < rate < 1:
        advice = f"; did you mean {written}%?" if not is_percent and 1 <= number < 100 else ""
        raise OptionError(
            f"false-alarm rate {text!r} must lie between 0 and 1 (0% and 100%), both excluded{advice}"
        )
    return float(rate)


def _exact(rate: float, what: str = "false-alarm rate") -> Fraction:
    """The fraction that a float was written as: 0.05 is 1/20, not 0.05000000000000000277."""
    exact = Fraction(rate).limit_denominator(10**12) if math.isfinite(rate) else Fraction(0)
    if not 0 < exact < 1:
        raise OptionError(f"the {what} must lie between 0 and 1, both excluded, not {rate}")
    return exact


def _finite(scores: ArrayLike) -> np.ndarray:
    """(n,) float64, all finite."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise FitError(f"{bad} of {len(values)} calibration scores are not finite; calibrate again")
    return values


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"


def _gamma_quantile(values: np.ndarray, percentile: float) -> float:
    from scipy import stats  # slow to import, and only this method needs it

    try:
        with np.errstate(all="ignore"):
            shape, location, scale = stats.gamma.fit(values)
            value = float(stats.gamma.ppf(percentile, shape, loc=location, scale=scale))
    except (stats.FitError, ValueError, ArithmeticError) as error:
        raise FitError(
            f"no gamma distribution could be fitted to {len(values)} calibration scores ({error}); "
            "use the conformal threshold"
        ) from error
    if not math.isfinite(value):
        raise FitError(
            f"the gamma distribution fitted to {len(values)} calibration scores has no finite "
            f"{_percent(percentile)} point; use the conformal threshold"
        )
    return value
