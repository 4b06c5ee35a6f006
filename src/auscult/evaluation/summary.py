"""The metrics of one section or of several sections together, each with its confidence interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from auscult.errors import EvaluationError
from auscult.evaluation.decision_rates import decision_rates
from auscult.evaluation.estimates import Measured, estimate
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import ScoredSection, mean_over, official_names


@dataclass(frozen=True)
class Summary:
    """Metrics with 95 % intervals, all as fractions.

    Over several sections, each metric is the mean over sections that the year's official score uses:
    harmonic, for 2020 arithmetic. Metrics of decisions are computed from counts over all clips of a domain.

    Attributes:
        auc_source: AUC of the source domain (what it compares depends on the year, see `protocol`), or of all
            clips if the domains are unknown; ``None`` if only the target domain has clips.
        auc_target: likewise of the target domain; ``None`` if there is none.
        pauc: partial AUC, false-positive rate up to 0.1, McClish-standardised.
        harmonic_mean: harmonic mean of all terms of all sections.
        official: the year's official mean of the terms: for 2020 the arithmetic, otherwise the harmonic mean.
        decisions: ``precision_source``, ``recall_source``, ``f1_source``, ``false_alarm_rate_source`` and the
            same for the target domain, as far as they exist. They are computed from the clips of that domain
            alone (unlike the AUC, which uses the anomalous clips of both domains). Empty without decisions.
        clips: number of clips by condition, and by domain if the domains are known (``normal_source``).
        recordings: likewise the number of independent recordings, from which the intervals follow.
    """

    auc_source: Estimate | None
    auc_target: Estimate | None
    pauc: Estimate
    harmonic_mean: Estimate
    official: Estimate
    decisions: Mapping[str, Estimate]
    clips: Mapping[str, int]
    recordings: Mapping[str, int]

    @property
    def interval_notes(self) -> dict[str, str]:
        """By metric, why it has no interval, or how it was computed if not in the usual way."""
        estimates = {
            "auc_source": self.auc_source,
            "auc_target": self.auc_target,
            "pauc": self.pauc,
            "harmonic_mean": self.harmonic_mean,
            **self.decisions,
        }
        return {name: estimate.note for name, estimate in estimates.items() if estimate and estimate.note}

    def to_json(self) -> dict[str, Any]:
        """Every metric as ``{"value", "low", "high"}``, or ``None`` if it does not exist."""
        return {
            "auc_source": self.auc_source.to_json() if self.auc_source else None,
            "auc_target": self.auc_target.to_json() if self.auc_target else None,
            "pauc": self.pauc.to_json(),
            "harmonic_mean": self.harmonic_mean.to_json(),
            **{name: value.to_json() for name, value in self.decisions.items()},
            "clips": dict(self.clips),
            "recordings": dict(self.recordings),
            "interval_notes": self.interval_notes,
        }


def measure_sections(
    sections: Mapping[str, ScoredSection], *, year: int | None, intervals: bool = True
) -> dict[str, Measured]:
    """Computes the metrics of each section, and what they are without each recording, by the section's key.

    Raises:
        EvaluationError: no sections, or one lacks clips that a metric needs.
        OptionError: no DCASE protocol for the year.
    """
    if not sections:
        raise EvaluationError("there are no labelled clips to evaluate")
    return {
        key: Measured.of(section.labels, section.scores, year=year, intervals=intervals)
        for key, section in sections.items()
    }


def summarise(
    sections: Mapping[str, ScoredSection], measured: Mapping[str, Measured], *, year: int | None = None
) -> Summary:
    """Summarises one section or several sections.

    Args:
        sections: the sections to combine.
        measured: the result of ``measure_sections`` for at least these sections.
        year: DCASE year whose rules the metrics follow.
    """
    runs = [[measured[key] for key in sections]]
    mean = partial(mean_over, year=year)

    def mean_of(name: str) -> Estimate | None:
        if not any(name in section.left_out.metrics for section in runs[0]):
            return None
        return estimate(runs, (name,), mean, year=year)

    names = official_names(year)
    pauc = mean_of("pauc")
    assert pauc is not None  # every section has it
    return Summary(
        auc_source=mean_of("auc_source"),
        auc_target=mean_of("auc_target"),
        pauc=pauc,
        harmonic_mean=estimate(runs, names, mean_over, year=year),
        official=estimate(runs, names, mean, year=year),
        decisions=decision_rates(list(sections.values())),
        clips=_sum_counts([section.labels.counts for section in sections.values()]),
        recordings=_sum_counts([section.labels.recording_counts for section in sections.values()]),
    )


def _sum_counts(counts: list[dict[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for count in counts for name in count)
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
