"""``auscult explain``: show where in time and frequency a score comes from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import (
    channel_option,
    check_writable,
    chosen_threshold,
    json_option,
    model_argument,
    open_model,
    threshold_options,
)
from auscult.errors import AudioError

if TYPE_CHECKING:
    import numpy as np

    from auscult.model import Model
    from auscult.report.regions import Region


@click.command("explain", short_help="Show where in time and frequency a score comes from.")
@model_argument
@click.argument("recording", metavar="FILE", type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="PICTURE",
    type=click.Path(),
    help="Write a figure of the spectrogram and the explanation map; the extension sets the format (png, "
    "svg, pdf, …). Requires auscult[report].",
)
@threshold_options
@channel_option
@json_option
def command(
    model: str,
    recording: str,
    output: str | None,
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    channel: int | None,
    as_json: bool,
) -> None:
    """Show where in time and frequency the score of a recording comes from.

    Also names the most similar normal recording of the training set, to compare the two by ear.
    """
    if output is not None:
        check_writable(output)

    from auscult.corpus import Clip
    from auscult.report.regions import score_regions

    loaded = open_model(model, recording, channel=channel)
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    audio = loaded.audio_clip(Clip(path=recording))
    score = loaded.score_recording(audio, threshold=decision_threshold, explain=True)
    front_end = loaded.detector.config.front_end
    regions = score_regions(score, front_end)
    nearest_missing = score.nearest is not None and not os.path.exists(score.nearest)
    if output is not None:
        from auscult.report.pictures import draw_explanation

        draw_explanation(
            output,
            frames=audio.log_mel(front_end),
            front_end=front_end,
            score=score,
            title=recording,
            nearest=None if nearest_missing else _nearest_frames(loaded, score.nearest),
        )
    result = {
        "path": score.path,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
        "nearest": score.nearest,
        "warnings": list(score.warnings),
        "regions": [_region_to_json(region) for region in regions],
        "picture": output,
    }
    if as_json:
        text.print_json(result)
        return
    for warning in score.warnings:
        text.warn(warning)
    lines = [
        ("recording", recording),
        ("score", f"{text.figure(score.score)} ({loaded.detector.name}, {loaded.detector.decisive_score})"),
        ("threshold", text.describe_threshold(decision_threshold)),
        ("verdict", _verdict(score.anomalous)),
    ]
    lines += [("regions" if not i else "", _region_as_text(r)) for i, r in enumerate(regions)]
    if score.nearest is not None:
        lines.append(("nearest", f"{score.nearest}{' (file no longer exists)' if nearest_missing else ''}"))
    if output is not None:
        lines.append(("picture", output))
    click.echo(text.facts(lines))


def _nearest_frames(model: Model, path: str | None) -> np.ndarray | None:
    """The log-mel spectrogram of the nearest normal recording; ``None``, with a warning, if unreadable."""
    from auscult.corpus import Clip

    if path is None:
        return None
    try:
        return model.audio_clip(Clip(path=path)).log_mel(model.detector.config.front_end)
    except AudioError as error:
        text.warn(f"{error}; the nearest normal recording is not in the picture")
        return None


def _verdict(anomalous: bool | None) -> str:
    return {True: "ANOMALY", False: "normal", None: "no verdict"}[anomalous]


def _region_to_json(region: Region) -> dict[str, Any]:
    return {
        "start": region.start_seconds,
        "end": region.end_seconds,
        "low_hz": region.low_hz,
        "high_hz": region.high_hz,
        "share": region.share,
    }


def _region_as_text(region: Region) -> str:
    return (
        f"{region.start_seconds:.1f}–{region.end_seconds:.1f} s, {region.low_hz / 1000:.2f}–"
        f"{region.high_hz / 1000:.2f} kHz: {text.percent(region.share)} of the deviation from normal"
    )
