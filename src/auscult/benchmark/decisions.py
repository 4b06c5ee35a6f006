"""The thresholds of a benchmark, from the scores of normal recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from auscult.decision import (
    THRESHOLD_METHODS,
    Threshold,
    baseline_threshold,
    conformal_threshold,
    threshold_by_name,
)
from auscult.errors import FitError, OptionError

#: As for `auscult.score`, see ``auscult.decision``.
METHODS = (*THRESHOLD_METHODS, "baseline")


@dataclass(frozen=True)
class ThresholdRule:
    """How the thresholds for the decisions in score files are computed.

    Attributes:
        method: ``"gamma_scipy"``, ``"gamma"`` or ``"conformal"`` of the scores of normal recordings, or
            ``"baseline"`` of the losses of training batches.
        rate: accepted false-alarm rate; ``None`` for the default of the method.

    Raises:
        OptionError: there is no such method, or the rate is not between 0 and 1.
    """

    method: str = "gamma_scipy"
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise OptionError(f"unknown threshold method {self.method!r}; choose one of {', '.join(METHODS)}")
        if self.rate is not None and not 0 < self.rate < 1:
            raise OptionError(
                f"the false-alarm rate must lie between 0 and 1, both excluded, got {self.rate}"
            )


@dataclass(frozen=True)
class NormalScores:
    """What the thresholds of one fit are computed from.

    Attributes:
        scores: score name to (n,) scores of normal recordings.
        held_out: whether these are of models that were not fitted on the recordings; if not, of the training
            clips themselves.
        batches: score name to its value for each training batch, as far as the detector stores it.
    """

    scores: Mapping[str, np.ndarray]
    held_out: bool
    batches: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def threshold(self, score: str, rule: ThresholdRule | None = None) -> Threshold:
        """Return the threshold of a score; without a value, and with a warning, if there is none."""
        rule = rule or ThresholdRule()
        batches, values = self.batches.get(score), self.scores[score]
        try:
            if rule.method != "baseline":
                return self._of_clips(threshold_by_name(rule.method, values, rate=rule.rate))
            if batches is not None:
                return baseline_threshold(batches, *(() if rule.rate is None else (rule.rate,)))
        except FitError as error:
            return Threshold(None, rule.method, rule.rate, len(values), warning=str(error))
        warning = (
            "no threshold: the detector does not store this score of its training batches; choose another "
            "threshold method than baseline"
        )
        return Threshold(None, "baseline", rule.rate, warning=warning)

    def own_threshold(self, score: str) -> Threshold:
        """Return the threshold for recall and false-alarm rate in tables.

        It is that of the model for 5 % false alarms or, if the model is not calibrated, that of the baseline.
        """
        return conformal_threshold(self.scores[score]) if self.held_out else self.threshold(score)

    def _of_clips(self, threshold: Threshold) -> Threshold:
        """The threshold, with a warning where its promise does not hold."""
        if threshold.method != "conformal" or self.held_out or threshold.value is None:
            return threshold
        warning = (
            "the threshold is from the scores of the clips that the detector was fitted on, which are lower "
            "than those of other clips, so more false alarms than accepted are to be expected"
        )
        return replace(threshold, warning=warning)

    def to_json(self) -> dict[str, Any]:
        """The attributes by name."""
        return {
            "scores": {name: values.tolist() for name, values in self.scores.items()},
            "held_out": self.held_out,
            "batches": {name: list(values) for name, values in self.batches.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NormalScores:
        """Create the object from the output of `to_json`."""
        scores = {name: np.array(values) for name, values in data["scores"].items()}
        return cls(scores, data["held_out"], data["batches"])
