"""Evaluates a model on labelled recordings: `auscult.evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from auscult.corpus import Clip
from auscult.decision import Threshold
from auscult.errors import AudioError, EvaluationError
from auscult.evaluation import Evaluation, evaluate_scores
from auscult.model import Model, Score


@dataclass(frozen=True)
class ModelEvaluation:
    """The metrics of a model, with the scores that they were computed from.

    Attributes:
        evaluation: the metrics.
        threshold: the decision threshold.
        scores: one for every clip that could be scored, in the order of the clips.
        errors: one for every clip that could not be scored.
    """

    evaluation: Evaluation
    threshold: Threshold
    scores: tuple[Score, ...]
    errors: tuple[AudioError, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the metrics of `Evaluation.to_json`, and under ``errors`` the files that were left out."""
        errors = [{"path": e.path, "error": e.reason} for e in self.errors]
        return {**self.evaluation.to_json(), "errors": errors}


def evaluate(
    model: Model,
    clips: Iterable[Clip],
    *,
    threshold: Threshold | None = None,
    year: int | None = None,
    resamples: int = 1000,
    progress: Callable[[str, int, int, dict], None] | None = None,
) -> ModelEvaluation:
    """Score labelled clips and compute the metrics of DCASE Task 2.

    Args:
        model: the model to evaluate.
        clips: clips with a condition; domain, section and attributes are used where they are known.
        threshold: default the model's conformal threshold at 5 % false alarms.
        year: the DCASE year whose rules apply; see `auscult.evaluation.evaluate_scores`.
        resamples: number of bootstrap resamples for the intervals.
        progress: called with ``("score", done, total, {})`` after each clip.

    Raises:
        EvaluationError: there are no labels, not all the labels that a metric needs, or no clip that can be
            scored.
    """
    clips = list(clips)
    threshold = threshold or model.threshold()
    scored_clips, scores, errors = [], [], []
    for done, (clip, outcome) in enumerate(
        zip(clips, model.score_clips(clips, threshold=threshold), strict=True), start=1
    ):
        if isinstance(outcome, AudioError):
            errors.append(outcome)
        else:
            scored_clips.append(clip)
            scores.append(outcome)
        if progress:
            progress("score", done, len(clips), {})
    if not scored_clips:
        first = f": {errors[0]}" if errors else ""
        raise EvaluationError(f"none of {len(clips)} recordings could be scored{first}")
    evaluation = evaluate_scores(
        scored_clips, [s.score for s in scores], threshold=threshold.value, year=year, resamples=resamples
    )
    return ModelEvaluation(evaluation, threshold, tuple(scores), tuple(errors))
