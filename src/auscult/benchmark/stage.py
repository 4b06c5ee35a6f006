"""One stage of a benchmark: one detector is fitted and scored on one machine with one seed.

A finished stage has two files, ``model.auscult`` and ``test.json``, each written atomically; one whose
training diverged has ``failed.json``. A stage is skipped if the key in either JSON file equals `Stage.key`; a
stage that was interrupted is run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.content import ClipContent
from auscult.benchmark.decisions import NormalScores
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.grouping import GROUPING_KINDS, group_training_clips
from auscult.benchmark.machine import MachineData
from auscult.benchmark.sensor_faults import SensorFaults
from auscult.corpus import AudioClip, Clip
from auscult.corpus.fingerprints import content_key, file_digests
from auscult.corpus.folds import number_of_sources
from auscult.corpus.inspection import UNUSABLE_KINDS
from auscult.detectors import Config, Detector, Progress
from auscult.detectors.options import config_for_recordings, config_to_json, preset_for_recordings
from auscult.errors import AudioError, AuscultError, DivergedError, FitError
from auscult.findings import Finding, findings_from_json, findings_to_json
from auscult.model import Model
from auscult.model.batching import fit_batch, naming_machines
from auscult.model.code_state import code_state
from auscult.model.fit_spec import FitSpec, InspectedFit
from auscult.runtime.files import write_atomically

#: Part of every key, as is the code of the detector. Increase it when a change of other code, such as that of
#: `auscult.model.fitting`, changes results: old stages are then run again.
SCHEMA = 6


@dataclass(frozen=True)
class StageResult:
    """The result of a finished stage.

    Attributes:
        clips: the N test clips that could be scored.
        scores: score name to (N,) scores.
        normal: scores of normal recordings, from which thresholds are computed.
        fit_seconds: time to fit, including cross-fitting, plus the estimated time to read the recordings and
            compute log-mels; for machines that were trained together, this machine's share of the time.
        score_seconds: time to score the test clips, plus the estimated time to read them and compute
            log-mels.
        errors: test clips that could not be scored, ``{"path", "error"}``.
        warnings: findings of the fit.
        notes: notes about the machine's recordings, which do not depend on the detector.
        content: which test clips are copies, or were fitted on.
        sensor: which test clips have signs of a sensor fault.
    """

    clips: list[Clip]
    scores: dict[str, np.ndarray]
    normal: NormalScores
    fit_seconds: float
    score_seconds: float
    errors: list[dict[str, str]]
    warnings: list[Finding]
    notes: list[str]
    content: ClipContent
    sensor: SensorFaults


@dataclass(frozen=True)
class Stage:
    """A stage to run: the folder of its files, and what its result depends on.

    Attributes:
        folder: folder of the stage's files.
        machine: the machine's clips.
        choice: the detector and its preset.
        seed: seed of the fit.
        settings: settings of the detector.
    """

    folder: Path
    machine: MachineData
    choice: DetectorChoice
    seed: int
    settings: Mapping[str, Any]

    def config(self) -> Config:
        """The detector's configuration.

        Raises:
            OptionError: a setting that the detector does not have.
            FitError: none of the training clips can be read.
        """
        return config_for_recordings(
            self.choice.detector,
            self.machine.format.sample_rate,
            self.machine.format.seconds,
            preset=self.preset,
            settings={**self.settings, "seed": self.seed},
        )

    @property
    def preset(self) -> str | None:
        """The preset that the detector is fitted with: that of the choice, or what `fit` uses for tables."""
        preset, _ = preset_for_recordings(
            self.choice.detector, self.choice.preset, self.machine.train, *self.machine.format, self.settings
        )
        return preset

    def key(self) -> str:
        """A hash of everything that the result depends on, except for the training device."""
        config, machine, detector_class = self.config(), self.machine, self.choice.detector_class
        settings = {k: v for k, v in config_to_json(config).items() if k not in ("device", "score")}
        files = [*machine.fingerprints["train"], *machine.fingerprints["test"]]
        group_by = None if machine.group_by is None else list(machine.group_by)
        code = list(code_state(detector_class))
        content = [SCHEMA, code, self.choice.name, settings, machine.channel, group_by, files]
        content += [file_digests(detector_class.files(config))]
        if machine.conditions:
            content.append(dict(machine.conditions))
        if detector_class.uses_other_machines(config):
            content.append([[other.name, other.fingerprints["train"]] for other in machine.other_machines])
        return content_key(content)

    def saved_outcome(self) -> StageResult | DivergedError | None:
        """The outcome of an earlier run with the same clips and settings, or ``None``.

        A training that diverged counts as an outcome, since with the same seed it would diverge again.
        """
        key = self.key()
        if (result := _read_result(self.folder / "test.json", key)) is not None:
            return result
        failure = _read_json(self.folder / "failed.json", key)
        return DivergedError(failure["error"]) if failure else None


def run_stage(
    folder: Path,
    machine: MachineData,
    choice: DetectorChoice,
    seed: int,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
) -> StageResult:
    """Runs a stage, or reads its result if it is done already with the same clips and settings.

    Raises:
        MissingExtraError: fitting needs an optional dependency that is not installed.
        FitError: too few usable training recordings, or training diverged.
        OptionError: a setting that the detector does not have.
    """
    (outcome,) = run_stages([Stage(folder, machine, choice, seed, settings)], progress)
    if not isinstance(outcome, StageResult):
        raise outcome
    return outcome


def run_stages(stages: Sequence[Stage], progress: Progress | None = None) -> list[StageResult | AuscultError]:
    """Runs several stages of one detector whose configurations differ only in the seed.

    Detectors that support it are trained together. See `run_stage`.

    Returns:
        For each stage its result, or the error that prevented it.
    """
    outcomes: dict[int, StageResult | AuscultError] = {}
    unfinished: dict[int, Stage] = {}
    for index, stage in enumerate(stages):
        try:
            if saved := stage.saved_outcome():
                outcomes[index] = saved
            else:
                unfinished[index] = stage
        except AuscultError as error:
            outcomes[index] = error
    jobs = [(stage.machine.name, partial(_inspect, stage)) for stage in unfinished.values()]
    for (index, stage), outcome in zip(unfinished.items(), fit_batch(jobs, progress), strict=True):
        try:
            if isinstance(outcome, AuscultError):
                raise outcome
            (inspected,), model = outcome
            of_machine = naming_machines(progress, [stage.machine.name])
            outcomes[index] = score_and_save(stage, inspected, model, of_machine)
        except DivergedError as error:
            _write_json(stage.folder / "failed.json", stage, {"error": str(error)})
            outcomes[index] = error
        except AuscultError as error:
            outcomes[index] = error
    return [outcomes[index] for index in range(len(stages))]


def inspect_stage(stage: Stage, progress: Progress | None) -> InspectedFit:
    """Read the training recordings of a stage.

    Networks are not calibrated, so that they train as the baseline does; thresholds come from the scores of
    their training clips. Other detectors store their training clips, so that a threshold from the scores of
    those would flag any other clip as anomalous. They are fitted and calibrated as by `auscult.fit`, unless
    all clips come from one recording.
    """
    machine, choice, config = stage.machine, stage.choice, stage.config()
    minimum_samples = choice.detector_class(config).minimum_samples()
    front_ends = choice.detector_class.front_ends(config)
    inspection = machine.inspect_training(front_ends, minimum_samples, progress)
    machine.prepare_features("train", front_ends, progress)
    other_machines: list[AudioClip] = []
    if choice.detector_class.uses_other_machines(config):
        for other in machine.other_machines:
            other_machines += other.inspect_training(front_ends, minimum_samples, progress).usable
    calibrate = "none" if choice.detector_class.extra else "auto"
    inspection = group_training_clips(machine, inspection, calibrate)
    kinds = (*UNUSABLE_KINDS, *GROUPING_KINDS)
    inspection = replace(inspection, findings=tuple(f for f in inspection.findings if f.kind in kinds))
    if number_of_sources([recording.clip for recording in inspection.usable]) < 2:
        calibrate = "none"
    spec = FitSpec(choice.detector, config, machine.train, calibrate, stage.preset, channel=machine.channel)
    return InspectedFit(spec, inspection, machine.channel, other_machines)


def _inspect(stage: Stage, progress: Progress | None) -> list[InspectedFit]:
    return [inspect_stage(stage, progress)]


def score_and_save(
    stage: Stage, inspected: InspectedFit, model: Model, progress: Progress | None
) -> StageResult:
    """Score the test clips and write the files of a stage.

    Args:
        stage: the stage.
        inspected: its training recordings.
        model: the fitted model.
        progress: called with the progress.
    """
    machine, front_ends = stage.machine, stage.choice.detector_class.front_ends(inspected.spec.config)
    feature_seconds = machine.prepare_features("test", front_ends, progress)
    started = time.perf_counter()
    recordings = machine.test_audio(front_ends[0].sample_rate)
    clips, scores, errors = _score_all(model.detector, recordings, progress)
    score_seconds = feature_seconds + time.perf_counter() - started
    # The features are in memory already; this returns the estimated time to compute them.
    fit_seconds = machine.prepare_features("train", front_ends) + model.provenance["fit_seconds"]
    held_out = model.calibration.scores
    normal = NormalScores(
        held_out or _score_all(model.detector, inspected.recordings, None)[1],
        bool(held_out),
        model.detector.facts.get("batch_scores", {}),
    )
    scored = {clip.path for clip in clips}
    scored_recordings = [r for r in recordings if r.clip.path in scored]
    content = ClipContent.of(scored_recordings, model)
    sensor = SensorFaults.of(scored_recordings, machine, model)
    of_recordings = (*GROUPING_KINDS, "likely_segments")
    notes = [finding.message for finding in model.warnings if finding.kind in of_recordings]
    warnings = [finding for finding in model.warnings if finding.kind not in of_recordings]
    result = StageResult(
        clips, scores, normal, fit_seconds, score_seconds, errors, warnings, notes, content, sensor
    )
    stage.folder.mkdir(parents=True, exist_ok=True)
    model.save(str(stage.folder / "model.auscult"))
    _write_json(stage.folder / "test.json", stage, _to_json(result))
    return result


def _write_json(path: Path, stage: Stage, data: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"key": stage.key(), **data}).encode())


def _score_all(
    detector: Detector, recordings: Sequence[AudioClip], progress: Progress | None
) -> tuple[list[Clip], dict[str, np.ndarray], list[dict[str, str]]]:
    """The N scored clips, score name to their (N,) scores, and the clips that could not be scored."""
    clips, rows, errors = [], [], []
    detector.prepare_scoring(recordings)
    for done, recording in enumerate(recordings, start=1):
        try:
            rows.append(detector.score(recording).scores)
            clips.append(recording.clip)
        except AudioError as error:
            errors.append({"path": error.path, "error": error.reason})
        if progress:
            progress("score", done, len(recordings), {})
    if not rows:
        raise FitError(f"none of {len(recordings)} clips could be scored: {errors[0]['error']}")
    return clips, {name: np.array([row[name] for row in rows]) for name in rows[0]}, errors


def _to_json(result: StageResult) -> dict[str, Any]:
    return {
        "clips": [c.to_json() for c in result.clips],
        "scores": {name: values.tolist() for name, values in result.scores.items()},
        "normal": result.normal.to_json(),
        "fit_seconds": result.fit_seconds,
        "score_seconds": result.score_seconds,
        "errors": result.errors,
        "warnings": findings_to_json(result.warnings),
        "notes": result.notes,
        "content": result.content.to_json(),
        "sensor": result.sensor.to_json(),
    }


def _read_json(path: Path, key: str) -> dict[str, Any] | None:
    """The content of a stage's file, or ``None`` if it is missing, incomplete or has another key."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return data if data.get("key") == key else None


def _read_result(path: Path, key: str) -> StageResult | None:
    """The result of a finished stage with this key, or ``None`` if the stage has to be run."""
    data = _read_json(path, key)
    if data is None:
        return None
    return StageResult(
        clips=[Clip.from_json(clip) for clip in data["clips"]],
        scores={name: np.array(values) for name, values in data["scores"].items()},
        normal=NormalScores.from_json(data["normal"]),
        fit_seconds=data["fit_seconds"],
        score_seconds=data["score_seconds"],
        errors=data["errors"],
        warnings=[*findings_from_json(data["warnings"])],
        notes=data["notes"],
        content=ClipContent.from_json(data["content"]),
        sensor=SensorFaults.from_json(data["sensor"]),
    )
