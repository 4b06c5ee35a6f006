"""Thresholds above which a score is anomalous, computed from the scores of normal recordings.

Calibration scores are those of normal recordings that the model was not fitted on. There are two methods:

- split conformal (Vovk et al. 2005; Lei et al. 2018): guarantees the false-alarm rate for any distribution of
  scores, as long as later normal clips are exchangeable with the calibration clips;
- a gamma distribution fitted to the scores, as in the DCASE baseline: depends on that model, no guarantee.

If there are too few scores, or no gamma distribution describes them, there is no threshold, and a warning
says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from auscult.decision.gamma_fit import fit_gamma, plain_gamma_fit
from auscult.errors import EvaluationError, FitError, OptionError
from auscult.findings import Finding

THRESHOLD_METHODS = ("conformal", "gamma", "gamma_scipy")

#: The false-alarm rate if none is given.
DEFAULT_RATE = 0.05
#: Minimum number of scores for fitting a gamma distribution with a location, which has three parameters.
GAMMA_MINIMUM = 4


@dataclass(frozen=True)
class Threshold:
    """The score above which a recording is anomalous, and how it was computed.

    Attributes:
        value: the threshold, in the unit of the score; ``None`` if there are too few calibration scores, or
            none of the method's distributions describes them.
        method: ``"conformal"``, ``"gamma"``, ``"gamma_scipy"``, ``"baseline"`` or ``"fixed"``.
        rate: the target false-alarm rate; ``None`` for a fixed threshold.
        calibration_count: number of calibration scores.
        needed: number of additional calibration clips required to have a value; 0 if more would not help.
        warning: message for the user, or ``None``.
        label: limitation of the false-alarm rate, such as ``"independence unverified"``, or ``None``.
    """

    value: float | None
    method: str
    rate: float | None = None
    calibration_count: int = 0
    needed: int = 0
    warning: str | None = None
    label: str | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The warning as a finding, if there is one."""
        return (Finding("threshold", self.warning),) if self.warning else ()

    def is_anomalous(self, score: float) -> bool | None:
        """Return ``score > value``, or ``None`` (no verdict) if there is no value.

        Example:
            >>> import auscult
            >>> auscult.Threshold(1.5, "fixed").is_anomalous(2.0)
            True
        """
        return None if self.value is None else bool(score > self.value)


def conformal_threshold(calibration_scores: ArrayLike, rate: float = DEFAULT_RATE) -> Threshold:
    """Return the split conformal threshold: the ⌈(n + 1)(1 − rate)⌉-th smallest of n calibration scores.

    A later normal clip that is exchangeable with the calibration clips scores above it with probability at
    most ``rate``. With fewer than 1/rate − 1 clips no score is high enough to guarantee this, and the value
    is ``None``. It is also ``None`` if all scores are equal: a score that does not depend on the recording
    decides nothing.

    Args:
        calibration_scores: (n,) scores of normal clips that the model was not fitted on.
        rate: target false-alarm rate, between 0 and 1.

    Raises:
        OptionError: ``rate`` is not between 0 and 1.
        FitError: a calibration score is not finite.
    """
    exact_rate = _exact(rate)
    scores = np.sort(_finite(calibration_scores))
    count = len(scores)
    required = required_count(rate)
    if count < required:
        needed = required - count
        warning = (
            f"no threshold: a false-alarm rate of {_percent(rate)} requires {required} calibration clips of "
            f"normal operation, got {count}; {needed} more {'is' if needed == 1 else 'are'} needed"
        )
        if count >= 1:
            clips = "1 clip" if count == 1 else f"{count} clips"
            lowest = 1 / (count + 1)
            warning += (
                f"; with {clips} the lowest possible rate is {_percent(lowest)} "
                f"(`false_alarms={math.ceil(100 * lowest) / 100:g}`)"
            )
        return Threshold(None, "conformal", rate, count, needed, warning)
    if count > 1 and scores[0] == scores[-1]:
        warning = (
            "no threshold: the scores of all calibration clips are equal, so that they do not depend on the "
            "recording; signals of very small values need a factor, `TableSettings(scale=X)`"
        )
        return Threshold(None, "conformal", rate, count, 0, warning)
    rank = math.ceil((count + 1) * (1 - exact_rate))  # exact fractions: as floats, 20 × 0.95 may exceed 19
    return Threshold(float(scores[rank - 1]), "conformal", rate, count)


def required_count(rate: float) -> int:
    """Return the smallest number of calibration clips with which there is a conformal threshold: 1/rate − 1.

    Raises:
        OptionError: ``rate`` is not between 0 and 1.
    """
    return math.ceil(1 / _exact(rate)) - 1


def gamma_threshold(scores: ArrayLike, percentile: float = 0.9, *, plain: bool = False) -> Threshold:
    """Return the ``percentile`` of a gamma distribution (shape, location, scale) fitted to the scores.

    This is the rule of the DCASE baseline, applied to clip scores. It extrapolates with a model and does not
    guarantee a false-alarm rate. The value is ``None``, with a warning that says why, if no gamma
    distribution describes the scores.

    Args:
        scores: (n,) scores of normal clips.
        percentile: between 0 and 1; the target false-alarm rate is ``1 − percentile``.
        plain: whether to use the fit of the baseline: one optimisation, whatever its result. If the result
            does not describe the scores, the threshold has a warning.

    Raises:
        OptionError: ``percentile`` is not between 0 and 1.
        FitError: a score is not finite, all scores are equal, or the plain fit fails.
    """
    method = "gamma_scipy" if plain else "gamma"
    rate = float(1 - _exact(percentile, "percentile"))
    values = _finite(scores)
    count = len(values)
    if count < GAMMA_MINIMUM:
        needed = GAMMA_MINIMUM - count
        warning = (
            f"no threshold: a gamma fit requires {GAMMA_MINIMUM} calibration scores, got {count}; "
            f"{needed} more {'is' if needed == 1 else 'are'} needed"
        )
        return Threshold(None, method, rate, count, needed, warning)
    if values.min() == values.max():
        raise FitError(
            f"cannot fit a gamma distribution to {count} calibration scores that all equal {values[0]:g}; "
            "use the conformal threshold"
        )
    # A power of two, by which a division is exact, so that squares of very large or small scores are finite.
    unit = 1.0 if plain else 2.0 ** (math.frexp(float(np.abs(values).max()))[1] - 1)
    fitted = plain_gamma_fit(values) if plain else fit_gamma(values / unit)
    problem = (
        fitted.problem if fitted else "no solution with a shape of at least 1 away from the smallest score"
    )
    value = unit * fitted.quantile(percentile) if fitted else math.nan
    if not math.isfinite(value) or (problem and not plain):
        warning = (
            f"no threshold: no gamma distribution fits these {count} calibration scores "
            f"({problem or 'its quantile is not finite'}); use the conformal threshold"
        )
        return Threshold(None, method, rate, count, warning=warning)

    above = int(np.sum(values > value))
    deviation = math.sqrt(count * rate * (1 - rate))
    reasons = [problem] if problem else []
    if abs(above - count * rate) > 3 * deviation + 0.5:
        expected = f"expected {count * rate:.1f}"
        reasons.insert(0, f"{above} of {count} calibration scores are above the threshold, {expected}")
    poor_fit = (
        f"the gamma distribution fits poorly: {'; '.join(reasons)}; the conformal threshold assumes no "
        "distribution"
        if reasons
        else None
    )
    return Threshold(value, method, rate, count, warning=poor_fit)


def fixed_threshold(value: float) -> Threshold:
    """Return a threshold with a value given by the user.

    Raises:
        OptionError: the value is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise OptionError(f"threshold must be a number that is finite, got {value!r}")
    return Threshold(float(value), "fixed")


def threshold_by_name(method: str, calibration_scores: ArrayLike, *, rate: float | None = None) -> Threshold:
    """Return the threshold of a method, given by name, at a target false-alarm rate.

    Args:
        method: ``"conformal"``, ``"gamma"``, or ``"gamma_scipy"`` for the plain fit of the baseline.
        calibration_scores: (n,) scores of normal clips that the model was not fitted on.
        rate: between 0 and 1; ``None`` for the default of the method: 5 % conformal, 10 % gamma (the 90th
            percentile, as in the baseline).

    Raises:
        OptionError: the method does not exist, or the rate is out of range.
        FitError: the scores cannot be used.
    """
    if method == "conformal":
        return conformal_threshold(calibration_scores, DEFAULT_RATE if rate is None else rate)
    if method in ("gamma", "gamma_scipy"):
        percentile = 0.9 if rate is None else float(1 - _exact(rate))
        return gamma_threshold(calibration_scores, percentile, plain=method == "gamma_scipy")
    raise OptionError(f"unknown threshold method {method!r}; choose one of {', '.join(THRESHOLD_METHODS)}")


def p_value(score: float, calibration_scores: ArrayLike) -> float:
    """Return the conformal p-value (1 + #{calibration scores ≥ score}) / (n + 1).

    For exchangeable normal clips it is at most α with probability at most α. It is at most α exactly if the
    score exceeds the conformal threshold for the rate α. Without calibration scores it is 1.

    Raises:
        EvaluationError: the score is NaN.
        FitError: a calibration score is not finite.

    Example:
        >>> import auscult
        >>> auscult.p_value(2.5, [0.0, 1.0, 2.0, 3.0])
        0.4
    """
    if math.isnan(score):
        raise EvaluationError("cannot compute a p-value: the score is NaN")
    scores = _finite(calibration_scores)
    return float((1 + np.sum(scores >= score)) / (len(scores) + 1))


def parse_rate(text: str) -> float:
    """Parse a false-alarm rate as written by a user: ``"5%"`` or ``"0.05"``.

    Raises:
        OptionError: not a number, or not above 0 and below 1 (100 %).
    """
    stripped = text.strip()
    is_percent = stripped.endswith("%")
    try:
        number = Decimal(stripped.removesuffix("%").strip())
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise OptionError(f"false-alarm rate {text!r} is not a number; write it like 5% or 0.05") from None
    rate = number / 100 if is_percent else number
    if not 0 < rate < 1:
        hint = f"; did you mean {stripped}%?" if not is_percent and 1 <= number < 100 else ""
        raise OptionError(
            f"false-alarm rate {text!r} must lie between 0 and 1 (0% and 100%), both excluded{hint}"
        )
    return float(rate)


def _exact(rate: float, name: str = "false-alarm rate") -> Fraction:
    """Return the fraction that a float stands for: 0.05 is 1/20, not 0.05000000000000000277."""
    if isinstance(rate, bool) or not isinstance(rate, Real):
        raise OptionError(f"the {name} must be a number such as 0.05, got {rate!r}")
    exact = Fraction(rate).limit_denominator(10**12) if math.isfinite(rate) else Fraction(0)
    if not 0 < exact < 1:
        raise OptionError(f"the {name} must lie between 0 and 1, both excluded, got {rate}")
    return exact


def _finite(scores: ArrayLike) -> np.ndarray:
    """Return the scores as (n,) float64; raise `FitError` if any is not finite."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    invalid = int(np.sum(~np.isfinite(values)))
    if invalid:
        raise FitError(f"{invalid} of {len(values)} calibration scores are not finite; calibrate again")
    return values


def _percent(rate: float) -> str:
    return f"{100 * rate:.3g} %"
