"""What a store contains of recordings that are judged one by one, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Result = Literal["normal", "anomaly", "sensor", "no verdict", "unusable", "refused"]
#: Of a recording: its verdict, or that it cannot be read, or that it is not clear which machine it is of.
RESULTS: tuple[Result, ...] = get_args(Result)


@dataclass(frozen=True)
class JudgedFile:
    """A recording of a watched folder that needs no further judgement.

    Attributes:
        name: its path in the folder.
        machine: name of its machine; ``None`` if that is not known.
        size: in bytes.
        modified: time of the last modification in nanoseconds.
        digest: of its content; ``""`` if it was not read.
        recorded: when the recording ended.
        arrived: when the file was complete, as far as known.
        result: see `RESULTS`.
        score, threshold: ``None`` if it has none.
        model: digest of the model.
        detail: JSON-compatible data.
        event: number of the event that it belongs to.
        id: number in the store, increasing in the order of judgement; ``None`` for a new one.
    """

    name: str
    machine: str | None
    size: int
    modified: int
    digest: str
    recorded: float
    arrived: float
    result: Result
    score: float | None = None
    threshold: float | None = None
    model: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    event: int | None = None
    id: int | None = None


@dataclass(frozen=True)
class Look:
    """When a watched folder was last looked at, with JSON-compatible data of the process that did."""

    folder: str
    time: float
    detail: Mapping[str, Any]
