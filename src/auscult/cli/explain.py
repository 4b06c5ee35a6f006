"""``auscult explain``: show where in time and frequency a score comes from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.flags import messages_with_flags
from auscult.cli.options import (
    Seconds,
    channel_option,
    check_writable,
    chosen_threshold,
    json_option,
    model_argument,
    open_model,
    table_options,
    threshold_options,
)
from auscult.errors import AudioError, OptionError, TooLongAudio

if TYPE_CHECKING:
    from auscult.corpus import AudioClip
    from auscult.model import Model, Score
    from auscult.report.impacts import Impacts
    from auscult.sound.tables import TableSettings


@click.command("explain", short_help="Show where in time and frequency a score comes from.")
@model_argument
@click.argument("recording", metavar="FILE", type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="PICTURE",
    type=click.Path(),
    help="Write a figure of the spectrogram and the explanation map; the extension sets the format (png, "
    "svg, pdf, …). The sound is written next to it, and that of the nearest normal recording. Requires "
    "auscult[report].",
)
@click.option(
    "--start",
    type=Seconds(min=0),
    metavar="T",
    help="Explain a section of FILE that starts at T, e.g. 840 or 14m; FILE can have any length.",
)
@click.option(
    "--seconds",
    type=Seconds(min=0, min_open=True),
    metavar="T",
    help="Length of the section.  [default: that of the training recordings]",
)
@threshold_options
@channel_option
@table_options
@json_option
def command(
    model: str,
    recording: str,
    output: str | None,
    start: float | None,
    seconds: float | None,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    channel: int | None,
    tables: TableSettings,
    as_json: bool,
) -> None:
    """Show where in time and frequency the score of a recording comes from.

    Also names the most similar normal recording of the training set, to compare the two by ear. A recording
    that is much longer than those of the training set is scored section by section, and the section with the
    highest score is explained.
    """
    if output is not None:
        check_writable(output)
    if seconds is not None and start is None:
        raise OptionError("--seconds needs --start: where in FILE does the section begin?")

    from auscult.cli.explain_sections import DEFAULT_SECONDS, scored_sections, usual_seconds
    from auscult.decision import p_value
    from auscult.model.code_state import code_warning
    from auscult.report.explanation import explanation

    loaded = open_model(model, recording, channel=channel, tables=tables)
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    length = seconds or usual_seconds(loaded) or DEFAULT_SECONDS
    sections = scored_sections(loaded, recording, start, length, decision_threshold)
    if sections is None:
        audio = _opened(loaded, recording, start, length)
    else:
        audio, start = sections.audio, sections.start
    score = loaded.score_recording(audio, threshold=decision_threshold, explain=True)
    if score.axis is not None:
        audio = audio.axes[score.axis]
    of_code = code_warning(type(loaded.detector), loaded.provenance)
    warnings = messages_with_flags([*score.warnings, *([of_code] if of_code else [])])
    nearest_missing = score.nearest is not None and not os.path.exists(score.nearest)
    explained = explanation(
        score,
        loaded.detector.config.front_end,
        audio,
        None if nearest_missing else _nearest(loaded, score),
        start_seconds=start or 0.0,
        timeline=sections.timeline() if sections else None,
    )
    written = None
    if output is not None:
        from auscult.report.fragments import fragment_paths, write_fragments
        from auscult.report.pictures import draw_explanation

        paths = fragment_paths(output, recording, score.nearest)
        title = recording if start is None else f"{recording}, from {start:g} s"
        draw_explanation(output, explained, title=title)
        written = write_fragments(explained, paths)
    findings = [finding.to_json() for finding in score.findings]
    calibration = loaded.calibration.scores.get(loaded.detector.decisive_score, ())
    result = {
        "path": score.path,
        "start": explained.start_seconds,
        "seconds": explained.waveform.seconds,
        "axis": score.axis_name,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
        "verdict": score.verdict,
        "p_value": p_value(score.score, calibration) if len(calibration) else None,
        "nearest": score.nearest,
        "nearest_window": score.nearest_window,
        "warnings": warnings,
        "findings": findings,
        "state": score.state,
        "sections": sections.to_json() if sections else None,
        "regions": [region.to_json() for region in explained.regions],
        "impacts": _impacts_to_json(explained.impacts),
        "picture": output,
        "fragment": written.recording if written else None,
        "nearest_fragment": written.nearest if written else None,
    }
    if as_json:
        text.print_json(result)
        return
    for warning in warnings:
        text.warn(warning)
    lines = [("recording", recording)]
    if sections is not None:
        lines += sections.in_words()
    elif start is not None:
        lines.append(("section", f"{start:g}–{start + explained.waveform.seconds:.4g} s"))
    if score.axis_name is not None:
        lines.append(("channel", f"{score.axis_name}, with the highest score of {len(loaded.axes)}"))
    lines += [
        ("score", f"{text.figure(score.score)} ({loaded.detector.name}, {loaded.detector.decisive_score})"),
        ("threshold", text.describe_threshold(decision_threshold)),
        ("verdict", text.verdict(score.verdict, findings, score.state)),
    ]
    lines += [("deviations" if not i else "", line) for i, line in enumerate(explained.in_words())]
    if impacts := explained.impacts_text():
        lines.append(("impacts", impacts))
    if score.nearest is not None:
        missing = " (file no longer exists)" if nearest_missing else ""
        lines.append(("nearest", f"{explained.nearest_name}{missing}"))
        if explained.nearest_differs:
            lines.append(("", f"in another condition: {explained.nearest_differs}"))
    if output is not None and written is not None:
        lines += [("picture", output), ("sound", f"{written.recording} (gain {written.gain_db:+.0f} dB)")]
        if written.nearest:
            lines.append(("", f"{written.nearest} (the nearest normal recording, same gain)"))
    click.echo(text.facts(lines))


def _opened(model: Model, path: str, start: float | None, seconds: float) -> AudioClip:
    """The file, or the section of it that is to be explained, read once.

    Raises:
        AudioError: it cannot be used; a file that is too long to be read completely needs a section.
        OptionError: the file ends before the section.
    """
    from auscult.corpus import Clip

    clip = Clip(path=path)
    try:
        return _held(model.audio_clip(clip)) if start is None else model.section(clip, start, seconds)
    except TooLongAudio as error:
        reason = f"{error.reason.split(';')[0]}; choose a section with --start and --seconds"
        raise TooLongAudio(path, reason) from error


def _held(recording: AudioClip) -> AudioClip:
    """A recording, or all its channels, read now and held in memory."""
    from auscult.corpus import AudioClip

    if recording.axes:
        return AudioClip.of_axes([_held(axis) for axis in recording.axes])
    waveform = recording.waveform()
    return AudioClip(recording.clip, lambda: waveform)


def _nearest(model: Model, score: Score) -> AudioClip | None:
    """The nearest normal recording, or window of one; ``None``, with a warning, if it is unreadable."""
    from auscult.corpus import Clip

    if score.nearest is None:
        return None
    clip = Clip(score.nearest, window=score.nearest_window)
    recording = (model if score.axis is None else model.axes[score.axis]).audio_clip(clip)
    try:
        return _held(recording)
    except AudioError as error:
        text.warn(f"{error}; the nearest normal recording is not in the picture")
        return None


def _impacts_to_json(impacts: Impacts | None) -> dict[str, float] | None:
    if impacts is None:
        return None
    return {"hertz": impacts.hertz, "low_hz": impacts.low_hz, "high_hz": impacts.high_hz}
