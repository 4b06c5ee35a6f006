"""Checks of scores and maps."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from auscult.errors import TooShortAudio
from auscult.model import Model
from auscult.testing.checked_detector import CheckedDetector, require, same_scores
from auscult.testing.sounds import RATE, SyntheticClip, machine_sound


def check_scores_are_complete_and_finite(checked: CheckedDetector) -> None:
    """`score` returns every score of the class, in that order, as finite Python floats."""
    detector = checked.fitted
    for clip in checked.unseen:
        scores = detector.score(clip).scores
        require(
            tuple(scores) == detector.scores,
            f"`score` returns {', '.join(scores)}, but all scores of the class, in that order, are "
            f"{', '.join(detector.scores)}",
        )
        for name, value in scores.items():
            require(isinstance(value, float), f"{name} is a {type(value).__name__}: convert it with float()")
            require(np.isfinite(value), f"{name} is {value}")
    require(detector.decisive_score in detector.scores, f"no score {detector.decisive_score}")


def check_anomalies_score_higher(checked: CheckedDetector) -> None:
    """By the decisive score, recordings of a fault are more anomalous than normal ones."""
    values = checked.decisive(checked.fitted, checked.unseen)
    require(
        min(values[5:]) > max(values[:5]),
        f"{checked.fitted.decisive_score} of five normal recordings, then of three with a fault: "
        f"{', '.join(f'{value:.4g}' for value in values)}; higher must be more anomalous",
    )


def check_scores_do_not_depend_on_earlier_calls(checked: CheckedDetector) -> None:
    """Recordings get the same scores in any order, also by a copy."""
    detector, clips = checked.fitted, checked.unseen
    first = [detector.score(clip).scores for clip in clips]
    in_reverse = [detector.score(clip).scores for clip in reversed(clips)][::-1]
    for clip, scores, expected in zip(clips, in_reverse, first, strict=True):
        require(
            same_scores(scores, expected),
            f"{clip.clip.path}: {scores} after other recordings, {expected} before: `score` must not change "
            "the detector",
        )
    copied = copy.copy(detector).score(clips[3]).scores
    require(same_scores(copied, first[3]), f"a copy scores {copied}, the detector {first[3]}")


def check_scoring_is_thread_safe(checked: CheckedDetector) -> None:
    """Several threads get the scores of one, also for the first recordings.

    Objects that are created when first needed, such as ONNX sessions, do not exist then.
    """
    detector, clips = checked.fitted, checked.unseen
    expected = [detector.score(clip).scores for clip in clips]
    fresh = checked.kind(detector.config)
    fresh.arrays, fresh.facts = detector.arrays, detector.facts
    with ThreadPoolExecutor(4) as threads:
        concurrent = list(threads.map(lambda clip: fresh.score(clip).scores, clips * 3))
    require(
        all(same_scores(*pair, rel=1e-9) for pair in zip(concurrent, expected * 3, strict=True)),
        "scores differ if `score` runs in several threads at once: it must not change attributes of the "
        "detector",
    )


def check_scoring_changes_nothing(checked: CheckedDetector) -> None:
    """`score` changes neither the detector nor the recording."""
    detector, clip = checked.fitted, checked.unseen[0]
    arrays = {name: array.copy() for name, array in detector.arrays.items()}
    facts, samples = copy.deepcopy(detector.facts), clip.waveform().samples.copy()
    detector.score(clip, explain=True)
    require(detector.facts == facts, "`score` changed facts")
    require(detector.arrays.keys() == arrays.keys(), "`score` added or removed arrays")
    for name, array in arrays.items():
        require(np.array_equal(detector.arrays[name], array), f"`score` changed the array {name}")
    require(np.array_equal(clip.waveform().samples, samples), "`score` changed the samples of the recording")


def check_maps(checked: CheckedDetector) -> None:
    """With ``explain`` every score has a finite map of the shape of the log-mel, without there are none."""
    detector = checked.fitted
    for clip in checked.unseen[::3]:
        evidence = detector.score(clip, explain=True)
        require(same_scores(evidence.scores, detector.score(clip).scores), "explain=True changes the scores")
        require(
            set(evidence.maps) == set(detector.scores),
            f"explain=True gives maps of {', '.join(evidence.maps)}: one for each score is required",
        )
        shape = clip.log_mel(detector.config.front_end).shape
        for name, map_ in evidence.maps.items():
            require(
                map_.shape == shape, f"map of {name}: shape {map_.shape}, but that of the log-mel is {shape}"
            )
            require(map_.dtype == np.float32, f"map of {name}: {map_.dtype} instead of float32")
            require(np.all(np.isfinite(map_)), f"map of {name}: not all values are finite")
    require(not detector.score(checked.unseen[0]).maps, "without explain=True there must be no maps")


def check_shortest_recording(checked: CheckedDetector) -> None:
    """A recording of `minimum_samples` is scored, a shorter one is `TooShortAudio`."""
    detector, sound = checked.fitted, machine_sound(300)
    minimum = detector.minimum_samples()
    require(1 <= minimum < RATE, f"minimum_samples() is {minimum}, but the recordings have {RATE} samples")
    scores = detector.score(SyntheticClip(sound[:minimum])).scores
    finite = all(np.isfinite(value) for value in scores.values())
    require(finite, f"minimum_samples() is {minimum}, but so many samples give {scores}")
    try:
        Model(detector).score_recording(SyntheticClip(sound[: minimum - 1], "short.wav"))
    except TooShortAudio:
        return
    raise AssertionError(
        f"minimum_samples() is {minimum}, but {minimum - 1} samples are scored: return less, or raise "
        "TooShortAudio"
    )


def check_degenerate_sounds(checked: CheckedDetector) -> None:
    """Silence, clipping and the like get finite scores and maps."""
    sound = machine_sound(400)
    sounds = {
        "silence": 0 * sound,
        "a constant": 0 * sound + 0.5,
        "a clipped sound": np.clip(100 * sound, -1, 1),
        "a quiet sound": 1e-4 * sound,
        "a sound beyond full scale": 30 * sound,
        "a click": np.eye(1, len(sound), 4000)[0],
    }
    for name, samples in sounds.items():
        evidence = checked.fitted.score(SyntheticClip(samples), explain=True)
        finite = all(np.isfinite(value) for value in evidence.scores.values())
        require(finite, f"{name} has a score that is not finite: {evidence.scores}")
        for score, map_ in evidence.maps.items():
            require(np.all(np.isfinite(map_)), f"{name}: the map of {score} has values that are not finite")
