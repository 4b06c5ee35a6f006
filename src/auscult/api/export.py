"""`auscult.export`: a model as one ONNX file, waveform in, score and map out, that scores as the model does.

Before the file is written it scores made-up sounds, and recordings if some are given, beside the model; one
that does not agree is not written. ``docs/edge.md`` shows how to score with it where auscult is not.
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
from auscult.detectors.maps.map_profile_onnx import pointing
from auscult.detectors.onnx_export.graph import Graph
from auscult.errors import AudioError, ExportError, MissingExtraError
from auscult.model import Model
from auscult.model.model_file import model_digest
from auscult.runtime.files import write_atomically
from auscult.sound import Waveform
from auscult.spectrum import band_centres

#: The largest difference from the model's score, as a share of it, and of a map, as a share of the largest
#: value in the map, with which a file is written.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Parity:
    """How far an exported file was from its model, at worst.

    Attributes:
        sounds: recordings and made-up sounds that both scored.
        score: largest difference of a score, as a share of the model's.
        map: largest difference in a map, as a share of the largest value in the model's.
        unreadable: recordings that could not be used, and why.
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
    """Writes a model as an ONNX file: samples (N,) float32 at the model's rate in, ``score`` and ``map`` out.

    The file's metadata hold what a program must know beside it, the threshold among them.

    Args:
        path: of the file; written whole or not at all.
        threshold: default the conformal one at 5 % false alarms.
        check: recordings that the file must score as the model does, besides made-up sounds.

    Raises:
        OptionError: the detector cannot be exported; says what that would take.
        MissingExtraError: onnx is not installed.
        ExportError: the file would not score as the model does; it is not written.
        OSError: the file cannot be written.
    """
    try:
        blob = _drawn(model, threshold or model.threshold())
    except ImportError as error:
        raise MissingExtraError("Exporting", "export") from error
    parity = _compared(model, blob, check)
    if not max(parity.score, parity.map) <= TOLERANCE:
        raise ExportError(
            f"{os.fspath(path)}: not written, for it would not score as the model does: of {parity.sounds} "
            f"sounds the worst score is off by {parity.score:.1e} of its value, the worst map by "
            f"{parity.map:.1e}, where {TOLERANCE:.0e} is allowed; an ill-conditioned covariance does that "
            "(covariance=auto avoids it)"
        )
    write_atomically(path, blob)
    return parity


def _drawn(model: Model, threshold: Threshold) -> bytes:
    """The ONNX file of a model."""
    graph, name = Graph(), model.detector.decisive_score
    evidence = model.detector.export(graph.input("samples", np.float32, ("N",)))
    map = evidence.maps[name]
    if profile := model.profiles.get(name):
        map = pointing(map, profile)
    outputs = {
        "score": (evidence.scores[name], np.float64, ()),
        "map": (map, np.float32, ("T", model.detector.config.front_end.n_mels)),
    }
    return graph.to_bytes(outputs, _metadata(model, threshold))


def _metadata(model: Model, threshold: Threshold) -> dict[str, str]:
    """What a program must know beside the graph; values that are no text are JSON."""
    detector, name = model.detector, model.detector.decisive_score
    pointing = name in model.profiles
    facts: dict[str, Any] = {
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
        "map": "standard deviations of normal running" if pointing else "parts of the score",
        "digest": model_digest(model),
        **{key: json.dumps(value) for key, value in facts.items()},
    }


def _compared(model: Model, blob: bytes, clips: Iterable[Clip]) -> Parity:
    """The file beside the model on made-up sounds and on recordings."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])
    given = [(model.audio_clip(clip), True) for clip in clips]
    worst, unreadable, sounds = np.zeros(2), [], 0
    for recording, is_given in (*((sound, False) for sound in _made_up(model)), *given):
        try:
            wanted = model.score_recording(recording, explain=True)
        except AudioError as error:  # a made-up sound may be too odd for the model
            unreadable += [error] * is_given
            continue
        score, map = session.run(["score", "map"], {"samples": recording.waveform().samples})
        assert wanted.map is not None
        least = np.finfo(np.float64).tiny
        off = abs(float(score) - wanted.score) / max(abs(wanted.score), least)
        map_off = np.abs(map - wanted.map).max() / max(np.abs(wanted.map).max(), least)
        worst, sounds = np.maximum(worst, [off, map_off]), sounds + 1
    if not sounds:
        raise ExportError("the model can score none of the sounds that its file would be checked on")
    return Parity(sounds, float(worst[0]), float(worst[1]), tuple(unreadable))


def _made_up(model: Model) -> Iterator[AudioClip]:
    """Silence, noise, tones and clicks at several levels, from the shortest that the model takes to 10 s."""
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
