"""Detectors: scores, presets, requirements and options, as `auscult detectors` shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from auscult.detectors import DETECTORS
from auscult.detectors.descriptions import DetectorDescription, OptionDescription, describe_detector
from tools.reference_pages.markdown import code, literal, table


def detector(name: str) -> str:
    """Return requirements, scores, presets and own options of a detector."""
    described = describe_detector(name)
    scores = ", ".join([f"`{described.scores[0]}` (default)", *map(code, described.scores[1:])])
    parts = [f"**Requires** {requirements(described)}.", f"**Scores**: {scores}."]
    if described.presets:
        rows = [
            (code(preset) + " (default)" * (preset == described.default_preset), settings(values))
            for preset, values in described.presets.items()
        ]
        parts.append(table(["preset", "sets"], rows))
    common = {option.name for option in common_to_all()}
    own = [option for option in described.options if option.name not in common]
    if own:
        parts.append(options_table(own))
    parts.append(
        "The options of all detectors, such as those of the front end, are in the [list](index.md#options)."
    )
    return "\n\n".join(parts)


def detector_list() -> str:
    """Return a table of all detectors with links to their pages."""
    rows = []
    for name in DETECTORS:
        described = describe_detector(name)
        scores = ", ".join(map(code, described.scores))
        rows.append((f"[`{name}`]({name}.md)", literal(described.summary), scores, requirements(described)))
    return table(["detector", "what it does", "scores", "requires"], rows)


def common_options() -> str:
    """Return the options that every detector has: the default score, the seed, and the front end."""
    return options_table(common_to_all())


def common_to_all() -> list[OptionDescription]:
    """Options that all detectors have, without the choices of one of them."""
    every = [describe_detector(name).options for name in DETECTORS]
    names = set.intersection(*({option.name for option in options} for options in every))
    return [option for option in every[0] if option.name in names]


def requirements(described: DetectorDescription) -> str:
    """Return what a detector needs to be fitted: an extra to install, and options without a default."""
    needs = [f"the extra `{described.extra}` to be fitted"] if described.extra else []
    needs += [f"the option `{option}`" for option in described.required_options]
    return ", ".join(needs) or "nothing"


def options_table(options: Iterable[OptionDescription]) -> str:
    """Return a table of options with type, default and meaning."""
    rows = []
    for option in options:
        kind = option.type + " or none" * option.optional + f", {option.unit}" * bool(option.unit)
        text = literal(option.help)
        if option.choices and option.name != "score":  # the scores are those of the detector
            text += f" One of {', '.join(map(code, option.choices))}."
        default = "required" if option.required else code(value(option.default))
        rows.append((code(option.name), kind, default, text))
    return table(["option", "type", "default", "meaning"], rows)


def settings(values: Mapping[str, Any]) -> str:
    """Return the settings of a preset, as for ``--set``."""
    return ", ".join(code(f"{key}={value(setting)}") for key, setting in values.items()) or "the defaults"


def value(setting: Any) -> str:
    """Return a value as it is given to ``--set``."""
    return str(setting).lower() if setting is None or isinstance(setting, bool) else str(setting)
