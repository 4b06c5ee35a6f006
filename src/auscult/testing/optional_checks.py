"""Checks of what a detector may offer: adapting, refitting, representations, and export."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

from auscult.detectors import Detector
from auscult.detectors.adaptable import adaptable
from auscult.detectors.crossfit import TrainingSet
from auscult.detectors.exportable import export_graph
from auscult.detectors.representable import LatentSpace, representable
from auscult.errors import FitError, OptionError
from auscult.testing.checked_detector import CheckedDetector, mean_scores, require, same_scores
from auscult.testing.sounds import SyntheticClip, machine_sound


def check_adapting(checked: CheckedDetector) -> None:
    """`adapted` returns a new detector, which scores the recordings as more normal; the old one stays."""
    detector, clips = adaptable(checked.fitted), checked.unseen
    arrays, facts = dict(detector.arrays), copy.deepcopy(detector.facts)
    before = detector.score(clips[0]).scores
    _require_fit_error(detector, "adapted")
    adapted = detector.adapted(clips[:2])
    _require_unchanged(detector, arrays, facts, "adapted")
    require(
        same_scores(detector.score(clips[0]).scores, before), "`adapted` changed scores of the old detector"
    )
    _require_complete(adapted, detector, "adapted")
    for clip in clips:
        scores = adapted.score(clip).scores
        finite = all(np.isfinite(value) for value in scores.values())
        require(finite, f"after adapting a score is not finite: {scores}")
    require(
        not same_scores(adapted.score(clips[0]).scores, before),
        "scores of a recording are the same after adapting to it",
    )


def check_refitting(checked: CheckedDetector) -> None:
    """`refitted` forgets: recordings of a fault that are declared normal score lower than the earlier ones.

    This holds for at least one score; others may depend on a network, which is not trained again.
    """
    detector = adaptable(checked.fitted, replace=True)
    new = [SyntheticClip(machine_sound(500 + i, broken=True), f"new {i}.wav") for i in range(20)]
    arrays, facts = dict(detector.arrays), copy.deepcopy(detector.facts)
    refitted, fold_models = detector.cross_refitted(TrainingSet(new, [i % 5 for i in range(20)]))
    require(len(fold_models) == 5, f"`cross_refitted` in 5 folds returns {len(fold_models)} fold models")
    _require_unchanged(detector, arrays, facts, "refitted")
    _require_complete(refitted, detector, "refitted")
    known, held_out, earlier = (
        mean_scores(fitted, clips)
        for fitted, clips in ((refitted, new), (fold_models[0], new[::5]), (refitted, checked.normals))
    )
    require(
        any(max(known[score], held_out[score]) < earlier[score] for score in detector.scores),
        f"after refitting, the mean scores of the new normal recordings are {known}, held out {held_out}, "
        f"and those of the earlier ones {earlier}: those must be higher",
    )
    _require_fit_error(detector, "refitted")


def check_representation(checked: CheckedDetector) -> None:
    """`represent` returns finite arrays of the same shapes for every recording, and one row a window."""
    shapes = []
    for clip in checked.unseen:
        representation = representable(checked.fitted).represent(clip)
        shapes.append({name: array.shape for name, array in representation.recording.items()})
        windows = {name: len(array) for name, array in representation.windows.items()}
        require(
            set(windows.values()) <= {len(representation.seconds)},
            f"windows have {windows} rows, but there are {len(representation.seconds)} times of windows",
        )
        arrays = {**representation.recording, **representation.windows}
        require(arrays, "`represent` returns no arrays")
        for name, array in arrays.items():
            require(np.all(np.isfinite(array)), f"{name}: not all values are finite")
        for name, entries in representation.axes.items():
            lengths = {length for array in arrays.values() for length in array.shape}
            require(len(entries) in lengths, f"no array has an axis of the {len(entries)} {name}")
    require(
        all(other == shapes[0] for other in shapes),
        f"arrays of a recording have different shapes: {shapes[0]} and {shapes[-1]}",
    )


def check_codes(checked: CheckedDetector) -> None:
    """`codes` has one finite row for each window, of the same length for every recording."""
    assert isinstance(checked.fitted, LatentSpace)
    codes = [checked.fitted.codes(clip) for clip in checked.unseen]
    require(
        {array.ndim for array in codes} == {2} and len({array.shape[1] for array in codes}) == 1,
        f"codes have the shapes {', '.join(str(array.shape) for array in codes)}: (windows, K) is required",
    )
    require(all(np.all(np.isfinite(array)) for array in codes), "codes have values that are not finite")


def check_export(checked: CheckedDetector) -> None:
    """The exported graph, if these options allow it, has the scores and maps of the detector."""
    import onnxruntime

    from auscult.detectors.onnx_export.graph import Graph

    detector, graph = checked.fitted, Graph()
    try:
        evidence = export_graph(detector, graph.input("samples", np.float32, ("N",)))
    except OptionError:
        return
    bands = detector.config.front_end.n_mels
    outputs: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
        f"score {s}": (evidence.scores[s], np.float64, ()) for s in detector.scores
    }
    outputs |= {f"map {s}": (evidence.maps[s], np.float32, ("T", bands)) for s in detector.scores}
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(
        graph.to_bytes(outputs, {}), options, providers=["CPUExecutionProvider"]
    )
    for clip in (checked.unseen[0], checked.unseen[-1]):
        exported = dict(
            zip(outputs, session.run(list(outputs), {"samples": clip.waveform().samples}), strict=True)
        )
        expected = detector.score(clip, explain=True)
        for score in detector.scores:
            value = float(exported[f"score {score}"])
            require(
                np.isclose(value, expected.scores[score], rtol=1e-4),
                f"{score} of {clip.clip.path} is {value} by the exported graph, and {expected.scores[score]} "
                "by the detector",
            )
            map_, expected_map = exported[f"map {score}"], expected.maps[score]
            difference = np.abs(map_ - expected_map).max() if map_.shape == expected_map.shape else np.inf
            require(
                difference <= 1e-4 * np.abs(expected_map).max(),
                f"the map of {score} by the exported graph is another one than by the detector",
            )


def _require_fit_error(detector: Detector, method: str) -> None:
    try:
        getattr(detector, method)([])
    except (FitError, OptionError):
        return
    raise AssertionError(f"`{method}` without recordings succeeds: raise FitError")


def _require_unchanged(detector: Detector, arrays: dict, facts: dict, method: str) -> None:
    same = detector.arrays.keys() == arrays.keys() and all(
        detector.arrays[name] is array for name, array in arrays.items()
    )
    require(
        same and detector.facts == facts, f"`{method}` changed the old detector: it must return a new one"
    )


def _require_complete(new: Detector, old: Detector, method: str) -> None:
    require(new.config == old.config, f"`{method}` changed the configuration")
    require(
        new.arrays.keys() == new.expected_shapes().keys() == old.arrays.keys(),
        f"after `{method}` the detector has the arrays {sorted(new.arrays)} instead of {sorted(old.arrays)}",
    )
    lines = json.loads(json.dumps(new.facts, allow_nan=False)).get("adaptations", [])
    added = len(lines) - len(old.facts.get("adaptations", []))
    require(added == 1, f'`{method}` added {added} lines to facts["adaptations"] instead of one')
