"""A model for each machine of a plant: `auscult.fit_machines`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auscult.api.fit import DEFAULT_DETECTOR, Task, check_options, looked_at, planned
from auscult.corpus import Clip, attribute_groups, open_corpus
from auscult.corpus.fingerprints import key_of, stamps
from auscult.detectors import Config, Progress, detector_type
from auscult.detectors.options import config_to_json
from auscult.errors import AuscultError, ModelFileError
from auscult.model import Model
from auscult.model.batching import alike, fleets, most_together
from auscult.model.fitting import Case, fit_cases
from auscult.model.model_file import load_model
from auscult.runtime.parallel import each, worker_count

#: Part of every key: a change of the code that changes numbers raises it, and old models are fitted again.
SCHEMA = 1


@dataclass(frozen=True)
class Fitted:
    """What became of one machine.

    Attributes:
        machine: its name.
        path: of its model file.
        error: why there is none, else ``None``.
        before: whether it was there already, fitted on the same recordings with the same settings.
    """

    machine: str
    path: str
    error: str | None = None
    before: bool = False


def fit_machines(
    folders: Mapping[str, str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    detector: str = DEFAULT_DETECTOR,
    preset: str | None = None,
    calibrate: str = "auto",
    group_by: Sequence[str] = (),
    keep_likely_cuts_together: bool = True,
    other_machines: Iterable[Clip] = (),
    channel: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Fitted]:
    """Learns the normal sound of every machine: ``<output>/<machine>.auscult``.

    Machines whose detector trains together learn in fleets, and a fleet's models are written as soon as it is
    done. A model that is there, fitted on the same recordings with the same settings, is not fitted again, so
    that what was stopped goes on where it was. A machine that fails does not stop the rest. Within
    `auscult.runtime.parallel.workers` the machines are distributed over the workers, which read and write the
    files themselves.

    Args:
        folders: name to folder, as `auscult.corpus.machine_folders` finds them; of one that has splits the
            training clips are taken.
        output: folder for the models, made where there is none.
        group_by: attributes; clips of a machine that agree in all of them are cuts of one recording.
        others: recordings of other machines, for detectors that learn how machines differ; of those given a
            machine's own are left out.
        progress: told also ``machines``, of all how many are done.
        detector, preset, calibrate, keep_likely_cuts_together, channel, settings: as in `auscult.fit`.

    Returns:
        For every machine, in order, what became of it.

    Raises:
        OptionError: an unknown detector, preset, option or value, or an option without a default missing.
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    preset = check_options(detector, preset=preset, calibrate=calibrate, settings=settings)
    output = os.path.abspath(output)  # workers may be elsewhere
    os.makedirs(output, exist_ok=True)
    order = _Order(
        output,
        detector,
        preset,
        calibrate,
        tuple(group_by),
        keep_likely_cuts_together,
        tuple(replace(clip, path=os.path.abspath(clip.path)) for clip in other_machines),
        channel,
        settings,
    )
    homes = [_Home(name, os.path.abspath(folder)) for name, folder in folders.items()]
    found: dict[str, Fitted] = {}
    plans: list[_Plan] = []
    for outcome in each(partial(_plan, order), homes):
        if isinstance(outcome, Fitted):
            found[outcome.machine] = outcome
        else:
            plans.append(outcome)
    together = fleets(
        plans,
        kind=lambda plan: (alike(plan.config), plan.networks),
        most=lambda plan: most_together(detector, plan.config, networks=plan.networks),
    )
    inside = progress if worker_count() == 1 else None
    if progress:
        progress("machines", len(found), len(homes), {})
    for outcomes in each(partial(_fit, order, inside), together):
        found |= {outcome.machine: outcome for outcome in outcomes}
        if progress:
            progress("machines", len(found), len(homes), {})
    return [found[home.machine] for home in homes]


@dataclass(frozen=True)
class _Order:
    """What is wanted of every machine."""

    output: str
    detector: str
    preset: str | None
    calibrate: str
    group_by: tuple[str, ...]
    keep_likely_cuts_together: bool
    other_machines: tuple[Clip, ...]
    channel: int
    settings: Mapping[str, Any]

    def path(self, machine: str) -> str:
        return os.path.join(self.output, f"{machine}.auscult")


@dataclass(frozen=True)
class _Home:
    """Where a machine's recordings are."""

    machine: str
    folder: str


@dataclass(frozen=True)
class _Plan:
    """A machine that is to be fitted, and what decides with which others."""

    home: _Home
    key: str
    config: Config
    networks: int


def _plan(order: _Order, home: _Home) -> _Plan | Fitted:
    """Looks what is to be done for a machine, without hearing its recordings."""
    path = order.path(home.machine)
    try:
        task = _task(order, home)
    except AuscultError as error:
        return Fitted(home.machine, path, str(error))
    key = _key(task, home.folder)
    try:
        if load_model(path).provenance.get("key") == key:
            return Fitted(home.machine, path, before=True)
    except ModelFileError:  # none is there, or none that could be used
        pass
    return _Plan(home, key, task.config, task.networks)


def _task(order: _Order, home: _Home) -> Task:
    """What is going to be learnt of a machine; raises as `auscult.fit` and `open_corpus`."""
    corpus = open_corpus(home.folder).for_training()
    if order.group_by:
        corpus = attribute_groups(corpus, order.group_by)
    own = {os.path.realpath(clip.path) for clip in corpus}
    return planned(
        corpus,
        order.detector,
        preset=order.preset,
        calibrate=order.calibrate,
        keep_likely_cuts_together=order.keep_likely_cuts_together,
        other_machines=[clip for clip in order.other_machines if os.path.realpath(clip.path) not in own],
        channel=order.channel,
        settings=order.settings,
    )


def _key(task: Task, folder: str) -> str:
    """Changes with anything that the model depends on, the device it trains on left out."""
    settings = {k: v for k, v in config_to_json(task.config).items() if k != "device"}
    known = [[clip.domain, clip.source_recording, clip.section, dict(clip.attributes)] for clip in task.clips]
    told = [SCHEMA, task.detector, task.preset, settings, task.calibrate, task.channel]
    told += [stamps(task.clips, folder), known]
    if detector_type(task.detector).learns_from_others(task.config):
        told.append(stamps(task.other_machines, folder))
    return key_of(told)


def _fit(order: _Order, progress: Progress | None, fleet: Sequence[_Plan]) -> list[Fitted]:
    """Fits the machines of one fleet and writes their models."""
    found: list[Fitted] = []
    cases: dict[int, Case] = {}
    for place, plan in enumerate(fleet):
        try:
            cases[place] = looked_at(_task(order, plan.home), progress)
        except AuscultError as error:
            found.append(_failed(order, plan, error))
    models = fit_cases(list(cases.values()), progress) if cases else []
    for place, model in zip(cases, models, strict=True):
        plan = fleet[place]
        if not isinstance(model, Model):
            found.append(_failed(order, plan, model))
            continue
        model.provenance["key"] = plan.key
        path = order.path(plan.home.machine)
        model.save(path)
        found.append(Fitted(plan.home.machine, path))
    return found


def _failed(order: _Order, plan: _Plan, error: AuscultError) -> Fitted:
    return Fitted(plan.home.machine, order.path(plan.home.machine), str(error))
