"""Fits one model for each machine of a plant: `auscult.fit_machines`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auscult.api.fit import (
    DEFAULT_DETECTOR,
    FitSpec,
    check_options,
    inspect_clips,
    plan_fit,
)
from auscult.api.training_clips import without_anomalies
from auscult.corpus import Clip, Finding, attribute_groups, open_corpus
from auscult.corpus.conditions import apply_conditions
from auscult.corpus.fingerprints import content_key, file_digests, fingerprints
from auscult.corpus.long_recording import release
from auscult.detectors import Config, Progress, detector_type
from auscult.detectors.options import config_to_json
from auscult.errors import AuscultError, CorpusError, FitError, ModelFileError
from auscult.findings import issue_warnings
from auscult.model import Model
from auscult.model.axes import joined
from auscult.model.batching import batch_key, batches, max_batch, naming_machines
from auscult.model.calibration_plan import PreparedFit
from auscult.model.code_state import code_state
from auscult.model.fitting import fit_models
from auscult.model.model_file import load_model
from auscult.runtime.parallel import parallel_map, worker_count
from auscult.sound.tables import TableSettings

#: Part of every key, as is the code of the detector. Increase it when a change of other code, such as that of
#: `auscult.model.fitting`, changes scores, so that old models are fitted again.
SCHEMA = 2


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
    detector: str = DEFAULT_DETECTOR,
    preset: str | None = None,
    calibrate: str = "auto",
    group_by: Sequence[str] = (),
    keep_likely_cuts_together: bool = True,
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
        folders: machine name to folder, as returned by `auscult.corpus.machine_folders`. If a folder has
            splits, its training clips are used.
        output: folder for the models; created if it does not exist.
        group_by: attributes; clips of a machine with equal values were cut from the same recording.
        other_machines: recordings of other machines, for detectors that are trained to tell machines apart;
            those that belong to the machine itself are ignored.
        tables: how tables are read; as for `auscult.open_corpus`.
        conditions: what recordings are whose names do not say it, by pattern; as for `auscult.open_corpus`.
        progress: called with the stages of `auscult.fit`, preceded by the machine (``fan: inspect``) or the
            machines (``fan and 2 more: train``), and with ``machines`` and the number of machines done.
        detector, preset, calibrate, keep_likely_cuts_together, window, channel, settings: as in
            `auscult.fit`.

    Returns:
        The result for each machine, in the order of ``folders``.

    Warns:
        AuscultWarning: for each of ``warnings`` of the machines that were fitted now, after their name.

    Raises:
        OptionError: an unknown detector, preset, option or value, a missing option that is required, or a
            pattern of ``conditions`` that no recording matches.
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    preset = check_options(detector, preset=preset, calibrate=calibrate, settings=settings)
    output = os.path.abspath(output)  # workers may have another current directory
    os.makedirs(output, exist_ok=True)
    options = _MachineFitOptions(
        output,
        detector,
        preset,
        calibrate,
        tuple(group_by),
        keep_likely_cuts_together,
        window,
        tuple(replace(clip, path=os.path.abspath(clip.path)) for clip in other_machines),
        channel,
        tables,
        dict(conditions or {}),
        settings,
    )
    if conditions:
        _check_patterns(folders.values(), conditions, tables)
    machines = [_MachineFolder(name, os.path.abspath(folder)) for name, folder in folders.items()]
    results: dict[str, Fitted] = {}
    pending: list[_PendingFit] = []
    for outcome in parallel_map(partial(_check_machine, options), machines):
        if isinstance(outcome, Fitted):
            results[outcome.machine] = outcome
        else:
            pending.append(outcome)
    fit_batches = batches(
        pending,
        key=lambda fit: (batch_key(fit.config), fit.networks),
        max_size=lambda fit: max_batch(detector, fit.config, networks=fit.networks),
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
class _MachineFitOptions:
    """The options that all machines share."""

    output: str
    detector: str
    preset: str | None
    calibrate: str
    group_by: tuple[str, ...]
    keep_likely_cuts_together: bool
    window: float | None
    other_machines: tuple[Clip, ...]
    channel: int | str
    tables: TableSettings | None
    conditions: Mapping[str, str]
    settings: Mapping[str, Any]

    def model_path(self, machine: str) -> str:
        return os.path.join(self.output, f"{machine}.auscult")


@dataclass(frozen=True)
class _MachineFolder:
    """A machine and the folder of its recordings."""

    name: str
    folder: str


@dataclass(frozen=True)
class _PendingFit:
    """A machine that needs fitting.

    Attributes:
        machine: the machine and its folder.
        key: digest of everything that the model depends on.
        config: the detector's configuration.
        networks: number of detectors to fit, fold models included.
    """

    machine: _MachineFolder
    key: str
    config: Config
    networks: int


def _check_machine(options: _MachineFitOptions, machine: _MachineFolder) -> _PendingFit | Fitted:
    """Check whether a machine needs fitting, without reading its recordings."""
    path = options.model_path(machine.name)
    try:
        spec, _ = _fit_spec(options, machine)
    except AuscultError as error:
        return Fitted(machine.name, path, str(error))
    key = _model_key(spec, machine.folder)
    try:
        model = load_model(path)
        if model.provenance.get("key") == key:
            return Fitted(machine.name, path, already_fitted=True, warnings=model.warnings)
    except ModelFileError:  # there is no model file, or none that can be used
        pass
    return _PendingFit(machine, key, spec.config, spec.networks)


def _check_patterns(
    folders: Iterable[str | os.PathLike[str]],
    conditions: Mapping[str, str],
    tables: TableSettings | None,
) -> None:
    """Raise `OptionError` if a pattern matches no recording of any machine."""
    corpora = []
    for folder in folders:
        with suppress(CorpusError):  # it is reported with the machine
            corpora.append(open_corpus(folder, tables=tables))
    apply_conditions(corpora, conditions)


def _fit_spec(options: _MachineFitOptions, machine: _MachineFolder) -> tuple[FitSpec, tuple[Finding, ...]]:
    """The settings and clips of one machine, and findings about the clips that are left out.

    Raises as `auscult.fit` and `open_corpus` do.
    """
    corpus = open_corpus(machine.folder, tables=options.tables)
    (opened,) = apply_conditions([corpus], options.conditions, must_match=False)
    corpus, findings = without_anomalies(opened)
    if not corpus:
        reasons = "; ".join(finding.message for finding in findings) or "all are test or supplemental clips"
        raise FitError(f"none of {len(opened):,} recordings can be used for training: {reasons}")
    if options.group_by:
        corpus = attribute_groups(corpus, options.group_by)
    own_files = {os.path.realpath(clip.path) for clip in corpus}
    spec = plan_fit(
        corpus,
        options.detector,
        preset=options.preset,
        calibrate=options.calibrate,
        keep_likely_cuts_together=options.keep_likely_cuts_together,
        window=options.window,
        other_machines=[
            clip for clip in options.other_machines if os.path.realpath(clip.path) not in own_files
        ],
        channel=options.channel,
        settings=options.settings,
    )
    return spec, findings


def _model_key(spec: FitSpec, folder: str) -> str:
    """A digest that changes with everything that the model depends on, except the training device."""
    settings = {k: v for k, v in config_to_json(spec.config).items() if k != "device"}
    labels = [
        [clip.domain, clip.source_recording, clip.section, dict(clip.attributes), clip.window]
        for clip in spec.clips
    ]
    detector_class = detector_type(spec.detector)
    content = [SCHEMA, list(code_state(detector_class)), spec.detector, spec.preset, settings]
    content += [spec.calibrate, spec.channel, fingerprints(spec.clips, folder), labels]
    content += [file_digests(detector_class.files(spec.config))]
    if detector_class.uses_other_machines(spec.config):
        content.append(fingerprints(spec.other_machines, folder))
    return content_key(content)


def _fit_batch(
    options: _MachineFitOptions, progress: Progress | None, batch: Sequence[_PendingFit]
) -> list[Fitted]:
    """Fit the machines of one batch and save their models."""
    results: list[Fitted] = []
    prepared: dict[int, list[PreparedFit]] = {}
    for index, pending in enumerate(batch):
        try:
            spec, findings = _fit_spec(options, pending.machine)
            of_machine = naming_machines(progress, [pending.machine.name])
            prepared[index] = inspect_clips(spec, of_machine, findings)
        except AuscultError as error:
            results.append(_failed(options, pending, error))
    if prepared:
        of_batch = naming_machines(progress, (batch[index].machine.name for index in prepared))
        models = iter(fit_models([fit for fits in prepared.values() for fit in fits], of_batch))
    else:
        models = iter(())
    release()
    for index, fits in prepared.items():
        pending = batch[index]
        model = joined([next(models) for _ in fits], fits[0].inspection.channel_names)
        if not isinstance(model, Model):
            results.append(_failed(options, pending, model))
            continue
        model.provenance["key"] = pending.key
        if options.conditions:
            model.provenance["conditions"] = dict(options.conditions)
        path = options.model_path(pending.machine.name)
        model.save(path)
        results.append(Fitted(pending.machine.name, path, warnings=model.warnings))
    return results


def _failed(options: _MachineFitOptions, pending: _PendingFit, error: AuscultError) -> Fitted:
    return Fitted(pending.machine.name, options.model_path(pending.machine.name), str(error))
