"""What a watched folder reports besides the results of recordings, and their counts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeAlias

from auscult.monitor.watch.model_folder import ModelChange
from auscult.monitor.watch.results import JudgedRecording


@dataclass(frozen=True)
class Overdue:
    """No recording of a machine has arrived for too long, or one has arrived again.

    Attributes:
        machine: its name.
        overdue: whether one is overdue.
        last: when the last one arrived, seconds since 1970; ``None`` if there was none.
        limit: seconds after which one is overdue; ``None`` if unknown.
    """

    machine: str
    overdue: bool
    last: float | None
    limit: float | None


@dataclass(frozen=True)
class FolderProblem:
    """A folder that cannot be listed, or with an empty reason, that can be listed again."""

    folder: str
    reason: str


@dataclass(frozen=True)
class Removed:
    """A recording that was deleted before it was judged."""

    name: str


@dataclass(frozen=True)
class NoRoom:
    """The disk of the store is full: results wait."""

    reason: str


@dataclass(frozen=True)
class Backlog:
    """How many recordings are still to be judged."""

    judged: int
    waiting: int


Report: TypeAlias = JudgedRecording | ModelChange | Overdue | FolderProblem | Removed | NoRoom | Backlog


@dataclass
class Counts:
    """Numbers of recordings since the start: those with a verdict by verdict, and the others.

    Attributes:
        normal, anomaly, sensor, no_verdict: judged recordings.
        unusable: that cannot be read.
        refused: that belong to no machine, as far as is clear.
        removed: that were deleted before they were judged.
        same: judged before under another name or time.
        changing: not complete at the end.
    """

    normal: int = 0
    anomaly: int = 0
    sensor: int = 0
    no_verdict: int = 0
    unusable: int = 0
    refused: int = 0
    removed: int = 0
    same: int = 0
    changing: int = 0

    def add(self, result: str) -> None:
        """Count a result."""
        name = result.replace(" ", "_")
        setattr(self, name, getattr(self, name) + 1)

    @property
    def judged(self) -> int:
        """The number of judged recordings."""
        return self.normal + self.anomaly + self.sensor + self.no_verdict

    def to_json(self) -> dict[str, int]:
        """Return all numbers by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
