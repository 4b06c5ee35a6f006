"""Simulated machines for the monitor: sources with faults on demand, and models of their normal running.

Nothing of this is about a real machine: names, models and sources all say that they are simulated.
"""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from auscult.api.fit import fit
from auscult.corpus.prefetch import default_threads
from auscult.detectors import Progress, detector_type
from auscult.errors import AuscultWarning, ModelFileError, OptionError, StoreError
from auscult.model import Model
from auscult.model.code_state import code_state
from auscult.model.model_file import load_model, model_digest
from auscult.monitor.calibrate import calibrate
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.store import Event, EventStore, Feedback, StoreReader
from auscult.monitor.store.full import unless_full
from auscult.runtime.code_digest import code_digest
from auscult.runtime.parallel import parallel_map, workers
from auscult.simulation import machine_names
from auscult.simulation.live import SimulatedSource
from auscult.simulation.running import ActiveFault, Running

DEFAULT_STORE = "monitor-simulated"
#: Of the names of machines in the store.
PREFIX = "simulated "
#: Description of their sources.
SOURCE = "simulated sound"
#: Severity of a fault for which none is stated: of the first fault of a fan, 0.7 only reaches the threshold.
DEFAULT_SEVERITY = 1.0
#: The models are simple ones, of windows so short that a fault raises an alarm within a minute.
_DETECTOR, _WINDOW = "pooled_gaussian", 4.0
#: Normal running that a model is fitted on, and that sets its alarm rule, seconds.
_FIT_SECONDS, _CALIBRATION_SECONDS = 300, 1200
_BUDGET = "1/day"
_RATE = 16000


class SimulatedFleet:
    """Simulated machines that are monitored.

    Args:
        machines: their number, or names as those of ``auscult simulate``.
        seed: determines units, rooms and sounds.
        speed: 1 for real time.

    Attributes:
        names: of the machines, as in the store: ``simulated fan``.
        severity: of a fault for which none is stated.

    Raises:
        OptionError: there is no such machine, or a name twice.
    """

    def __init__(self, machines: int | Sequence[str] = 3, *, seed: int = 0, speed: float = 1.0) -> None:
        kinds = machine_names(machines)
        if twice := [name for name in kinds if kinds.count(name) > 1]:
            raise OptionError(f"{twice[0]} twice: another unit is {twice[0].partition('_')[0]}_2")
        self.names = tuple(PREFIX + name for name in kinds)
        self.severity = DEFAULT_SEVERITY
        self._seed, self._speed = seed, speed
        self._runnings: dict[str, Running] = {}
        self._lock = threading.Lock()

    def faults(self, machine: str | None = None) -> list[str]:
        """Return the names of the faults that a machine can have, or any of the machines.

        Raises:
            OptionError: there is no such machine.
        """
        names = self.names if machine is None else (machine,)
        return list(dict.fromkeys(fault for name in names for fault in self._running(name).faults))

    def fault(self, machine: str) -> ActiveFault | None:
        """Return the present fault of a machine."""
        return self._running(machine).fault

    def set_fault(self, machine: str, name: str | None, severity: float = DEFAULT_SEVERITY) -> None:
        """Let a fault begin, or end the present one; it may be called from any thread.

        Args:
            machine: one of `names`.
            name: one of its `faults`; ``None`` for a healthy machine.
            severity: from 0, hardly audible, to 1.

        Raises:
            OptionError: there is no such machine, it has no such fault, or the severity is out of range.
        """
        self._running(machine).set_fault(name, severity)

    def watched(self, models: Mapping[str, Model]) -> list[WatchedMachine]:
        """Return what the monitor needs of each machine.

        Args:
            models: of each machine, as from `simulated_models`.
        """
        return [
            WatchedMachine(
                name,
                models[name],
                partial(self._open, name),
                waits=self._speed == math.inf,
                model_id=model_digest(models[name]),
                source=SOURCE,
            )
            for name in self.names
        ]

    def _open(self, name: str) -> SimulatedSource:
        return SimulatedSource(self._running(name), speed=self._speed)

    def _running(self, name: str) -> Running:
        if name not in self.names:
            raise OptionError(f"no machine {name!r}: there are {', '.join(self.names)}")
        with self._lock:
            if name not in self._runnings:
                self._runnings[name] = _running(name, self._seed, "live")
            return self._runnings[name]


class SimulatedOperator:
    """Judges an alarm as real if the machine has a fault, as an operator would, before it counts as false.

    Args:
        fleet: the machines.
        store: which notifies it, as one of its listeners, and which it writes to.
    """

    def __init__(self, fleet: SimulatedFleet, store: EventStore) -> None:
        self._fleet, self._store = fleet, store

    def event(self, number: int, event: Event, added: bool) -> None:
        """Judge an alarm that has started."""
        if not added or event.kind != "alarm" or not self._fleet.fault(event.machine):
            return
        with unless_full():  # without room it is left out
            self._store.add_feedback(Feedback(number, event.start, "simulation", "a fault was set", "real"))

    def condition(self, machine: str | None, condition: str, lasting: bool, time: float, detail: str) -> None:
        """Conditions are not judged."""


def check_store(folder: str | os.PathLike[str]) -> None:
    """Raise `OptionError` if a store has machines that are not simulated: they are never mixed."""
    try:
        with StoreReader(folder) as reader:
            real = [machine.name for machine in reader.machines() if not machine.name.startswith(PREFIX)]
    except StoreError:  # there is none, or it is reported when it is opened
        return
    if real:
        raise OptionError(
            f"{os.fspath(folder)}: has real machines ({real[0]}), so simulated ones need another store"
        )


def simulated_models(
    fleet: SimulatedFleet, folder: str | os.PathLike[str], *, progress: Progress | None = None
) -> dict[str, Model]:
    """Return the models of simulated machines, each with an alarm policy on probation.

    Args:
        fleet: the machines.
        folder: where models are kept. Those that the same code made are used again.
        progress: called with the stage ``machines`` and the number of machines done.

    Raises:
        OSError: the folder cannot be written.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    made_by = _made_by(fleet._seed)
    models = {}
    for name in fleet.names:
        if (model := _load(_path(folder, name), made_by)) is not None:
            models[name] = model
    missing = [name for name in fleet.names if name not in models]
    if progress and missing:
        progress("machines", len(models), len(fleet.names), {})
    with workers(min(len(missing), default_threads()) or 1):
        make = partial(_make, os.fspath(folder), made_by, fleet._seed)
        for name, model in zip(missing, parallel_map(make, missing), strict=True):
            models[name] = model
            if progress:
                progress("machines", len(models), len(fleet.names), {})
    return models


def _make(folder: str, made_by: Mapping[str, Any], seed: int, name: str) -> Model:
    """Record a simulated machine, fit a model, set its alarm rule, and keep it."""
    running = _running(name, seed, "normal")
    length = round(_WINDOW * _RATE)
    clips = np.stack([running.read(length) for _ in range(round(_FIT_SECONDS / _WINDOW))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AuscultWarning)  # about what is known: all is from one recording
        model = fit(clips, _DETECTOR, sample_rate=_RATE, all_scores=False)
    model = calibrate(model, running.read(_CALIBRATION_SECONDS * _RATE), _BUDGET, sample_rate=_RATE)
    model.provenance["simulation"] = made_by
    model.save(_path(folder, name))
    return model


def _load(path: str, made_by: Mapping[str, Any]) -> Model | None:
    try:
        model = load_model(path)
    except ModelFileError:  # there is none, or it is damaged: it is made again
        return None
    return model if model.provenance.get("simulation") == made_by else None


def _path(folder: str | os.PathLike[str], name: str) -> str:
    return os.path.join(folder, f"{name.replace(' ', '-')}.auscult")


def _running(name: str, seed: int, session: str) -> Running:
    return Running(name.removeprefix(PREFIX), seed=seed, session=session, sample_rate=_RATE)


def _made_by(seed: int) -> dict[str, Any]:
    """Return what a model depends on."""
    code = code_digest(__name__, ("auscult.simulation", "auscult.decision", "auscult.monitor.calibrate"))
    return {"simulated": True, "seed": seed, "code": [*code_state(detector_type(_DETECTOR)), code]}
