"""Evaluation of scores of labelled clips: overall, by section, by attribute, and at a threshold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError
from auscult.evaluation.clip_labels import copies_among, labels_of
from auscult.evaluation.estimates import MIN_RECORDINGS, Measured, estimate
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import Labels, ScoredSection, check_year, mean_over, section_metrics
from auscult.evaluation.remarks import copies_remark, score_remarks
from auscult.evaluation.summary import Summary, measure_sections, summarise
from auscult.findings import Finding, messages

if TYPE_CHECKING:  # at run time only attributes of clips are read
    from auscult.corpus import Clip


@dataclass(frozen=True)
class AttributeResult:
    """The AUC for clips with one attribute value.

    Attributes:
        auc: AUC of anomalous against normal clips.
        contrast: the clips compared. ``"same value"``: normal and anomalous clips that have the value.
            ``"all normals"``: only anomalous clips have it (such as the name of a fault); they are compared
            with all normal clips. ``"all anomalies"``: only normal clips have it; they are compared with all
            anomalous clips.
        normals: number of normal clips compared.
        anomalies: number of anomalous clips compared.
        recordings: number of independent recordings that have the value.
    """

    auc: Estimate
    contrast: str
    normals: int
    anomalies: int
    recordings: int

    @property
    def is_general(self) -> bool:
        """Whether the value says something about more than a few recordings, as the name of one does not."""
        return min(self.normals, self.anomalies, self.recordings) >= MIN_RECORDINGS

    def to_json(self) -> dict[str, Any]:
        """The attributes by name; the AUC as ``{"value", "low", "high"}``, and its ``"interval_note"``."""
        return {
            "auc": self.auc.to_json(),
            "contrast": self.contrast,
            "normals": self.normals,
            "anomalies": self.anomalies,
            "recordings": self.recordings,
            "interval_note": self.auc.note,
        }


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of scores of labelled clips.

    Attributes:
        overall: metrics over all sections.
        sections: metrics of each section, by section (``"00"``), by machine and section (``"fan/00"``) if
            there are several machines, or ``"all"`` if neither is known.
        attributes: results by ``"key=value"``, over the clips of all sections.
        threshold: threshold of the decisions, or ``None``.
        year: DCASE year whose rules were applied, or ``None``.
        left_out: sections that could not be evaluated, and why.
        copies: the paths of each group of clips that are the same recording.
        warnings: about copies, and about scores that cannot be right.
    """

    overall: Summary
    sections: Mapping[str, Summary]
    attributes: Mapping[str, AttributeResult]
    threshold: float | None
    year: int | None
    left_out: Mapping[str, str] = field(default_factory=dict)
    copies: Sequence[Sequence[str]] = ()
    warnings: Sequence[Finding] = ()

    def to_json(self) -> dict[str, Any]:
        """The overall metrics at the top level, each ``{"value", "low", "high"}``; sections; attributes.

        Example:
            >>> import auscult
            >>> from auscult.evaluation import evaluate_scores
            >>> conditions = ["normal", "normal", "anomaly", "anomaly"]
            >>> clips = [auscult.Clip(f"{i}.wav", condition=c) for i, c in enumerate(conditions)]
            >>> evaluate_scores(clips, [0.1, 0.2, 0.8, 0.9]).to_json()["auc_source"]["value"]
            1.0
        """
        return {
            **self.overall.to_json(),
            "official_score": self.overall.official.to_json() if self.year else None,
            "threshold": self.threshold,
            "year": self.year,
            "left_out": dict(self.left_out),
            "copies": [list(paths) for paths in self.copies],
            "warnings": messages(self.warnings),
            "sections": {name: section.to_json() for name, section in self.sections.items()},
            "attributes": {name: result.to_json() for name, result in self.attributes.items()},
        }


def evaluate_scores(
    clips: Sequence[Clip],
    scores: ArrayLike,
    *,
    threshold: float | None = None,
    year: int | None = None,
    intervals: bool = True,
    identities: Sequence[Hashable] | None = None,
    sensor: ArrayLike | None = None,
    fit_findings: Sequence[Finding] = (),
) -> Evaluation:
    """Evaluates scores of labelled clips with 95 % intervals.

    Intervals are over independent recordings: clips with one ``source_recording`` and copies of a clip vary
    together (`jackknife.py`, `intervals.py`). If the clips are separated perfectly, they are exact bounds.
    Where there is no interval, as with fewer than `estimates.MIN_RECORDINGS` recordings, the estimate has a
    note with the reason.

    Sections are evaluated separately, as in the DCASE Challenge, and then combined. Without a year, a section
    without normal or without anomalous clips is left out and named in ``left_out``, unless all sections are
    like that. Attribute values are evaluated over all sections by the AUC that ``AttributeResult`` defines,
    if at least two normal and two anomalous clips can be compared.

    Args:
        clips: N labelled clips; each needs a condition, and either all or none have a domain.
        scores: (N,) higher is more anomalous, in the order of the clips.
        threshold: clips with scores above it are flagged as anomalous; ``None`` leaves out precision, recall,
            F1 and the false-alarm rate.
        year: DCASE year whose rules define and combine the AUCs. ``None`` uses the rules since 2022, or the
            AUC and partial AUC of all clips if no domains are known.
        intervals: whether metrics of scores have intervals, which take most of the time.
        identities: a value for each clip that is equal for copies of one recording; ``None`` for the paths.
        sensor: (N,) true for clips that cannot be judged because of a sensor fault, whatever their score.
            They count for the AUCs, but not for the rates of decisions; their own rate is
            ``sensor_rate_source``, ``…_target``. It must not depend on the scores: leaving out clips with low
            scores would raise the recall.
        fit_findings: findings of the fit of the model, among which may be the reason for a low AUC.

    Raises:
        EvaluationError: a label is missing; a recording has both labels; a metric lacks normal or anomalous
            clips; the scores do not match the clips or are not finite; the threshold is not finite.
        OptionError: no DCASE protocol for the year.
    """
    check_year(year)
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    _check(clips, values, threshold)
    decisions = None if threshold is None else values > threshold
    faults = np.zeros(len(values), bool) if sensor is None else np.asarray(sensor, bool)
    labels = labels_of(clips, identities)

    sections, left_out = {}, {}
    groups = _by_section(clips)
    for key, indices in groups.items():
        section = ScoredSection(
            labels.select(indices, name=f"section {key}" if key != "all" else "the clips"),
            values[indices],
            None if decisions is None else decisions[indices],
            faults[indices],
        )
        try:
            section_metrics(section.labels, section.scores, year=year)
        except EvaluationError as error:
            left_out[key] = str(error)
            if year is not None or len(left_out) == len(groups):
                raise
        else:
            sections[key] = section
    measured = measure_sections(sections, year=year, intervals=intervals)
    summaries = {key: summarise({key: section}, measured, year=year) for key, section in sections.items()}
    copies = copies_among(clips, identities)
    return Evaluation(
        overall=summarise(sections, measured, year=year),
        sections=summaries,
        attributes=_by_attribute(clips, labels, values, intervals=intervals),
        threshold=threshold,
        year=year,
        left_out=left_out,
        copies=copies,
        warnings=(*copies_remark(copies), *score_remarks(sections, summaries, fit_findings)),
    )


def _check(clips: Sequence[Clip], scores: np.ndarray, threshold: float | None) -> None:
    """Raises `EvaluationError` if the scores do not match the clips, or if a number is not finite."""
    if len(clips) != len(scores):
        raise EvaluationError(f"{len(clips)} clips but {len(scores)} scores")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise EvaluationError(
            f"{len(bad)} of {len(scores)} scores are not finite, for instance {scores[bad[0]]} for "
            f"{clips[bad[0]].path}"
        )
    if threshold is not None and not np.isfinite(threshold):
        raise EvaluationError(f"threshold must be a finite number, got {threshold}")


def _by_section(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Indices of the clips of each section, sections in order of first appearance."""
    several_machines = len({clip.machine for clip in clips}) > 1
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        names = [clip.machine, clip.section] if several_machines else [clip.section]
        key = "/".join(name for name in names if name is not None) or "all"
        groups.setdefault(key, []).append(index)
    return {key: np.array(indices) for key, indices in groups.items()}


def _by_attribute(
    clips: Sequence[Clip], labels: Labels, scores: np.ndarray, *, intervals: bool
) -> dict[str, AttributeResult]:
    """AUC by attribute value; ``AttributeResult`` defines which clips are compared."""
    anomaly = labels.anomaly
    without_domains = Labels(anomaly, source_recording=labels.source_recording)
    values = sorted({pair for clip in clips for pair in clip.attributes.items()})
    results = {}
    for key, value in values:
        has_value = np.array([clip.attributes.get(key) == value for clip in clips])
        normals, anomalies, contrast = has_value & ~anomaly, has_value & anomaly, "same value"
        if not normals.any():
            normals, contrast = ~anomaly, "all normals"
        elif not anomalies.any():
            anomalies, contrast = anomaly, "all anomalies"
        if min(np.sum(normals), np.sum(anomalies)) < 2:
            continue
        mask = normals | anomalies
        section = Measured.of(without_domains.select(mask), scores[mask], intervals=intervals)
        results[f"{key}={value}"] = AttributeResult(
            estimate([[section]], ("auc_source",), mean_over),
            contrast,
            int(np.sum(normals)),
            int(np.sum(anomalies)),
            labels.recordings(has_value),
        )
    return results
