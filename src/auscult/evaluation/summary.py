"""The metrics of one section, or of several taken together, each with its interval."""

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
    """One section's labels, its (N,) scores, and its (N,) bool decisions where there are any."""

    labels: Labels
    scores: np.ndarray
    decisions: np.ndarray | None = None


@dataclass(frozen=True)
class Summary:
    """Metrics with 95 % intervals, fractions all.

    Over several sections each metric is the mean over sections that the year's official score takes:
    harmonic, for 2020 arithmetic. What decisions achieve is counted over all clips of a domain.

    Attributes:
        auc_source: AUC of the source domain; of all clips where no domains are known; ``None`` where
            only the target domain has clips.
        auc_target: AUC of the target domain; ``None`` where there is none.
        pauc: partial AUC, false-positive rate up to 0.1, McClish-standardised.
        harmonic_mean: of all terms of all sections.
        official: the year's official mean of them: for 2020 the arithmetic, otherwise the harmonic mean.
        decisions: ``precision_source``, ``recall_source``, ``f1_source``, ``false_alarm_rate_source``
            and the same of the target, from the clips of that domain alone (its own anomalies only,
            unlike the AUC), where it has such; empty without decisions. False-alarm
            rates have Clopper–Pearson intervals, which take clips as independent.
        clips: counts by condition, and by domain where domains are known (``normal_source``).
    """

    auc_source: Estimate | None
    auc_target: Estimate | None
    pauc: Estimate
    harmonic_mean: Estimate
    official: Estimate
    decisions: Mapping[str, Estimate]
    clips: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Every metric as ``{"value", "low", "high"}``, ``None`` where it does not exist."""
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
    """Each section's metrics and their bootstrap replicates, by its key.

    The draws of a section depend on the seed and its key alone, so its interval is the same by itself
    and among others.

    Raises:
        EvaluationError: no sections, or one lacks clips that a metric needs.
        OptionError: no such year.
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
    """One summary of one section or of several, from their replicates.

    Args:
        sections: the sections to take together.
        replicates: from ``replicate_sections``, at least of these sections.
        year: whose rules the replicates follow.
    """
    parts = [replicates[key] for key in sections]
    terms = official_terms(parts, year)
    return Summary(
        auc_source=_over_sections("auc_source", parts, year),
        auc_target=_over_sections("auc_target", parts, year),
        pauc=estimate(mean_over([part["pauc"] for part in parts], year)),
        harmonic_mean=estimate(harmonic_means(np.stack(terms))),
        official=estimate(mean_over(terms, year)),
        decisions=_decisions(sections, parts),
        clips=_total([section.labels.counts for section in sections.values()]),
    )


def _over_sections(name: str, parts: list[Replicates], year: int | None) -> Estimate | None:
    having = [part[name] for part in parts if name in part]
    return estimate(mean_over(having, year)) if having else None


def _decisions(sections: Mapping[str, ScoredSection], parts: list[Replicates]) -> dict[str, Estimate]:
    """What decisions achieve by domain, of the sections that have decisions."""
    decided = [
        (section.labels, part)
        for section, part in zip(sections.values(), parts, strict=True)
        if section.decisions is not None
    ]
    found: dict[str, Estimate] = {}
    for domain in ("source", "target"):
        having = [(labels, part) for labels, part in decided if domain in labels.domains]
        if not having:
            continue
        hits = np.sum([part[f"hits_{domain}"] for _, part in having], axis=0)
        false_alarms = np.sum([part[f"false_alarms_{domain}"] for _, part in having], axis=0)
        masks = [(labels.anomaly, labels.domains[domain]) for labels, _ in having]
        anomalies = sum(int(np.sum(lies & anomaly)) for anomaly, lies in masks)
        normals = sum(int(np.sum(lies & ~anomaly)) for anomaly, lies in masks)
        if anomalies:
            rates = detection_rates(hits, hits + false_alarms, np.full_like(hits, anomalies))
            for name, values in zip(("precision", "recall", "f1"), rates, strict=True):
                found[f"{name}_{domain}"] = estimate(values)
        if normals:
            found[f"false_alarm_rate_{domain}"] = proportion_interval(round(float(false_alarms[0])), normals)
    return found


def _total(counts: list[dict[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for count in counts for name in count)
    return {name: sum(count.get(name, 0) for count in counts) for name in names}
