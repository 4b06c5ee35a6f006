"""Fitting one member of an ensemble: cross-fitting, held-out scores and maps, and the time limit."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.prefetch import map_in_threads
from auscult.detectors import detector_type
from auscult.detectors.base import Config, Detector, Progress
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.ensemble.members import Member
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import FitError

#: Maximum number of recordings whose maps a member's map profile is estimated from.
MAX_PROFILE_CLIPS = 40
#: Minimum number of epochs for a useful network.
MIN_EPOCHS = 5


@dataclass(frozen=True)
class MemberFit:
    """A member after cross-fitting.

    Attributes:
        name: name of the member.
        member: detector and score.
        final: the detector fitted on all recordings.
        fold_models: one detector for each fold, fitted without it.
        normal_scores: (N,) held-out scores of the recordings.
        profiles: map profile of all recordings, and for each fold that of the others.
        seconds: time that cross-fitting and scoring took.
    """

    name: str
    member: Member
    final: Detector
    fold_models: list[Detector]
    normal_scores: np.ndarray
    profiles: list[MapProfile]
    seconds: float


def crossfit_member(
    name: str,
    member: Member,
    config: Config,
    training: TrainingSet,
    progress: Progress | None,
    *,
    earlier: Sequence[MemberFit] = (),
) -> MemberFit:
    """Cross-fit a member and score every recording with the model of its fold.

    Args:
        name: name of the member.
        member: detector and score.
        config: the detector's configuration.
        training: recordings and folds.
        progress: called after each step.
        earlier: members that have been fitted; one that differs only in the score is not fitted again, if
            the detector fits all scores.

    Raises:
        FitError: the member cannot be fitted; the message says how many recordings each fold leaves.
    """
    started = time.monotonic()
    kind, folds = detector_type(member.detector), training.folds
    config = kind.without_validation_split(config)
    try:
        final, fold_models = _with_other_score(kind, config, earlier) or crossfit(
            kind, config, training, progress
        )
    except FitError as error:
        sizes, count = Counter(folds), len(folds)
        raise FitError(
            f"{error} ({count - max(sizes.values())} of {count} recordings are left "
            f"when one of {len(sizes)} folds is held out)"
        ) from error
    scores, profiles = held_out(member.score, fold_models, training)
    seconds = round(time.monotonic() - started, 3)
    return MemberFit(name, member, final, fold_models, scores, profiles, seconds)


def _with_other_score(
    kind: type[Detector], config: Config, earlier: Sequence[MemberFit]
) -> tuple[Detector, list[Detector]] | None:
    """The final detector and the fold models of a member that differs only in the score, with this score."""
    for fit in earlier:
        if kind.fits_all_scores and fit.final.config == replace(config, score=fit.final.config.score):
            final, *fold_models = (
                _same_fit(kind(config), fitted) for fitted in (fit.final, *fit.fold_models)
            )
            return final, fold_models
    return None


def _same_fit(detector: Detector, fitted: Detector) -> Detector:
    detector.arrays, detector.facts = fitted.arrays, dict(fitted.facts)
    return detector


def held_out(
    score: str, fold_models: Sequence[Detector], training: TrainingSet
) -> tuple[np.ndarray, list[MapProfile]]:
    """Score every recording with the model of its fold.

    Args:
        score: name of the score.
        fold_models: one detector for each fold, fitted without it.
        training: recordings and folds.

    Returns:
        (N,) scores; and the map profile of all recordings, then for each fold that of the others. Profiles
        are estimated from at most `MAX_PROFILE_CLIPS` recordings.
    """
    step = -(-len(training.recordings) // MAX_PROFILE_CLIPS)
    explained = set(training.recordings[::step])
    fold_of = dict(zip(training.recordings, training.folds, strict=True))

    def score_and_profile(recording: AudioClip) -> tuple[float, MapProfile | None]:
        evidence = fold_models[fold_of[recording]].score(recording, explain=recording in explained)
        return evidence.scores[score], MapProfile.fit([evidence.maps[score]]) if evidence.maps else None

    scores, profiles = zip(*map_in_threads(training.recordings, score_and_profile), strict=True)
    parts = [profile for profile in profiles if profile is not None]
    folds = training.folds[::step]
    return np.array(scores), MapProfile.cross_merged(parts, folds, len(fold_models))


def config_within_budget(
    seconds: float, member: Member, config: Config, training: TrainingSet, progress: Progress | None
) -> Config:
    """Return a member's configuration, a network's with as many epochs as fit into the time.

    Args:
        seconds: the time for fitting the member; infinite: no limit.
        member: detector and score.
        config: the configuration of the ensemble.
        training: recordings and folds, on which the time per epoch is measured.
        progress: called after each step.

    Raises:
        FitError: the time is not enough for `MIN_EPOCHS`.
    """
    if not member.trains or math.isinf(seconds):
        return member.config(config.seed, config.front_end)
    started = time.monotonic()
    epoch, overhead = _measured_times(member, config, training, progress)
    left = seconds - (time.monotonic() - started) - overhead
    if left < MIN_EPOCHS * epoch:
        raise FitError(
            f"the remaining time of {seconds:.0f} s is not enough for {MIN_EPOCHS} epochs of {epoch:.1f} s"
        )
    default = member.config(config.seed, config.front_end).epochs  # type: ignore[attr-defined]
    affordable = default if epoch * default <= left else int(left / epoch)
    return member.config(config.seed, config.front_end, epochs=affordable)


def _measured_times(
    member: Member, config: Config, training: TrainingSet, progress: Progress | None
) -> tuple[float, float]:
    """Measure a member's cross-fitting with two epochs.

    Returns:
        Seconds for one epoch of all its networks, measured on the second one since the first includes one-off
        work, and seconds for everything else.
    """
    epoch_ends: list[tuple[int, float]] = []

    def report(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if stage == "train":
            epoch_ends.append((done, time.monotonic()))
        if progress:
            progress(stage, done, total, figures)

    kind = detector_type(member.detector)
    two_epochs = kind.without_validation_split(member.config(config.seed, config.front_end, epochs=2))
    started = time.monotonic()
    crossfit(kind, two_epochs, training, report)
    total_seconds = time.monotonic() - started
    epoch = sum(end - start for (_, start), (done, end) in pairwise(epoch_ends) if done == 2)
    return epoch, total_seconds - 2 * epoch


def prefixed_progress(progress: Progress | None, name: str) -> Progress | None:
    """Return a callback that prefixes the stage with the member's name, ``name:stage``."""
    if progress is None:
        return None
    report: Callable[..., None] = progress
    return lambda stage, done, total, figures: report(f"{name}:{stage}", done, total, figures)
