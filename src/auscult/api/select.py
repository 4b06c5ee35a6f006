"""Which detector for this machine? A ranking that needs normal recordings alone: `auscult.select`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import methodcaller
from typing import Any

import numpy as np

from auscult.api.fit import FITTED_BY_DEFAULT
from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.inspection import inspect_recordings
from auscult.corpus.prefetch import heard
from auscult.corpus.training_checks import hint_of_cuts, refuse_what_is_not_for_learning, usual_rate
from auscult.detectors import DETECTORS, Config, Progress, detector_type
from auscult.detectors.ensemble.trial import Outcome, Trial
from auscult.detectors.options import check_nothing_missing, make_config, missing_options
from auscult.errors import AudioError, FitError, MissingExtraError, OptionError
from auscult.model.fitting import FOLDS
from auscult.runtime.parallel import one_thread
from auscult.spectrum import FrontEnd

#: Altered clips of each kind.
ALTERED = 24
#: Tried only when named: an ensemble of the others costs as much as all of them once more.
LEFT_OUT_BY_DEFAULT = ("auto",)


@dataclass(frozen=True)
class Candidate:
    """One score of one detector, as it did on altered normals.

    Attributes:
        detector, score: their names.
        auc: area under the curve of altered normals against normals, 0.5 is chance.
        interval: of 95 %, over clips.
        first: how often it came first when the clips were drawn anew, from 0 to 1; over all candidates 1.
        by_kind: the area for each kind of alteration.
        seconds: fitting and judging, for all scores of the detector together; without the log-mels,
            which they share.
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
        pseudo_anomalies: pseudo-anomalies of each kind, of which there are no more than normals.
        warnings: what is to be said of the recordings.
    """

    candidates: Sequence[Candidate]
    left_out: Mapping[str, str] = field(default_factory=dict)
    clips: int = 0
    pseudo_anomalies: int = ALTERED
    warnings: Sequence[str] = ()


def select(
    clips: Iterable[Clip],
    detectors: Sequence[str] | None = None,
    *,
    pseudo_anomalies: int = ALTERED,
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
        detectors: names; default all that can be fitted here, but ``auto``, which is made of them.
        pseudo_anomalies: pseudo-anomalies of each kind, or as many as there are recordings.
        seed: decides what is random in parting, altering and learning.
        channel: the channel of files with several.
        progress: told what is being done.
        settings: options for those detectors that have them.

    Raises:
        FitError: too little to learn from, or no detector came to an end.
        OptionError: an unknown detector, an option that none of them has, or a wrong value.
    """
    clips = list(clips)
    refuse_what_is_not_for_learning(clips)
    configs, left_out = _configs(detectors, {"sample_rate": usual_rate(clips), **settings}, seed)
    front_end = next(iter(configs.values())).front_end  # of all the same
    recordings = [
        AudioClip.from_file(c, channel=channel, sample_rate=front_end.sample_rate, cached=True) for c in clips
    ]
    inspection = inspect_recordings(
        recordings, minimum_samples=front_end.n_fft, front_ends=(front_end,), progress=progress
    )
    usable = inspection.usable
    folds = folds_of(usable, FOLDS, seed) if usable else [0]
    if max(folds) < 1:
        raise FitError("select needs at least two recordings that are not cut from the same one")
    trial = Trial(usable, folds, pseudo_anomalies, seed + 1)  # not those by which `auto` chooses its members
    every = [*usable, *(made for _, _, made in trial.altered)]
    hear_features = methodcaller("log_mel", front_end)
    for done, (_, frames) in enumerate(heard(every, hear_features), start=1):  # before a detector's time
        if isinstance(frames, AudioError):
            raise frames
        if progress:
            progress("features", done, len(every), {})
    outcomes: dict[tuple[str, str], tuple[Outcome, float]] = {}
    for number, (name, config) in enumerate(configs.items()):
        if progress:
            progress(f"select {name}", number, len(configs), {})
        try:
            for score, outcome, seconds in _tried(name, config, trial, progress):
                outcomes[name, score] = outcome, seconds
        except (FitError, MissingExtraError, AudioError) as error:
            left_out[name] = str(error).removeprefix(f"{name}: ")
    if not outcomes:
        raise FitError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    ranked = [
        Candidate(detector, score, outcome.value, outcome.interval, share, outcome.by_kind, seconds)
        for ((detector, score), (outcome, seconds)), share in zip(
            outcomes.items(), _first([outcome for outcome, _ in outcomes.values()]), strict=True
        )
    ]
    ranked.sort(key=lambda candidate: -candidate.auc)
    warnings = [*(finding.message for finding in inspection.findings), *hint_of_cuts(usable)]
    return Selection(ranked, left_out, len(usable), min(pseudo_anomalies, len(usable)), warnings)


def _configs(
    named: Sequence[str] | None, settings: Mapping[str, Any], seed: int
) -> tuple[dict[str, Config], dict[str, str]]:
    """The configuration of every candidate, and why others are none."""
    kinds = {name: detector_type(name) for name in named or DETECTORS}
    options = {
        name: {f.name for f in (*fields(k.config_type), *fields(FrontEnd))} for name, k in kinds.items()
    }
    if "score" in settings:
        raise OptionError("score: every score of every detector is ranked; leave it out")
    for key in settings:
        if not any(key in known for known in options.values()):
            raise OptionError(f"none of {', '.join(kinds)} has an option {key!r}")
    configs, left_out = {}, {}
    for name in kinds:
        if named is None and name in LEFT_OUT_BY_DEFAULT:
            continue
        its = {key: value for key, value in settings.items() if key in options[name]}
        if named is None and (missing := missing_options(name, its)):
            left_out[name] = f"it needs the option {', '.join(missing)}"
            continue
        check_nothing_missing(name, its)
        configs[name] = make_config(name, preset=FITTED_BY_DEFAULT.get(name), settings={**its, "seed": seed})
    return configs, left_out


@one_thread()
def _tried(
    name: str, config: Config, trial: Trial, progress: Progress | None
) -> list[tuple[str, Outcome, float]]:
    """Every score of one detector with its outcome and the seconds that the detector took."""
    started = time.monotonic()
    kind = detector_type(name)
    kind.check_can_fit()
    config = kind.learning_from_all(config)
    _, fold_models = kind.crossfit(config, trial.recordings, trial.folds, progress=progress)
    normals, altered = trial.normal_scores(fold_models), trial.altered_scores(fold_models, progress)
    seconds = round(time.monotonic() - started, 3)
    return [(score, trial.outcome(normals[score], altered[score]), seconds) for score in kind.scores]


def _first(outcomes: Sequence[Outcome]) -> list[float]:
    """In what share of the draws each comes first; those that tie share the draw."""
    draws = np.stack([outcome.draws for outcome in outcomes])  # (C, R)
    best = draws == draws.max(axis=0)  # (C, R)
    return (best / best.sum(axis=0)).mean(axis=1).tolist()
