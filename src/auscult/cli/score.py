"""``auscult score``: a score and a verdict for every recording, or for every window of long recordings."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import (
    Seconds,
    channel_option,
    check_writable,
    chosen_threshold,
    model_argument,
    open_model,
    threshold_options,
    workers_options,
)
from auscult.cli.progress import show_progress
from auscult.cli.score_formats import Format, Tally, row_printer
from auscult.errors import CorpusError, EvaluationError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Clip
    from auscult.model import Model

FAILED, ANOMALY_DETECTED, SOME_UNREADABLE = 1, 3, 4


@click.command("score", short_help="Score recordings and decide which are anomalous.")
@model_argument
@click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Write the results to a .csv or .jsonl file. Recordings that it already contains are skipped.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header line.")
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
@channel_option
@workers_options
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with code 3 if any recording is anomalous.")
def command(
    model: str,
    inputs: tuple[str, ...],
    output: str | None,
    as_json: bool,
    as_csv: bool,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    window: float | None,
    hop: float | None,
    channel: int | None,
    jobs: int,
    cluster: str | None,
    fail_on_anomaly: bool,
) -> int:
    """Score recordings and decide which are anomalous, in the order given.

    Higher scores are more anomalous. Of a DIR, all recordings at any depth are scored.
    """
    if as_json and as_csv:
        raise OptionError("--json and --csv are both given: choose one")
    if hop is not None and window is None:
        raise OptionError("--hop requires --window")
    output_format: Format = "json" if as_json else "csv" if as_csv else "text"
    if output is not None:
        check_writable(output)

    loaded = open_model(model, *inputs, channel=channel)
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    if fail_on_anomaly and decision_threshold.value is None:
        raise EvaluationError(f"--fail-on-anomaly: {decision_threshold.warning}")
    if decision_threshold.warning:
        text.warn(decision_threshold.warning)
    if window is not None:
        _check_window(loaded, window)

    from auscult.cli.score_file import ResultFile, format_from_name
    from auscult.cli.score_rows import ScoreSettings, expand_inputs, rows
    from auscult.model.model_file import read_header_and_arrays
    from auscult.runtime.parallel import workers

    if output is not None and output_format == "text":
        output_format = format_from_name(output)
    count, width, errors = _scan_inputs(expand_inputs(inputs))
    if count == len(errors):
        for error in errors:
            text.note(f"Error: {error}")
        return FAILED
    digest = read_header_and_arrays(model)[0]["digest"]
    settings = ScoreSettings(model, digest, loaded.channel, decision_threshold, window, hop)
    warnings: Counter[str] = Counter()
    with ExitStack() as stack:
        stack.enter_context(workers(jobs, cluster))  # first: without workers no file must be created
        file = None
        if output:
            relative = not all(map(os.path.isabs, inputs))
            file = stack.enter_context(ResultFile(output, output_format, settings, relative=relative))
        quiet = file is None and (not sys.stderr.isatty() or sys.stdout.isatty())
        progress = stack.enter_context(show_progress(quiet=quiet))
        clips: Iterator[Clip | CorpusError] = expand_inputs(inputs)
        if file:
            clips = (clip for clip in clips if file.mark_if_new(clip.path))
        write = file.write if file else row_printer(output_format, width, windows=window is not None)
        tally, done = (file.tally, file.before) if file else (Tally(), 0)
        last_path = None
        for row in rows(loaded, settings, clips, count):
            write(row)
            tally.add(row)
            if "error" in row:
                text.note(f"Error: {row['path']}: {row['error']}")
            else:
                warnings.update(w for w in row["warnings"] if w != decision_threshold.warning)
            if window is None or row["path"] != last_path:
                done += 1
                if progress:
                    progress("score", done, max(count, done), {})
            last_path = row["path"]
    for warning, times in warnings.items():
        text.warn(f"{warning} ({times} of {tally.judged})")
    summary = tally.summary(decision_threshold, "window" if window else "recording")
    if file and as_json:
        text.print_json(
            {
                "file": output,
                **vars(tally),
                "recordings_before": file.before,
                "threshold": decision_threshold.value,
            }
        )
    elif file:
        before = text.count(file.before, "recording")
        click.echo(f"{summary}\n{output}: {before} already in the file, {done - file.before:,} new")
    elif output_format == "text":
        click.echo(f"\n{summary}")
    if fail_on_anomaly and tally.anomalies:
        return ANOMALY_DETECTED
    return SOME_UNREADABLE if tally.failures else 0


def _scan_inputs(clips: Iterator[Clip | CorpusError]) -> tuple[int, int, list[CorpusError]]:
    """The number of clips and errors, the length of the longest path, and the errors.

    The clips themselves are not stored, since there may be millions.
    """
    count, width, errors = 0, 0, []
    for clip in clips:
        count, width = count + 1, max(width, len(clip.path))
        if isinstance(clip, CorpusError):
            errors.append(clip)
    return count, width, errors


def _check_window(model: Model, window: float) -> None:
    needed, samples = model.detector.minimum_samples() / model.sample_rate, window * model.sample_rate
    if not math.isfinite(samples):
        raise OptionError(f"--window {window:g} is not a valid duration in seconds")
    if round(samples) < model.detector.minimum_samples():
        raise OptionError(
            f"--window {window:g} is shorter than {needed:.3f} s, the minimum for this detector"
        )
