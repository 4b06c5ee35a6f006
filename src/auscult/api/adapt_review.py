"""What a model makes of the recordings it is to be adapted to, and what the adaptation costs it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.decision import Threshold
from auscult.detectors import Detector, Progress
from auscult.detectors.ensemble.trial import Trial
from auscult.errors import AudioError, NotNormalError
from auscult.model import Model

#: Recordings that differ from each other at most so many times as much as the normal ones are called alike.
ALIKE = 2.0
#: Pseudo-anomalies of each kind; there are eight kinds.
PSEUDO_ANOMALIES = 6
#: Recordings of the model that are scored again, at most.
MAX_OLD_RECORDINGS = 50
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
class Review:
    """The scores of new recordings by the model before it is adapted.

    Attributes:
        paths: the recordings.
        scores: (N,) their scores.
        threshold: the threshold of the model; its value is ``None`` if it has no calibration scores.
        spread: how much the recordings above the threshold differ from each other, or all recordings if fewer
            than two are above, relative to the normal recordings of the model; ``None`` if unknown.
    """

    paths: tuple[str, ...]
    scores: np.ndarray
    threshold: Threshold
    spread: float | None

    @property
    def above(self) -> tuple[str, ...]:
        """The recordings above the threshold; a score that is not a number counts as above."""
        limit = self.threshold.value
        if limit is None:
            return ()
        return tuple(path for path, score in zip(self.paths, self.scores, strict=True) if not score <= limit)

    def check(self) -> None:
        """Raise `NotNormalError` if a recording is above the threshold."""
        above = self.above
        if not above:
            return
        most = 2 * len(above) > len(self.paths)
        names = ", ".join(above[:_MAX_NAMED])
        more = f" and {len(above) - _MAX_NAMED} more" if len(above) > _MAX_NAMED else ""
        message = (
            f"{self.describe()}: {names}{more}. The model was not adapted, and nothing was written.\n"
            "  If this may be a fault, leave it so. Otherwise there are two ways on:\n"
            "  --accept (accept=True)    adds the recordings to the normal ones: the machine is running "
            "normally in another way\n"
            "  --replace (replace=True)  forgets the earlier normal recordings: after a repair or another "
            f"lasting change{' (recommended, because most recordings are above)' if most else ''}"
        )
        raise NotNormalError(message, self.to_json())

    def describe(self) -> str:
        """Return in words how many recordings are above the threshold, and how alike they are."""
        if self.threshold.value is None or self.threshold.rate is None:
            return (
                "not judged: the model has no calibration scores, so that no recording can exceed a threshold"
            )
        recordings = "recording is" if len(self.paths) == 1 else "recordings are"
        text = (
            f"{len(self.above)} of {len(self.paths)} {recordings} above the threshold of the model "
            f"({self.threshold.value:.6g}, {100 * self.threshold.rate:.3g} % false alarms)"
        )
        if self.spread is None:
            return text
        which = "those" if len(self.above) > 1 else "the recordings"
        alike = "alike" if self.spread <= ALIKE else "unlike each other"
        return f"{text}; {which} are {alike} (spread: {self.spread:.2g} times that of the normal recordings)"

    def to_json(self) -> dict[str, Any]:
        """Return the review as JSON-serialisable values."""
        return {
            "recordings": len(self.paths),
            "above": len(self.above),
            "paths_above": list(self.above),
            "threshold": self.threshold.value,
            "false_alarms": self.threshold.rate,
            "spread": self.spread,
            "text": self.describe(),
        }


def review(model: Model, recordings: Sequence[AudioClip], progress: Progress | None = None) -> Review:
    """Score recordings with a model; each must be usable."""
    name, scores = model.detector.decisive_score, []
    for recording in recordings:
        scores.append(model.detector.score(recording).scores[name])
        if progress:
            progress("judge", len(scores), len(recordings), {})
    threshold = working_threshold(model)
    limit = np.inf if threshold.value is None else threshold.value
    above = [r for r, score in zip(recordings, scores, strict=True) if not score <= limit]
    compared = above if len(above) > 1 else recordings
    spread = model.normals.relative_spread(compared, model.detector.config.front_end)
    return Review(tuple(r.clip.path for r in recordings), np.array(scores), threshold, spread)


def adaptation_costs(
    before: Model,
    after: Model,
    recordings: Sequence[AudioClip],
    folds: Sequence[int],
    fold_models: Sequence[Detector],
    *,
    replaced: bool,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure what an adaptation changes, each rate at the threshold of the respective model.

    Nothing is scored by a detector that was fitted on it. Pseudo-anomalies are made of the new recordings.
    The earlier recordings keep their calibration scores; if they were replaced, up to `MAX_OLD_RECORDINGS` of
    those whose files are unchanged are scored by the new model.

    Args:
        before: the model before.
        after: the model after.
        recordings: the new recordings.
        folds: the fold of each.
        fold_models: for each fold the detector that was not adapted to it.
        replaced: whether the earlier recordings were forgotten.
        progress: called with the stage ``try``.

    Returns:
        ``detection``, ``earlier_false_alarms`` and ``new_false_alarms``, each a rate ``before`` and ``after``
        (``None`` if unknown) and a ``count``.
    """
    name = after.detector.decisive_score
    limits = [working_threshold(model).value for model in (before, after)]
    trial = Trial(recordings, folds, PSEUDO_ANOMALIES, before.detector.config.seed)
    altered = [
        trial.pseudo_anomaly_scores(models, progress)[name]
        for models in ([before.detector] * len(fold_models), fold_models)
    ]
    new = [before.detector.score(r).scores[name] for r in recordings], after.calibration.scores[name]
    old_scores = before.calibration.scores.get(name, np.empty(0))
    old = [old_scores, _scores_of_earlier(before, after, name) if replaced else old_scores]
    return {
        "detection": _rates(altered, limits, len(altered[0])),
        "earlier_false_alarms": _rates(old, limits, len(old[1])),
        "new_false_alarms": _rates([new[0], new[1][-len(recordings) :]], limits, len(recordings)),
    }


def _scores_of_earlier(before: Model, after: Model, name: str) -> np.ndarray:
    """Scores by the new model of recordings that only the old one was fitted on, if their files exist."""
    front_end = before.detector.config.front_end
    known = set(after.normals.paths)
    paths = [path for path in before.normals.paths if path not in known and os.path.isfile(path)]
    step = max(1, -(-len(paths) // MAX_OLD_RECORDINGS))
    scores = []
    for path in paths[::step]:
        recording = after.audio_clip(Clip(path=path))
        try:
            if before.normals.contains(recording, front_end):
                scores.append(after.detector.score(recording).scores[name])
        except AudioError:
            continue  # it is not the recording any more that the model was fitted on
    return np.array(scores)


def _rates(scores: Sequence[Any], limits: Sequence[float | None], count: int) -> dict[str, Any]:
    """The shares of the scores before and after that are above the threshold before and after."""
    before, after = (
        None if limit is None or not len(values) else float(np.mean(~(np.asarray(values) <= limit)))
        for values, limit in zip(scores, limits, strict=True)
    )
    return {"before": before, "after": after, "count": count}
