"""Members of an ensemble: cross-fitting them, their held-out scores and maps, and storing them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.prefetch import map_in_threads
from auscult.detectors import detector_type
from auscult.detectors.adaptable import adaptable
from auscult.detectors.base import Config, Detector, Progress
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.ensemble.members import Member
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import config_from_json, config_to_json
from auscult.errors import FitError

#: Maximum number of recordings whose maps a member's map profile is estimated from.
MAX_PROFILE_CLIPS = 40


@dataclass(frozen=True)
class MemberFit:
    """A member after cross-fitting.

    Attributes:
        name: name of the member.
        details: what is stored with it: ``weight`` in the mean, and ``seconds`` that its fit took.
        models: the detector fitted on all recordings, then for each fold one fitted without it.
        normal_scores: (N,) held-out scores of the recordings.
        profiles: map profile of all recordings, and for each fold that of the others.
    """

    name: str
    details: Mapping[str, Any]
    models: Sequence[Detector]
    normal_scores: np.ndarray
    profiles: list[MapProfile]


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
    scores, profiles = _held_out(member.score, fold_models, training)
    details = {"weight": member.weight, "seconds": round(time.monotonic() - started, 3)}
    return MemberFit(name, details, [final, *fold_models], scores, profiles)


def refit_member(
    name: str, detector: Detector, details: Mapping[str, Any], training: TrainingSet
) -> MemberFit:
    """Cross-refit a member on other recordings; see `auscult.detectors.adaptable.Refittable`.

    Args:
        name: name of the member.
        detector: the fitted detector.
        details: what is stored with it.
        training: recordings and folds.

    Raises:
        OptionError: the detector cannot be refitted.
    """
    final, fold_models = adaptable(detector, replace=True).cross_refitted(training)
    scores, profiles = _held_out(final.decisive_score, fold_models, training)
    return MemberFit(name, details, [final, *fold_models], scores, profiles)


def _with_other_score(
    kind: type[Detector], config: Config, earlier: Sequence[MemberFit]
) -> tuple[Detector, list[Detector]] | None:
    """The final detector and the fold models of a member that differs only in the score, with this score."""
    for fit in earlier:
        fitted = fit.models[0].config
        if kind.fits_all_scores and fitted == replace(config, score=fitted.score):
            final, *fold_models = (_same_fit(kind(config), model) for model in fit.models)
            return final, fold_models
    return None


def _same_fit(detector: Detector, fitted: Detector) -> Detector:
    detector.arrays, detector.facts = fitted.arrays, dict(fitted.facts)
    return detector


def _held_out(
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


def stored_members(
    members: Mapping[str, Detector], details: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
    """Return the arrays and the facts by which an ensemble stores members; inverse of `loaded_members`."""
    arrays = {f"{name}/{key}": array for name, m in members.items() for key, array in m.arrays.items()}
    facts = {
        name: {**details[name], "detector": m.name, "config": config_to_json(m.config), "facts": m.facts}
        for name, m in members.items()
    }
    return arrays, facts


def loaded_members(
    arrays: Mapping[str, np.ndarray], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, Detector]:
    """Return the members by name from what `stored_members` returned."""
    members: dict[str, Detector] = {}
    for name, stored in facts.items():
        member = detector_type(stored["detector"])(config_from_json(stored["detector"], stored["config"]))
        prefix = f"{name}/"
        keys = [key for key in arrays if key.startswith(prefix)]
        member.arrays = {key.removeprefix(prefix): arrays[key] for key in keys}
        member.facts = stored["facts"]
        members[name] = member
    return members
