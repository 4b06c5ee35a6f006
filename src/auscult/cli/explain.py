"""``auscult explain``: where in time and frequency a score comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import (
    channel_option,
    check_writable,
    chosen_threshold,
    json_option,
    model_argument,
    opened_model,
    threshold_options,
)

if TYPE_CHECKING:
    from auscult.report.regions import Region


@click.command("explain", short_help="Show where in time and frequency a score comes from.")
@model_argument
@click.argument("recording", metavar="FILE", type=click.Path())
@click.option(
    "--output",
    "-o",
    metavar="PICTURE",
    type=click.Path(),
    help="Draw the spectrogram and the map of the score, as PNG, SVG or PDF; takes auscult[report].",
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
    """Show where in time and frequency the score of a recording comes from."""
    if output is not None:
        check_writable(output)

    from auscult.corpus import Clip
    from auscult.report.regions import strongest_regions

    loaded = opened_model(model, recording, channel=channel)
    limit = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    heard = loaded.recording(Clip(path=recording))
    score = loaded.score_recording(heard, threshold=limit, explain=True)
    assert score.map is not None  # explain=True asked for it
    front_end = loaded.detector.config.front_end
    regions = strongest_regions(score.map, front_end, count=3)
    if output is not None:
        from auscult.report.pictures import draw_explanation

        draw_explanation(
            output,
            frames=heard.log_mel(front_end),
            map=score.map,
            front_end=front_end,
            score=score,
            title=recording,
        )
    result = {
        "path": score.path,
        "score": score.score,
        "threshold": score.threshold,
        "anomalous": score.anomalous,
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
        ("threshold", text.describe_threshold(limit)),
        ("verdict", _verdict(score.anomalous)),
    ]
    lines += [("strongest" if not i else "", _region_as_text(r)) for i, r in enumerate(regions)]
    if output is not None:
        lines.append(("picture", output))
    click.echo(text.facts(lines))


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
        f"{region.high_hz / 1000:.2f} kHz: {text.percent(region.share)} of the score"
    )
