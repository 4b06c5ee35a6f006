"""What a fit of a benchmark takes, measured on a few of its recordings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import Stage, inspect_stage, score_and_save
from auscult.corpus import Clip
from auscult.detectors import Config
from auscult.model import Model
from auscult.model.fit_spec import resolve_calibration
from auscult.model.fitting import fit_models

#: Recordings of the two measurements, from which a fixed time and a time for each recording follow.
#: With fewer, parts of some detectors are left out, so that the time does not grow linearly.
_FEW, _MORE = 16, 32
#: A shorter fit is repeated, since the first one of a process also initialises libraries, seconds.
_SHORT = 5.0
#: Epochs that are measured, after one that is slower.
_EPOCHS = 4


@dataclass(frozen=True)
class Line:
    """A time that grows linearly: ``fixed`` seconds and ``rate`` seconds for each second of recordings."""

    fixed: float = 0.0
    rate: float = 0.0

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> Line:
        """The line through one or two points (seconds of recordings, time), neither part of it negative."""
        (x, y), (more_x, more_y) = points[0], points[-1]
        if more_x <= x:
            return cls(0.0, y / x)
        rate = min(max(0.0, (more_y - y) / (more_x - x)), more_y / more_x)
        return cls(max(0.0, more_y - rate * more_x), rate)

    def at(self, recorded: float) -> float:
        """The time for so many seconds of recordings."""
        return self.fixed + self.rate * recorded


@dataclass(frozen=True)
class FitTimes:
    """The times of a stage without reading its recordings.

    Attributes:
        fit: of the fit with its export and calibration, by the seconds of training recordings.
        score: of scoring the test clips and writing the files, by the seconds of test clips.
        startup: what the first fit of a process took longer than a later one.
    """

    fit: Line = Line()
    score: Line = Line()
    startup: float = 0.0


def measure_fit(stage: Stage, config: Config) -> FitTimes:
    """Fit a detector to a few of the recordings, and derive the times of a stage from that.

    Networks are trained for a few epochs, and the time of an epoch is multiplied. The model is calibrated as
    in the stage itself.

    Args:
        stage: the stage.
        config: the configuration of its detector.

    Raises:
        Exception: what prevents the fit.
    """
    number = len(stage.machine.train)
    with TemporaryDirectory() as folder:
        stage = replace(stage, folder=Path(folder))
        first = few = _measure(stage, config, min(_FEW, number))
        if first.fit_seconds < _SHORT:
            few = _measure(stage, config, min(_FEW, number))
        more = _measure(stage, config, min(_MORE, number)) if number > _FEW else few
    fit = Line.through([(m.trained, m.fit_seconds) for m in (few, more)])
    score = Line.through([(m.tested, m.score_seconds) for m in (few, more)])
    return FitTimes(fit, score, max(0.0, first.fit_seconds - few.fit_seconds))


def part_of(machine: MachineData, count: int) -> MachineData:
    """A machine with so many of its training clips, and of its test clips, at equal distances."""
    part = copy(machine)
    part.train, part.test = _spread(machine.train, count), _spread(machine.test, count)
    part.other_machines = [part_of_training(other, count) for other in machine.other_machines]
    part.forget()
    return part


def part_of_training(machine: MachineData, count: int) -> MachineData:
    """Likewise of the training clips only, for another machine."""
    part = copy(machine)
    part.train = _spread(machine.train, count)
    part.forget()
    return part


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    return list(clips[:: max(1, len(clips) // count)][:count])


@dataclass(frozen=True)
class _Measured:
    """Seconds of recordings, and the times to train on and to score them."""

    trained: float
    fit_seconds: float
    tested: float
    score_seconds: float


def _measure(stage: Stage, config: Config, count: int) -> _Measured:
    """Fit to and score so many recordings."""
    epochs = getattr(config, "epochs", None)
    settings = {**stage.settings, "epochs": 1 + _EPOCHS} if epochs else stage.settings
    part = replace(stage, machine=part_of(stage.machine, count), settings=settings)
    kind = stage.choice.detector_class
    front_ends, minimum = kind.front_ends(config), kind(config).minimum_samples()
    for machine in (part.machine, *(part.machine.other_machines if kind.uses_other_machines(config) else ())):
        machine.inspect_training(front_ends, minimum, None)
    part.machine.prepare_features("test", front_ends)
    ends: list[float] = []

    def progress(name: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if name.endswith("train"):
            ends.append(time.perf_counter())

    started = time.perf_counter()
    inspected = inspect_stage(part, None)
    calibrate = "none" if kind.extra else resolve_calibration("auto", len(stage.machine.train))
    usable = tuple(recording.with_source(None) for recording in inspected.recordings)
    inspected = replace(
        inspected,
        spec=replace(inspected.spec, calibrate=calibrate),
        inspection=replace(inspected.inspection, usable=usable),
    )
    (model,) = fit_models([inspected], progress)
    if not isinstance(model, Model):
        raise model
    fit_seconds = time.perf_counter() - started
    if epochs and len(ends) > 1:
        of_epoch = median(end - start for start, end in pairwise(ends))
        fit_seconds += of_epoch * (epochs - len(ends))
    started = time.perf_counter()
    score_and_save(part, inspected, model, None)
    score_seconds, length = time.perf_counter() - started, stage.machine.format.seconds or 1.0
    return _Measured(length * len(usable), fit_seconds, length * len(part.machine.test), score_seconds)
