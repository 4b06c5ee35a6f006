"""Submission folders of the DCASE Challenge: a score file and a decision file for each section.

The files are ``anomaly_score_<machine>_section_NN_test.csv`` and
``decision_result_<machine>_section_NN_test.csv``, with rows ``name.wav,value`` and no header. The file names
of the official baseline (``anomaly_score_DCASE2024T2fan_section_00_test_seed13711_id(0_).csv``), of 2020
(``…_id_NN``) and of 2021 (``…_section_NN_source_test``) can be read too.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Literal

from auscult.errors import EvaluationError
from auscult.evaluation.textfile import read_rows, write_rows

Kind = Literal["anomaly_score", "decision_result"]

#: The part of a file name after ``anomaly_score_``, ``decision_result_`` or ``ground_truth_``.
_NAME = re.compile(
    r"(?:DCASE\d{4}T2)?(?P<machine>.+?)_(?:section|id)_(?P<section>\d+)"
    r"(?:_(?P<domain>source|target))?(?:_test)?"
    r"(?:_seed\w*)?(?:_id\([^)]*\))?(?:_Eval)?\.csv"
)


@dataclass(frozen=True)
class SectionFile:
    """The file of one section, and the facts in the file name.

    Attributes:
        path: path of the file.
        machine: machine type.
        section: section as in the file name, ``"00"``.
        domain: ``"source"`` or ``"target"`` if it is part of the file name (2021), else ``None``.
    """

    path: Path
    machine: str
    section: str
    domain: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a score or decision file, and its line number."""

    name: str
    value: float
    line: int


@dataclass
class Submission:
    """The unchecked rows of a submission folder, by (machine, section)."""

    folder: Path
    scores: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    decisions: dict[tuple[str, str], list[Row]] = field(default_factory=dict)


def section_files(folder: str | PathLike[str], prefix: str) -> list[SectionFile]:
    """The files ``<prefix>_….csv`` of a folder, sorted by name.

    Raises:
        EvaluationError: the folder cannot be read, or the machine and section cannot be parsed from a name.
    """
    root = Path(folder)
    try:
        paths = sorted(
            path for path in root.iterdir() if path.name.startswith(f"{prefix}_") and path.suffix == ".csv"
        )
    except OSError as error:
        raise EvaluationError(f"{root}: folder cannot be read: {error.strerror or error}") from error
    files = []
    for path in paths:
        match = _NAME.fullmatch(path.name.removeprefix(f"{prefix}_"))
        if match is None:
            raise EvaluationError(
                f"{path}: cannot parse machine and section from the file name; expected a name like "
                f"{prefix}_fan_section_00_test.csv"
            )
        files.append(SectionFile(path, match["machine"], match["section"], match["domain"]))
    return files


def read_submission(folder: str | PathLike[str]) -> Submission:
    """Reads a submission folder, or the only folder in it that contains score files.

    Rows are not checked for missing, unknown or duplicate file names; the evaluator does that.

    Raises:
        EvaluationError: no score files, score files in several folders, or a row that cannot be read (the
            message gives file and line).
    """
    root = _folder_with_scores(Path(folder))
    submission = Submission(root)
    kinds: tuple[tuple[Kind, dict[tuple[str, str], list[Row]]], ...] = (
        ("anomaly_score", submission.scores),
        ("decision_result", submission.decisions),
    )
    for kind, rows in kinds:
        for file in section_files(root, kind):
            rows.setdefault((file.machine, file.section), []).extend(read_values(file.path, kind))
    return submission


def read_values(path: str | PathLike[str], kind: Kind) -> list[Row]:
    """The rows of one score or decision file.

    Raises:
        EvaluationError: no rows; a row that does not consist of a name and a value; a score that is not a
            finite number; a decision that is neither 0 nor 1. The message gives file and line.
    """
    rows: list[Row] = []
    for line, fields in read_rows(path):
        location = f"{os.fspath(path)}: line {line}"
        if len(fields) != 2 or not all(fields):
            raise EvaluationError(f"{location}: expected name.wav,value, got {','.join(fields)!r}")
        name, text = fields
        value = _parse_number(text)
        if value is None:
            hint = "; these files have no header" if not rows else ""
            raise EvaluationError(f"{location}: {text!r} is not a number{hint}")
        if not math.isfinite(value):
            raise EvaluationError(f"{location}: the value for {name} must be finite, got {text}")
        if kind == "decision_result" and value not in (0, 1):
            raise EvaluationError(f"{location}: the decision for {name} must be 0 or 1, got {text}")
        rows.append(Row(name, value, line))
    if not rows:
        raise EvaluationError(f"{os.fspath(path)}: no rows")
    return rows


def write_submission(
    folder: str | PathLike[str],
    machine: str,
    section: str,
    names: Sequence[str],
    scores: Iterable[float],
    decisions: Iterable[bool] | None = None,
) -> list[Path]:
    """Writes the score file of one section and, if decisions are given, its decision file.

    Each file is written atomically. The folder is created if it does not exist.

    Args:
        folder: the submission folder.
        machine: machine type, as in the data set.
        section: ``"00"``.
        names: file names of the clips, ``section_00_0001.wav``.
        scores: a score for each name, written so that reading it gives the same float.
        decisions: a decision for each name, true for anomalous; ``None`` writes no decision file.

    Returns:
        The paths of the files written.

    Raises:
        EvaluationError: lengths differ, a name is duplicated, a score is not finite, or the folder cannot be
            written to.
    """
    score_values = [float(score) for score in scores]
    decision_values = None if decisions is None else [int(bool(decision)) for decision in decisions]
    title = f"submission of {machine} section {section}"
    if len(score_values) != len(names) or (
        decision_values is not None and len(decision_values) != len(names)
    ):
        decision_count = "" if decision_values is None else f", {len(decision_values)} decisions"
        raise EvaluationError(f"{title}: {len(names)} names, {len(score_values)} scores{decision_count}")
    if len(set(names)) != len(names):
        duplicate = next(name for index, name in enumerate(names) if name in names[:index])
        raise EvaluationError(f"{title}: duplicate file name {duplicate}")
    for name, value in zip(names, score_values, strict=True):
        if not math.isfinite(value):
            raise EvaluationError(f"{title}: the score of {name} must be finite, got {value}")
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{root}: cannot be created: {error.strerror or error}") from error
    paths = [root / f"anomaly_score_{machine}_section_{section}_test.csv"]
    write_rows(paths[0], zip(names, score_values, strict=True))
    if decision_values is not None:
        paths.append(root / f"decision_result_{machine}_section_{section}_test.csv")
        write_rows(paths[1], zip(names, decision_values, strict=True))
    return paths


def _parse_number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)  # float() reads 1_0 as ten
    except ValueError:
        return None


def _folder_with_scores(folder: Path) -> Path:
    """The folder itself if it contains score files, else the only child folder that does."""
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder")
    if section_files(folder, "anomaly_score"):
        return folder
    children = [
        child
        for child in sorted(folder.iterdir())
        if child.is_dir() and section_files(child, "anomaly_score")
    ]
    if not children:
        raise EvaluationError(
            f"{folder}: no files anomaly_score_<machine>_section_NN_test.csv here or one folder below"
        )
    if len(children) > 1:
        raise EvaluationError(
            f"{folder}: score files in several folders ({', '.join(c.name for c in children)}); choose one"
        )
    return children[0]
