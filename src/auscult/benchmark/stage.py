"""One stage of a benchmark: one detector, one machine, one seed, fitted and scored; kept as two files.

``model.auscult`` and then ``test.json`` are written, each whole or not at all, so a stage with a
``test.json`` that bears the same key is done, and one that was killed is done again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.entries import Entry
from auscult.benchmark.machine import MachineData, stamps
from auscult.corpus import Clip, Recording, folds_of
from auscult.corpus.inspection import LEFT_OUT
from auscult.corpus.learnable import hint_of_cuts, usual_rate
from auscult.decision import Threshold, gamma_threshold
from auscult.detectors import Config, Detector, Progress
from auscult.detectors.options import config_to_json, make_config
from auscult.errors import AudioError, DivergedError, FitError
from auscult.files import write_atomically
from auscult.fitting import fit_recordings

#: Part of every key: a change of the code that changes numbers raises it, and old stages are done again.
SCHEMA = 2


@dataclass(frozen=True)
class Stage:
    """What a finished stage left.

    Attributes:
        clips: the test clips that could be scored.
        scores: score name to one value a clip.
        thresholds: score name to the baseline's threshold, a gamma fitted to scores of the training clips.
        fit_seconds, score_seconds: wall time, reading of the recordings and their log-mels included, and
            cross-fitting where there is some.
        errors: test clips that could not be scored, ``{"path", "error"}``.
        warnings: of the fit.
    """

    clips: list[Clip]
    scores: dict[str, np.ndarray]
    thresholds: dict[str, Threshold]
    fit_seconds: float
    score_seconds: float
    errors: list[dict[str, str]]
    warnings: list[str]


def run_stage(
    folder: Path,
    machine: MachineData,
    entry: Entry,
    seed: int,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> Stage:
    """Does a stage, or reads what it left if it is done already with the same clips and settings.

    Raises:
        MissingExtraError: fitting needs an optional part that is not installed.
        FitError: too little to learn from, or training diverged.
        OptionError: a setting that the detector does not have.
    """
    wanted = {"sample_rate": usual_rate(machine.train), **settings, "seed": seed}
    config = make_config(entry.detector, preset=entry.preset, settings=wanted)
    key = _key(entry, config, machine)
    done = folder / "test.json"
    if (stage := _read(done, key)) is not None:
        return stage
    folder.mkdir(parents=True, exist_ok=True)
    failed = folder / "failed.json"
    if (known := _read_json(failed, key)) is not None:
        raise DivergedError(known["error"])
    needed = entry.kind(config).minimum_samples()
    rate = config.front_end.sample_rate
    inspection = machine.training(rate, needed, progress)
    hearing = machine.hear("train", config.front_end, progress)
    others: list[Recording] = []
    if entry.kind.learns_from_others(config):
        for other in machine.others:
            others += other.training(rate, needed, progress).usable
            hearing += other.hear("train", config.front_end, progress)
    entry.kind.check_can_fit()  # and loads what fitting takes, which is not the first fit's time alone
    started = time.perf_counter()
    try:
        model = fit_recordings(
            entry.detector,
            config,
            replace(inspection, findings=tuple(f for f in inspection.findings if f.kind in LEFT_OUT)),
            calibrate=_calibrate(entry, inspection.usable, seed),
            others=others,
            channel=machine.channel,
            preset=entry.preset,
            progress=progress,
        )
    except DivergedError as error:  # the same seed would diverge again, after as long
        write_atomically(failed, json.dumps({"key": key, "error": str(error)}).encode())
        raise
    fit_seconds = hearing + time.perf_counter() - started
    hearing = machine.hear("test", config.front_end, progress)
    started = time.perf_counter()
    heard, scores, errors = _score_all(model.detector, machine.testing(rate), progress)
    score_seconds = hearing + time.perf_counter() - started
    normals = model.calibration.scores or _score_all(model.detector, inspection.usable, None)[1]
    thresholds = {name: _threshold(values) for name, values in normals.items()}
    unheeded = set(hint_of_cuts(inspection.usable))  # a bench has no way to say so
    warnings = [said for said in model.provenance["warnings"] if said not in unheeded]
    stage = Stage(heard, scores, thresholds, fit_seconds, score_seconds, errors, warnings)
    model.save(str(folder / "model.auscult"))
    write_atomically(done, json.dumps({"key": key, **_to_json(stage)}).encode())
    return stage


def _score_all(
    detector: Detector, recordings: Sequence[Recording], progress: Progress | None
) -> tuple[list[Clip], dict[str, np.ndarray], list[dict[str, str]]]:
    heard, rows, errors = [], [], []
    for done, recording in enumerate(recordings, start=1):
        try:
            rows.append(detector.score(recording).scores)
            heard.append(recording.clip)
        except AudioError as error:
            errors.append({"path": error.path, "error": error.reason})
        if progress:
            progress("score", done, len(recordings), {})
    if not rows:
        raise FitError(f"none of {len(recordings)} clips could be scored: {errors[0]['error']}")
    return heard, {name: np.array([row[name] for row in rows]) for name in rows[0]}, errors


def _calibrate(entry: Entry, recordings: Sequence[Recording], seed: int) -> str:
    """How normals are scored for the threshold.

    Networks are fitted as the baseline is: the official split keeps a tenth of the vectors out, not of the
    clips, and the training clips' own scores make the threshold. A detector that fits without them remembers
    its training clips, to which their own scores would call any other anomalous; it is quickly cross-fitted,
    unless the clips are all of one recording. The fitted detector is the same either way.
    """
    several = max(folds_of(recordings, 2, seed), default=0) > 0
    return "none" if entry.kind.extra or not several else "crossfit"


def _threshold(scores: np.ndarray) -> Threshold:
    """The baseline's 90th percentile of a gamma; without one where there are too few scores to fit it."""
    try:
        return gamma_threshold(scores)
    except FitError as error:
        return Threshold(None, "gamma", calibration_count=len(scores), warning=str(error))


def _key(entry: Entry, config: Config, machine: MachineData) -> str:
    """Changes with anything that the stage's result depends on, the device it trains on left out."""
    settings = {k: v for k, v in config_to_json(config).items() if k not in ("device", "score")}
    heard = stamps([*machine.train, *machine.test], machine.folder)
    told = [SCHEMA, entry.name, settings, machine.channel, heard]
    if entry.kind.learns_from_others(config):
        told.append([[other.name, stamps(other.train, other.folder)] for other in machine.others])
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _to_json(stage: Stage) -> dict[str, Any]:
    return {
        "clips": [_clip_to_json(c) for c in stage.clips],
        "scores": {name: values.tolist() for name, values in stage.scores.items()},
        "thresholds": {name: asdict(t) for name, t in stage.thresholds.items()},
        "fit_seconds": stage.fit_seconds,
        "score_seconds": stage.score_seconds,
        "errors": stage.errors,
        "warnings": stage.warnings,
    }


def _clip_to_json(clip: Clip) -> dict[str, Any]:
    """A clip as plain data; `Clip(**data)` brings it back."""
    return {**vars(clip), "attributes": dict(clip.attributes)}


def _read_json(path: Path, key: str) -> dict[str, Any] | None:
    """What a file of a stage says, if it is there, whole, and of this key."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return data if data.get("key") == key else None


def _read(path: Path, key: str) -> Stage | None:
    """A finished stage with this key, else ``None``: it has still to be done."""
    data = _read_json(path, key)
    if data is None:
        return None
    return Stage(
        clips=[Clip(**clip) for clip in data["clips"]],
        scores={name: np.array(values) for name, values in data["scores"].items()},
        thresholds={name: Threshold(**t) for name, t in data["thresholds"].items()},
        fit_seconds=data["fit_seconds"],
        score_seconds=data["score_seconds"],
        errors=data["errors"],
        warnings=data["warnings"],
    )
