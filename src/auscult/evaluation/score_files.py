"""Submission folders of the DCASE Challenge: score and decision files, one for each section.

``anomaly_score_<machine>_section_NN_test.csv`` and ``decision_result_<machine>_section_NN_test.csv``, rows
``name.wav,value`` without a header. Names as the official baseline writes them are read too
(``anomaly_score_DCASE2024T2fan_section_00_test_seed13711_id(0_).csv``), and those of 2020 (``…_id_NN``) and
2021 (``…_section_NN_source_test``).
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

#: What follows ``anomaly_score_``, ``decision_result_`` or ``ground_truth_`` in a file name.
_NAME = re.compile(
    r"(?:DCASE\d{4}T2)?(?P<machine>.+?)_(?:section|id)_(?P<section>\d+)"
    r"(?:_(?P<domain>source|target))?(?:_test)?"
    r"(?:_seed\w*)?(?:_id\([^)]*\))?(?:_Eval)?\.csv"
)


@dataclass(frozen=True)
class SectionFile:
    """One file about one section: where it is, and what its name says.

    Attributes:
        path: of the file.
        machine: machine type.
        section: as written, ``"00"``.
        domain: ``"source"`` or ``"target"`` where the name tells (2021), else ``None``.
    """

    path: Path
    machine: str
    section: str
    domain: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a score or decision file, and the line it stands on."""

    name: str
    value: float
    line: int


@dataclass
class Submission:
    """The rows of a submission folder as they stand, by (machine, section)."""

    folder: Path
    scores: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    decisions: dict[tuple[str, str], list[Row]] = field(default_factory=dict)


def section_files(folder: str | PathLike[str], prefix: str) -> list[SectionFile]:
    """The files ``<prefix>_…csv`` of a folder, by name.

    Raises:
        EvaluationError: the folder cannot be read, or a name begins so but does not go on as it should.
    """
    root = Path(folder)
    try:
        paths = sorted(
            path for path in root.iterdir() if path.name.startswith(f"{prefix}_") and path.suffix == ".csv"
        )
    except OSError as error:
        raise EvaluationError(f"{root}: not a folder that can be read: {error.strerror or error}") from error
    files = []
    for path in paths:
        match = _NAME.fullmatch(path.name.removeprefix(f"{prefix}_"))
        if match is None:
            raise EvaluationError(
                f"{path}: the name does not say machine and section; it should be like "
                f"{prefix}_fan_section_00_test.csv"
            )
        files.append(SectionFile(path, match["machine"], match["section"], match["domain"]))
    return files


def read_submission(folder: str | PathLike[str]) -> Submission:
    """Reads a submission folder, or the only folder in it that holds score files.

    Rows are kept as they stand: what is missing, extra or doubled is for the evaluator to say.

    Raises:
        EvaluationError: no score files, several folders of them, or a row that cannot be read (names file
            and line).
    """
    root = _folder_with_scores(Path(folder))
    submission = Submission(root)
    kinds: tuple[tuple[Kind, dict[tuple[str, str], list[Row]]], ...] = (
        ("anomaly_score", submission.scores),
        ("decision_result", submission.decisions),
    )
    for kind, into in kinds:
        for file in section_files(root, kind):
            into.setdefault((file.machine, file.section), []).extend(read_values(file.path, kind))
    return submission


def read_values(path: str | PathLike[str], kind: Kind) -> list[Row]:
    """The rows of one score or decision file.

    Raises:
        EvaluationError: no rows; a row without exactly a name and a value; a score that is no finite
            number, a decision that is neither 0 nor 1. Names file and line.
    """
    rows: list[Row] = []
    for line, fields in read_rows(path):
        where = f"{os.fspath(path)}: line {line}"
        if len(fields) != 2 or not all(fields):
            raise EvaluationError(f"{where}: expected name.wav,value but found {','.join(fields)!r}")
        name, written = fields
        value = _number(written)
        if value is None:
            hint = "; these files have no header" if not rows else ""
            raise EvaluationError(f"{where}: {written!r} is not a number{hint}")
        if not math.isfinite(value):
            raise EvaluationError(f"{where}: the value of {name} is {written}; it must be finite")
        if kind == "decision_result" and value not in (0, 1):
            raise EvaluationError(f"{where}: the decision on {name} is {written}; it must be 0 or 1")
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
    """Writes the score file of one section and, given decisions, its decision file.

    Each file is complete or absent, never half there. The folder is made if it does not exist.

    Args:
        folder: of the submission.
        machine: machine type, as in the data set.
        section: ``"00"``.
        names: file names of the clips, ``section_00_0001.wav``.
        scores: a score for each name, written so that reading gives the same float.
        decisions: true for anomalous, for each name; ``None`` writes no decision file.

    Returns:
        The files written.

    Raises:
        EvaluationError: lengths differ, a name comes twice, a score is not finite, or the folder cannot
            be written to.
    """
    values = [float(score) for score in scores]
    verdicts = None if decisions is None else [int(bool(decision)) for decision in decisions]
    about = f"submission of {machine} section {section}"
    if len(values) != len(names) or (verdicts is not None and len(verdicts) != len(names)):
        given = "" if verdicts is None else f", {len(verdicts)} decisions"
        raise EvaluationError(f"{about}: {len(names)} names, {len(values)} scores{given}")
    if len(set(names)) != len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise EvaluationError(f"{about}: {twice} comes twice")
    for name, value in zip(names, values, strict=True):
        if not math.isfinite(value):
            raise EvaluationError(f"{about}: the score of {name} is {value}; it must be finite")
    root = Path(folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EvaluationError(f"{root}: cannot be made: {error.strerror or error}") from error
    written = [root / f"anomaly_score_{machine}_section_{section}_test.csv"]
    write_rows(written[0], zip(names, values, strict=True))
    if verdicts is not None:
        written.append(root / f"decision_result_{machine}_section_{section}_test.csv")
        write_rows(written[1], zip(names, verdicts, strict=True))
    return written


def _number(written: str) -> float | None:
    try:
        return None if "_" in written else float(written)  # float() takes 1_0 for ten
    except ValueError:
        return None


def _folder_with_scores(folder: Path) -> Path:
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder")
    if section_files(folder, "anomaly_score"):
        return folder
    below = [
        child
        for child in sorted(folder.iterdir())
        if child.is_dir() and section_files(child, "anomaly_score")
    ]
    if not below:
        raise EvaluationError(
            f"{folder}: no files anomaly_score_<machine>_section_NN_test.csv here or one folder below"
        )
    if len(below) > 1:
        raise EvaluationError(
            f"{folder}: score files in several folders ({', '.join(c.name for c in below)}); name one"
        )
    return below[0]
