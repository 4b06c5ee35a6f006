"""The candidates of `bench.promise`: from held-out scores to decisions about test clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from auscult.decision import conformal_threshold


@dataclass(frozen=True)
class HeldOut:
    """Scores of one detector on one machine, cross-fitted with some number of folds.

    Attributes:
        normal: (N,) score of each training clip by the model of its fold.
        folds: (N,) fold of each training clip.
        target: (N,) bool, true for training clips of the target domain.
        recordings: (N,) number of the recording that each training clip was cut from.
        test: (M,) scores of the test clips by the final model.
        test_by_fold: (M, K) scores of the test clips by the model of each fold; K is 0 if there are none.
    """

    normal: np.ndarray
    folds: np.ndarray
    target: np.ndarray
    recordings: np.ndarray
    test: np.ndarray
    test_by_fold: np.ndarray

    @property
    def not_alone(self) -> np.ndarray:
        """(N,) bool, false for clips of a recording that is the only one of its domain."""
        result = np.ones(len(self.normal), bool)
        for domain in (self.target, ~self.target):
            if len(np.unique(self.recordings[domain])) == 1 and not domain.all():
                result &= ~domain
        return result

    @property
    def recordings_left(self) -> float:
        """Mean number of recordings that a fold model is fitted on."""
        count = len(np.unique(self.recordings))
        return count * (1 - 1 / len(np.unique(self.folds)))


#: From the scores with five folds, those with a fold for each recording, and a rate to (M,) bool: alarms.
Decide = Callable[[HeldOut, HeldOut, float], np.ndarray]


def exceeding(test: np.ndarray, normal: np.ndarray, rate: float) -> np.ndarray:
    """(M,) bool, which scores exceed the conformal threshold of (N,) held-out scores; none without one."""
    threshold = conformal_threshold(normal, rate).value
    return np.zeros(len(test), bool) if threshold is None else test > threshold


def shift(five: HeldOut, each: HeldOut) -> float:
    """By how much held-out scores are too high because fold models have fewer recordings: an estimate.

    The mean held-out score is taken to be a + b / n with n recordings. With five folds and with one for each
    recording n is known, and extrapolated to the final model. Recordings that are alone in their domain say
    nothing about it. It is 0 if there are at most five recordings.
    """
    count, few, many = len(np.unique(each.recordings)), five.recordings_left, each.recordings_left
    if many <= few:
        return 0.0
    excess = float(np.mean((five.normal - each.normal)[each.not_alone]))
    return max(excess, 0.0) * (1 / many - 1 / count) / (1 / few - 1 / many)


def jackknife_plus(each: HeldOut, rate: float) -> np.ndarray:
    """Alarms where the p-value is at most the rate (Barber et al., Annals of Statistics 49, 2021).

    The p-value is (1 + #{i: the model without i scores i at least as high as the test clip}) / (N + 1).
    """
    by_clip = each.test_by_fold[:, each.folds]  # (M, N)
    p_values = (1 + np.sum(each.normal >= by_clip, axis=1)) / (len(each.normal) + 1)
    return p_values <= rate + 1e-12


#: Name to candidate, the simplest first.
CANDIDATES: dict[str, Decide] = {
    "five folds": lambda five, each, rate: exceeding(five.test, five.normal, rate),
    "fold per recording": lambda five, each, rate: exceeding(each.test, each.normal, rate),
    "corrected": lambda five, each, rate: exceeding(each.test, each.normal - shift(five, each), rate),
    "not alone": lambda five, each, rate: exceeding(each.test, each.normal[each.not_alone], rate),
    "not alone, corrected": lambda five, each, rate: exceeding(
        each.test, each.normal[each.not_alone] - shift(five, each), rate
    ),
    "jackknife+": lambda five, each, rate: jackknife_plus(each, rate),
}
#: The candidate that was in use so far, and the one that needs the fold models to score.
FORMER, WITH_FOLD_MODELS = "five folds", "jackknife+"
#: The candidate that is in use now; see the outcome in `bench.promise`.
USED = "not alone"


def largest_over_domains(each: HeldOut, rate: float) -> np.ndarray | None:
    """(M,) bool, scores above the threshold of each domain: the largest p-value over domains is at most the
    rate. ``None`` if a domain has fewer than 1/rate − 1 independent recordings."""
    domains = [domain for domain in (~each.target, each.target) if domain.any()]
    if any(len(np.unique(each.recordings[domain])) < 1 / rate - 1 - 1e-9 for domain in domains):
        return None
    alarms = [exceeding(each.test, each.normal[domain], rate) for domain in domains]
    return np.logical_and.reduce(alarms)
