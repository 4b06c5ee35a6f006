"""Evaluates a model on labelled recordings: `auscult.evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip, Corpus
from auscult.corpus.conditions import unclear_conditions, unknown_conditions
from auscult.corpus.findings import opening_findings
from auscult.corpus.independent import with_independent_recordings
from auscult.corpus.prefetch import prefetch
from auscult.decision import Threshold
from auscult.errors import AudioError, EvaluationError, OptionError
from auscult.evaluation import Evaluation, evaluate_scores
from auscult.evaluation.clip_labels import labels_of
from auscult.evaluation.remarks import MIN_RECALL, fitted_on_remark, missed_by_threshold
from auscult.findings import Finding, findings_to_json, issue_warnings, messages
from auscult.model import Model, Score
from auscult.model.code_state import code_warning
from auscult.model.known_recordings import was_fitted_on
from auscult.model.normal_index import content_id

#: False-alarm rates to try where a threshold finds few faults, and the share of faults that is worth it.
_HIGHER_RATES = (0.1, 0.2, 0.3)
_WORTHWHILE = 0.8


@dataclass(frozen=True)
class ModelEvaluation:
    """The metrics of a model, with the scores that they were computed from.

    Attributes:
        evaluation: the metrics, over all clips but those in ``fitted_on``.
        threshold: the decision threshold.
        scores: one for every clip that could be scored, in the order of the clips.
        clips: the clips of these scores.
        errors: one for every clip that could not be scored.
        fitted_on: the paths of the clips that the model was fitted on, known by their content.
        warnings: about the model, these clips, and those of the evaluation.
    """

    evaluation: Evaluation
    threshold: Threshold
    scores: tuple[Score, ...]
    clips: tuple[Clip, ...]
    errors: tuple[AudioError, ...]
    fitted_on: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the metrics of `Evaluation.to_json`, and the files that were left out.

        ``errors`` are those that could not be scored, ``fitted_on`` those that the model was fitted on.
        """
        errors = [{"path": e.path, "error": e.reason} for e in self.errors]
        return {
            **self.evaluation.to_json(),
            "errors": errors,
            "fitted_on": list(self.fitted_on),
            "warnings": messages(self.warnings),
            "findings": findings_to_json(self.warnings),
        }


@dataclass(frozen=True)
class _Scored:
    """A clip with its score, whether the model was fitted on it, and what identifies its content."""

    clip: Clip
    score: Score
    fitted_on: bool
    identity: Hashable


def evaluate(
    model: Model,
    clips: Iterable[Clip],
    *,
    threshold: Threshold | float | None = None,
    false_alarms: float | None = None,
    year: int | None = None,
    group_likely_segments: bool = True,
    intervals: bool = True,
    progress: Callable[[str, int, int, dict], None] | None = None,
) -> ModelEvaluation:
    """Score labelled clips and compute the metrics of DCASE Task 2.

    Rates at the threshold, such as recall, count every clip by its score. They leave out only clips that a
    sensor fault makes unusable whatever their score, such as silent ones: a clip whose verdict is ``sensor``
    because its score is low counts as one below the threshold.

    Clips that the model was fitted on, entirely or in windows, are left out of the metrics, since their
    scores are too low. Copies of a clip count once for intervals. Both are recognised by their content,
    whatever their names.

    Args:
        model: the model to evaluate.
        clips: clips with a condition; domain, section and attributes are used where they are known.
        threshold: the score above which a recording is anomalous; default the conformal threshold for
            ``false_alarms``.
        false_alarms: the accepted rate of false alarms, between 0 and 1; default 0.05.
        year: the DCASE year whose rules apply; see `auscult.evaluation.evaluate_scores`.
        group_likely_segments: whether clips that appear to be cut from one recording, by their attributes
            or by their sound, count as one recording for intervals, as they share a fold in `auscult.fit`.
        intervals: whether metrics have intervals.
        progress: called with ``("score", done, total, {})`` after each clip.

    Warns:
        AuscultWarning: for each of ``warnings`` of the result.

    Raises:
        EvaluationError: there are no labels, not all the labels that a metric needs, a recording with both
            labels, no clip that can be scored, or too few clips that the model was not fitted on.
        OptionError: what is given are not clips, or ``threshold`` or ``false_alarms`` is not valid.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (30, 8000)).astype("float32")
        >>> model = auscult.fit(noise[:20], "spectral_memory", sample_rate=8000)
        >>> noise[25:] *= 2
        >>> clips = []
        >>> for i in range(20, 30):
        ...     condition = "anomaly" if i >= 25 else "normal"
        ...     waveform = auscult.Waveform(noise[i], 8000)
        ...     clips.append(auscult.Clip(str(i), condition=condition, waveform=waveform))
        >>> auscult.evaluate(model, clips).evaluation.overall.auc_source.value
        1.0
    """
    root, of_opening = clips.root if isinstance(clips, Corpus) else None, opening_findings(clips)
    clips = _checked(clips)
    if problem := unclear_conditions(clips) or unknown_conditions(clips, root):
        raise EvaluationError(problem)
    limit = model.decision_threshold(threshold, false_alarms)
    scored, errors = _score(model, clips, limit, progress)
    if not scored:
        first = f": {errors[0]}" if errors else ""
        raise EvaluationError(f"none of {len(clips)} recordings could be scored{first}")
    labels_of([s.clip for s in scored], [s.identity for s in scored])  # also of those that are left out
    fitted_on = [s.clip for s in scored if s.fitted_on]
    remarks = tuple(fitted_on_remark(fitted_on, len(scored)))
    new = [s for s in scored if not s.fitted_on]
    try:
        evaluation = evaluate_scores(
            _independent(model, [s.clip for s in new]) if group_likely_segments else [s.clip for s in new],
            [s.score.score for s in new],
            threshold=limit.value,
            year=year,
            intervals=intervals,
            identities=[s.identity for s in new],
            sensor=[s.score.unusable for s in new],
            fit_findings=model.detector.findings,
        )
    except EvaluationError as error:
        raise EvaluationError("; ".join([*messages(remarks), str(error)])) from error
    other_machine = tuple(_other_machine_remark(model, clips))
    # Of another machine, scores in the wrong order are no sign of exchanged labels.
    findings = [f for f in evaluation.warnings if not (other_machine and f.kind == "low_auc")]
    if missed := missed_by_threshold(evaluation.overall):
        findings.append(Finding("low_recall", f"{missed}. {_remedy(model, limit, new)}"))
    findings += of_opening
    if of_code := code_warning(type(model.detector), model.provenance):
        findings.append(of_code)
    findings = [*other_machine, *remarks, *findings]
    issue_warnings(findings)
    return ModelEvaluation(
        evaluation,
        limit,
        tuple(s.score for s in scored),
        tuple(s.clip for s in scored),
        tuple(errors),
        tuple(clip.path for clip in fitted_on),
        tuple(findings),
    )


def _checked(clips: Iterable[Clip]) -> list[Clip]:
    """The clips; raise `OptionError` for anything else, such as arrays or paths."""
    given: list[Any] = (
        [clips] if isinstance(clips, np.ndarray) or not isinstance(clips, Iterable) else list(clips)
    )
    for item in given:
        if not isinstance(item, Clip):
            raise OptionError(
                f"clips with a condition are needed to evaluate, not {type(item).__name__}: open a folder "
                "with `open_corpus(path)`, or give samples as "
                "`Clip('name', condition='normal', waveform=Waveform(x, rate))`"
            )
    return given


def _other_machine_remark(model: Model, clips: Sequence[Clip]) -> Iterator[Finding]:
    """A finding that the clips are of a machine that the model was not fitted on, by the machines' names."""
    learned = model.provenance.get("machines") or []
    others = dict.fromkeys(c.machine for c in clips if c.machine is not None and c.machine not in learned)
    if learned and others:
        message = (
            f"the model was fitted on {', '.join(learned)}, but these are recordings of {', '.join(others)}"
        )
        yield Finding("other_machine", message)


def _remedy(model: Model, threshold: Threshold, scored: Sequence[_Scored]) -> str:
    """What to do about a threshold that finds few faults: accept more false alarms, or record more."""
    ways = []
    judged = (s for s in scored if not s.score.unusable)
    faults = np.array([s.score.score for s in judged if s.clip.condition == "anomaly"])
    for rate in _HIGHER_RATES:
        lower = model.threshold(rate).value
        if lower is None or (threshold.value is not None and lower >= threshold.value):
            continue
        detected = float(np.mean(faults > lower))
        if detected >= (_WORTHWHILE if rate < _HIGHER_RATES[-1] else MIN_RECALL):
            ways.append(
                f"accept more false alarms with `false_alarms={rate:g}`, which "
                f"finds {100 * detected:.3g} % of all faults here"
            )
            break
    origin = model.provenance.get("threshold_set_by")
    if origin is not None and threshold.value == model.threshold().value:
        ways.append(f"record more like the {origin}, which alone set the threshold")
    else:
        ways.append("record more normal running of every condition, and fit again")
    return f"Either {ways[0]}; or {ways[1]}" if len(ways) > 1 else f"{ways[0].capitalize()}"


def _independent(model: Model, clips: Sequence[Clip]) -> list[Clip]:
    """The clips with the recordings that they were likely cut from."""
    recordings = [model.audio_clip(clip) for clip in clips]
    return with_independent_recordings(recordings, model.detector.config.front_end)


def _score(
    model: Model,
    clips: Sequence[Clip],
    threshold: Threshold,
    progress: Callable[[str, int, int, dict], None] | None,
) -> tuple[list[_Scored], list[AudioError]]:
    """Score all clips; those that cannot be scored give an error."""
    front_end = model.detector.config.front_end

    def score(recording: AudioClip) -> _Scored:
        result = model.score_recording(recording, threshold=threshold)
        identity = content_id(recording, front_end) or recording.clip.path
        return _Scored(recording.clip, result, was_fitted_on(model, recording), identity)

    scored: list[_Scored] = []
    errors: list[AudioError] = []
    for done, (_, outcome) in enumerate(prefetch(map(model.audio_clip, clips), score), start=1):
        if isinstance(outcome, AudioError):
            errors.append(outcome)
        else:
            scored.append(outcome)
        if progress:
            progress("score", done, len(clips), {})
    return scored, errors
