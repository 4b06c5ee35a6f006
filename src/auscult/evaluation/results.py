"""Results of a benchmark as a CSV file: a row for each machine, section, detector, score and seed."""

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
    """The metrics of one score of one fitted detector on one section, as fractions.

    Attributes:
        machine: machine type or name.
        section: ``"00"``, or empty if there are no sections.
        detector: name of the detector or of another system.
        score: name of the detector's score.
        seed: seed of the fit.
        auc_source: AUC of the normal clips of the source domain against all anomalous clips, or of all clips
            if the domains are unknown.
        auc_target: the same for the target domain; ``None`` if the domains are unknown.
        pauc: partial AUC.
        harmonic_mean: harmonic mean of these metrics.
        fit_seconds: time to fit; ``None`` if unknown.
        score_seconds: time to score all test clips; ``None`` if unknown.
        harmonic_mean_low: lower end of the 95 % interval over recordings of the harmonic mean of this seed;
            ``None`` if there is none.
        harmonic_mean_high: upper end.
        normal_recordings: number of independent normal recordings; ``None`` if unknown.
        anomaly_recordings: likewise of anomalous ones.
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
    harmonic_mean_low: float | None = None
    harmonic_mean_high: float | None = None
    normal_recordings: int | None = None
    anomaly_recordings: int | None = None

    @property
    def column(self) -> str:
        """``"detector:score"``, or only the detector if the score has no name."""
        return f"{self.detector}:{self.score}" if self.score else self.detector


COLUMNS = tuple(column.name for column in fields(Result))

#: Columns of version 0.1.0, whose files are read too.
_OLD_COLUMNS = COLUMNS[: COLUMNS.index("harmonic_mean_low")]

_REQUIRED = ("pauc", "harmonic_mean")
_COUNTS = ("normal_recordings", "anomaly_recordings")


def write_results(path: str | PathLike[str], results: Iterable[Result]) -> None:
    """Writes a CSV file with a header atomically; unknown values are left empty.

    Raises:
        EvaluationError: the file cannot be written.
    """
    write_rows(
        path, [COLUMNS, *(["" if value is None else value for value in astuple(row)] for row in results)]
    )


def read_results(path: str | PathLike[str]) -> list[Result]:
    """Reads a file written by ``write_results``.

    Raises:
        EvaluationError: the file cannot be read, has other columns, or a field that should be a number is
            not; the message gives file and line.
    """
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    columns = next((known for known in (COLUMNS, _OLD_COLUMNS) if known == tuple(header)), None)
    if columns is None:
        raise EvaluationError(
            f"{os.fspath(path)}: expected the columns {','.join(COLUMNS)}, got {','.join(header)}"
        )
    return [_result(f"{os.fspath(path)}: line {line}", columns, row) for line, row in rows]


def _result(location: str, columns: tuple[str, ...], row: list[str]) -> Result:
    """Parses a row; ``location`` is its file and line for error messages."""
    if len(row) != len(columns):
        raise EvaluationError(f"{location}: expected {len(columns)} fields, got {len(row)}")
    machine, section, detector, score, seed, *number_fields = row
    numbers: dict[str, float | None] = {}
    for name, text in zip(columns[5:], number_fields, strict=True):
        if text == "" and name not in _REQUIRED:
            numbers[name] = None
            continue
        try:
            numbers[name] = int(text) if name in _COUNTS else float(text)
        except ValueError:
            raise EvaluationError(f"{location}: {name} must be a number, got {text!r}") from None
        if not math.isfinite(float(text)):
            raise EvaluationError(f"{location}: {name} must be finite, got {text}")
    try:
        return Result(machine, section, detector, score, int(seed), **numbers)  # type: ignore[arg-type]
    except ValueError:
        raise EvaluationError(f"{location}: seed must be an integer, got {seed!r}") from None
