"""``auscult fit``: fit a model to normal recordings and write it to a file."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from auscult.api.fit import DEFAULT_DETECTOR
from auscult.cli import text
from auscult.cli.fit_summary import format_summary, model_findings, summarize
from auscult.cli.options import (
    Seconds,
    apply_group_by,
    check_writable,
    condition_option,
    conditions_from,
    flags_of_command,
    group_by_option,
    json_option,
    learned_channel_option,
    quiet_option,
    settings_from,
    table_options,
    training_options,
    workers_options,
)
from auscult.cli.progress import show_progress
from auscult.detectors import DETECTORS, detector_type
from auscult.errors import OptionError
from auscult.runtime.parallel import workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auscult.corpus import Clip, Corpus
    from auscult.sound.tables import TableSettings

SOME_LEFT_OUT = 4


@click.command("fit", short_help="Fit a model to recordings of a normally running machine.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    type=click.Path(),
    help="Model file to write, or folder for one model per machine.",
)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Detector to fit (auscult detectors describes them), one of {', '.join(DETECTORS)}.  "
    f"[default: {DEFAULT_DETECTOR}]",
)
@click.option(
    "--preset",
    metavar="NAME",
    help="Named set of detector options: gamma_vae has exact, report and public_code, gamma_observation "
    "gaussian and gamma, discriminative published; vibration, for all detectors, resolves the orders of a "
    "shaft in recordings of an accelerometer.  [default: gamma_vae: exact; auto, if recordings are tables: "
    "vibration]",
)
@click.option(
    "--time",
    "time_limit",
    type=Seconds(min=0, min_open=True),
    metavar="T",
    help="Approximate time limit for fitting (60s, 5m, 1h); auto skips members that would exceed it.  "
    "[default: no limit]",
)
@click.option(
    "--others",
    "other_machines",
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="Normal recordings of other machines, for detectors trained to distinguish machines. Accepts the "
    "same as DIR, of any number of machines. May be repeated.",
)
@training_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Seed of the random numbers used in fitting.  [default: 13711]",
)
@click.option(
    "--calibrate",
    type=click.Choice(["auto", "crossfit", "holdout", "none"]),
    default="auto",
    show_default=True,
    help="How to obtain calibration scores from held-out normal recordings: crossfit fits additional models, "
    "each without one recording (networks: without a fifth of them), holdout keeps a tenth of the recordings "
    "out of fitting, auto cross-fits below 400 recordings, none skips calibration.",
)
@click.option(
    "--window",
    type=Seconds(min=0, min_open=True),
    metavar="T",
    help="Cut recordings into windows of T (10, 10s, 1m) and fit on these; windows of one recording are kept "
    "in one fold. With fewer than five recordings, folds are blocks of time, and the false-alarm rate holds "
    "within these recordings only.",
)
@learned_channel_option
@table_options
@group_by_option
@condition_option
@workers_options
@json_option
@quiet_option
def command(
    folders: tuple[str, ...],
    output: str,
    detector: str | None,
    preset: str | None,
    time_limit: float | None,
    other_machines: tuple[str, ...],
    pairs: tuple[str, ...],
    epochs: int | None,
    device: str | None,
    seed: int | None,
    calibrate: str,
    window: float | None,
    channel: int | str,
    tables: TableSettings,
    group_by: str | None,
    conditions: tuple[str, ...],
    jobs: int,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Fit a model to recordings of a normally running machine.

    DIR is a folder of recordings, a DCASE machine folder (its train/ is used), a single recording, or a
    CSV manifest; all must be of one machine. If --output is a folder, DIR contains a folder for each machine,
    or is a manifest with a column machine, and one model per machine is written to it as MACHINE.auscult.
    Recordings whose folder or file name says that they are anomalies or test clips are left out. Exits with
    code 4 if unusable recordings were left out or some machines could not be fitted.
    """
    settings = settings_from(pairs, epochs=epochs, device=device, seed=seed, time_limit=time_limit)
    detector = detector or DEFAULT_DETECTOR
    stated = conditions_from(conditions)
    _check_supported(detector, epochs=epochs, device=device, time_limit=time_limit)
    if _is_folder(output):
        given = {
            "detector": detector,
            "preset": preset,
            "calibrate": calibrate,
            "window": window,
            "channel": channel,
            "tables": tables,
            **settings,
        }
        if other_machines:
            given["other_machines"] = training_clips(other_machines, single_machine=False, tables=tables)
        if stated:
            given["conditions"] = stated
        from auscult.cli.fit_machines import fit_each_machine

        with show_progress(quiet=quiet) as progress, workers(jobs, cluster):
            return fit_each_machine(folders, output, group_by, given, progress, as_json=as_json)
    check_writable(output)
    corpus = apply_group_by(training_clips(folders, conditions=stated, tables=tables), group_by)
    other_clips = (
        _other_machine_clips(other_machines, corpus, detector, preset, settings, tables)
        if other_machines
        else ()
    )

    from auscult.api.fit import fit

    with show_progress(quiet=quiet, name=os.path.basename(output)) as progress, workers(jobs, cluster):
        model = fit(
            corpus,
            detector,
            preset=preset,
            calibrate=calibrate,
            group_likely_segments=group_by != "none",
            window=window,
            other_machines=other_clips,
            channel=channel,
            progress=progress,
            **settings,
        )
    model.save(output)
    result = summarize(model, output)
    if as_json:
        text.print_json(result)
    else:
        # Those of the last kind were printed when the clips were selected.
        text.warn_of(finding for finding in model_findings(model) if finding.kind != "assumed_normal")
        click.echo(format_summary(result, model))
    if left_out := result["left_out"]:
        text.note(f"Error: {text.count(len(left_out), 'recording')} left out: {', '.join(left_out)}")
        return SOME_LEFT_OUT
    return 0


def training_clips(
    folders: tuple[str, ...],
    *,
    single_machine: bool = True,
    conditions: Mapping[str, str] | None = None,
    tables: TableSettings | None = None,
) -> Corpus:
    """The training clips of all folders, as of `auscult.api.training_clips`; findings are printed."""
    from auscult.api.training_clips import training_clips as select_clips

    clips, findings = select_clips(
        folders, single_machine=single_machine, conditions=conditions, tables=tables
    )
    text.warn_of(findings)
    return clips


def _is_folder(output: str) -> bool:
    """Whether the output is a folder, for one model per machine."""
    return os.path.isdir(output) or output.endswith((os.sep, os.altsep or os.sep))


def _other_machine_clips(
    folders: tuple[str, ...],
    corpus: Corpus,
    detector: str,
    preset: str | None,
    settings: dict[str, Any],
    tables: TableSettings,
) -> list[Clip]:
    """The training clips in the folders that are not in the corpus itself.

    Raises:
        CorpusError, FitError: as `training_clips`.
        OptionError: the folders contain no clip of another machine, or the detector does not use them.
    """
    from auscult.corpus.training_checks import common_format
    from auscult.detectors.options import make_config

    all_settings = {"sample_rate": common_format(corpus).sample_rate, **settings}
    config = make_config(detector, preset=preset, settings=all_settings)
    if not detector_type(detector).uses_other_machines(config):
        hint = ", or add auto's member classes by --set members=all" if detector == "auto" else ""
        raise OptionError(f"--others: {detector} uses no recordings of other machines; omit it{hint}")
    own = {os.path.realpath(clip.path) for clip in corpus}
    others = training_clips(folders, single_machine=False, tables=tables)
    clips = [c for c in others if os.path.realpath(c.path) not in own]
    if not clips:
        raise OptionError(f"--others {' '.join(folders)}: no recording of another machine")
    return clips


def _check_supported(detector: str, **given: Any) -> None:
    """Raise `OptionError` if a setting given by an option of its own is not one of the detector's."""
    known = {f.name for f in fields(detector_type(detector).config_type)}
    for name in (name for name, value in given.items() if value is not None and name not in known):
        if name == "time_limit":
            reason = f"{detector} has no time limit, only auto does; omit it"
        else:
            reason = (
                f"{detector} trains no network of its own; omit it or choose a detector that does, e.g. "
                "--detector autoencoder"
            )
        raise OptionError(f"{flags_of_command()[name]}: {reason}")
