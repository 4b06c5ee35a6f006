"""``auscult score``: a score and a verdict for every recording, or for every window of long ones."""

from __future__ import annotations

import csv
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import (
    Seconds,
    channel_option,
    chosen_threshold,
    model_argument,
    opened_model,
    threshold_options,
)
from auscult.cli.progress import shown_progress
from auscult.errors import AudioError, CorpusError, EvaluationError, OptionError, TooShortAudio

if TYPE_CHECKING:
    from auscult.corpus import Clip
    from auscult.decision import Threshold
    from auscult.model import Model, Score

FAILED, ANOMALY_FOUND, SOME_UNREADABLE = 1, 3, 4

#: One result: the fields of ``--json``; an unreadable input has ``path`` and ``error`` alone.
Row = dict[str, Any]


@click.command("score", short_help="Judge recordings: a score and a verdict for each.")
@model_argument
@click.argument("inputs", metavar="FILE|DIR...", nargs=-1, required=True, type=click.Path())
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
@click.option("--fail-on-anomaly", is_flag=True, help="Exit with code 3 if anything is anomalous.")
def command(
    model: str,
    inputs: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    window: float | None,
    hop: float | None,
    channel: int | None,
    fail_on_anomaly: bool,
) -> int:
    """Judge recordings: a score and a verdict for each, in the order given.

    Higher scores are more anomalous. Of a DIR, all recordings at any depth are judged.
    """
    if as_json and as_csv:
        raise OptionError("--json and --csv are both given: choose one")
    if hop is not None and window is None:
        raise OptionError("--hop says how far windows move: it needs --window")

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

    clips = _clips(inputs)
    if all(isinstance(clip, CorpusError) for clip in clips):
        for error in clips:
            text.note(f"Error: {error}")
        return FAILED
    printed = _printer("json" if as_json else "csv" if as_csv else "text", clips, windows=window is not None)
    warnings: Counter[str] = Counter()
    anomalies = failures = judged = 0
    with shown_progress(quiet=not sys.stderr.isatty() or sys.stdout.isatty()) as progress:
        for done, clip in enumerate(clips, start=1):
            for row in _judge(loaded, clip, limit, window=window, hop=hop):
                printed(row)
                if "error" in row:
                    failures += 1
                    text.note(f"Error: {row['path']}: {row['error']}")
                    continue
                judged += 1
                anomalies += row["anomalous"] is True
                warnings.update(w for w in row["warnings"] if w != limit.warning)
            if progress:
                progress("score", done, len(clips), {})
    for warning, times in warnings.items():
        text.warn(f"{warning} ({times} of {judged})")
    if not as_json and not as_csv:
        click.echo(_summary(judged, anomalies, failures, limit, "window" if window else "recording"))
    if fail_on_anomaly and anomalies:
        return ANOMALY_FOUND
    return SOME_UNREADABLE if failures else 0


def _clips(inputs: Sequence[str]) -> list[Clip | CorpusError]:
    """Every recording named, or in a folder or manifest named; what yields none gives its error.

    Of a folder all recordings, not its corpus: that leaves out what lies beside ``train`` and ``test``.
    """
    from auscult.corpus import Clip, open_corpus
    from auscult.corpus.files import audio_files

    clips: list[Clip | CorpusError] = []
    for path in inputs:
        if os.path.isdir(path) and (found := audio_files(path)):
            clips += [Clip(path=name) for name in found]
            continue
        if os.path.isfile(path) and not path.lower().endswith(".csv"):
            clips.append(Clip(path=path))
            continue
        try:
            clips += open_corpus(path)
        except CorpusError as error:
            clips.append(error)
    return clips


def _check_window(model: Model, window: float) -> None:
    needed, samples = model.detector.minimum_samples() / model.sample_rate, window * model.sample_rate
    if not math.isfinite(samples):
        raise OptionError(f"--window {window:g} is no length in seconds")
    if round(samples) < model.detector.minimum_samples():
        raise OptionError(f"--window {window:g} is shorter than the {needed:.3f} s that the detector needs")


def _judge(
    model: Model, clip: Clip | CorpusError, limit: Threshold, *, window: float | None, hop: float | None
) -> Iterator[Row]:
    """The rows of one input; a file that fails midway gives its windows up to there, then the error."""
    if isinstance(clip, CorpusError):
        yield {"path": clip.path, "error": clip.reason}
        return
    try:
        if window is None:
            yield _row(model.score_recording(model.recording(clip), threshold=limit))
        else:
            yield from _judge_windows(model, clip, limit, window, hop)
    except AudioError as error:
        yield {"path": clip.path, "error": error.reason}


def _judge_windows(
    model: Model, clip: Clip, limit: Threshold, seconds: float, hop: float | None
) -> Iterator[Row]:
    from auscult.corpus import Recording
    from auscult.sound import stream_audio

    for window in stream_audio(
        clip.path, seconds=seconds, hop_seconds=hop, channel=model.channel, sample_rate=model.sample_rate
    ):
        start = window.start_seconds
        try:
            score = model.score_recording(Recording.from_waveform(window.waveform), threshold=limit)
        except TooShortAudio:
            if start == 0:
                raise
            continue  # what is left at the end of a file may be shorter than the detector can hear
        row = _row(score)
        end = start + window.waveform.seconds
        yield {"path": row.pop("path"), "start": round(start, 6), "end": round(end, 6), **row}


def _row(score: Score) -> Row:
    return {
        "path": score.path,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
        "nearest": score.nearest,
        "warnings": list(score.warnings),
    }


def _printer(form: str, clips: Sequence[Clip | CorpusError], *, windows: bool) -> Callable[[Row], None]:
    """Prints each row as it comes."""
    if form == "json":
        return text.print_json
    if form == "csv":
        return _csv_printer(windows)
    width = max(len(clip.path) for clip in clips)
    times = f"{'seconds':>17}  " if windows else ""
    click.echo(f"{'recording':<{width}}  {times}{'score':>10}  {'threshold':>10}  verdict")

    def line(row: Row) -> None:
        span = f"{row['start']:.1f}–{row['end']:.1f}" if "start" in row else ""
        at = f"{span:>17}  " if windows else ""
        if "error" in row:
            result = f"{text.NONE:>10}  {text.NONE:>10}  unreadable"
        else:
            verdict = {True: "ANOMALY", False: "normal", None: "no verdict"}[row["anomalous"]]
            result = f"{text.figure(row['score']):>10}  {text.figure(row['threshold']):>10}  {verdict}"
        click.echo(f"{row['path']:<{width}}  {at}{result}")

    return line


def _csv_printer(windows: bool) -> Callable[[Row], None]:
    times = ["start", "end"] if windows else []
    columns = ["path", *times, "score", "threshold", "anomalous", "nearest", "warnings", "error"]
    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    writer.writeheader()

    def line(row: Row) -> None:
        cells = dict(row)
        if "warnings" in row:
            cells["warnings"] = "; ".join(row["warnings"])
            cells["anomalous"] = {True: "true", False: "false", None: ""}[row["anomalous"]]
        writer.writerow(cells)
        sys.stdout.flush()

    return line


def _summary(judged: int, anomalies: int, failures: int, limit: Threshold, what: str) -> str:
    parts = [text.count(judged, what)]
    if limit.value is None:
        parts.append("no verdicts")
    else:
        parts.append(f"{anomalies} anomalous")
    if failures:
        parts.append(f"{failures} unreadable")
    return f"\n{', '.join(parts)}; threshold {text.describe_threshold(limit)}"
