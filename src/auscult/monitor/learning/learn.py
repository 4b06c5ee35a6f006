"""Fits a model on the first part of a recording of normal running, and sets its alarms by a later part."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from auscult.api.fit import fit
from auscult.corpus import Clip
from auscult.decision.alarms import AlarmBudget, Session, calibrate_alarms
from auscult.decision.alarms.thresholds import too_little
from auscult.detectors import Progress
from auscult.errors import AuscultWarning, FitError
from auscult.findings import Finding
from auscult.model import Model
from auscult.monitor.calibrate import running_scores
from auscult.monitor.history.notices import notices
from auscult.monitor.learning.folder import NormalFolder, Segment
from auscult.monitor.stream.scoring import score_period
from auscult.sound.live import Block, Interruption, Source

#: Part of the recording that the model is fitted on. The rest sets its alarms, which need more: the score
#: must have risen several times for as long as an alarm takes.
_FIT_PART = 0.25
#: Length of a window, seconds: nine minutes have 35 of them to fit on.
WINDOW = 4.0
#: Fewest windows to fit on.
_FEWEST_WINDOWS = 20
#: Two thirds of the held-out part differ if their medians do by more than this multiple of the quartile
#: distance.
_DRIFT = 1.5


class TooLittle(FitError):
    """The recording is too short, which a longer one changes."""


@dataclass(frozen=True)
class Learned:
    """What was learned.

    Attributes:
        model: with an alarm policy.
        findings: what the user should know about the recording.
        fit_seconds: of normal running that it was fitted on.
        alarm_seconds: that its alarms are set by.
    """

    model: Model
    findings: tuple[Finding, ...]
    fit_seconds: float
    alarm_seconds: float


def learn(
    folder: NormalFolder,
    budget: AlarmBudget,
    detector: str,
    *,
    every: float | None = None,
    progress: Progress | None = None,
) -> Learned:
    """Fit a model on a recording of normal running, and set its alarms by the part that follows.

    The parts have at least one segment between them, so that no window of one is next to one of the other.

    Args:
        folder: the recording.
        budget: the accepted rate of false alarms.
        detector: as in `auscult.fit`.
        every: seconds between scores, about; by default one.
        progress: as in `auscult.fit`.

    Raises:
        TooLittle: the recording is too short.
        FitError: it cannot be learned.
    """
    first, later = divide(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AuscultWarning)  # they are in the findings
        # Stated, since the folder of a machine named b, b-normal, could be a misspelt abnormal.
        clips = [Clip(folder.path_of(s), condition="normal") for s in first]
        model = fit(clips, detector, window=WINDOW, progress=progress)
    period = score_period(model, None, every)
    parts = running_scores(model, _items(folder, later), str(folder.path), None, period)
    if progress:
        progress("calibrate", 1, 1, {})
    try:
        policy = calibrate_alarms([Session(scores, str(folder.path)) for scores in parts], budget, period)
    except FitError as error:
        raise TooLittle(str(error)) from error
    policy = replace(policy, notes=changes(model, np.concatenate(parts)))
    model = model.with_alarm_policy(policy)
    return Learned(
        model,
        notices(model),
        folder.seconds_of(first),
        policy.calibration.seconds,
    )


def divide(folder: NormalFolder) -> tuple[list[Segment], list[Segment]]:
    """Return the segments to fit on, and those to set the alarms by.

    Raises:
        TooLittle: there are too few.
    """
    segments = folder.counted
    ends = np.cumsum([segment.samples for segment in segments]) / (folder.sample_rate or 1)
    total = float(ends[-1]) if len(ends) else 0.0
    count = int(np.searchsorted(ends, _FIT_PART * total)) + 1
    first, later = segments[:count], segments[count + 1 :]
    if folder.seconds_of(first) < _FEWEST_WINDOWS * WINDOW or not later:
        needed = _FEWEST_WINDOWS * WINDOW / _FIT_PART
        raise TooLittle(str(too_little(total, needed)))
    return first, later


def changes(model: Model, scores: np.ndarray) -> tuple[Finding, ...]:
    """Return what shows that the sound changed while it was recorded.

    Args:
        model: fitted on the first part.
        scores: of the windows of the later part, in the order of time.
    """
    findings = []
    known = model.calibration.scores.get(model.detector.decisive_score, np.empty(0))
    if len(known) and np.median(scores) > np.quantile(known, 0.95):
        findings.append(
            Finding(
                "changed_recording",
                "most of the later part of the recording sounds unlike the first part, which the model was "
                "fitted on: was the machine warming up, or its speed or load changed? Record again when it "
                "runs as usual, or longer, so that the model learns all of its normal sounds",
            )
        )
    parts = np.array_split(scores, 3)
    thirds = [float(np.median(part)) for part in parts]
    spread = float(np.mean([np.subtract(*np.quantile(part, (0.75, 0.25))) for part in parts]))
    if abs(thirds[2] - thirds[0]) > _DRIFT * spread:
        findings.append(
            Finding(
                "drift",
                f"the scores drifted while it was recorded (medians {thirds[0]:.3g}, {thirds[1]:.3g} and "
                f"{thirds[2]:.3g} of its thirds): the machine may not have settled; learn again when it has",
            )
        )
    return tuple(findings)


class Continued(Source):
    """A source that is read on from where the recording has ended.

    Args:
        source: the source.
        items: what it yields from now on.
    """

    def __init__(self, source: Source, items: Iterator[Block | Interruption]) -> None:
        super().__init__(source.description)
        self.sample_rate, self.channels = source.sample_rate, source.channels
        self._source, self._items = source, items

    def __iter__(self) -> Iterator[Block | Interruption]:
        return self._items

    def close(self) -> None:
        super().close()
        self._source.close()


def _items(folder: NormalFolder, segments: list[Segment]) -> Iterator[tuple[Block | Interruption, int]]:
    yield from folder.blocks(segments)
