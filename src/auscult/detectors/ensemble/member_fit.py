"""One member of an ensemble after the other: fitted within the time there is, cross-fitted, tried."""

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

#: Recordings whose maps say what a map of normal running looks like.
PROFILED = 40
#: A member whose area under the curve is less above chance than this share of the best one's is left out.
LEFT_OUT_BELOW = 0.25
#: Epochs without which a network has learnt next to nothing.
LEAST_EPOCHS = 5


@dataclass(frozen=True)
class Tried:
    """One member after cross-fitting."""

    name: str
    member: Member
    final: Detector
    fold_models: list[Detector]
    normals: np.ndarray  # (n,) scores of the recordings
    outcome: Outcome | None  # of the trial on altered ones
    profile: np.ndarray  # (2, B) of its maps
    seconds: float

    def told(self, kept: bool) -> dict[str, Any]:
        """What is kept of how it did, JSON-able."""
        told: dict[str, Any] = {
            "name": self.name,
            "detector": self.member.detector,
            "score": self.member.score,
            "kept": kept,
            "seconds": self.seconds,
        }
        if self.outcome:
            told["auc"] = round(self.outcome.value, 4)
            told["interval"] = [round(edge, 4) for edge in self.outcome.interval]
        return told


def cross_fitted(
    name: str,
    member: Member,
    config: Config,
    drop_uninformative: bool,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> Tried:
    """Fits one member on all recordings and on all but each fold, and puts it to the trial.

    Raises:
        FitError: the member cannot be fitted; says how few recordings remain where a fold is kept out.
    """
    started = time.monotonic()
    kind = detector_type(member.detector)
    config = kind.learning_from_all(config)
    try:
        final, fold_models = kind.crossfit(
            config, trial.recordings, trial.folds, other_machines=other_machines, progress=progress
        )
    except FitError as error:
        sizes, count = Counter(trial.folds), len(trial.recordings)
        raise FitError(
            f"{error} (one part of {len(sizes)} is kept out in turn: of {count} recordings "
            f"{count - max(sizes.values())} remain)"
        ) from error
    normals = trial.normal_scores(fold_models)[member.score]
    outcome = None
    if drop_uninformative:
        outcome = trial.outcome(normals, trial.altered_scores(fold_models, progress)[member.score])
    step = -(-len(trial.recordings) // PROFILED)
    judged = list(zip(trial.folds, trial.recordings, strict=True))[::step]
    profile = MapProfile.fit(
        fold_models[fold].score(r, explain=True).maps[member.score] for fold, r in judged
    )
    seconds = round(time.monotonic() - started, 3)
    return Tried(name, member, final, fold_models, normals, outcome, profile.to_array(), seconds)


def within(
    seconds: float,
    member: Member,
    config: Config,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> Config:
    """The member's configuration, a network's with no more epochs than go into so many seconds.

    Raises:
        FitError: not even `LEAST_EPOCHS` do.
    """
    if not member.trains or math.isinf(seconds):
        return member.config(config.seed, config.front_end)
    started = time.monotonic()
    epoch, rest = _times(member, config, trial, other_machines, progress)
    left = seconds - (time.monotonic() - started) - rest
    if left < LEAST_EPOCHS * epoch:
        raise FitError(f"of {seconds:.0f} s too few are left for {LEAST_EPOCHS} epochs of {epoch:.1f} s")
    usual = member.config(config.seed, config.front_end).epochs  # type: ignore[attr-defined]
    affordable = usual if epoch * usual <= left else int(left / epoch)
    return member.config(config.seed, config.front_end, epochs=affordable)


def _times(
    member: Member,
    config: Config,
    trial: Trial,
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> tuple[float, float]:
    """Seconds that one epoch of all its networks takes, and all the rest of cross-fitting: a try of two
    epochs, of which the first also pays for what is done once."""
    ends: list[tuple[int, float]] = []

    def tell(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if stage == "train":
            ends.append((done, time.monotonic()))
        if progress:
            progress(stage, done, total, figures)

    kind = detector_type(member.detector)
    twice = kind.learning_from_all(member.config(config.seed, config.front_end, epochs=2))
    started = time.monotonic()
    kind.crossfit(twice, trial.recordings, trial.folds, other_machines=other_machines, progress=tell)
    took = time.monotonic() - started
    epoch = sum(end - before for (_, before), (done, end) in pairwise(ends) if done == 2)
    return epoch, took - 2 * epoch


def that_hear(outcomes: Sequence[Outcome | None]) -> list[bool]:
    """Which members hear enough: all, where there was no trial.

    Members that do hear count alike. Finer weights would follow how like the alterations are to what a
    member hears best, and that says little of faults: on simulated machines they did worse.
    """
    above = [outcome.value - 0.5 if outcome else 1.0 for outcome in outcomes]
    return [share > 0 and share >= LEFT_OUT_BELOW * max(above) for share in above]


def tagged(progress: Progress | None, name: str) -> Progress | None:
    """Progress of a member under the member's name."""
    if progress is None:
        return None
    tell: Callable[..., None] = progress
    return lambda stage, done, total, figures: tell(f"{name}:{stage}", done, total, figures)
