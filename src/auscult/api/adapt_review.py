"""What a model makes of the recordings that it is to be adapted to, before it is adapted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auscult.corpus import AudioClip
from auscult.decision import Threshold
from auscult.detectors import Progress
from auscult.errors import NotNormalError
from auscult.model import Model
from auscult.model.sensor_check import SensorFinding
from auscult.runtime.number_ranges import with_ranges

#: Recordings that differ from each other at most so many times as much as the normal ones are called alike.
ALIKE = 2.0
_MAX_NAMED = 3


def working_threshold(model: Model) -> Threshold:
    """Return the model's threshold at 5 % false alarms; with too few recordings, at the lowest possible rate.

    Without calibration scores its value is ``None``.
    """
    threshold = model.threshold()
    if threshold.value is None and threshold.calibration_count:
        return model.threshold(1 / (threshold.calibration_count + 1))
    return threshold


@dataclass(frozen=True)
class Judged:
    """One recording by the model before it is adapted.

    Attributes:
        path: the recording.
        score: its score.
        findings: signs of a sensor fault that affect the verdict.
        state: as of `auscult.model.Score`.
    """

    path: str
    score: float
    findings: tuple[SensorFinding, ...] = ()
    state: str | None = None

    @property
    def unusable(self) -> bool:
        """Whether a sensor fault makes it impossible to judge the recording."""
        return any(finding.effect == "unusable" for finding in self.findings)

    @property
    def remarks(self) -> list[str]:
        """The kinds of the findings, and the state."""
        return [*dict.fromkeys(f.kind for f in self.findings), *([self.state] if self.state else [])]


@dataclass(frozen=True)
class Review:
    """The recordings by the model before it is adapted.

    Attributes:
        judged: the recordings.
        threshold: the threshold of the model; its value is ``None`` if it has no calibration scores.
        spread: how much the recordings above the threshold differ from each other, or all recordings if fewer
            than two are above, relative to the normal recordings of the model; ``None`` if unknown.
    """

    judged: tuple[Judged, ...]
    threshold: Threshold
    spread: float | None

    @property
    def above(self) -> tuple[str, ...]:
        """The recordings above the threshold; a score that is not a number counts as above."""
        return tuple(j.path for j in self.judged if exceeds(j.score, self.threshold))

    @property
    def doubtful(self) -> tuple[Judged, ...]:
        """The recordings with signs of a sensor fault, or unlike every normal recording."""
        return tuple(j for j in self.judged if j.remarks)

    @property
    def expected(self) -> float | None:
        """How many of as many normal recordings are above the threshold on average."""
        return None if self.threshold.rate is None else self.threshold.rate * len(self.judged)

    def check(self, left_out: Sequence[str] = ()) -> None:
        """Raise `NotNormalError` if a recording is above the threshold, or doubtful.

        Args:
            left_out: messages about recordings that were left out before, for the error.
        """
        if self.above or self.doubtful:
            raise NotNormalError("\n".join(self._refusal(left_out)), self.to_json())

    def _refusal(self, left_out: Sequence[str]) -> Iterator[str]:
        above, expected = self.above, self.expected
        yield self.describe() + (f": {named(above)}" if above else "")
        if above and expected is not None and len(above) <= math.ceil(expected):
            yield (
                "  This is no more than expected of normal recordings, so it is no sign that the machine has "
                "changed; only somebody who knows the machine can tell"
            )
        yield from (f"  {line}" for line in (*self.doubts(), *left_out))
        yield "  The model was not adapted, and nothing was written."

    def doubts(self) -> Iterator[str]:
        """Yield a line for each kind of sensor finding and state, with the number of recordings."""
        kinds = Counter(remark for judged in self.doubtful for remark in judged.remarks)
        for kind, count in kinds.items():
            paths = [judged.path for judged in self.doubtful if kind in judged.remarks]
            messages = with_ranges(f.message for j in self.doubtful for f in j.findings if f.kind == kind)
            what = f"sign of a sensor fault, {'; '.join(messages)}" if messages else kind
            yield f"{count} of {len(self.judged)}: {what} ({named(paths)})"

    def describe(self) -> str:
        """Return in words how many recordings are above the threshold, and how alike they are."""
        if self.threshold.value is None or self.threshold.rate is None or self.expected is None:
            reason = (
                "the calibration scores of the model are all equal"
                if self.threshold.calibration_count
                else "the model has no calibration scores"
            )
            return f"not judged: {reason}, so that no recording can exceed a threshold"
        count = len(self.judged)
        text = (
            f"{len(self.above)} of {count} {'recording is' if count == 1 else 'recordings are'} above the "
            f"threshold of the model ({self.threshold.value:.6g}, {100 * self.threshold.rate:.3g} % false "
            f"alarms; expected of normal recordings: {self.expected:.2g})"
        )
        if self.spread is None:
            return text
        which = "those" if len(self.above) > 1 else "the recordings"
        alike = "alike" if self.spread <= ALIKE else "unlike each other"
        return f"{text}; {which} are {alike} (spread: {self.spread:.2g} times that of the normal recordings)"

    def to_json(self) -> dict[str, Any]:
        """Return the review as JSON-serialisable values."""
        return {
            "recordings": len(self.judged),
            "above": len(self.above),
            "expected": self.expected,
            "paths_above": list(self.above),
            "threshold": self.threshold.value,
            "false_alarms": self.threshold.rate,
            "spread": self.spread,
            "doubtful": [
                {"path": j.path, "findings": [f.to_json() for f in j.findings], "state": j.state}
                for j in self.doubtful
            ],
            "text": self.describe(),
        }


def exceeds(score: float, threshold: Threshold) -> bool:
    """Whether a score is above a threshold, or not a number; never without a threshold."""
    return threshold.value is not None and not score <= threshold.value


def judge(
    model: Model, recordings: Sequence[AudioClip], progress: Progress | None = None
) -> tuple[Judged, ...]:
    """Score recordings with a model and look for sensor faults; each must be readable and long enough."""
    name, limit, judged = model.detector.decisive_score, working_threshold(model), []
    for recording in recordings:
        score = model.scores_of(recording)[name]
        findings, state = model.sensor_check(recording, above=exceeds(score, limit))
        serious = tuple(finding for finding in findings if finding.effect != "note")
        judged.append(Judged(recording.clip.path, score, serious, state))
        if progress:
            progress("judge", len(judged), len(recordings), {})
    return tuple(judged)


def review(model: Model, recordings: Sequence[AudioClip], judged: Sequence[Judged]) -> Review:
    """Compare the scores of recordings with the threshold, and the recordings with each other.

    Recordings of several channels are compared with each other by the first one.
    """
    threshold = working_threshold(model)
    above = [r for r, j in zip(recordings, judged, strict=True) if exceeds(j.score, threshold)]
    compared = above if len(above) > 1 else recordings
    spread = model.normals.relative_spread(compared, model.detector.config.front_end)
    return Review(tuple(judged), threshold, spread)


def named(paths: Sequence[str]) -> str:
    """Return up to three paths, and how many more there are."""
    more = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    return f"{', '.join(paths[:_MAX_NAMED])}{more}"
