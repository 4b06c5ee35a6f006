"""What users need to know about a detector and its options, collected from its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from auscult.detectors import detector_type
from auscult.detectors.base import Config
from auscult.detectors.options import DEFAULT_PRESET, VIBRATION
from auscult.runtime.option_fields import option_fields
from auscult.spectrum import FrontEnd


@dataclass(frozen=True)
class OptionDescription:
    """An option of a detector.

    Attributes:
        name: as in ``--set name=…`` and `auscult.fit`.
        type: ``"int"``, ``"float"``, ``"bool"`` or ``"str"``.
        optional: whether the value may be ``None``, written as ``none``.
        default: the default value.
        required: whether it has to be set.
        help: what it does.
        choices: the allowed values; empty if not restricted to some.
        unit: of the value; empty if it has none.
    """

    name: str
    type: str
    optional: bool
    default: Any
    required: bool
    help: str
    choices: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class DetectorDescription:
    """A detector with its options.

    Attributes:
        name: in the registry.
        summary: the first line of the description.
        description: the docstring of the class.
        scores: names of the scores, the default one first.
        presets: name to the options that it sets; not `VIBRATION`, whose options depend on the recordings.
        default_preset: the preset that is used if none is given; ``None``: the defaults of the options.
        extra: optional dependencies of auscult that fitting needs; empty: none.
        required_options: options that have to be set.
        options: all options: its own, those of every detector, then those of the front end.
    """

    name: str
    summary: str
    description: str
    scores: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]]
    default_preset: str | None
    extra: str
    required_options: tuple[str, ...]
    options: tuple[OptionDescription, ...]

    @property
    def preset_names(self) -> tuple[str, ...]:
        """Names of the presets, with `VIBRATION`, which every detector has."""
        return (*self.presets, VIBRATION)


def describe_detector(name: str) -> DetectorDescription:
    """Describe a detector.

    Raises:
        OptionError: there is no such detector.
    """
    kind = detector_type(name)
    common = {f.name for f in fields(Config)}
    of_config = _options_of(kind.config_type, kind.required_options, {"score": kind.scores})
    description = inspect.cleandoc(kind.__doc__ or "")
    return DetectorDescription(
        name,
        description.partition("\n")[0],
        description,
        kind.scores,
        kind.presets,
        DEFAULT_PRESET.get(name),
        kind.extra,
        kind.required_options,
        (
            *(o for o in of_config if o.name not in common),
            *(o for o in of_config if o.name in common),
            *_options_of(FrontEnd),
        ),
    )


def _options_of(
    owner: type, required: tuple[str, ...] = (), choices: Mapping[str, tuple[str, ...]] | None = None
) -> list[OptionDescription]:
    """The options that a dataclass defines; those in ``choices`` have these instead of their own."""
    hints = get_type_hints(owner)
    described = []
    for f in option_fields(owner):
        types = get_args(hints[f.name]) or (hints[f.name],)
        described.append(
            OptionDescription(
                f.name,
                types[0].__name__,
                type(None) in types,
                f.default,
                f.name in required,
                f.metadata["help"],
                (choices or {}).get(f.name, f.metadata["choices"]),
                f.metadata["unit"],
            )
        )
    return described
