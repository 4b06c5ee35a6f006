"""``auscult fit``: from recordings of normal running to a model file."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from auscult.api.fit import DEFAULT_DETECTOR
from auscult.cli import text
from auscult.cli.fitted import as_text, summary
from auscult.cli.options import (
    Seconds,
    check_writable,
    first_channel_option,
    flags_of_command,
    group_by_option,
    grouped,
    json_option,
    quiet_option,
    settings_from,
    training_options,
    workers_options,
)
from auscult.cli.progress import shown_progress
from auscult.detectors import DETECTORS, detector_type
from auscult.errors import FitError, OptionError
from auscult.runtime.parallel import workers

if TYPE_CHECKING:
    from auscult.corpus import Clip, Corpus

SOME_LEFT_OUT = 4


@click.command("fit", short_help="Learn a machine's normal sound from recordings of normal running.")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    type=click.Path(),
    help="Model file to write; a folder takes a model of each machine.",
)
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Which detector, one of {', '.join(DETECTORS)}.  [default: {DEFAULT_DETECTOR}]",
)
@click.option(
    "--preset",
    metavar="NAME",
    help="A named set of the detector's options: gamma_vae has exact and report, gamma_observation gaussian "
    "and gamma, discriminative published.  [default: gamma_vae: exact]",
)
@click.option(
    "--time",
    "time_limit",
    type=Seconds(min=0, min_open=True),
    metavar="T",
    help="How long learning may take, about, like 60s, 5m or 1h; auto then does without what takes longer.  "
    "[default: as long as it takes]",
)
@click.option(
    "--others",
    "other_machines",
    multiple=True,
    metavar="DIR",
    type=click.Path(),
    help="Recordings of other machines running normally, as DIR above but of any number of machines, for "
    "detectors that learn how machines differ; may be repeated.",
)
@training_options
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Decides everything random in learning.  [default: 13711]",
)
@click.option(
    "--calibrate",
    type=click.Choice(["auto", "crossfit", "holdout", "none"]),
    default="auto",
    show_default=True,
    help="Where scores of normal recordings that the model does not know come from: crossfit fits five "
    "more models, holdout keeps a tenth of the recordings out, auto cross-fits below 400 recordings.",
)
@first_channel_option
@group_by_option
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
    channel: int,
    group_by: str | None,
    jobs: int,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Learn a machine's normal sound from recordings of normal running.

    DIR is a folder of recordings, a DCASE machine folder (its train/ is taken), a recording, or a CSV
    manifest; all must be of one machine. Where -o is a folder, DIR holds machine folders, and each machine
    gets a model, MACHINE.auscult. Exits with code 4 if recordings that cannot be used were left out, or
    some machines could not be fitted.
    """
    settings = settings_from(pairs, epochs=epochs, device=device, seed=seed, time_limit=time_limit)
    detector = detector or DEFAULT_DETECTOR
    _check_known(detector, epochs=epochs, device=device, time_limit=time_limit)
    if _is_folder(output):
        given = {
            "detector": detector,
            "preset": preset,
            "calibrate": calibrate,
            "channel": channel,
            **settings,
        }
        if other_machines:
            given["other_machines"] = training_clips(other_machines, of_one=False)
        from auscult.cli.fit_machines import fit_each

        with shown_progress(quiet=quiet) as progress, workers(jobs, cluster):
            return fit_each(folders, output, group_by, given, progress, as_json=as_json)
    check_writable(output)
    corpus = grouped(training_clips(folders), group_by)
    beside = _others(other_machines, corpus, detector, preset, settings) if other_machines else ()

    from auscult.api.fit import fit

    with shown_progress(quiet=quiet) as progress, workers(jobs, cluster):
        model = fit(
            corpus,
            detector,
            preset=preset,
            calibrate=calibrate,
            keep_likely_cuts_together=group_by != "none",
            other_machines=beside,
            channel=channel,
            progress=progress,
            **settings,
        )
    model.save(output)
    result = summary(model, output)
    if as_json:
        text.print_json(result)
    else:
        for warning in result["warnings"]:
            text.warn(warning)
        click.echo(as_text(result, model))
    if left_out := result["left_out"]:
        text.note(f"Error: {text.count(len(left_out), 'recording')} left out: {', '.join(left_out)}")
        return SOME_LEFT_OUT
    return 0


def training_clips(folders: tuple[str, ...], *, of_one: bool = True) -> Corpus:
    """What may be learnt from in all folders.

    Args:
        of_one: all of it must be of one machine.

    Raises:
        CorpusError: a folder without recordings.
        FitError: nothing in them to learn from, or several machines.
    """
    from auscult.corpus import Corpus, open_corpus

    corpora = [open_corpus(folder) for folder in folders]
    chosen = [corpus.for_training() for corpus in corpora]  # of each by itself: one may have no splits
    for folder, corpus, clips in zip(folders, corpora, chosen, strict=True):
        if not clips:
            raise FitError(
                f"{folder}: none of its {text.count(len(corpus), 'recording')} is for learning; they are "
                "test clips, supplements or anomalies"
            )
        odd = sum(clip.condition == "anomaly" and clip.split != "test" for clip in corpus)
        if odd:
            text.warn(f"{folder}: {text.count(odd, 'recording')} labelled as anomalies left out")
        if tests := sum(_is_stray_test(clip) for clip in corpus):
            text.warn(f"{folder}: {text.count(tests, 'test clip')} left out")
    clips = Corpus(clip for corpus in chosen for clip in corpus)
    machines = [machine for machine in clips.machines if machine is not None]
    if of_one and len(machines) > 1:
        raise FitError(
            f"{len(machines)} machines ({', '.join(machines)}), and a model knows one: name the folder of "
            "one, or a folder for a model of each, like -o models/"
        )
    return clips


def _is_folder(output: str) -> bool:
    """Whether a model of each machine is wanted there."""
    return os.path.isdir(output) or output.endswith((os.sep, os.altsep or os.sep))


def _is_stray_test(clip: Clip) -> bool:
    """Whether it is a test clip that lies elsewhere than where everybody knows that test clips do."""
    from auscult.corpus.dcase_names import SPLIT_FOLDERS

    return clip.split == "test" and os.path.basename(os.path.dirname(clip.path)) not in SPLIT_FOLDERS


def _others(
    folders: tuple[str, ...], corpus: Corpus, detector: str, preset: str | None, settings: dict[str, Any]
) -> list[Clip]:
    """The recordings of other machines: what is in the folders but the machine's own.

    Raises:
        CorpusError, FitError: as `training_clips`.
        OptionError: they hold none of another machine, or the detector would not read them.
    """
    from auscult.corpus.training_checks import usual_rate
    from auscult.detectors.options import make_config

    heard = {"sample_rate": usual_rate(corpus), **settings}
    if not detector_type(detector).learns_from_others(make_config(detector, preset=preset, settings=heard)):
        more = "; of auto's members classes does (--set members=all)" if detector == "auto" else ""
        raise OptionError(f"--others: {detector} learns nothing from other machines; leave it out{more}")
    own = {os.path.realpath(clip.path) for clip in corpus}
    clips = [c for c in training_clips(folders, of_one=False) if os.path.realpath(c.path) not in own]
    if not clips:
        raise OptionError(f"--others {' '.join(folders)}: no recording of another machine")
    return clips


def _check_known(detector: str, **given: Any) -> None:
    """Raises `OptionError` where the detector lacks what was asked for by an option of its own name."""
    known = {f.name for f in fields(detector_type(detector).config_type)}
    for name in (name for name, value in given.items() if value is not None and name not in known):
        why = (
            "knows no limit of time, only auto does"
            if name == "time_limit"
            else "trains no network of its own"
        )
        other = "name one that does, as --detector autoencoder, or leave it out"
        raise OptionError(
            f"{flags_of_command()[name]}: {detector} {why}; {'leave it out' if name == 'time_limit' else other}"
        )
