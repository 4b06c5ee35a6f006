"""``auscult detectors``: list the detectors, or describe one with its scores, presets and options."""

from __future__ import annotations

import re
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from auscult.cli import text
from auscult.cli.options import json_option

if TYPE_CHECKING:
    from auscult.detectors.descriptions import DetectorDescription, OptionDescription

_WIDTH = 100
_NOTE = """\
auscult detectors NAME lists the scores, presets and options of a detector. The preset vibration, which
all detectors have, resolves the orders of a shaft in recordings of an accelerometer."""


@click.command("detectors", short_help="List the detectors, or the options of one.")
@click.argument("name", metavar="[NAME]", required=False)
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the detectors, or describe the one called NAME with its scores, presets and options.

    Options are set by --set OPTION=VALUE, presets are chosen by --preset.
    """
    from auscult.detectors.descriptions import describe_all, describe_detector

    if name:
        detector = describe_detector(name)
        if as_json:
            text.print_json(asdict(detector))
        else:
            click.echo(_description(detector))
        return
    detectors, errors = describe_all()
    if as_json:
        text.print_json([asdict(detector) for detector in detectors])
    else:
        click.echo(text.wrapped_table(["detector", "needs", "presets", "description"], map(_row, detectors)))
        click.echo(f"\n{_NOTE}")
    for error in errors:
        text.warn(str(error))


def _row(detector: DetectorDescription) -> list[str]:
    from auscult.api.fit import DEFAULT_DETECTOR

    name = detector.name + " (default)" * (detector.name == DEFAULT_DETECTOR)
    package = f"from {detector.distribution}" if detector.distribution else ""
    needs = ", ".join(filter(None, (package, _needs(detector))))
    return [name, needs, ", ".join(detector.presets), _plain(detector.summary)]


def _needs(detector: DetectorDescription) -> str:
    packages = [f"auscult[{detector.extra}]"] if detector.extra else []
    return ", ".join([*packages, *(f"--set {option}=…" for option in detector.required_options)])


def _description(detector: DetectorDescription) -> str:
    presets = [
        *(f"{name}: {_preset(detector, name)}" for name in detector.presets),
        "vibration: frames that resolve the orders of a shaft",
    ]
    facts = [
        ("detector", detector.name),
        ("scores", ", ".join(detector.scores)),
        *([("package", detector.distribution)] if detector.distribution else []),
        ("needs", _needs(detector) or "nothing else"),
        *zip(["presets", *[""] * (len(presets) - 1)], presets, strict=True),
    ]
    lines = [
        (name if not index else "", line)
        for name, value in facts
        for index, line in enumerate(textwrap.wrap(value, _WIDTH - 10))
    ]
    table = text.wrapped_table(["option", "type", "default", "meaning"], map(_option_row, detector.options))
    return f"{text.facts(lines)}\n\n{_filled(detector.description)}\n\n{table}"


def _preset(detector: DetectorDescription, name: str) -> str:
    """What a preset sets, as arguments of ``--set``."""
    sets = " ".join(f"{option}={_value(value)}" for option, value in detector.presets[name].items())
    return (sets or "the defaults") + (" (used if no preset is given)" * (name == detector.default_preset))


def _option_row(option: OptionDescription) -> list[str]:
    kind = option.type + " or none" * option.optional + f", {option.unit}" * bool(option.unit)
    default = "required" if option.required else _value(option.default)
    choices = f" Choices: {', '.join(option.choices)}." if option.choices else ""
    return [option.name, kind, default, option.help + choices]


def _value(value: Any) -> str:
    """A value as written after ``--set OPTION=``."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return "''" if value == "" else f"{value}"


def _plain(documentation: str) -> str:
    """Text of a docstring without the marks of code."""
    return documentation.replace("`", "")


def _filled(documentation: str) -> str:
    """A docstring for the terminal, with every paragraph and every item of a list filled."""
    paragraphs = [
        "\n".join(
            textwrap.fill(" ".join(item.split()), _WIDTH, subsequent_indent="  " * item.startswith("- "))
            for item in re.split(r"\n(?=- )", paragraph)
        )
        for paragraph in _plain(documentation).split("\n\n")
    ]
    return "\n\n".join(paragraphs)
