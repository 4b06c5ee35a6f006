"""Checks that the configuration, arrays and facts are the whole state of a fitted detector."""

from __future__ import annotations

import json
import pickle
import tempfile
from pathlib import Path

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.detectors import Detector
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.testing.checked_detector import CheckedDetector, require, same_scores
from auscult.testing.sounds import RATE


def check_model_file(checked: CheckedDetector) -> None:
    """A detector that is saved and loaded has the same configuration, state and scores."""
    with tempfile.TemporaryDirectory() as folder:
        Model(checked.fitted).save(str(Path(folder) / "model.auscult"))
        loaded = load_model(Path(folder) / "model.auscult").detector
    _require_same(checked, loaded, "saved and loaded")


def check_pickle(checked: CheckedDetector) -> None:
    """A detector that is sent to another process has the same configuration, state and scores."""
    _require_same(checked, pickle.loads(pickle.dumps(checked.fitted)), "pickled")


def _require_same(checked: CheckedDetector, other: Detector, how: str) -> None:
    detector = checked.fitted
    require(type(other) is type(detector), f"{how}, the detector is a {type(other).__name__}")
    require(other.config == detector.config, f"{how}, the configuration is {other.config}")
    require(other.facts == detector.facts, f"{how}, facts are not the same: {other.facts}")
    require(other.arrays.keys() == detector.arrays.keys(), f"{how}, the detector has other arrays")
    for name, array in detector.arrays.items():
        require(np.array_equal(other.arrays[name], array), f"{how}, the array {name} is not the same")
    for clip in checked.unseen:
        scores, expected = other.score(clip).scores, detector.score(clip).scores
        require(
            same_scores(scores, expected),
            f"{clip.clip.path}: {scores} after the detector was {how}, {expected} before: what `score` uses "
            "must be in config, arrays and facts",
        )


def check_arrays(checked: CheckedDetector) -> None:
    """All arrays are finite, and have the shapes that `expected_shapes` returns."""
    detector = checked.fitted
    shapes = detector.expected_shapes()
    require(
        shapes.keys() == detector.arrays.keys(),
        f"`expected_shapes` has {sorted(shapes)}, but the arrays are {sorted(detector.arrays)}",
    )
    for name, array in detector.arrays.items():
        expected = shapes[name]
        agree = len(expected) == array.ndim and all(
            length in (None, actual) for length, actual in zip(expected, array.shape, strict=True)
        )
        require(agree, f"array {name} has shape {array.shape}, but `expected_shapes` returns {expected}")
        require(np.all(np.isfinite(array)), f"array {name}: not all values are finite")


def check_facts(checked: CheckedDetector) -> None:
    """Facts are JSON, and the parameters are counted."""
    detector = checked.fitted
    require(
        json.loads(json.dumps(detector.facts, allow_nan=False)) == detector.facts,
        "facts must be JSON: text, Python numbers, lists and dicts with text as keys",
    )
    require(
        isinstance(detector.parameters, int) and detector.parameters > 0,
        f"parameters is {detector.parameters!r}: a fitted detector has arrays, whose sizes are counted",
    )


def check_file_and_samples(checked: CheckedDetector) -> None:
    """A file has the scores of its samples in memory."""
    import soundfile

    clip = checked.unseen[5]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        soundfile.write(path, clip.waveform().samples, RATE, subtype="FLOAT")
        from_file = AudioClip.from_file(Clip(str(path)), sample_rate=RATE)
        scores, expected = (checked.fitted.score(c).scores for c in (from_file, clip))
    require(
        same_scores(scores, expected), f"a file has the scores {scores}, its samples in memory {expected}"
    )
