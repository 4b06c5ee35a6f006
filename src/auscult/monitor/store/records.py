"""What a store contains, as values. All times are seconds since 1970-01-01 UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

Kind = Literal["alarm", "sensor", "state", "drift"]
Role = Literal["event", "peak", "normal"]
Verdict = Literal["false alarm", "real", "unknown"]
Condition = Literal[
    "source gone",
    "off for too long",
    "silent",
    "stuck",
    "clipped",
    "wrong rate",
    "overload",
    "disk full",
    "webhook failing",
    "model changed",
]

#: An alarm of the score, a fault of the sensor, a change such as from probation to armed, or a slow change
#: of the sound.
KINDS: tuple[Kind, ...] = get_args(Kind)
#: Sound around the start of an event, the window with its peak if that is later, or normal running for
#: comparison.
ROLES: tuple[Role, ...] = get_args(Role)
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
CONDITIONS: tuple[Condition, ...] = get_args(Condition)


@dataclass(frozen=True)
class Machine:
    """A machine that is monitored.

    Attributes:
        name: unique in the store.
        model: digest of the model file.
        source: description of where the sound comes from.
        policy: JSON-compatible data of the alarm policy.
        since: time from which this applies.
    """

    name: str
    model: str
    source: str
    policy: Mapping[str, Any]
    since: float


class ScoreRow(NamedTuple):
    """The score of a window.

    Attributes:
        machine: its name.
        time: end of the window.
        score: finite.
        persistent: persistent score; ``None`` or −∞ as long as there are too few scores.
        threshold: threshold of the persistent score, if there is one.
        levels: (K,) level and energies of bands, in any unit whose mean is meaningful, or ``None``.
    """

    machine: str
    time: float
    score: float
    persistent: float | None = None
    threshold: float | None = None
    levels: np.ndarray | None = None


@dataclass(frozen=True)
class Event:
    """An alarm, a fault of a sensor, a change of state of a machine, or a drift.

    Attributes:
        machine: its name.
        kind: see `KINDS`.
        start: time of the start.
        end: time of the end; ``None`` if it lasts.
        peak: largest persistent score.
        peak_time: time of the peak.
        score: the score at the start, or of the recording.
        threshold: threshold at the start.
        state: state of the alarm policy, such as ``probation``.
        model: digest or version of the model.
        explanation: JSON-compatible data.
        id: number in the store, increasing in the order of arrival; ``None`` for a new event.
        has_map: whether the store has a map of it.
    """

    machine: str
    kind: Kind
    start: float
    end: float | None = None
    peak: float | None = None
    peak_time: float | None = None
    score: float | None = None
    threshold: float | None = None
    state: str = ""
    model: str = ""
    explanation: Mapping[str, Any] = field(default_factory=dict)
    id: int | None = None
    has_map: bool = False


@dataclass(frozen=True)
class Sound:
    """The sound around an event, or a normal one for comparison.

    Attributes:
        id: number in the store.
        event: number of the event.
        name: of the file in the folder of sounds, chosen by the store.
        start: time of the first sample.
        seconds: duration.
        sample_rate: in Hz.
        channels: number of channels.
        scale: the samples of the file times this are the original ones.
        bytes: size of the file.
        role: see `ROLES`.
    """

    id: int
    event: int
    name: str
    start: float
    seconds: float
    sample_rate: int
    channels: int
    scale: float
    bytes: int
    role: Role = "event"


@dataclass(frozen=True)
class Normal:
    """A window of normal running that is kept for comparison.

    Attributes:
        id: number in the store, increasing in the order of arrival.
        machine: its name.
        start: time of the first sample.
        seconds: duration.
        sample_rate: in Hz.
        spectrum: (n_mels,) mean log-mel, dB.
    """

    id: int
    machine: str
    start: float
    seconds: float
    sample_rate: int
    spectrum: np.ndarray = field(repr=False, compare=False)


@dataclass(frozen=True)
class Gap:
    """Time without scores of a machine; ``end`` is ``None`` if it lasts."""

    machine: str
    start: float
    end: float | None
    reason: str


@dataclass(frozen=True)
class Health:
    """A condition of a machine, or of the whole monitor if ``machine`` is ``None``; see `CONDITIONS`."""

    machine: str | None
    condition: Condition
    start: float
    end: float | None
    detail: str


@dataclass(frozen=True)
class Feedback:
    """A note of an operator about an event.

    Attributes:
        event: number of the event.
        time: when it was written.
        author: who wrote it.
        text: the note.
        verdict: see `VERDICTS`; ``None`` for a note without one.
        data: JSON-compatible data for what learns from feedback.
    """

    event: int
    time: float
    author: str
    text: str = ""
    verdict: Verdict | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class AuditEntry:
    """Who did what and when."""

    time: float
    author: str
    action: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MachineState:
    """The last state of a machine.

    Attributes:
        machine: the machine.
        time, score, persistent, threshold: the last score; ``None`` if there is none.
        written: when that was written: its time may be that of a recording that is played back. ``None`` also
            if an earlier version has written it.
        open_event: the alarm that lasts; otherwise the last fault of the sensor that lasts.
        conditions: conditions that last.
    """

    machine: Machine
    time: float | None
    score: float | None
    persistent: float | None
    threshold: float | None
    written: float | None
    open_event: Event | None
    conditions: tuple[Health, ...]
