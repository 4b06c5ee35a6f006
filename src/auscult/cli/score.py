"""``auscult score``: a score and a verdict for every recording, or for every window of long ones."""

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
    opened_model,
    threshold_options,
    workers_options,
)
from auscult.cli.progress import shown_progress
from auscult.cli.score_forms import Form, Tally, printer
from auscult.errors import CorpusError, EvaluationError, OptionError

if TYPE_CHECKING:
    from auscult.corpus import Clip
    from auscult.model import Model

FAILED, ANOMALY_FOUND, SOME_UNREADABLE = 1, 3, 4


@click.command("score", short_help="Judge recordings: a score and a verdict for each.")
@model_argument
@click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    type=click.Path(),
    help="Write the results to a .csv or .jsonl FILE; what is in it already is not scored again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, for programs.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@threshold_options
@click.option(
    "--window",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Cut each file into windows of S seconds and judge each; files may then be of any length.",
)
@click.option(
    "--hop",
    type=Seconds(min=0, min_open=True),
    metavar="S",
    help="Seconds from window to window.  [default: the window's length]",
)
@channel_option
@workers_options
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with code 3 if anything is anomalous.")
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
    """Judge recordings: a score and a verdict for each, in the order given.

    Higher scores are more anomalous. Of a DIR, all recordings at any depth are judged.
    """
    if as_json and as_csv:
        raise OptionError("--json and --csv are both given: choose one")
    if hop is not None and window is None:
        raise OptionError("--hop says how far windows move: it needs --window")
    form: Form = "json" if as_json else "csv" if as_csv else "text"
    if output is not None:
        check_writable(output)

    loaded = opened_model(model, *inputs, channel=channel)
    limit = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    if fail_on_anomaly and limit.value is None:
        raise EvaluationError(f"--fail-on-anomaly needs a verdict, and there is {limit.warning}")
    if limit.warning:
        text.warn(limit.warning)
    if window is not None:
        _check_window(loaded, window)

    from auscult.cli.score_file import ResultFile, form_of
    from auscult.cli.score_rows import Judging, named, rows
    from auscult.model.model_file import read_header_and_arrays
    from auscult.runtime.parallel import workers

    if output is not None and form == "text":
        form = form_of(output)
    count, width, errors = _looked_over(named(inputs))
    if count == len(errors):
        for error in errors:
            text.note(f"Error: {error}")
        return FAILED
    digest = read_header_and_arrays(model)[0]["digest"]
    judging = Judging(model, digest, loaded.channel, limit, window, hop)
    what = "window" if window else "recording"
    warnings: Counter[str] = Counter()
    with ExitStack() as opened:
        opened.enter_context(workers(jobs, cluster))  # before the file: without them there is none to begin
        relative = not all(map(os.path.isabs, inputs))
        file = opened.enter_context(ResultFile(output, form, judging, relative=relative)) if output else None
        quiet = file is None and (not sys.stderr.isatty() or sys.stdout.isatty())
        progress = opened.enter_context(shown_progress(quiet=quiet))
        clips: Iterator[Clip | CorpusError] = named(inputs)
        if file:
            clips = (clip for clip in clips if file.takes(clip.path))
        put = file.write if file else printer(form, width, windows=window is not None)
        tally, done = (file.tally, file.before) if file else (Tally(), 0)
        last = None
        for row in rows(loaded, judging, clips, count):
            put(row)
            tally.add(row)
            if "error" in row:
                text.note(f"Error: {row['path']}: {row['error']}")
            else:
                warnings.update(w for w in row["warnings"] if w != limit.warning)
            if window is None or row["path"] != last:
                done += 1
                if progress:
                    progress("score", done, max(count, done), {})
            last = row["path"]
    for warning, times in warnings.items():
        text.warn(f"{warning} ({times} of {tally.judged})")
    told = tally.told(limit, what)
    if file and as_json:
        text.print_json(
            {"file": output, **vars(tally), "recordings_before": file.before, "threshold": limit.value}
        )
    elif file:
        before = text.count(file.before, "recording")
        click.echo(f"{told}\n{output}: {before} in it before, {done - file.before:,} new")
    elif form == "text":
        click.echo(f"\n{told}")
    if fail_on_anomaly and tally.anomalies:
        return ANOMALY_FOUND
    return SOME_UNREADABLE if tally.failures else 0


def _looked_over(clips: Iterator[Clip | CorpusError]) -> tuple[int, int, list[CorpusError]]:
    """How many there are, the width of the longest path, and those inputs that yield none; of the recordings
    themselves nothing is kept, for there may be millions."""
    count, width, errors = 0, 0, []
    for clip in clips:
        count, width = count + 1, max(width, len(clip.path))
        if isinstance(clip, CorpusError):
            errors.append(clip)
    return count, width, errors


def _check_window(model: Model, window: float) -> None:
    needed, samples = model.detector.minimum_samples() / model.sample_rate, window * model.sample_rate
    if not math.isfinite(samples):
        raise OptionError(f"--window {window:g} is no length in seconds")
    if round(samples) < model.detector.minimum_samples():
        raise OptionError(f"--window {window:g} is shorter than the {needed:.3f} s that the detector needs")
