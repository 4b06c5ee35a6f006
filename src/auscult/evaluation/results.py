"""Results of a benchmark, a row for each machine, section, detector, score and seed, as a CSV file."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from os import PathLike

from auscult.errors import EvaluationError
from auscult.evaluation.textfile import read_rows, write_rows


@dataclass(frozen=True)
class Result:
    """What one score of one fitted detector achieved on one section; metrics are fractions.

    Attributes:
        machine: machine type or name.
        section: ``"00"``, or empty where there are none.
        detector: its name, or that of another system.
        score: which of its scores.
        seed: it was fitted with.
        auc_source: AUC of the source domain, or of all clips where no domains are known.
        auc_target: AUC of the target domain; ``None`` where no domains are known.
        pauc: partial AUC.
        harmonic_mean: of these.
        fit_seconds: time to fit; ``None`` where it is not known.
        score_seconds: time to score all test clips; ``None`` where it is not known.
    """

    machine: str
    section: str
    detector: str
    score: str
    seed: int
    auc_source: float | None
    auc_target: float | None
    pauc: float
    harmonic_mean: float
    fit_seconds: float | None = None
    score_seconds: float | None = None

    @property
    def column(self) -> str:
        """``"detector:score"``, or the detector alone where the score has no name."""
        return f"{self.detector}:{self.score}" if self.score else self.detector


COLUMNS = tuple(column.name for column in fields(Result))

_OPTIONAL = ("auc_source", "auc_target", "fit_seconds", "score_seconds")


def write_results(path: str | PathLike[str], results: Iterable[Result]) -> None:
    """Writes a CSV file with a header, whole or not at all; what is unknown stays empty.

    Raises:
        EvaluationError: the file cannot be written.
    """
    write_rows(
        path, [COLUMNS, *(["" if value is None else value for value in astuple(row)] for row in results)]
    )


def read_results(path: str | PathLike[str]) -> list[Result]:
    """Reads what ``write_results`` wrote.

    Raises:
        EvaluationError: the file cannot be read, has other columns, or a field that is no number; names
            file and line.
    """
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    if tuple(header) != COLUMNS:
        raise EvaluationError(
            f"{os.fspath(path)}: expected the columns {','.join(COLUMNS)}, not {','.join(header)}"
        )
    return [_result(f"{os.fspath(path)}: line {line}", row) for line, row in rows]


def _result(where: str, row: list[str]) -> Result:
    if len(row) != len(COLUMNS):
        raise EvaluationError(f"{where}: {len(row)} fields where there should be {len(COLUMNS)}")
    machine, section, detector, score, seed, *written = row
    numbers: dict[str, float | None] = {}
    for name, text in zip(COLUMNS[5:], written, strict=True):
        if text == "" and name in _OPTIONAL:
            numbers[name] = None
            continue
        try:
            numbers[name] = float(text)
        except ValueError:
            raise EvaluationError(f"{where}: {name} is {text!r}, not a number") from None
        if not math.isfinite(float(text)):
            raise EvaluationError(f"{where}: {name} is {text}; it must be finite")
    try:
        return Result(machine, section, detector, score, int(seed), **numbers)  # type: ignore[arg-type]
    except ValueError:
        raise EvaluationError(f"{where}: seed is {seed!r}, not a whole number") from None
