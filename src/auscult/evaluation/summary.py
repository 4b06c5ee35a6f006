"""The metrics of one section or of several sections together, each with its confidence interval."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.errors import EvaluationError
from auscult.evaluation.bootstrap import estimate, replicate
from auscult.evaluation.intervals import Estimate, proportion_interval
from auscult.evaluation.metrics import detection_rates, harmonic_means
from auscult.evaluation.protocol import Labels, mean_over, official_terms


@dataclass(frozen=True)
class ScoredSection:
    """The labels, (N,) scores and optional (N,) bool decisions of one section."""

    labels: Labels
    scores: np.ndarray
    decisions: np.ndarray | None = None


@dataclass(frozen=True)
class Summary:
    """Metrics with 95 % intervals, all as fractions.

    Over several sections, each metric is the mean over sections that the year's official score uses:
    harmonic, for 2020 arithmetic. Metrics of decisions are computed from counts over all clips of a domain.

    Attributes:
        auc_source: AUC of the source domain, or of all clips if the domains are unknown; ``None`` if only the
            target domain has clips.
        auc_target: AUC of the target domain; ``None`` if there is none.
        pauc: partial AUC, false-positive rate up to 0.1, McClish-standardised.
        harmonic_mean: harmonic mean of all terms of all sections.
        official: the year's official mean of the terms: for 2020 the arithmetic, otherwise the harmonic mean.
        decisions: ``precision_source``, ``recall_source``, ``f1_source``, ``false_alarm_rate_source`` and the
            same for the target domain, as far as they exist. They are computed from the clips of that domain
            alone (unlike the AUC, which uses the anomalous clips of both domains). Empty without decisions.
            False-alarm rates have Clopper–Pearson intervals, which assume independent clips.
        clips: number of clips by condition, and by domain if the domains are known (``normal_source``).
    """

    auc_source: Estimate | None
    auc_target: Estimate | None
    pauc: Estimate
    harmonic_mean: Estimate
    official: Estimate
    decisions: Mapping[str, Estimate]
    clips: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Every metric as ``{"value", "low", "high"}``, or ``None`` if it does not exist."""
        return {
            "auc_source": self.auc_source.to_json() if self.auc_source else None,
            "auc_target": self.auc_target.to_json() if self.auc_target else None,
            "pauc": self.pauc.to_json(),
            "harmonic_mean": self.harmonic_mean.to_json(),
            **{name: value.to_json() for name, value in self.decisions.items()},
            "clips": dict(self.clips),
        }


Replicates = Mapping[str, np.ndarray]


def replicate_sections(
    sections: Mapping[str, ScoredSection], *, year: int | None, resamples: int, seed: int
) -> dict[str, Replicates]:
    """Computes the metrics of each section and their bootstrap replicates, by the section's key.

    The resamples of a section depend only on the seed and its key, so its interval does not depend on which
    other sections are evaluated.

    Raises:
        EvaluationError: no sections, or one lacks clips that a metric needs.
        OptionError: no DCASE protocol for the year.
    """
    if not sections:
        raise EvaluationError("there are no labelled clips to evaluate")
    return {
        key: replicate(
            section.labels,
            section.scores,
            decisions=section.decisions,
            year=year,
            resamples=resamples,
            seed=[seed, zlib.crc32(key.encode())],
        )
        for key, section in sections.items()
    }


def summarise(
    sections: Mapping[str, ScoredSection], replicates: Mapping[str, Replicates], *, year: int | None = None
) -> Summary:
    """Summarises one section or several sections from their replicates.

    Args:
        sections: the sections to combine.
        replicates: the result of ``replicate_sections`` for at least these sections.
        year: DCASE year whose rules the replicates follow.
    """
    by_section = [replicates[key] for key in sections]
    terms = official_terms(by_section, year)
    return Summary(
        auc_source=_mean_estimate("auc_source", by_section, year),
        auc_target=_mean_estimate("auc_target", by_section, year),
        pauc=estimate(mean_over([section["pauc"] for section in by_section], year)),
        harmonic_mean=estimate(harmonic_means(np.stack(terms))),
        official=estimate(mean_over(terms, year)),
        decisions=_decision_metrics(sections, by_section),
        clips=_sum_counts([section.labels.counts for section in sections.values()]),
    )


def _mean_estimate(name: str, by_section: list[Replicates], year: int | None) -> Estimate | None:
    """The mean of a metric over the sections that have it, or ``None`` if no section has it."""
    available = [section[name] for section in by_section if name in section]
    return estimate(mean_over(available, year)) if available else None


def _decision_metrics(
    sections: Mapping[str, ScoredSection], by_section: list[Replicates]
) -> dict[str, Estimate]:
    """The metrics of decisions by domain, over the sections that have decisions."""
    decided = [
        (section.labels, replicates)
        for section, replicates in zip(sections.values(), by_section, strict=True)
        if section.decisions is not None
    ]
    metrics: dict[str, Estimate] = {}
    for domain in ("source", "target"):
        with_domain = [(labels, replicates) for labels, replicates in decided if domain in labels.domains]
        if not with_domain:
            continue
        hits = np.sum([replicates[f"hits_{domain}"] for _, replicates in with_domain], axis=0)
        false_alarms = np.sum([replicates[f"false_alarms_{domain}"] for _, replicates in with_domain], axis=0)
        masks = [(labels.anomaly, labels.domains[domain]) for labels, _ in with_domain]
        anomalies = sum(int(np.sum(in_domain & anomaly)) for anomaly, in_domain in masks)
        normals = sum(int(np.sum(in_domain & ~anomaly)) for anomaly, in_domain in masks)
        if anomalies:
            rates = detection_rates(hits, hits + false_alarms, np.full_like(hits, anomalies))
            for name, values in zip(("precision", "recall", "f1"), rates, strict=True):
                metrics[f"{name}_{domain}"] = estimate(values)
        if normals:
            metrics[f"false_alarm_rate_{domain}"] = proportion_interval(
                round(float(false_alarms[0])), normals
            )
    return metrics


def _sum_counts(counts: list[dict[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for count in counts for name in count)
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
