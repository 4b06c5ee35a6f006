"""Fitting one member of an ensemble: cross-fitting, evaluation on pseudo-anomalies, and the time limit."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors import detector_type
from auscult.detectors.base import Config, Detector, Progress
from auscult.detectors.ensemble.members import Member
from auscult.detectors.ensemble.trial import Outcome, Trial
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import FitError

#: Maximum number of recordings whose maps a member's map profile is estimated from.
MAX_PROFILE_CLIPS = 40
#: A member is uninformative if its AUC is less above chance than this share of the best member's.
MIN_RELATIVE_AUC = 0.25
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
        outcome: result on pseudo-anomalies; ``None`` if not evaluated.
        profiles: map profile of all recordings, and for each fold that of the others.
        seconds: time that cross-fitting and evaluation took.
    """

    name: str
    member: Member
    final: Detector
    fold_models: list[Detector]
    normal_scores: np.ndarray
    outcome: Outcome | None
    profiles: list[MapProfile]
    seconds: float

    def summary(self, kept: bool) -> dict[str, Any]:
        """Return the JSON-serialisable entry of the ensemble's facts; ``kept``: whether it is a member."""
        summary: dict[str, Any] = {
            "name": self.name,
            "detector": self.member.detector,
            "score": self.member.score,
            "kept": kept,
            "seconds": self.seconds,
        }
        if self.outcome:
            summary["auc"] = round(self.outcome.value, 4)
            summary["interval"] = [round(edge, 4) for edge in self.outcome.interval]
        return summary


def crossfit_member(
    name: str,
    member: Member,
    config: Config,
    drop_uninformative: bool,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> MemberFit:
    """Cross-fit a member and evaluate it.

    Args:
        name: name of the member.
        member: detector and score.
        config: the detector's configuration.
        drop_uninformative: evaluate the member on pseudo-anomalies.
        trial: recordings, folds and pseudo-anomalies.
        other_machines: normal recordings of other machines.
        progress: called after each step.

    Raises:
        FitError: the member cannot be fitted; the message says how many recordings each fold leaves.
    """
    started = time.monotonic()
    kind = detector_type(member.detector)
    config = kind.without_validation_split(config)
    try:
        final, fold_models = kind.crossfit(
            config, trial.recordings, trial.folds, other_machines=other_machines, progress=progress
        )
    except FitError as error:
        sizes, count = Counter(trial.folds), len(trial.recordings)
        raise FitError(
            f"{error} ({count - max(sizes.values())} of {count} recordings are left "
            f"when one of {len(sizes)} folds is held out)"
        ) from error
    normal_scores = trial.normal_scores(fold_models)[member.score]
    outcome = None
    if drop_uninformative:
        anomalous_scores = trial.pseudo_anomaly_scores(fold_models, progress)[member.score]
        outcome = trial.outcome(normal_scores, anomalous_scores)
    step = -(-len(trial.recordings) // MAX_PROFILE_CLIPS)
    profile_clips = list(zip(trial.folds, trial.recordings, strict=True))[::step]
    parts = [
        MapProfile.fit([fold_models[fold].score(r, explain=True).maps[member.score]])
        for fold, r in profile_clips
    ]
    profiles = MapProfile.cross_merged(parts, [fold for fold, _ in profile_clips], max(trial.folds) + 1)
    seconds = round(time.monotonic() - started, 3)
    return MemberFit(name, member, final, fold_models, normal_scores, outcome, profiles, seconds)


def config_within_budget(
    seconds: float,
    member: Member,
    config: Config,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> Config:
    """Return a member's configuration, a network's with as many epochs as fit into the time.

    Args:
        seconds: the time for fitting the member; infinite: no limit.
        member: detector and score.
        config: the configuration of the ensemble.
        trial: recordings and folds, on which the time per epoch is measured.
        other_machines: normal recordings of other machines.
        progress: called after each step.

    Raises:
        FitError: the time is not enough for `MIN_EPOCHS`.
    """
    if not member.trains or math.isinf(seconds):
        return member.config(config.seed, config.front_end)
    started = time.monotonic()
    epoch, overhead = _measured_times(member, config, trial, other_machines, progress)
    left = seconds - (time.monotonic() - started) - overhead
    if left < MIN_EPOCHS * epoch:
        raise FitError(
            f"the remaining time of {seconds:.0f} s is not enough for {MIN_EPOCHS} epochs of {epoch:.1f} s"
        )
    default = member.config(config.seed, config.front_end).epochs  # type: ignore[attr-defined]
    affordable = default if epoch * default <= left else int(left / epoch)
    return member.config(config.seed, config.front_end, epochs=affordable)


def _measured_times(
    member: Member,
    config: Config,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
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
    kind.crossfit(two_epochs, trial.recordings, trial.folds, other_machines=other_machines, progress=report)
    total_seconds = time.monotonic() - started
    epoch = sum(end - start for (_, start), (done, end) in pairwise(epoch_ends) if done == 2)
    return epoch, total_seconds - 2 * epoch


def informative(outcomes: Sequence[Outcome | None]) -> list[bool]:
    """Return which members are informative, given their results; members without a result are.

    Informative members get equal weights. Weights by AUC would depend on how similar the alterations are to
    the changes that a member detects best, which says little about faults; on simulated machines they gave
    worse results.
    """
    above_chance = [outcome.value - 0.5 if outcome else 1.0 for outcome in outcomes]
    return [value > 0 and value >= MIN_RELATIVE_AUC * max(above_chance) for value in above_chance]


def prefixed_progress(progress: Progress | None, name: str) -> Progress | None:
    """Return a callback that prefixes the stage with the member's name, ``name:stage``."""
    if progress is None:
        return None
    report: Callable[..., None] = progress
    return lambda stage, done, total, figures: report(f"{name}:{stage}", done, total, figures)
