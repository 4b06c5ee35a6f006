"""The official score of a submission, computed from score files and the ground truth.

It follows the protocol of the challenge (``evaluation/protocol.py``) and differs from the official scripts
in two ways. They sort the rows of both sides and assume that these then correspond; here, rows are matched
by clip name, and missing, extra and repeated ones are reported. Their "official score ci95" takes the
standard deviation of the N leave-one-out scores divided by √N; the jackknife's standard error is N − 1 times
as large. Here, intervals come from a bootstrap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from auscult.dcase.ground_truth import GroundTruth, read_ground_truth
from auscult.errors import EvaluationError
from auscult.evaluation.intervals import Estimate
from auscult.evaluation.protocol import ScoredSection, check_year
from auscult.evaluation.remarks import score_remarks
from auscult.evaluation.score_files import Row, Submission, read_submission
from auscult.evaluation.summary import Summary, measure_sections, summarise
from auscult.findings import Finding, messages


@dataclass
class Mismatches:
    """Differences between submission and ground truth, one line each, beginning with ``machine/clip name``.

    Attributes:
        missing: clips and files that are in the ground truth, but not in the submission, with the file that
            lacks them. Lines about decisions end with ``(decision)`` in the other two.
        extra: rows and files that are in the submission, but not in the ground truth.
        duplicates: repeated rows of a clip; the first row counts.
    """

    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class OfficialReport:
    """The evaluation of a submission.

    Attributes:
        official_score: the mean over all machines and sections with scores, as defined for the year.
        machines: metrics by machine.
        sections: metrics by (machine, section).
        mismatches: differences between submission and ground truth.
        year: of the rules.
        warnings: about scores that cannot be right: all equal, or an AUC far below one half.
    """

    official_score: Estimate
    machines: Mapping[str, Summary]
    sections: Mapping[tuple[str, str], Summary]
    mismatches: Mismatches
    year: int
    warnings: Sequence[Finding] = ()

    @property
    def complete(self) -> bool:
        """Whether every clip has exactly one score and one decision; if not, the score is not official."""
        return not (self.mismatches.missing or self.mismatches.duplicates)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-compatible data; each metric is ``{"value", "low", "high"}``, as fractions."""
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
            "duplicates": list(self.mismatches.duplicates),
            "warnings": messages(self.warnings),
        }


def evaluate_submission(
    folder: str | PathLike[str],
    ground_truth: str | PathLike[str],
    *,
    year: int = 2023,
    intervals: bool = True,
) -> OfficialReport:
    """Evaluate a submission folder.

    Clips without a score are left out and reported as missing. If a clip has several rows, the first one
    counts, and the clip is reported as a duplicate. Decisions are evaluated in sections where every scored
    clip has one.

    Args:
        folder: with score and decision files (``evaluation/score_files.py``).
        ground_truth: folder with ``ground_truth_data``, ``ground_truth_domain`` and optionally
            ``ground_truth_attributes`` (``ground_truth.py``).
        year: of the rules.
        intervals: whether metrics have 95 % intervals.

    Raises:
        EvaluationError: files cannot be read, nothing matches, or a section lacks clips that a metric
            requires.
        OptionError: unknown year.
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

    measured = measure_sections(scored, year=year, intervals=intervals)
    by_machine: dict[str, dict[str, ScoredSection]] = {}
    for machine, section_number in truths:
        name = _name((machine, section_number))
        if name in scored:
            by_machine.setdefault(machine, {})[name] = scored[name]
    sections = {
        key: summarise({_name(key): scored[_name(key)]}, measured, year=year)
        for key in truths
        if _name(key) in scored
    }
    return OfficialReport(
        official_score=summarise(scored, measured, year=year).official,
        machines={
            machine: summarise(sections, measured, year=year) for machine, sections in by_machine.items()
        },
        sections=sections,
        mismatches=mismatches,
        year=year,
        warnings=score_remarks(scored, {_name(key): summary for key, summary in sections.items()}),
    )


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]}/section_{key[1]}"


def _file(key: tuple[str, str], kind: str) -> str:
    """The name of the file of a section, ``anomaly_score`` or ``decision_result``."""
    return f"{kind}_{key[0]}_section_{key[1]}_test.csv"


def _match_section(
    key: tuple[str, str], truth: GroundTruth, submission: Submission, mismatches: Mismatches
) -> ScoredSection | None:
    """Return the clips of a section that have a score, with decisions if all of them have one."""
    if key not in submission.scores:
        mismatches.missing.append(f"{_name(key)}: no file {_file(key, 'anomaly_score')}")
        return None
    scores = _match_rows(key, truth, submission.scores[key], "anomaly_score", mismatches)
    if key in submission.decisions:
        decisions = _match_rows(key, truth, submission.decisions[key], "decision_result", mismatches)
    else:
        mismatches.missing.append(f"{_name(key)}: no file {_file(key, 'decision_result')}")
        decisions = {}
    scored = [index for index, name in enumerate(truth.names) if name in scores]
    if not scored:
        return None
    names = [truth.names[index] for index in scored]
    return ScoredSection(
        truth.labels.select(np.array(scored)),
        np.array([scores[name] for name in names]),
        np.array([decisions[name] == 1 for name in names])
        if all(name in decisions for name in names)
        else None,
    )


def _match_rows(
    key: tuple[str, str], truth: GroundTruth, rows: list[Row], kind: str, mismatches: Mismatches
) -> dict[str, float]:
    """Return published clip name to value; add rows and clips without a match to ``mismatches``.

    Args:
        key: machine and section.
        truth: the ground truth of the section.
        rows: of the file.
        kind: of the file, ``anomaly_score`` or ``decision_result``.
        mismatches: gets what does not match.
    """
    machine, suffix = key[0], " (decision)" if kind == "decision_result" else ""
    published = {labelled: name for name, names in truth.labelled.items() for labelled in names} | {
        name: name for name in truth.names
    }
    values: dict[str, float] = {}
    uses_labelled_names = False
    for row in rows:
        name = published.get(row.name)
        if name is None:
            mismatches.extra.append(f"{machine}/{row.name}{suffix}")
        elif name in values:
            mismatches.duplicates.append(f"{machine}/{row.name}{suffix}")
        else:
            values[name] = row.value
            uses_labelled_names = uses_labelled_names or row.name != name
    for name in truth.names:
        if name not in values:  # reported under the kind of name that the submission uses
            reported = truth.labelled.get(name, (name,))[0] if uses_labelled_names else name
            mismatches.missing.append(f"{machine}/{reported}: no row in {_file(key, kind)}")
    return values
