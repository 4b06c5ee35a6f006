"""How good a model is on labelled recordings."""

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
    """An evaluation with what it was made from.

    Attributes:
        evaluation: the metrics.
        threshold: the threshold that decisions were made with.
        scores: one for every clip that could be read, in the order given.
        errors: one for every clip that could not.
    """

    evaluation: Evaluation
    threshold: Threshold
    scores: tuple[Score, ...]
    errors: tuple[AudioError, ...]

    def to_json(self) -> dict[str, Any]:
        """The metrics of `Evaluation.to_json`, and the files left out under ``errors``."""
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
    """Scores labelled clips and evaluates the scores as DCASE Task 2 does.

    Args:
        clips: each with a condition; domain, section and attributes are used where they are known.
        threshold: default the model's conformal threshold at 5 % false alarms.
        year: the DCASE year whose rules apply; see `auscult.evaluation.evaluate_scores`.
        progress: told ``("score", done, all, {})`` after each clip.

    Raises:
        EvaluationError: no labels, or none of a kind that a metric needs, or no clip that can be read.
    """
    clips = list(clips)
    threshold = threshold or model.threshold()
    heard, scores, errors = [], [], []
    for done, (clip, outcome) in enumerate(
        zip(clips, model.score_clips(clips, threshold=threshold), strict=True), start=1
    ):
        if isinstance(outcome, AudioError):
            errors.append(outcome)
        else:
            heard.append(clip)
            scores.append(outcome)
        if progress:
            progress("score", done, len(clips), {})
    if not heard:
        first = f": {errors[0]}" if errors else ""
        raise EvaluationError(f"none of {len(clips)} recordings could be scored{first}")
    evaluation = evaluate_scores(
        heard, [s.score for s in scores], threshold=threshold.value, year=year, resamples=resamples
    )
    return ModelEvaluation(evaluation, threshold, tuple(scores), tuple(errors))
