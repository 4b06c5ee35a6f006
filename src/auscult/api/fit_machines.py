"""Fits one model for each machine of a plant: `auscult.fit_machines`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auscult.api.fit import DEFAULT_DETECTOR, inspect_fit
from auscult.api.plan import check_options
from auscult.api.plant import MachineFolder, PlantOptions, machine_spec, model_key
from auscult.corpus import Clip
from auscult.corpus.folders import check_patterns
from auscult.corpus.long_recording import release
from auscult.corpus.machine_mixture import mixture_of_machines
from auscult.detectors import Config, Detector, Progress, detector_type
from auscult.detectors.options import name_and_settings
from auscult.errors import AuscultError, ModelFileError, OptionError
from auscult.findings import Finding, issue_warnings
from auscult.model.batching import batch_key, batches, fit_batch, max_batch
from auscult.model.fit_spec import InspectedFit
from auscult.model.model_file import load_model
from auscult.runtime.parallel import parallel_map, worker_count
from auscult.sound.tables import TableSettings


@dataclass(frozen=True)
class Fitted:
    """The result of fitting one machine.

    Attributes:
        machine: the name of the machine.
        path: the path of its model file.
        error: why there is no model, else ``None``.
        already_fitted: whether the file already held a model fitted on the same recordings with the same
            settings.
        warnings: what the user should know about the recordings and the fit.
    """

    machine: str
    path: str
    error: str | None = None
    already_fitted: bool = False
    warnings: tuple[Finding, ...] = ()


def fit_machines(
    folders: Mapping[str, str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    detector: str | type[Detector] | Detector = DEFAULT_DETECTOR,
    preset: str | None = None,
    calibrate: str = "auto",
    group_by: Sequence[str] = (),
    group_likely_segments: bool = True,
    window: float | None = None,
    other_machines: Iterable[Clip] = (),
    channel: int | str = 0,
    tables: TableSettings | None = None,
    conditions: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Fitted]:
    """Fit a model for each machine and save it as ``<output>/<machine>.auscult``.

    If the detector can train several machines together, they are fitted in batches, and the models of a batch
    are saved as soon as it is done. An existing model that was fitted on the same recordings with the same
    settings is kept, so an interrupted run can be resumed. A machine that fails does not stop the others.
    Within `auscult.runtime.parallel.workers` the machines are distributed over the workers, which read and
    write the files themselves.

    Args:
        folders: machine name to folder, as returned by `auscult.corpus.machine_folders`, or to a manifest, of
            which the recordings of that ``machine`` are used. If there are splits, training clips are used.
        output: folder for the models; created if it does not exist.
        group_by: attributes; clips of a machine with equal values were cut from the same recording.
        other_machines: recordings of other machines, for detectors that are trained to tell machines apart;
            those that belong to the machine itself are ignored.
        tables: how tables are read; as for `auscult.open_corpus`.
        conditions: what recordings are whose names do not say it, by pattern; as for `auscult.open_corpus`.
        progress: called with the stages of `auscult.fit`, preceded by the machine (``fan: inspect``) or the
            machines (``fan and 2 more: train``), and with ``machines`` and the number of machines done.
        detector, preset, calibrate, group_likely_segments, window, channel, settings: as in
            `auscult.fit`.

    Returns:
        The result for each machine, in the order of ``folders``.

    Warns:
        AuscultWarning: for each of ``warnings`` of the machines that were fitted now, after their name.

    Raises:
        OptionError: an unknown detector, preset, option or value, a missing option that is required, a
            pattern of ``conditions`` that no recording matches, or recordings instead of folders.
        MissingExtraError: fitting needs an optional part that is not installed.

    Example:
        >>> import auscult, numpy as np, os, soundfile
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (2, 20, 8000))
        >>> for machine, recordings in zip(["fan", "pump"], noise):
        ...     os.makedirs(f"plant/{machine}")
        ...     for i, samples in enumerate(recordings):
        ...         soundfile.write(f"plant/{machine}/{i}.wav", samples, 8000)
        >>> folders = {"fan": "plant/fan", "pump": "plant/pump"}
        >>> fitted = auscult.fit_machines(folders, "models", detector="spectral_memory")
        >>> [result.machine for result in fitted if not result.error]
        ['fan', 'pump']
        >>> auscult.load("models/fan.auscult").provenance["clips"]
        20
    """
    _check_folders(folders)
    name, settings = name_and_settings(detector, settings)
    preset = check_options(name, preset=preset, calibrate=calibrate, settings=settings)
    output = os.path.abspath(output)  # workers may have another current directory
    os.makedirs(output, exist_ok=True)
    options = PlantOptions(
        detector_type(name),
        output,
        tuple(group_by),
        tables,
        dict(conditions or {}),
        tuple(replace(clip, path=os.path.abspath(clip.path)) for clip in other_machines),
        {
            "detector": name,
            "preset": preset,
            "calibrate": calibrate,
            "group_likely_segments": group_likely_segments,
            "window": window,
            "channel": channel,
            "settings": settings,
        },
        tuple(mixture_of_machines(folders, tables)),
    )
    if conditions:
        check_patterns(folders.values(), conditions, tables)
    machines = [MachineFolder(machine, os.path.abspath(folder)) for machine, folder in folders.items()]
    results: dict[str, Fitted] = {}
    pending: list[_PendingFit] = []
    for outcome in parallel_map(partial(_check_machine, options), machines):
        if isinstance(outcome, Fitted):
            results[outcome.machine] = outcome
        else:
            pending.append(outcome)
    fit_batches = batches(
        pending,
        key=lambda fit: (batch_key(fit.config), fit.detectors),
        max_size=lambda fit: max_batch(name, fit.config, detectors=fit.detectors),
    )
    fit_progress = progress if worker_count() == 1 else None
    if progress:
        progress("machines", len(results), len(machines), {})
    for fitted in parallel_map(partial(_fit_batch, options, fit_progress), fit_batches):
        results |= {result.machine: result for result in fitted}
        if progress:
            progress("machines", len(results), len(machines), {})
    in_order = [results[machine.name] for machine in machines]
    for result in in_order:
        if not result.already_fitted:
            issue_warnings(
                replace(finding, message=f"{result.machine}: {finding.message}")
                for finding in result.warnings
            )
    return in_order


@dataclass(frozen=True)
class _PendingFit:
    """A machine that needs fitting.

    Attributes:
        machine: the machine and its folder.
        key: digest of everything that the model depends on.
        config: the detector's configuration.
        detectors: number of detectors to fit, fold models included.
    """

    machine: MachineFolder
    key: str
    config: Config
    detectors: int


def _check_machine(options: PlantOptions, machine: MachineFolder) -> _PendingFit | Fitted:
    """Check whether a machine needs fitting, without reading its recordings."""
    path = options.model_path(machine.name)
    try:
        spec = machine_spec(options, machine)
    except AuscultError as error:
        return Fitted(machine.name, path, str(error))
    key = model_key(spec, machine.folder)
    try:
        model = load_model(path)
        if model.provenance.get("key") == key:
            return Fitted(machine.name, path, already_fitted=True, warnings=model.warnings)
    except ModelFileError:  # there is no model file, or none that can be used
        pass
    return _PendingFit(machine, key, spec.config, spec.detector_count)


def _check_folders(folders: object) -> None:
    """Raise `OptionError` if they are not paths by the name of the machine, which is that of a file, too."""
    values = folders.values() if isinstance(folders, Mapping) else [None]
    if not all(isinstance(folder, str | os.PathLike) for folder in values):
        raise OptionError(
            "fit_machines takes folders: a dictionary of machine to folder, such as {'fan': 'plant/fan'} or "
            "what `auscult.corpus.machine_folders('plant')` returns. Clips, arrays and a Corpus are fitted "
            "by auscult.fit, one machine at a time"
        )
    for machine in folders if isinstance(folders, Mapping) else ():
        if not isinstance(machine, str) or not machine.strip() or set(machine) & set("/\\\0"):
            raise OptionError(f"the machine {machine!r} needs a name that can be the name of a file")


def _fit_batch(
    options: PlantOptions, progress: Progress | None, batch: Sequence[_PendingFit]
) -> list[Fitted]:
    """Fit the machines of one batch and save their models."""
    jobs = [(pending.machine.name, partial(_inspect, options, pending.machine)) for pending in batch]
    outcomes = fit_batch(jobs, progress)
    release()
    results: list[Fitted] = []
    for pending, outcome in zip(batch, outcomes, strict=True):
        path = options.model_path(pending.machine.name)
        if isinstance(outcome, AuscultError):
            results.append(Fitted(pending.machine.name, path, str(outcome)))
            continue
        _, model = outcome
        model.provenance["key"] = pending.key
        if options.conditions:
            model.provenance["conditions"] = dict(options.conditions)
        error = None
        try:
            model.save(path)
        except (AuscultError, OSError) as reason:
            error = str(reason)
        results.append(Fitted(pending.machine.name, path, error, warnings=model.warnings))
    return results


def _inspect(options: PlantOptions, machine: MachineFolder, progress: Progress | None) -> list[InspectedFit]:
    return inspect_fit(machine_spec(options, machine), progress)
