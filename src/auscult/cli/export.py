"""``auscult export``: write a model as an ONNX file that scores without auscult."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from auscult.cli import text
from auscult.cli.flags import with_flags
from auscult.cli.options import (
    check_writable,
    chosen_threshold,
    json_option,
    model_argument,
    open_model,
    threshold_options,
)

SOME_UNREADABLE = 4


@click.command("export", short_help="Export a model to ONNX, to score without auscult.")
@model_argument
@click.option("--output", "-o", metavar="FILE", required=True, type=click.Path(), help="ONNX file to write.")
@click.option(
    "--check",
    metavar="FILE",
    multiple=True,
    type=click.Path(),
    help="Recording on which to compare the scores of ONNX file and model, in addition to synthetic sounds. "
    "May be repeated.",
)
@threshold_options
@json_option
def command(
    model: str,
    output: str,
    check: tuple[str, ...],
    threshold: float | None,
    false_alarms: str | None,
    threshold_method: str | None,
    as_json: bool,
) -> int:
    """Export a model to an ONNX file, to score without auscult.

    The file includes feature extraction: waveform in, score and explanation map out. It requires only ONNX
    Runtime. Its output is compared with the model's first, and the file is not written if they differ.
    """
    check_writable(output, model=model)

    from auscult.api.export import export
    from auscult.corpus import Clip

    loaded = open_model(model, output, *check)
    decision_threshold = chosen_threshold(
        loaded, threshold=threshold, false_alarms=false_alarms, threshold_method=threshold_method
    )
    parity = export(loaded, output, threshold=decision_threshold, check=[Clip(path=path) for path in check])
    for error in parity.unreadable:
        text.note(f"Error: {error}")
    if decision_threshold.warning:
        text.warn(decision_threshold.warning)
    detector = loaded.detector
    size = os.path.getsize(output)
    if as_json:
        text.print_json(
            {
                "path": output,
                "bytes": size,
                "detector": detector.name,
                "score": detector.decisive_score,
                "sample_rate": loaded.sample_rate,
                "threshold": asdict(decision_threshold),
                "checked": {"sounds": parity.sounds, "score": parity.score, "map": parity.map},
                "unreadable": [{"path": e.path, "error": with_flags(e.reason)} for e in parity.unreadable],
            }
        )
    else:
        click.echo(
            text.facts(
                [
                    ("file", f"{output} ({text.size(size)})"),
                    ("detector", f"{detector.name}, score {detector.decisive_score}"),
                    ("threshold", text.describe_threshold(decision_threshold)),
                    ("input", f"float32 samples, full scale ±1, at {loaded.sample_rate} Hz"),
                    (
                        "checked",
                        f"{text.count(parity.sounds, 'sound')}: score within {parity.score:.1e} of the "
                        f"model's, map within {parity.map:.1e} of its largest value",
                    ),
                ]
            )
        )
    return SOME_UNREADABLE if parity.unreadable else 0
