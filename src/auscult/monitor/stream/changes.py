"""What is said of one machine as its sound arrives: scores, changes of its state, gaps and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from auscult.corpus import AudioClip
from auscult.decision.alarms import Episode, SlowBaseline
from auscult.decision.alarms.slow_baseline import Drift
from auscult.monitor.stream.gate import State
from auscult.monitor.stream.sensor import Condition


@dataclass(frozen=True)
class Judgement:
    """The score of a window, or why there is none that counts.

    Attributes:
        time: end of the window, seconds since 1970 (UTC).
        score: the score; it is also given for windows that do not count.
        counts: whether it is judged.
        state: of the machine.
        persistent: the persistent score after this one, if it counts and there are enough.
        threshold: what it is compared with, if there are alarms: it follows slow drift.
        alarm: whether there is an alarm.
        spectrum: (n_mels,) mean log-mel of the last second, dB.
        frames: (T, n_mels) the log-mel frames of that second.
    """

    time: float
    score: float
    counts: bool
    state: State
    persistent: float | None
    threshold: float | None
    alarm: bool
    spectrum: np.ndarray = field(repr=False)
    frames: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class StateChange:
    """The machine has another state, or the sensor another condition; of these, the new ones."""

    time: float
    state: State
    condition: Condition | None


@dataclass(frozen=True)
class Gap:
    """There are no samples between two times."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True)
class AlarmChange:
    """An alarm has started, has a higher peak, or has ended.

    Attributes:
        kind: which of these.
        episode: the alarm, with times in seconds since 1970 (UTC).
        threshold: that it exceeded.
        clip: the window with the peak; only if it started or has a higher peak.
        score: the score of that window.
    """

    kind: Literal["started", "peak", "ended"]
    episode: Episode
    threshold: float
    clip: AudioClip | None = field(default=None, repr=False)
    score: float | None = None


@dataclass(frozen=True)
class BaselineChange:
    """The slow baseline of the scores was updated.

    Attributes:
        time: seconds since 1970 (UTC).
        settings: what it is relative to.
        deviation: of the baseline from the level at calibration.
        drift: whether it has left the spread of the calibration scores, and in which direction.
        exhausted: whether a further rise is not followed.
        state: JSON-compatible data from which another monitor continues.
    """

    time: float
    settings: SlowBaseline
    deviation: float
    drift: Drift | None
    exhausted: bool
    state: Mapping[str, Any] = field(repr=False)


Change = Judgement | StateChange | Gap | AlarmChange | BaselineChange
