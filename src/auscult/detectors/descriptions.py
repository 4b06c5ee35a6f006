"""What users need to know about a detector and its options, collected from its class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from auscult.detectors import DETECTORS, detector_type, find_plugins, package_of
from auscult.detectors.base import Config
from auscult.detectors.options import DEFAULT_PRESET, VIBRATION
from auscult.errors import PluginError
from auscult.spectrum import FrontEnd


@dataclass(frozen=True)
class OptionDescription:
    """An option of a detector.

    Attributes:
        name: as in `auscult.fit`.
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
        distribution: name and version of the package that it is from; empty: auscult itself.
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
    distribution: str
    options: tuple[OptionDescription, ...]

    @property
    def preset_names(self) -> tuple[str, ...]:
        """Names of the presets, with `VIBRATION`, which every detector has."""
        return (*self.presets, VIBRATION)


def describe_detector(name: str) -> DetectorDescription:
    """Describe a detector.

    Raises:
        OptionError: there is no such detector.
        PluginError: it is the detector of another package, and cannot be used.
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
        package_of(name),
        (
            *(o for o in of_config if o.name not in common),
            *(o for o in of_config if o.name in common),
            *_options_of(FrontEnd),
        ),
    )


def describe_all() -> tuple[list[DetectorDescription], list[PluginError]]:
    """Describe all detectors; for those of other packages that cannot be used, return the errors instead."""
    described, errors = [describe_detector(name) for name in DETECTORS], []
    for name, plugin in find_plugins().items():
        try:
            plugin.load()
            described.append(describe_detector(name))
        except PluginError as error:
            errors.append(error)
        except Exception as error:  # from code of the package, which must not hide the other detectors
            errors.append(PluginError(name, plugin.distribution, f"{type(error).__name__}: {error}"))
    return described, errors


def _options_of(
    owner: type, required: tuple[str, ...] = (), choices: Mapping[str, tuple[str, ...]] | None = None
) -> list[OptionDescription]:
    """The options that a dataclass defines; those in ``choices`` have these instead of their own."""
    hints, defaults = get_type_hints(owner), owner()
    described = []
    for f in fields(owner):
        if f.name == "front_end":  # its fields are options themselves
            continue
        types = get_args(hints[f.name]) or (hints[f.name],)
        described.append(
            OptionDescription(
                f.name,
                types[0].__name__,
                type(None) in types,
                getattr(defaults, f.name),
                f.name in required,
                f.metadata.get("help", ""),
                (choices or {}).get(f.name, f.metadata.get("choices", ())),
                f.metadata.get("unit", ""),
            )
        )
    return described
