"""Exports a model as one ONNX file, from waveform to score and map: `auscult.export`.

Before the file is written, its scores of synthetic sounds, and of recordings if some are given, are compared
with those of the model; if they differ, no file is written. ``docs/how-to/small-computer.md``
shows how to score with the file without auscult.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auscult import __version__
from auscult.corpus import AudioClip, Clip
from auscult.decision import Threshold
from auscult.detectors.exportable import export_graph
from auscult.detectors.maps.map_profile_onnx import smoothed_zscore
from auscult.detectors.onnx_export.graph import Graph
from auscult.errors import AudioError, ExportError, MissingExtraError
from auscult.model import Model
from auscult.model.axes import require_one_channel
from auscult.model.model_file import model_digest
from auscult.runtime.files import write_atomically
from auscult.sound import Waveform
from auscult.spectrum import band_centres

#: Largest relative difference with which a file is written: of a score, relative to the model's score; of a
#: map, relative to the largest value in the map.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """The largest differences between an exported file and its model.

    Attributes:
        sounds: number of recordings and synthetic sounds that were compared.
        score: largest difference of a score, relative to the model's score.
        map: largest difference in a map, relative to the largest value in the model's map.
        unreadable: errors of the recordings that could not be used.
    """

    sounds: int
    score: float
    map: float
    unreadable: tuple[AudioError, ...] = ()


def export(
    model: Model,
    path: str | os.PathLike[str],
    *,
    threshold: Threshold | None = None,
    check: Iterable[Clip] = (),
) -> Parity:
    """Write a model as an ONNX file with input ``samples`` and outputs ``score`` and ``map``.

    The input is (N,) float32 at the model's sample rate. The metadata of the file hold everything else that a
    program needs, such as the threshold.

    Args:
        model: the model to export.
        path: the file; it is written atomically.
        threshold: the threshold in the metadata; default the conformal threshold at 5 % false alarms.
        check: recordings to compare the file with the model on, in addition to synthetic sounds.

    Returns:
        The largest differences between the file and the model.

    Raises:
        OptionError: the detector cannot be exported; the message says what an export would require.
        MissingExtraError: onnx is not installed.
        ExportError: scores or maps of the file would differ from those of the model; no file is written.
        OSError: the file cannot be written.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))
        >>> model = auscult.fit(noise, "spectral_memory", sample_rate=8000)
        >>> auscult.export(model, "fan.onnx").score < 1e-4
        True
    """
    require_one_channel(model, "Exporting")
    try:
        onnx_bytes = _to_onnx(model, threshold or model.threshold())
    except ImportError as error:
        raise MissingExtraError("Exporting", "export") from error
    parity = _compare(model, onnx_bytes, check)
    if not max(parity.score, parity.map) <= TOLERANCE:
        differing = "maps" if parity.score <= TOLERANCE else "scores"
        raise ExportError(
            f"{os.fspath(path)}: not written, because its {differing} differ from those of the model: on "
            f"{parity.sounds} sounds the largest relative difference is {parity.score:.1e} for scores and "
            f"{parity.map:.1e} for maps, but {TOLERANCE:.0e} is allowed; an ill-conditioned covariance can "
            "cause this (`covariance='auto'` avoids it)"
        )
    write_atomically(path, onnx_bytes)
    return parity


def _to_onnx(model: Model, threshold: Threshold) -> bytes:
    """The contents of the ONNX file."""
    graph, name = Graph(), model.detector.decisive_score
    evidence = export_graph(model.detector, graph.input("samples", np.float32, ("N",)))
    map = evidence.maps[name]
    if profile := model.profiles.get(name):
        map = smoothed_zscore(map, profile)
    outputs = {
        "score": (evidence.scores[name], np.float64, ()),
        "map": (map, np.float32, ("T", model.detector.config.front_end.n_mels)),
    }
    return graph.to_bytes(outputs, _metadata(model, threshold))


def _metadata(model: Model, threshold: Threshold) -> dict[str, str]:
    """What a program needs besides the graph; values other than text are JSON."""
    detector, name = model.detector, model.detector.decisive_score
    map_is_zscore = name in model.profiles
    json_values: dict[str, Any] = {
        "sample_rate": model.sample_rate,
        "minimum_samples": max(1, detector.minimum_samples()),
        "channel": model.channel,
        "threshold": threshold.value,
        "threshold_method": threshold.method,
        "threshold_rate": threshold.rate,
        "calibration": np.sort(model.calibration.scores.get(name, np.empty(0))).tolist(),
        "seconds": model.provenance.get("seconds"),
        "front_end": asdict(detector.config.front_end),
        "band_centres": np.round(band_centres(detector.config.front_end), 3).tolist(),
    }
    return {
        "auscult": __version__,
        "detector": detector.name,
        "score": name,
        "map": "standard deviations of normal running" if map_is_zscore else "parts of the score",
        "digest": model_digest(model),
        **{key: json.dumps(value) for key, value in json_values.items()},
    }


def _compare(model: Model, onnx_bytes: bytes, clips: Iterable[Clip]) -> Parity:
    """Compare the file with the model on synthetic sounds and on recordings."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    recordings = [(model.audio_clip(clip), True) for clip in clips]
    largest, unreadable, sounds = np.zeros(2), [], 0
    for recording, is_file in (*((sound, False) for sound in _synthetic_sounds(model)), *recordings):
        try:
            expected = model.score_recording(recording, explain=True)
        except AudioError as error:  # the model cannot score some of the synthetic sounds
            unreadable += [error] * is_file
            continue
        score, map = session.run(["score", "map"], {"samples": recording.waveform().samples})
        assert expected.map is not None
        tiny = np.finfo(np.float64).tiny
        score_difference = abs(float(score) - expected.score) / max(abs(expected.score), tiny)
        map_difference = np.abs(map - expected.map).max() / max(np.abs(expected.map).max(), tiny)
        largest, sounds = np.maximum(largest, [score_difference, map_difference]), sounds + 1
    if not sounds:
        raise ExportError("the model can score none of the sounds that the file would be checked on")
    return Parity(sounds, float(largest[0]), float(largest[1]), tuple(unreadable))


def _synthetic_sounds(model: Model) -> Iterator[AudioClip]:
    """Silence, noise, tones and clicks at several levels, from the shortest usable length to 10 s."""
    rate, rng = model.sample_rate, np.random.default_rng(0)
    shortest = max(1, model.detector.minimum_samples())
    for number, count in enumerate((shortest, shortest + 1, 2 * shortest + 7, rate + 1, 3 * rate, 10 * rate)):
        t = np.arange(count) / rate
        noise = rng.standard_normal(count)
        tones = np.sin(2 * np.pi * 0.0137 * rate * t) + 0.3 * np.sin(2 * np.pi * 0.21 * rate * t)
        clicks = 0.9 * (np.arange(count) % (rate // 7 + number) == 0)
        sounds = (0.1 * noise, 0.7 * tones + 1e-4 * noise, clicks + 0.003 * noise, 0.7 * tones, 0 * t)
        for samples in sounds:
            waveform = Waveform(np.clip(samples, -1, 1).astype(np.float32), rate)
            yield AudioClip.from_waveform(waveform, sample_rate=rate)
