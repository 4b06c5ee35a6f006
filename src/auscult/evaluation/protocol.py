"""How DCASE Task 2 computes the metrics of a section and combines them into one official score.

========== ========================= ============================ =====================================
year       AUC                       partial AUC                  combined by
========== ========================= ============================ =====================================
2020       all clips                 all clips                    arithmetic mean of both
2021       each domain separately    each domain separately       harmonic mean of the four
2022 on    normal clips of a domain  all clips                    harmonic mean of AUC-source,
           against *all* anomalies                                AUC-target and partial AUC
========== ========================= ============================ =====================================

For several sections and machines, the mean is taken over all their terms at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.errors import EvaluationError, OptionError
from auscult.evaluation.metrics import (
    Ranking,
    area_under_curve,
    as_scores,
    harmonic_means,
    partial_area_under_curve,
)

YEARS = tuple(range(2020, 2027))

#: What the AUC of a domain compares since 2022, and in 2021.
DOMAIN_AUC = "normal clips of the domain against the anomalous clips of both domains"
DOMAIN_AUC_2021 = "normal clips of the domain against the anomalous clips of the domain"

#: The metrics whose mean is the official score of 2020, of 2021 and since 2022.
TERMS_2020 = ("auc_source", "pauc")
TERMS_2021 = ("auc_source", "auc_target", "pauc_source", "pauc_target")
TERMS = ("auc_source", "auc_target", "pauc")


@dataclass(frozen=True)
class Labels:
    """The labels of the N clips of one section.

    Attributes:
        anomaly: (N,) bool, true for anomalous clips.
        target: (N,) bool, true for the target domain, false for the source domain; ``None`` if the domains
            are unknown.
        name: name of the section, for messages.
        source_recording: (N,) int, equal for clips cut from one longer recording; ``None`` if each clip is a
            separate recording.
    """

    anomaly: np.ndarray
    target: np.ndarray | None = None
    name: str = "the clips"
    source_recording: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.anomaly)

    def select(self, index: np.ndarray, *, name: str | None = None) -> Labels:
        """Return the labels of some clips, given their indices or a mask."""
        return Labels(
            self.anomaly[index],
            None if self.target is None else self.target[index],
            self.name if name is None else name,
            None if self.source_recording is None else self.source_recording[index],
        )

    @property
    def recording_numbers(self) -> np.ndarray:
        """(N,) the number of each clip's recording."""
        return np.arange(len(self)) if self.source_recording is None else self.source_recording

    def recordings(self, mask: np.ndarray) -> int:
        """Number of separate recordings that the clips of an (N,) mask come from."""
        return len(np.unique(self.recording_numbers[mask]))

    @property
    def domains(self) -> dict[str, np.ndarray]:
        """(N,) bool masks by domain, of domains with clips; without domains, all clips are ``"source"``."""
        if self.target is None:
            return {"source": np.ones(len(self), dtype=bool)}
        masks = {"source": ~self.target, "target": self.target}
        return {domain: mask for domain, mask in masks.items() if mask.any()}

    @property
    def counts(self) -> dict[str, int]:
        """Number of clips by condition, and by domain if the domains are known (``"normal_source"``)."""
        return {name: int(np.sum(mask)) for name, mask in self._groups.items()}

    @property
    def recording_counts(self) -> dict[str, int]:
        """Number of separate recordings, likewise."""
        return {name: self.recordings(mask) for name, mask in self._groups.items()}

    @property
    def _groups(self) -> dict[str, np.ndarray]:
        if self.target is None:
            return {"normal": ~self.anomaly, "anomaly": self.anomaly}
        return {
            f"{condition}_{domain}": in_condition & in_domain
            for domain, in_domain in (("source", ~self.target), ("target", self.target))
            for condition, in_condition in (("normal", ~self.anomaly), ("anomaly", self.anomaly))
        }


@dataclass(frozen=True)
class ScoredSection:
    """The labels and (N,) scores of one section, and optional (N,) masks of decisions and sensor faults."""

    labels: Labels
    scores: np.ndarray
    decisions: np.ndarray | None = None
    sensor: np.ndarray | None = None


def check_year(year: int | None) -> None:
    """Raises `OptionError` for a year without a DCASE protocol; ``None`` is allowed."""
    if year is not None and year not in YEARS:
        raise OptionError(f"no DCASE protocol for year {year}; choose one from {YEARS[0]} to {YEARS[-1]}")


def section_metrics(
    labels: Labels, scores: np.ndarray, *, year: int | None = None, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Computes the metrics of one section by the rules of a year.

    Args:
        labels: labels of N clips.
        scores: (N,) higher is more anomalous.
        year: year of the DCASE Challenge. ``None`` uses the rules since 2022; if the domains are unknown or
            one has no clips, only the metrics that exist are computed.
        weights: (R, N) how often each clip counts, one row per resample; ``None`` counts each clip once.

    Returns:
        Metric name to (R,) values. If the domains are unknown, and for 2020, ``auc_source`` is the AUC of all
        clips and ``auc_target`` is absent. For 2021 ``pauc`` is the harmonic mean of ``pauc_source`` and
        ``pauc_target``.

    Raises:
        EvaluationError: a metric lacks normal or anomalous clips; the message gives the numbers of clips.
        OptionError: no DCASE protocol for the year.
    """
    check_year(year)
    scores = as_scores(scores)
    if len(scores) != len(labels):
        raise EvaluationError(f"{labels.name}: {len(labels)} labelled clips but {len(scores)} scores")
    if year == 2020:
        labels = Labels(labels.anomaly, None, labels.name)
    domains = labels.domains
    _check_counts(labels, domains, year)

    if weights is None:
        weights = np.ones((1, len(scores)))
    ranking = Ranking.of(scores)
    anomalies = weights * labels.anomaly  # (R, N)
    normals = weights * ~labels.anomaly  # (R, N)
    all_anomalies = ranking.cumulate(anomalies)
    metrics: dict[str, np.ndarray] = {}
    for domain, mask in domains.items():
        domain_normals = ranking.cumulate(normals * mask)
        domain_anomalies = ranking.cumulate(anomalies * mask) if year == 2021 else all_anomalies
        metrics[f"auc_{domain}"] = area_under_curve(domain_normals, domain_anomalies)
        if year == 2021:
            metrics[f"pauc_{domain}"] = partial_area_under_curve(domain_normals, domain_anomalies)
    if year == 2021:
        metrics["pauc"] = harmonic_means(np.stack([metrics["pauc_source"], metrics["pauc_target"]]))
    else:
        metrics["pauc"] = partial_area_under_curve(ranking.cumulate(normals), all_anomalies)
    return metrics


def compared_groups(labels: Labels, metric: str, year: int | None = None) -> list[np.ndarray]:
    """The clips that a metric of `section_metrics` compares, as (N,) masks: normal, anomalous, and so on.

    They are two groups, or four for the ``pauc`` of 2021, which is computed in each domain.
    """
    normal, anomaly = ~labels.anomaly, labels.anomaly
    if year == 2020 or labels.target is None:
        return [normal, anomaly]
    domain = labels.domains.get(metric.partition("_")[2])
    if year == 2021:
        domains = labels.domains.values() if domain is None else [domain]
        return [group & mask for mask in domains for group in (normal, anomaly)]
    return [normal if domain is None else normal & domain, anomaly]


def official_names(year: int | None = None) -> tuple[str, ...]:
    """The names of the metrics that enter the year's official score."""
    return {2020: TERMS_2020, 2021: TERMS_2021}.get(year or 0, TERMS)


def mean_over(terms: Sequence[np.ndarray], year: int | None = None) -> np.ndarray:
    """(R,) mean over (R,) terms by the year's rules: arithmetic for 2020, harmonic otherwise."""
    stacked = np.stack(terms)
    return np.mean(stacked, axis=0) if year == 2020 else harmonic_means(stacked)


def _check_counts(labels: Labels, domains: Mapping[str, np.ndarray], year: int | None) -> None:
    """Raises `EvaluationError` if a metric that should exist lacks normal or anomalous clips."""
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in labels.counts.items())
    if year is not None and year >= 2021:
        if labels.target is None:
            raise EvaluationError(
                f"{labels.name}: DCASE {year} compares domains, but the domains of the clips are unknown"
            )
        missing = [domain for domain in ("source", "target") if domain not in domains]
        if missing:
            raise EvaluationError(
                f"{labels.name}: no {' and '.join(missing)} clips, which DCASE {year} requires ({counts})"
            )
    for domain, mask in domains.items():
        of_domain = "" if labels.target is None else f" of the {domain} domain"
        if not np.any(mask & ~labels.anomaly):
            raise EvaluationError(f"{labels.name}: no normal clips{of_domain}, so no AUC ({counts})")
        if year == 2021 and not np.any(mask & labels.anomaly):
            raise EvaluationError(f"{labels.name}: no anomalous clips{of_domain}, so no AUC ({counts})")
    if not np.any(labels.anomaly):
        raise EvaluationError(f"{labels.name}: no anomalous clips, so no AUC ({counts})")
