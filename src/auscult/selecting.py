"""Which detector for this machine? A ranking that needs normal recordings alone: `auscult.select`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from auscult.corpus import Clip, Recording, folds_of
from auscult.corpus.inspection import inspect_recordings
from auscult.detectors import DETECTORS, Progress, detector_type
from auscult.detectors.choice.trial import Outcome, Trial
from auscult.detectors.options import make_config
from auscult.errors import AuscultError, FitError, MissingExtraError
from auscult.fitting import FITTED_BY_DEFAULT, FOLDS, refuse_what_is_not_for_learning, usual_rate
from auscult.spectrum import FrontEnd

#: Altered clips of each kind.
ALTERED = 24


@dataclass(frozen=True)
class Candidate:
    """One score of one detector, as it did on altered normals.

    Attributes:
        detector, score: their names.
        auc: area under the curve of altered normals against normals, 0.5 is chance.
        interval: of 95 %, over clips.
        first: how often it came first when the clips were drawn anew, from 0 to 1.
        by_kind: the area for each kind of alteration.
        seconds: fitting and judging, for all scores of the detector together.
    """

    detector: str
    score: str
    auc: float
    interval: tuple[float, float]
    first: float
    by_kind: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Selection:
    """The candidates, best first, and what could not be tried.

    Attributes:
        candidates: every score of every detector that was tried.
        left_out: detector to why it was not tried, or did not come to an end.
        clips: normals that it rests on.
        altered: altered clips of each kind.
        warnings: what is to be said of the recordings.
    """

    candidates: Sequence[Candidate]
    left_out: Mapping[str, str] = field(default_factory=dict)
    clips: int = 0
    altered: int = ALTERED
    warnings: Sequence[str] = ()


def select(
    clips: Iterable[Clip],
    detectors: Sequence[str] | None = None,
    *,
    altered: int = ALTERED,
    seed: int = 13711,
    channel: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Selection:
    """Ranks detectors for one machine by how well they tell altered normals from normals.

    Each is cross-fitted in five parts, so that no recording is judged by what learnt from it. It is a hint
    for those who want one detector, not a measurement: no real anomaly was heard.

    Args:
        clips: recordings of normal running.
        detectors: names; default all that can be fitted here.
        altered: altered clips of each kind, or as many as there are recordings.
        seed: decides what is random in parting, altering and learning.
        channel: the channel of files with several.
        progress: told what is being done, the detector's name before it.
        settings: options for those detectors that have them.

    Raises:
        FitError: too little to learn from, or no detector came to an end.
        OptionError: an unknown detector, or a wrong value.
    """
    clips = list(clips)
    refuse_what_is_not_for_learning(clips)
    rate = usual_rate(clips)
    recordings = [Recording.from_file(c, channel=channel, sample_rate=rate) for c in clips]
    inspection = inspect_recordings(
        recordings, minimum_samples=FrontEnd(sample_rate=rate).n_fft, progress=progress
    )
    usable = inspection.usable
    folds = folds_of(usable, FOLDS, seed) if usable else [0]
    if max(folds) < 1:
        raise FitError("select needs at least two recordings that are not cut from the same one")
    trial = Trial(usable, folds, altered, seed)
    outcomes: dict[tuple[str, str], tuple[Outcome, float]] = {}
    left_out: dict[str, str] = {}
    for name in detectors or DETECTORS:
        try:
            for score, outcome, seconds in _tried(name, trial, {**settings, "sample_rate": rate}, progress):
                outcomes[name, score] = outcome, seconds
        except (FitError, MissingExtraError) as error:
            left_out[name] = str(error)
        except AuscultError as error:
            if detectors:
                raise
            left_out[name] = str(error)
    if not outcomes:
        raise FitError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    draws = np.stack([outcome.draws for outcome, _ in outcomes.values()])  # (C, R)
    first = np.bincount(draws.argmax(axis=0), minlength=len(draws)) / draws.shape[1]
    ranked = [
        Candidate(detector, score, outcome.value, outcome.interval, share, outcome.by_kind, seconds)
        for ((detector, score), (outcome, seconds)), share in zip(
            outcomes.items(), first.tolist(), strict=True
        )
    ]
    ranked.sort(key=lambda candidate: -candidate.auc)
    warnings = [finding.message for finding in inspection.findings]
    return Selection(ranked, left_out, len(usable), altered, warnings)


def _tried(
    name: str, trial: Trial, settings: Mapping[str, Any], progress: Progress | None
) -> list[tuple[str, Outcome, float]]:
    """Every score of one detector with its outcome and the seconds that the detector took."""
    started = time.monotonic()
    kind = detector_type(name)
    kind.check_can_fit()
    known = {f.name for f in (*fields(kind.config_type), *fields(FrontEnd))}
    its = {key: value for key, value in settings.items() if key in known}
    config = make_config(name, preset=FITTED_BY_DEFAULT.get(name), settings={**its, "seed": trial.seed})

    def tell(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if progress:
            progress(f"{name}:{stage}", done, total, figures)

    _, judges = kind.crossfit(kind.learning_from_all(config), trial.recordings, trial.folds, progress=tell)
    normals, altered = trial.normal_scores(judges), trial.altered_scores(judges, tell)
    seconds = time.monotonic() - started
    return [(score, trial.outcome(normals[score], altered[score]), seconds) for score in kind.scores]
