"""Checks of fitting: reproducible, on few and poor recordings, and without what it must not use."""

from __future__ import annotations

import json

import numpy as np

from auscult.detectors.crossfit import TrainingSet, crossfit, fit_all
from auscult.errors import FitError
from auscult.testing.checked_detector import CheckedDetector, mean_scores, require, same_scores
from auscult.testing.sounds import RATE, SyntheticClip, machine_sound


def check_fit_is_deterministic(checked: CheckedDetector) -> None:
    """Fitted again, the detector has the same scores; recordings of other machines change nothing.

    If it uses other machines, they do.
    """
    kind, config = checked.kind, checked.fitted.config
    uses_others = kind.uses_other_machines(config)
    again = checked.unfitted().fit(checked.normals, other_machines=() if uses_others else checked.others)
    reason = (
        "random numbers have to come from a generator seeded by config.seed"
        if uses_others
        else "random numbers have to come from a generator seeded by config.seed, and `fit` must ignore "
        "other_machines unless `uses_other_machines` returns True"
    )
    for clip in checked.unseen:
        scores, expected = again.score(clip).scores, checked.fitted.score(clip).scores
        require(
            same_scores(scores, expected),
            f"fitted twice, scores of {clip.clip.path} differ: {scores} and {expected}; {reason}",
        )
    if uses_others:
        with_others = checked.unfitted().fit(checked.normals, other_machines=checked.others)
        require(
            not all(
                same_scores(with_others.score(clip).scores, checked.fitted.score(clip).scores)
                for clip in checked.unseen
            ),
            "`uses_other_machines` returns True, but scores are the same with and without them",
        )


def check_front_ends_are_complete(checked: CheckedDetector) -> None:
    """`front_ends` returns all front ends whose log-mels fitting and scoring ask for."""
    detector = checked.fitted
    clip = SyntheticClip(machine_sound(700), "front ends.wav")
    detector.score(clip, explain=True)
    declared = set(checked.kind.front_ends(detector.config))
    for recording in (*checked.normals, clip):
        assert isinstance(recording, SyntheticClip)
        undeclared = recording.front_ends - declared
        require(
            not undeclared,
            f"a log-mel of {undeclared} is computed: `front_ends` must return this front end, too, so that "
            "it is computed while the recording is in memory",
        )


def check_few_and_poor_recordings(checked: CheckedDetector) -> None:
    """One clip, two clips, none, silence, copies of one clip: a detector or a `FitError`, never a nan."""
    first, second = SyntheticClip(machine_sound(0)), SyntheticClip(machine_sound(1))
    silence = SyntheticClip(np.zeros(RATE))
    several = [SyntheticClip(machine_sound(i)) for i in range(5)]
    training_sets = {
        "one recording": [first],
        "two recordings": [first, second],
        "no recordings": [],
        "silence": [silence] * 3,
        "copies of one recording": [first] * 5,
        "five recordings": several,
    }
    fleet = [checked.unfitted() for _ in training_sets]
    errors = fit_all(fleet, list(training_sets.values()))
    for detector, error, name in zip(fleet, errors, training_sets, strict=True):
        if error is not None:
            require(isinstance(error, FitError), f"{name}: raise FitError instead of {error!r}")
            require(name != "five recordings", f"five recordings must be enough: {error}")
            continue
        require(name != "no recordings", "no recordings: raise FitError")
        scores = detector.score(checked.unseen[0]).scores
        finite = all(np.isfinite(value) for value in scores.values())
        require(finite, f"fitted to {name}, a score is not finite: {scores}")
        json.dumps(detector.facts, allow_nan=False)
        for array_name, array in detector.arrays.items():
            require(
                np.all(np.isfinite(array)), f"fitted to {name}, the array {array_name} has values not finite"
            )


def check_fold_models_have_not_seen_their_fold(checked: CheckedDetector) -> None:
    """Recordings of a fault are more anomalous by the model of their fold than by models that saw them.

    This holds for at least one score; others may depend on a network with little training.
    """
    faulty = [SyntheticClip(machine_sound(800 + i, broken=True), f"faulty {i}.wav") for i in range(3)]
    recordings = [*checked.normals[:8], *faulty]
    folds = [0] * 4 + [1] * 4 + [2] * 3
    final, fold_models = crossfit(checked.kind, checked.fitted.config, TrainingSet(recordings, folds))
    require(len(fold_models) == 3, f"cross-fitting in 3 folds returns {len(fold_models)} fold models")
    held_out, by_final, by_other = (
        mean_scores(model, faulty) for model in (fold_models[2], final, fold_models[0])
    )
    require(
        any(held_out[score] > max(by_final[score], by_other[score]) for score in held_out),
        f"recordings of a fault have the mean scores {held_out} by the model of their own fold, which must "
        f"not have seen them, {by_final} by the final model and {by_other} by the model of another fold",
    )
