"""How good scores are on labelled clips: overall, by section, by attribute, and at a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from auscult.errors import EvaluationError
from auscult.evaluation.bootstrap import estimate, replicate
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import Labels, check_year, section_metrics
from auscult.evaluation.summary import ScoredSection, Summary, replicate_sections, summarise

if TYPE_CHECKING:  # only fields of clips are read
    from auscult.corpus import Clip


@dataclass(frozen=True)
class AttributeResult:
    """How well clips with one attribute value are told apart.

    Attributes:
        auc: AUC of ``anomalies`` clips against ``normals`` clips.
        contrast: what it compares: ``"same value"``, normals and anomalies which both have the value;
            ``"all normals"``, where only anomalies have it (the name of a fault), against every normal;
            ``"all anomalies"``, where only normals have it, against every anomaly.
        normals: normal clips compared.
        anomalies: anomalous clips compared.
    """

    auc: Estimate
    contrast: str
    normals: int
    anomalies: int

    def to_json(self) -> dict[str, Any]:
        """``{"auc": {"value", "low", "high"}, "contrast", "normals", "anomalies"}``."""
        return {
            "auc": self.auc.to_json(),
            "contrast": self.contrast,
            "normals": self.normals,
            "anomalies": self.anomalies,
        }


@dataclass(frozen=True)
class Evaluation:
    """What scores are worth on labelled clips.

    Attributes:
        overall: all sections together.
        sections: each by itself; named by section (``"00"``), by machine and section (``"fan/00"``) where
            there are several machines, ``"all"`` where neither is known.
        attributes: by ``"key=value"``, clips of all sections together.
        threshold: at which decisions were made, or ``None``.
        year: whose rules, or ``None``.
        left_out: sections that could not be judged, and why.
    """

    overall: Summary
    sections: Mapping[str, Summary]
    attributes: Mapping[str, AttributeResult]
    threshold: float | None
    year: int | None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The overall metrics at the top, each ``{"value", "low", "high"}``, then sections and attributes."""
        return {
            **self.overall.to_json(),
            "official_score": self.overall.official.to_json() if self.year else None,
            "threshold": self.threshold,
            "year": self.year,
            "left_out": dict(self.left_out),
            "sections": {name: section.to_json() for name, section in self.sections.items()},
            "attributes": {name: result.to_json() for name, result in self.attributes.items()},
        }


def evaluate_scores(
    clips: Sequence[Clip],
    scores: ArrayLike,
    *,
    threshold: float | None = None,
    year: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluates scores of labelled clips with 95 % stratified bootstrap intervals.

    Sections are judged each by itself, as DCASE does, and then combined; one without normals or without
    anomalies is left out, and named in ``left_out``, if there are others and no year's rules are kept. An
    attribute value is judged over all sections, by the AUC that ``AttributeResult`` defines, where two
    normals and two anomalies or more can be compared.

    Args:
        clips: N labelled clips, each with a condition, and all with a domain or none.
        scores: (N,) higher is more anomalous, in the order of the clips.
        threshold: a score above it is called anomalous; ``None`` leaves out precision, recall, F1 and
            the false-alarm rate.
        year: DCASE year by whose rules AUCs are formed and combined; ``None`` takes those of 2022 on,
            and where no domains are known AUC and partial AUC of all clips.
        resamples: bootstrap resamples; 0 gives no intervals.
        seed: of the resamples.

    Raises:
        EvaluationError: labels are missing or some without which a metric does not exist; scores do not
            match the clips or are not finite; the threshold is not finite.
        OptionError: no such year, or a negative number of resamples.
    """
    check_year(year)
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    _check(clips, values, threshold)
    decisions = None if threshold is None else values > threshold
    labels = labels_of(clips)

    sections, left_out = {}, {}
    groups = _by_section(clips)
    for key, members in groups.items():
        section = ScoredSection(
            labels.select(members, name=f"section {key}" if key != "all" else "the clips"),
            values[members],
            None if decisions is None else decisions[members],
        )
        try:
            section_metrics(section.labels, section.scores, year=year)
        except EvaluationError as error:
            left_out[key] = str(error)
            if year is not None or len(left_out) == len(groups):
                raise
        else:
            sections[key] = section
    replicates = replicate_sections(sections, year=year, resamples=resamples, seed=seed)
    return Evaluation(
        overall=summarise(sections, replicates, year=year),
        sections={key: summarise({key: section}, replicates, year=year) for key, section in sections.items()},
        attributes=_by_attribute(clips, labels, values, resamples, seed),
        threshold=threshold,
        year=year,
        left_out=left_out,
    )


def labels_of(clips: Sequence[Clip]) -> Labels:
    """Conditions, domains and recordings of clips as arrays.

    Raises:
        EvaluationError: clips lack a condition, or some of them a domain; says how many, and one of them.
    """
    if len(clips) == 0:
        raise EvaluationError("there are no labelled clips to evaluate")
    unlabelled = [clip.path for clip in clips if clip.condition is None]
    if unlabelled:
        raise EvaluationError(
            f"{len(unlabelled)} of {len(clips)} clips have no condition (normal or anomaly), for instance "
            f"{unlabelled[0]}; label them, or leave them out"
        )
    anomaly = np.array([clip.condition == "anomaly" for clip in clips])
    recording = _recordings(clips)
    homeless = [clip.path for clip in clips if clip.domain is None]
    if len(homeless) == len(clips):
        return Labels(anomaly, source_recording=recording)
    if homeless:
        raise EvaluationError(
            f"{len(homeless)} of {len(clips)} clips have no domain (source or target) though others have, "
            f"for instance {homeless[0]}; name the domain of all or of none"
        )
    return Labels(anomaly, np.array([clip.domain == "target" for clip in clips]), source_recording=recording)


def _recordings(clips: Sequence[Clip]) -> np.ndarray | None:
    """(N,) a number for each recording, clips of unknown recordings each with their own."""
    if all(clip.source_recording is None for clip in clips):
        return None
    numbers: dict[object, int] = {}
    return np.array(
        [
            numbers.setdefault(
                index
                if clip.source_recording is None
                else (clip.machine, clip.section, clip.source_recording),
                len(numbers),
            )
            for index, clip in enumerate(clips)
        ]
    )


def _check(clips: Sequence[Clip], scores: np.ndarray, threshold: float | None) -> None:
    if len(clips) != len(scores):
        raise EvaluationError(f"{len(clips)} clips but {len(scores)} scores")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise EvaluationError(
            f"{len(bad)} of {len(scores)} scores are not finite, for instance {scores[bad[0]]} of "
            f"{clips[bad[0]].path}"
        )
    if threshold is not None and not np.isfinite(threshold):
        raise EvaluationError(f"the threshold must be a finite number, not {threshold}")


def _by_section(clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """Indices of the clips of each section, sections in order of first appearance."""
    several_machines = len({clip.machine for clip in clips}) > 1
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        named = [clip.machine, clip.section] if several_machines else [clip.section]
        key = "/".join(part for part in named if part is not None) or "all"
        groups.setdefault(key, []).append(index)
    return {key: np.array(members) for key, members in groups.items()}


def _by_attribute(
    clips: Sequence[Clip], labels: Labels, scores: np.ndarray, resamples: int, seed: int
) -> dict[str, AttributeResult]:
    """AUC by attribute value; see ``AttributeResult`` for what is compared with what."""
    anomaly, pooled = labels.anomaly, Labels(labels.anomaly, source_recording=labels.source_recording)
    values = sorted({pair for clip in clips for pair in clip.attributes.items()})
    found = {}
    for number, (key, value) in enumerate(values):
        has = np.array([clip.attributes.get(key) == value for clip in clips])
        normals, anomalies, contrast = has & ~anomaly, has & anomaly, "same value"
        if not normals.any():
            normals, contrast = ~anomaly, "all normals"
        elif not anomalies.any():
            anomalies, contrast = anomaly, "all anomalies"
        if min(np.sum(normals), np.sum(anomalies)) < 2:
            continue
        chosen = normals | anomalies
        drawn = replicate(pooled.select(chosen), scores[chosen], resamples=resamples, seed=[seed, number])
        found[f"{key}={value}"] = AttributeResult(
            estimate(drawn["auc_source"]), contrast, int(np.sum(normals)), int(np.sum(anomalies))
        )
    return found
