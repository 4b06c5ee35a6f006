"""``auscult encoders``: list public audio encoders for `embedding_memory`, and how to export each to ONNX."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from auscult.cli import text
from auscult.cli.options import json_option
from auscult.errors import OptionError

if TYPE_CHECKING:
    from auscult.detectors.embedding.known_encoders import KnownEncoder

_NOTE = """\
auscult neither ships nor downloads encoders. The figures are those of their authors; check licences
before use. "run" means that the export and a fit were run with the published weights: see
docs/how-to/encoders.md. auscult encoders NAME shows where to get one and how to export it to ONNX."""


@click.command("encoders", short_help="List public audio encoders and how to export them.")
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List public audio encoders for the detector embedding_memory, or describe the one called NAME.

    An encoder is a network trained on millions of other sounds, such as YAMNet or BEATs. You download it from
    its authors, export it to ONNX once, and pass the file by --set encoder=FILE.
    """
    from auscult.detectors.embedding.known_encoders import KNOWN_ENCODERS, known_encoder

    chosen = known_encoder(name) if name else None
    if name and chosen is None:
        known = ", ".join(encoder.name for encoder in KNOWN_ENCODERS)
        raise OptionError(f"no encoder {name!r} in the table: choose one of {known}")
    if as_json:
        text.print_json(asdict(chosen) if chosen else [asdict(encoder) for encoder in KNOWN_ENCODERS])
    elif chosen:
        click.echo(_description(chosen))
    else:
        header = ["encoder", "parameters", "rate", "features", "AudioSet mAP", "run", "licence"]
        click.echo(text.table(header, [_row(encoder) for encoder in KNOWN_ENCODERS]))
        click.echo(f"\n{_NOTE}")


def _row(encoder: KnownEncoder) -> list[str]:
    return [
        encoder.name,
        f"{encoder.parameters:g} M",
        f"{encoder.sample_rate} Hz",
        str(encoder.features),
        _precision(encoder),
        "yes" if encoder.measured else "",
        encoder.licence.partition(" (")[0],
    ]


def _precision(encoder: KnownEncoder) -> str:
    return text.NONE if encoder.audioset_map is None else f"{encoder.audioset_map:.3f}"


def _description(encoder: KnownEncoder) -> str:
    facts = text.facts(
        [
            ("encoder", f"{encoder.name}: {encoder.title}"),
            ("reference", encoder.reference),
            ("licence", encoder.licence),
            ("parameters", f"{encoder.parameters:g} million"),
            ("sample rate", f"{encoder.sample_rate} Hz"),
            ("features", f"{encoder.features} per frame; a frame is {encoder.frames}"),
            ("AudioSet mAP", _precision(encoder)),
            ("download", encoder.download),
            ("run", "export and fit, with the published weights" if encoder.measured else "not by us"),
        ]
    )
    steps = (
        textwrap.fill(
            step, 100, initial_indent=f"{number}. ", subsequent_indent="   ", break_long_words=False
        )
        for number, step in enumerate(encoder.steps, start=1)
    )
    return f"{facts}\n\nexport to ONNX\n" + "\n".join(steps)
