"""What an adaptation costs a model: rates of false alarms, before and after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from auscult.api.adapt_review import working_threshold
from auscult.corpus import AudioClip, Clip
from auscult.errors import AudioError
from auscult.model import Model

#: Recordings of the model that are scored again, at most.
MAX_OLD_RECORDINGS = 50


def adaptation_costs(
    before: Model, after: Model, recordings: Sequence[AudioClip], *, replaced: bool
) -> dict[str, Any]:
    """Measure what an adaptation changes, each rate at the threshold of the respective model.

    Nothing is scored by a detector that was fitted on it. The earlier recordings keep their calibration
    scores; if they were replaced, up to `MAX_OLD_RECORDINGS` of those whose files are unchanged are scored by
    the new model.

    Args:
        before: the model before.
        after: the model after.
        recordings: the new recordings.
        replaced: whether the earlier recordings were forgotten.

    Returns:
        ``earlier_false_alarms`` and ``new_false_alarms``, each a rate ``before`` and ``after`` (``None`` if
        unknown) and a ``count``.
    """
    name = after.detector.decisive_score
    limits = [working_threshold(model).value for model in (before, after)]
    # With several channels the scale of earlier scores changes too, so they are those of the new model.
    kept, added = np.split(after.calibration.scores[name], [-len(recordings)])
    new = [[before.scores_of(recording)[name] for recording in recordings], added]
    old_scores = before.calibration.scores.get(name, np.empty(0))
    old = [old_scores, _scores_of_earlier(before, after, name) if replaced else kept]
    return {
        "earlier_false_alarms": _rates(old, limits, len(old[1])),
        "new_false_alarms": _rates(new, limits, len(recordings)),
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
                scores.append(after.scores_of(recording)[name])
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
