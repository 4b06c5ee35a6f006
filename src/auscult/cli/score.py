"""``auscult score``: a score and a verdict for every recording, or for every window of long recordings."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.flags import messages_with_flags
from auscult.cli.options import (
    Seconds,
    channel_option,
    check_writable,
    chosen_threshold,
    model_argument,
    open_model,
    table_options,
    threshold_options,
    workers_options,
)
from auscult.cli.progress import show_progress
from auscult.cli.repeated import RepeatedErrors, RepeatedWarnings
from auscult.cli.score_events import EventList, ScorePlot
from auscult.cli.score_formats import Format, Layout, Tally, format_from_name, row_printer
from auscult.errors import EvaluationError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Clip
    from auscult.errors import CorpusError
    from auscult.model import Model
    from auscult.sound.tables import TableSettings

#: A warning asks for the machine if this share of at least so many recordings is anomalous, or if all are.
MOSTLY, MIN_MOSTLY = 0.75, 8

FAILED, ANOMALY_DETECTED, SOME_UNREADABLE, SENSOR_FAULT = 1, 3, 4, 5


@click.command("score", short_help="Score recordings and decide which are anomalous.")
@model_argument
@click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Write the results to a .csv or .jsonl file. Recordings that it already contains are skipped, "
    "unless they have changed or could not be read.",
)
@click.option(
    "--settle",
    type=Seconds(min=0),
    default=10.0,
    show_default=True,
    metavar="S",
    help="With --output, wait until a file was last modified S seconds ago, and score it only if it has not "
    "changed meanwhile; 0 does not wait.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header line.")
@click.option(
    "--csv-dialect",
    type=click.Choice(["standard", "excel"]),
    default="standard",
    show_default=True,
    help="How CSV is written: standard uses commas and decimal points; excel uses a byte order mark, "
    "semicolons and decimal commas, for spreadsheets in most of Europe.",
)
@threshold_options
@click.option(
    "--window",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Split each file into windows of S seconds and score each window, for files of any length.",
)
@click.option(
    "--hop",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Seconds from the start of one window to the next.  [default: the window length]",
)
@click.option(
    "--plot",
    metavar="PICTURE",
    type=click.Path(),
    help="With --window and one FILE, draw the score over time with the threshold and the events; the "
    "extension sets the format (png, svg, pdf, …). Requires auscult[report].",
)
@channel_option
@click.option(
    "--each-channel",
    is_flag=True,
    help="Score each channel of multichannel files on its own, with one row per channel.",
)
@table_options
@workers_options
@click.option(
    "--fail-on-anomaly",
    is_flag=True,
    help="Exit with code 3 if any recording is anomalous, otherwise 5 if any has a sensor fault.",
)
def command(
    model: str,
    inputs: tuple[str, ...],
    output: str | None,
    settle: float,
    as_json: bool,
    as_csv: bool,
    csv_dialect: str,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    window: float | None,
    hop: float | None,
    plot: str | None,
    channel: int | None,
    each_channel: bool,
    tables: TableSettings,
    jobs: int,
    cluster: str | None,
    fail_on_anomaly: bool,
) -> int:
    """Score recordings in the order given and report which are anomalous.

    Higher scores are more anomalous. Folders are searched recursively.
    """
    if as_json and as_csv:
        raise OptionError("--json and --csv are both given: choose one")
    if hop is not None and window is None:
        raise OptionError("--hop requires --window")
    if each_channel and channel is not None:
        raise OptionError("--each-channel and --channel are both given: choose one")
    if plot is not None and (window is None or output is not None):
        raise OptionError(f"--plot {'requires --window' if window is None else 'and --output: choose one'}")
    for path in (output, plot):
        if path is not None:
            check_writable(path)
    layout = Layout(
        _format(output, as_json=as_json, as_csv=as_csv, excel=csv_dialect == "excel"),
        windows=window is not None,
        channels=each_channel,
    )

    from auscult.model.code_state import code_warning

    loaded = open_model(model, *inputs, channel=channel, tables=tables)
    if each_channel and loaded.axes:
        raise OptionError(f"--each-channel: {model} judges {len(loaded.axes)} channels together; omit it")
    layout = replace(layout, axes=bool(loaded.axes))
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    if fail_on_anomaly and decision_threshold.value is None:
        raise EvaluationError(f"--fail-on-anomaly: {decision_threshold.warning}")
    of_code = code_warning(type(loaded.detector), loaded.provenance)
    of_model = [*decision_threshold.findings, *([of_code] if of_code else [])]
    text.warn_of(of_model)
    if window is not None:
        _check_window(loaded, window)

    from auscult.cli.score_file import ResultFile
    from auscult.cli.score_inputs import expand_inputs, scan_inputs
    from auscult.cli.score_rows import ScoreSettings, rows
    from auscult.cli.score_stamp import settled
    from auscult.model.model_file import read_header_and_arrays
    from auscult.runtime.parallel import workers
    from auscult.sound.limits import MAX_CHANNELS

    expected_channels = MAX_CHANNELS if each_channel or channel is not None else loaded.expected_channels
    loaded.expected_channels = expected_channels
    digest = read_header_and_arrays(model)[0]["digest"]
    settings = ScoreSettings(
        model,
        digest,
        loaded.channel,
        expected_channels,
        decision_threshold,
        window=window,
        hop=hop,
        each_channel=each_channel,
        tables=tables,
        warnings=(of_code.message,) if of_code else (),
    )
    relative = not all(map(os.path.isabs, inputs))
    file = ResultFile(output, layout, settings, relative=relative) if output else None
    scan, errors = scan_inputs(inputs, loaded.tables), RepeatedErrors()
    if scan.nothing_to_report():
        for error in scan.errors:
            errors.add(error.path, error.reason)
        errors.print()
        return FAILED
    score_plot = ScorePlot(plot, scan.count) if plot is not None else None
    warnings, events, printed_before = RepeatedWarnings(), EventList(), messages_with_flags(of_model)
    with ExitStack() as stack:
        stack.enter_context(workers(jobs, cluster))  # first: without workers no file must be created
        clips: Iterator[Clip | CorpusError] = expand_inputs(inputs, loaded.tables)
        if file:
            stack.enter_context(file)
            file.remove_outdated(inputs, expand_inputs(inputs, loaded.tables))
            clips = settled((clip for clip in clips if file.mark_if_new(clip.path)), settle)
        quiet = file is None and (not sys.stderr.isatty() or sys.stdout.isatty())
        progress = stack.enter_context(show_progress(quiet=quiet, name=os.path.basename(model)))
        write = file.write if file else row_printer(layout, scan.width)
        tally, done = (file.tally, file.before) if file else (Tally(), 0)
        this_run, recordings, other_length = Tally(), 0, 0
        last_path = None
        for row in rows(loaded, settings, clips, scan.count):
            write(row)
            tally.add(row)
            this_run.add(row)
            if window is not None:
                events.add(row)
            if score_plot:
                score_plot.add(row)
            if "error" in row:
                errors.add(row["path"], row["error"])
            else:
                other_length += not loaded.has_usual_length(row["seconds"])
                for warning in row["warnings"]:
                    if warning not in printed_before:
                        warnings.add(warning, row["path"])
            if row["path"] != last_path:
                recordings += 1
                done += 1
                if progress:
                    progress("score", done, max(scan.count, done), {})
            last_path = row["path"]
    errors.print()
    warnings.print(this_run.judged)
    if others := scan.other_files():
        text.note(f"Note: {others}")
    readable = recordings - this_run.failures
    if readable > 1 and mostly_anomalous(this_run) and 2 * other_length < this_run.judged:
        text.warn(_unlike_training(loaded, this_run, readable, _unit(layout)))
    summary = tally.summary(decision_threshold, _unit(layout))
    if file and as_json:
        text.print_json(
            {
                "file": output,
                **vars(tally),
                "recordings_before": file.before,
                "scored_again": file.scored_again,
                "threshold": decision_threshold.value,
            }
        )
    elif file:
        before = text.count(file.before, "recording")
        again = f"{file.scored_again:,} scored again, " if file.scored_again else ""
        new = recordings - file.scored_again
        click.echo(
            f"{summary}\n{text.printable(str(output))}: {before} already in the file, {again}{new:,} new"
        )
    elif layout.format == "text":
        click.echo(f"\n{events.as_text()}\n\n{summary}" if events.events else f"\n{summary}")
    if score_plot:
        score_plot.draw(events.events, decision_threshold.value)
    if fail_on_anomaly and tally.anomalies:
        return ANOMALY_DETECTED
    if fail_on_anomaly and tally.sensor:
        return SENSOR_FAULT
    return SOME_UNREADABLE if tally.failures else 0


def _format(output: str | None, *, as_json: bool, as_csv: bool, excel: bool) -> Format:
    """The format of the results.

    Raises:
        OptionError: it cannot be derived from the name of the output file, or a dialect is given without CSV.
    """
    if as_json or as_csv:
        chosen: Format = "json" if as_json else "csv"
    else:
        chosen = "text" if output is None else format_from_name(output)
    if excel and chosen != "csv":
        raise OptionError("--csv-dialect excel requires --csv, or --output with a name that ends in .csv")
    return "excel" if excel else chosen


def _unit(layout: Layout) -> str:
    """What a row is about."""
    if layout.windows:
        return "window"
    return "channel" if layout.channels else "recording"


def mostly_anomalous(tally: Tally) -> bool:
    """Whether so many of the judged recordings are anomalous that the threshold may not hold for them."""
    if tally.judged < MIN_MOSTLY:
        return 0 < tally.judged == tally.anomalies
    return tally.anomalies >= MOSTLY * tally.judged


def _unlike_training(model: Model, tally: Tally, recordings: int, unit: str) -> str:
    machines = ", ".join(model.provenance.get("machines") or ())
    of = f" ({machines})" if machines else ""
    number = f"all {recordings:,} recordings"
    if tally.anomalies < tally.judged:
        number = f"{tally.anomalies:,} of {text.count(tally.judged, unit)}"
    return (
        f"{number} are anomalous: are they of the machine that the model was fitted on{of}, recorded with "
        "the same microphone and position? If it runs normally, these recordings look unlike those the model "
        "was fitted on: another unit or condition, for which no false-alarm rate is promised"
    )


def _check_window(model: Model, window: float) -> None:
    needed, samples = model.detector.minimum_samples() / model.sample_rate, window * model.sample_rate
    if not math.isfinite(samples):
        raise OptionError(f"--window {window:g} is not a valid duration in seconds")
    if round(samples) < model.detector.minimum_samples():
        raise OptionError(
            f"--window {window:g} is shorter than {needed:.3f} s, the minimum for this detector"
        )
