"""The official score of a submission against the ground truth, clips matched by name.

Follows the protocol of the challenge (``protocol.py``) and differs from the official scripts in two
things. They sort the rows of both sides and trust that they then correspond; here rows are matched by
name, and what is missing, extra or doubled is reported. And their "official score ci95" takes the plain
variance of the leave-one-out scores without the jackknife's factor (N − 1), which makes it narrower by
about that factor's root; here intervals come from a stratified bootstrap over clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from auscult.dcase.ground_truth import GroundTruth, read_ground_truth
from auscult.errors import EvaluationError
from auscult.evaluation.bootstrap import estimate
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import check_year, mean_over, official_terms
from auscult.evaluation.score_files import Row, Submission, read_submission
from auscult.evaluation.summary import ScoredSection, Summary, replicate_sections, summarise


@dataclass
class Mismatches:
    """Where submission and ground truth differ, one line each, ``machine/clip name`` first.

    Attributes:
        missing: clips and files that the ground truth has and the submission lacks.
        extra: rows and files of the submission that the ground truth does not know.
        doubled: rows about a clip that had one already; the first counts.

    Decisions are marked ``(decision)``.
    """

    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class OfficialReport:
    """A submission's evaluation.

    Attributes:
        official_score: the year's mean over all machines and sections that could be scored.
        machines: each machine's metrics.
        sections: each section's, by (machine, section).
        mismatches: what did not match.
        year: whose rules.
    """

    official_score: Estimate
    machines: Mapping[str, Summary]
    sections: Mapping[tuple[str, str], Summary]
    mismatches: Mismatches
    year: int

    @property
    def complete(self) -> bool:
        """Whether every clip has exactly one score and one decision; if not, the score is no official one."""
        return not (self.mismatches.missing or self.mismatches.doubled)

    def to_json(self) -> dict[str, Any]:
        """Metrics as ``{"value", "low", "high"}``, fractions."""
        return {
            "official_score": self.official_score.to_json(),
            "year": self.year,
            "complete": self.complete,
            "machines": {
                machine: {
                    **summary.to_json(),
                    "sections": {
                        section: part.to_json()
                        for (of, section), part in self.sections.items()
                        if of == machine
                    },
                }
                for machine, summary in self.machines.items()
            },
            "missing": list(self.mismatches.missing),
            "extra": list(self.mismatches.extra),
            "doubled": list(self.mismatches.doubled),
        }


def evaluate_submission(
    folder: str | PathLike[str],
    ground_truth: str | PathLike[str],
    *,
    year: int = 2023,
    resamples: int = 1000,
    seed: int = 0,
) -> OfficialReport:
    """Evaluates a submission folder.

    Clips without a score are left out and reported as missing; of a clip with several rows the first
    counts and it is reported as doubled. Decisions are judged in
    sections where every scored clip has one.

    Args:
        folder: of score and decision files (``submission.py``).
        ground_truth: folder with ``ground_truth_data``, ``ground_truth_domain`` and, if at hand,
            ``ground_truth_attributes`` (``ground_truth.py``).
        year: by whose rules.
        resamples: bootstrap resamples for the 95 % intervals; 0 gives none.
        seed: of the resamples.

    Raises:
        EvaluationError: files cannot be read, nothing matches, or a section lacks clips that a metric
            needs.
        OptionError: no such year.
    """
    check_year(year)
    truths = read_ground_truth(Path(ground_truth))
    submission = read_submission(folder)
    mismatches = Mismatches()
    scored = {}
    for key, truth in truths.items():
        section = _match_section(key, truth, submission, mismatches)
        if section is not None:
            scored[_name(key)] = section
    for key in sorted((submission.scores.keys() | submission.decisions.keys()) - truths.keys()):
        mismatches.extra.append(f"{_name(key)}: no ground truth")
    if not scored:
        raise EvaluationError(
            f"{submission.folder}: no score matches the ground truth of {ground_truth}; missing: "
            f"{', '.join(mismatches.missing[:3])} …; extra: {', '.join(mismatches.extra[:3])} …"
        )

    replicates = replicate_sections(scored, year=year, resamples=resamples, seed=seed)
    by_machine: dict[str, dict[str, ScoredSection]] = {}
    for machine, section_number in truths:
        name = _name((machine, section_number))
        if name in scored:
            by_machine.setdefault(machine, {})[name] = scored[name]
    return OfficialReport(
        official_score=estimate(mean_over(official_terms(list(replicates.values()), year), year)),
        machines={
            machine: summarise(sections, replicates, year=year) for machine, sections in by_machine.items()
        },
        sections={
            key: summarise({_name(key): scored[_name(key)]}, replicates, year=year)
            for key in truths
            if _name(key) in scored
        },
        mismatches=mismatches,
        year=year,
    )


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]}/section_{key[1]}"


def _match_section(
    key: tuple[str, str], truth: GroundTruth, submission: Submission, mismatches: Mismatches
) -> ScoredSection | None:
    """The section's clips that have a score, and decisions if all of these have one."""
    if key not in submission.scores:
        mismatches.missing.append(f"{_name(key)}: no score file")
        return None
    scores = _match_rows(key[0], truth, submission.scores[key], "", mismatches)
    if key in submission.decisions:
        decisions = _match_rows(key[0], truth, submission.decisions[key], " (decision)", mismatches)
    else:
        mismatches.missing.append(f"{_name(key)}: no decision file")
        decisions = {}
    kept = [index for index, name in enumerate(truth.names) if name in scores]
    if not kept:
        return None
    names = [truth.names[index] for index in kept]
    return ScoredSection(
        truth.labels.select(np.array(kept)),
        np.array([scores[name] for name in names]),
        np.array([decisions[name] == 1 for name in names])
        if all(name in decisions for name in names)
        else None,
    )


def _match_rows(
    machine: str, truth: GroundTruth, rows: list[Row], suffix: str, mismatches: Mismatches
) -> dict[str, float]:
    """Published clip name to value; what does not match goes to ``mismatches``, marked by ``suffix``."""
    published = {labelled: name for name, labelled in truth.labelled.items()} | {
        name: name for name in truth.names
    }
    values: dict[str, float] = {}
    bears_labels = False
    for row in rows:
        name = published.get(row.name)
        if name is None:
            mismatches.extra.append(f"{machine}/{row.name}{suffix}")
        elif name in values:
            mismatches.doubled.append(f"{machine}/{row.name}{suffix}")
        else:
            values[name] = row.value
            bears_labels = bears_labels or row.name != name
    for name in truth.names:
        if name not in values:  # named as the submission names its clips
            shown = truth.labelled.get(name, name) if bears_labels else name
            mismatches.missing.append(f"{machine}/{shown}{suffix}")
    return values
