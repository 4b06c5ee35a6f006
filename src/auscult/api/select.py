"""Ranks detectors for one machine with normal recordings only: `auscult.select`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import methodcaller
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.grouping import keep_cuts_together
from auscult.corpus.inspection import inspect_recordings
from auscult.corpus.prefetch import prefetch
from auscult.corpus.training_checks import (
    check_training_clips,
    common_format,
    segment_warnings,
)
from auscult.detectors import DETECTORS, Config, Progress, detector_type
from auscult.detectors.ensemble.trial import Outcome, Trial
from auscult.detectors.options import (
    DEFAULT_PRESET,
    check_nothing_missing,
    config_for_recordings,
    missing_options,
)
from auscult.errors import AudioError, FitError, MissingExtraError, OptionError
from auscult.model.fitting import FOLDS
from auscult.runtime.parallel import blas_single_thread
from auscult.spectrum import FrontEnd, empty_band_warnings

#: Default number of pseudo-anomalies of each kind.
PSEUDO_ANOMALIES = 24
#: Ranked only if named: `auto` is an ensemble of the others and takes as long as all of them together.
EXCLUDED_DETECTORS = ("auto",)


@dataclass(frozen=True)
class Candidate:
    """One score of one detector, evaluated on pseudo-anomalies: altered normal recordings.

    Attributes:
        detector: the name of the detector.
        score: the name of the score.
        auc: ROC AUC of pseudo-anomalies against normal recordings; 0.5 is chance.
        interval: 95 % interval over clips.
        first: the fraction of bootstrap resamples of the clips in which this candidate ranks first; these sum
            to 1 over all candidates.
        by_kind: the AUC for each kind of pseudo-anomaly.
        seconds: time to fit and to score, for all scores of the detector together. The log-mels, which all
            detectors share, are not included.
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
    """The ranked candidates, best first.

    Attributes:
        candidates: every score of every detector that was evaluated.
        left_out: detector to the reason why it was not evaluated or failed.
        clips: number of normal recordings that were used.
        pseudo_anomalies: number of pseudo-anomalies of each kind; capped at the number of normal recordings.
        warnings: warnings about the recordings.
    """

    candidates: Sequence[Candidate]
    left_out: Mapping[str, str] = field(default_factory=dict)
    clips: int = 0
    pseudo_anomalies: int = PSEUDO_ANOMALIES
    warnings: Sequence[str] = ()


def select(
    clips: Iterable[Clip],
    detectors: Sequence[str] | None = None,
    *,
    pseudo_anomalies: int = PSEUDO_ANOMALIES,
    seed: int = 13711,
    channel: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Selection:
    """Rank detectors for one machine by how well they separate pseudo-anomalies from normal recordings.

    Each detector is cross-fitted with five folds, so that no recording is scored by a detector that was
    fitted on it. The ranking is a hint for choosing one detector, not a measurement: there are no real
    anomalies in it.

    Args:
        clips: recordings of normal running.
        detectors: names; default all that can be fitted here except ``auto``, an ensemble of the others.
        pseudo_anomalies: number of pseudo-anomalies of each kind, capped at the number of recordings.
        seed: random seed of folds, pseudo-anomalies and detectors.
        channel: the channel to read from files with several.
        progress: called with the current stage and the steps done.
        settings: options, each passed to the detectors that have it.

    Raises:
        FitError: there are too few usable recordings, or all detectors failed.
        OptionError: an unknown detector, an option that none of the detectors has, or an invalid value.
    """
    clips = list(clips)
    check_training_clips(clips)
    configs, left_out = _configs(detectors, clips, settings, seed)
    front_ends = tuple(dict.fromkeys(config.front_end for config in configs.values()))
    sample_rate = front_ends[0].sample_rate  # the same for all detectors
    recordings = [
        AudioClip.from_file(c, channel=channel, sample_rate=sample_rate, cached=True) for c in clips
    ]
    inspection = inspect_recordings(
        recordings,
        minimum_samples=max(front_end.n_fft for front_end in front_ends),
        front_ends=front_ends,
        progress=progress,
    )
    inspection = keep_cuts_together(inspection)
    usable = inspection.usable
    folds = folds_of(usable, FOLDS, seed) if usable else [0]
    if max(folds) < 1:
        raise FitError("select needs at least two recordings that are not cut from the same one")
    trial = Trial(usable, folds, pseudo_anomalies, seed + 1)  # other pseudo-anomalies than `auto` uses
    all_recordings = [*usable, *(recording for _, _, recording in trial.pseudo_anomalies)]
    for front_end in front_ends:  # computed first, so that no detector's time includes it
        log_mel = methodcaller("log_mel", front_end)
        for done, (_, frames) in enumerate(prefetch(all_recordings, log_mel), start=1):
            if isinstance(frames, AudioError):
                raise frames
            if progress:
                progress("features", done, len(all_recordings), {})
    outcomes: dict[tuple[str, str], tuple[Outcome, float]] = {}
    for number, (name, config) in enumerate(configs.items()):
        if progress:
            progress(f"select {name}", number, len(configs), {})
        try:
            for score, outcome, seconds in _evaluate_detector(name, config, trial, progress):
                outcomes[name, score] = outcome, seconds
        except (FitError, MissingExtraError, AudioError) as error:
            left_out[name] = str(error).removeprefix(f"{name}: ")
    if not outcomes:
        raise FitError("; ".join(f"{name}: {reason}" for name, reason in left_out.items()))
    first = _fraction_first([outcome for outcome, _ in outcomes.values()])
    ranked = [
        Candidate(detector, score, outcome.value, outcome.interval, fraction, outcome.by_kind, seconds)
        for ((detector, score), (outcome, seconds)), fraction in zip(outcomes.items(), first, strict=True)
    ]
    ranked.sort(key=lambda candidate: -candidate.auc)
    warnings = [
        *(finding.message for finding in inspection.findings),
        *segment_warnings(usable),
        *empty_band_warnings(front_ends),
    ]
    return Selection(ranked, left_out, len(usable), min(pseudo_anomalies, len(usable)), warnings)


def _configs(
    named: Sequence[str] | None, clips: Sequence[Clip], settings: Mapping[str, Any], seed: int
) -> tuple[dict[str, Config], dict[str, str]]:
    """The configuration of each detector, and for detectors that are left out the reason."""
    kinds = {name: detector_type(name) for name in named or DETECTORS}
    options = {
        name: {f.name for f in (*fields(k.config_type), *fields(FrontEnd))} for name, k in kinds.items()
    }
    if "score" in settings:
        raise OptionError("score cannot be set: all scores of all detectors are ranked")
    for key in settings:
        if not any(key in names for names in options.values()):
            raise OptionError(f"none of {', '.join(kinds)} has an option {key!r}")
    configs, left_out = {}, {}
    sample_rate, seconds = common_format(clips)
    for name in kinds:
        if named is None and name in EXCLUDED_DETECTORS:
            continue
        own_settings = {key: value for key, value in settings.items() if key in options[name]}
        if named is None and (missing := missing_options(name, own_settings)):
            left_out[name] = f"requires the option {', '.join(map(repr, missing))}"
            continue
        check_nothing_missing(name, own_settings)
        own_settings["seed"] = seed
        configs[name] = config_for_recordings(
            name, sample_rate, seconds, preset=DEFAULT_PRESET.get(name), settings=own_settings
        )
    return configs, left_out


@blas_single_thread()
def _evaluate_detector(
    name: str, config: Config, trial: Trial, progress: Progress | None
) -> list[tuple[str, Outcome, float]]:
    """For each score of a detector its name, its outcome, and the seconds that the detector took."""
    started = time.monotonic()
    kind = detector_type(name)
    kind.check_can_fit()
    config = kind.without_validation_split(config)
    _, fold_models = kind.crossfit(config, trial.recordings, trial.folds, progress=progress)
    normals, anomalies = trial.normal_scores(fold_models), trial.pseudo_anomaly_scores(fold_models, progress)
    seconds = round(time.monotonic() - started, 3)
    return [(score, trial.outcome(normals[score], anomalies[score]), seconds) for score in kind.scores]


def _fraction_first(outcomes: Sequence[Outcome]) -> list[float]:
    """The fraction of bootstrap resamples in which each outcome is best; ties are shared equally."""
    draws = np.stack([outcome.draws for outcome in outcomes])  # (C, R)
    best = draws == draws.max(axis=0)  # (C, R)
    return (best / best.sum(axis=0)).mean(axis=1).tolist()
