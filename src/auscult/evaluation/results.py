"""Results of a benchmark as a CSV file: a row for each machine, section, detector, score and seed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from os import PathLike
from typing import Any

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
        normal_clips: number of normal clips; ``None`` if unknown.
        anomaly_clips: likewise of anomalous ones.
        recall: fraction of the anomalous clips with a score above the threshold; ``None`` without one.
        recall_source: likewise in the source domain, or ``recall`` if the domains are unknown.
        recall_target: likewise in the target domain; ``None`` if the domains are unknown.
        false_alarm_rate: fraction of the normal clips with a score above the threshold; ``None`` without one.
        false_alarm_rate_source: likewise in the source domain, or ``false_alarm_rate``.
        false_alarm_rate_target: likewise in the target domain.
        accepted_rate: the false-alarm rate that the threshold was computed for.
        threshold_method: how, as in `auscult.decision.Threshold`; empty without a threshold.
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
    normal_clips: int | None = None
    anomaly_clips: int | None = None
    recall: float | None = None
    recall_source: float | None = None
    recall_target: float | None = None
    false_alarm_rate: float | None = None
    false_alarm_rate_source: float | None = None
    false_alarm_rate_target: float | None = None
    accepted_rate: float | None = None
    threshold_method: str = ""

    @property
    def column(self) -> str:
        """``"detector:score"``, or only the detector if the score has no name."""
        return f"{self.detector}:{self.score}" if self.score else self.detector


COLUMNS = tuple(column.name for column in fields(Result))

#: Number of columns of version 0.1.0. Files of earlier versions have the first columns and are read too.
_FEWEST_COLUMNS = COLUMNS.index("harmonic_mean_low")

_REQUIRED = ("pauc", "harmonic_mean")
_TEXTS = ("machine", "section", "detector", "score", "threshold_method")
_COUNTS = ("normal_recordings", "anomaly_recordings", "normal_clips", "anomaly_clips")


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
    columns = tuple(header)
    if len(columns) < _FEWEST_COLUMNS or columns != COLUMNS[: len(columns)]:
        raise EvaluationError(
            f"{os.fspath(path)}: expected the columns {','.join(COLUMNS)}, got {','.join(header)}"
        )
    return [_result(f"{os.fspath(path)}: line {line}", columns, row) for line, row in rows]


def _result(location: str, columns: tuple[str, ...], row: list[str]) -> Result:
    """Parses a row; ``location`` is its file and line for error messages."""
    if len(row) != len(columns):
        raise EvaluationError(f"{location}: expected {len(columns)} fields, got {len(row)}")
    values: dict[str, Any] = {}
    for name, text in zip(columns, row, strict=True):
        values[name] = text if name in _TEXTS else _number(location, name, text)
    return Result(**values)


def _number(location: str, name: str, text: str) -> float | int | None:
    """Parses a field; empty if the value is not known."""
    if name == "seed":
        try:
            return int(text)
        except ValueError:
            raise EvaluationError(f"{location}: seed must be an integer, got {text!r}") from None
    if text == "" and name not in _REQUIRED:
        return None
    try:
        number = int(text) if name in _COUNTS else float(text)
    except ValueError:
        raise EvaluationError(f"{location}: {name} must be a number, got {text!r}") from None
    if not math.isfinite(number):
        raise EvaluationError(f"{location}: {name} must be finite, got {text}")
    return number
