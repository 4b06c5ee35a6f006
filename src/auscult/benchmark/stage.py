"""One stage of a benchmark: one detector, one machine, one seed, fitted and scored; kept as two files.

``model.auscult`` and then ``test.json`` are written, each whole or not at all, so a stage with a
``test.json`` that bears the same key is done, and one that was killed is done again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.entries import Entry
from auscult.benchmark.machine import MachineData
from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.fingerprints import key_of
from auscult.corpus.inspection import LEFT_OUT
from auscult.corpus.training_checks import hint_of_cuts
from auscult.decision import Threshold, gamma_threshold
from auscult.detectors import Config, Detector, Progress
from auscult.detectors.options import config_to_json, make_config
from auscult.errors import AudioError, AuscultError, DivergedError, FitError, MissingExtraError
from auscult.model import Model
from auscult.model.fitting import Case, fit_cases
from auscult.runtime.files import write_atomically

#: Part of every key: a change of the code that changes numbers raises it, and old stages are done again.
SCHEMA = 2


@dataclass(frozen=True)
class Stage:
    """What a finished stage left.

    Attributes:
        clips: the test clips that could be scored.
        scores: score name to one value a clip.
        thresholds: score name to the baseline's threshold, a gamma fitted to scores of the training clips.
        fit_seconds, score_seconds: reading of the recordings and their log-mels included, and cross-fitting
            where there is some; of machines that trained together this one's share of the time.
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


@dataclass(frozen=True)
class Work:
    """A stage to be done: where its files are, and what they depend on.

    Attributes:
        settings: those of ``entry``.
    """

    folder: Path
    machine: MachineData
    entry: Entry
    seed: int
    settings: Mapping[str, Any]

    def config(self) -> Config:
        """The detector's configuration; raises `OptionError` for a setting that it does not have, `FitError`
        where no training clip can be read."""
        wanted = {"sample_rate": self.machine.rate, **self.settings, "seed": self.seed}
        return make_config(self.entry.detector, preset=self.entry.preset, settings=wanted)

    def key(self) -> str:
        """Changes with anything that the result depends on, the device it trains on left out."""
        config, machine = self.config(), self.machine
        settings = {k: v for k, v in config_to_json(config).items() if k not in ("device", "score")}
        heard = [*machine.stamps["train"], *machine.stamps["test"]]
        told = [SCHEMA, self.entry.name, settings, machine.channel, heard]
        if self.entry.kind.learns_from_others(config):
            told.append([[other.name, other.stamps["train"]] for other in machine.other_machines])
        return key_of(told)

    def left(self) -> Stage | DivergedError | None:
        """What is there of it, done with the same clips and settings: the stage, or that learning diverged,
        which with the same seed it would do again after as long."""
        key = self.key()
        if (stage := _read(self.folder / "test.json", key)) is not None:
            return stage
        failed = _read_json(self.folder / "failed.json", key)
        return DivergedError(failed["error"]) if failed else None


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
    (stage,) = run_stages([Work(folder, machine, entry, seed, settings)], progress)
    if not isinstance(stage, Stage):
        raise stage
    return stage


def run_stages(works: Sequence[Work], progress: Progress | None = None) -> list[Stage | AuscultError]:
    """`run_stage` for several of one entry whose configurations differ in the seed alone; detectors that
    train together learn in one program. For each its stage, or why there is none."""
    found: dict[int, Stage | AuscultError] = {}
    cases: dict[int, Case] = {}
    for place, work in enumerate(works):
        try:
            left = work.left()
            if left is None:
                cases[place] = _case(work, progress)
            else:
                found[place] = left
        except AuscultError as error:
            found[place] = error
    models: Sequence[Model | AuscultError]
    try:
        models = fit_cases(list(cases.values()), progress) if cases else []
    except MissingExtraError as error:
        models = [error] * len(cases)
    for place, model in zip(cases, models, strict=True):
        try:
            if not isinstance(model, Model):
                raise model
            found[place] = _finished(works[place], cases[place], model, progress)
        except DivergedError as error:
            _leave(works[place].folder / "failed.json", works[place], {"error": str(error)})
            found[place] = error
        except AuscultError as error:
            found[place] = error
    return [found[place] for place in range(len(works))]


def _case(work: Work, progress: Progress | None) -> Case:
    """What a stage learns from."""
    machine, entry, config = work.machine, work.entry, work.config()
    needed, heard = entry.kind(config).minimum_samples(), entry.kind.front_ends(config)
    inspection = machine.training(heard, needed, progress)
    machine.hear("train", heard, progress)
    other_machines: list[AudioClip] = []
    if entry.kind.learns_from_others(config):
        for other in machine.other_machines:
            other_machines += other.training(heard, needed, progress).usable
    return Case(
        entry.detector,
        config,
        replace(inspection, findings=tuple(f for f in inspection.findings if f.kind in LEFT_OUT)),
        _calibrate(entry, inspection.usable, work.seed),
        other_machines,
        machine.channel,
        entry.preset,
    )


def _finished(work: Work, case: Case, model: Model, progress: Progress | None) -> Stage:
    """Scores the test clips, and leaves the files of the stage."""
    machine, front_ends = work.machine, work.entry.kind.front_ends(case.config)
    hearing = machine.hear("test", front_ends, progress)
    started = time.perf_counter()
    heard, scores, errors = _score_all(model.detector, machine.testing(front_ends[0].sample_rate), progress)
    score_seconds = hearing + time.perf_counter() - started
    fit_seconds = machine.hear("train", front_ends) + model.provenance["fit_seconds"]
    normals = model.calibration.scores or _score_all(model.detector, case.inspection.usable, None)[1]
    thresholds = {name: _threshold(values) for name, values in normals.items()}
    unheeded = set(hint_of_cuts(case.inspection.usable))  # a bench has no way to say so
    warnings = [said for said in model.provenance["warnings"] if said not in unheeded]
    stage = Stage(heard, scores, thresholds, fit_seconds, score_seconds, errors, warnings)
    work.folder.mkdir(parents=True, exist_ok=True)
    model.save(str(work.folder / "model.auscult"))
    _leave(work.folder / "test.json", work, _to_json(stage))
    return stage


def _leave(path: Path, work: Work, told: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"key": work.key(), **told}).encode())


def _score_all(
    detector: Detector, recordings: Sequence[AudioClip], progress: Progress | None
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


def _calibrate(entry: Entry, recordings: Sequence[AudioClip], seed: int) -> str:
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


def _to_json(stage: Stage) -> dict[str, Any]:
    return {
        "clips": [c.to_json() for c in stage.clips],
        "scores": {name: values.tolist() for name, values in stage.scores.items()},
        "thresholds": {name: asdict(t) for name, t in stage.thresholds.items()},
        "fit_seconds": stage.fit_seconds,
        "score_seconds": stage.score_seconds,
        "errors": stage.errors,
        "warnings": stage.warnings,
    }


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
        clips=[Clip.from_json(clip) for clip in data["clips"]],
        scores={name: np.array(values) for name, values in data["scores"].items()},
        thresholds={name: Threshold(**t) for name, t in data["thresholds"].items()},
        fit_seconds=data["fit_seconds"],
        score_seconds=data["score_seconds"],
        errors=data["errors"],
        warnings=data["warnings"],
    )
