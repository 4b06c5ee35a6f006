"""Detector settings from words: ``KEY=VALUE`` pairs become a typed configuration, or a clear error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any, get_type_hints

from auscult.detectors import detector_type
from auscult.detectors.base import Config
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd

#: Detector to the options that were renamed since version 0.1.0: model files of that version have the old names.
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "auto": {"altered": "pseudo_anomalies", "choose": "drop_uninformative", "time": "time_limit"},
}


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """``["epochs=30", "score=mahalanobis"]`` as a dict.

    Raises:
        OptionError: a pair without ``=``.
    """
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise OptionError(f"{pair!r} is no setting: write KEY=VALUE, for instance epochs=30")
        settings[key.strip()] = value.strip()
    return settings


def make_config(
    detector: str, *, preset: str | None = None, settings: Mapping[str, Any] | None = None
) -> Config:
    """The configuration of a detector: its defaults, then a preset, then single settings.

    Args:
        settings: option name to value, typed or as text; options of the front end (``n_mels``, ``hop``, …)
            stand among them by their own names.

    Raises:
        OptionError: an unknown detector, preset, option or value.
    """
    kind = detector_type(detector)
    if preset is not None and preset not in kind.presets:
        known = ", ".join(kind.presets) or "none"
        raise OptionError(f"{detector} has no preset {preset!r}; it has: {known}")
    wanted = {**(kind.presets[preset] if preset else {}), **(settings or {})}
    options = {f.name for f in fields(kind.config_type)} - {"front_end"}
    front_options = {f.name for f in fields(FrontEnd)}
    unknown = [key for key in wanted if key not in options | front_options]
    if unknown:
        raise OptionError(
            f"{detector} has no option {unknown[0]!r}; it has: {', '.join(sorted(options | front_options))}"
        )
    typed = {k: _typed(kind.config_type, k, v) for k, v in wanted.items() if k in options}
    front = {k: _typed(FrontEnd, k, v) for k, v in wanted.items() if k in front_options}
    config = kind.config_type(**typed, front_end=replace(FrontEnd(), **front))
    if config.score and config.score not in kind.scores:
        raise OptionError(f"{detector} has no score {config.score!r}: choose one of {', '.join(kind.scores)}")
    return config


def missing_options(detector: str, settings: Mapping[str, Any]) -> list[str]:
    """The options without a default, which only the user can bring, that are not among the settings."""
    return [option for option in detector_type(detector).required_options if not settings.get(option)]


def check_nothing_missing(detector: str, settings: Mapping[str, Any]) -> None:
    """Raises `OptionError` where an option without a default is missing, before any work is done."""
    for option in missing_options(detector, settings):
        raise OptionError(
            f"{detector} needs the option {option}: give it by --set {option}=…; "
            f"{detector_type(detector).page} says what it is"
        )


def config_to_json(config: Config) -> dict[str, Any]:
    """A configuration as plain data."""
    return asdict(config)


def config_from_json(detector: str, data: Mapping[str, Any]) -> Config:
    """The inverse of `config_to_json`, for model files of all versions; raises `OptionError` like `make_config`."""
    renamed = _RENAMED.get(detector, {})
    settings = {renamed.get(key, key): value for key, value in data.items() if key != "front_end"}
    return make_config(detector, settings={**settings, **data.get("front_end", {})})


def _typed(owner: type, name: str, value: Any) -> Any:
    """The value as the option's declared type; text is read, typed values are checked."""
    hint = get_type_hints(owner)[name]
    optional = hint == float | None
    if optional and value in (None, "none", "None"):
        return None
    kind = float if optional else hint
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
        if kind is int and isinstance(value, float) and value != int(value):
            raise ValueError
        typed = kind(value)
        if kind is float and not math.isfinite(typed):
            raise ValueError
        return typed
    except (KeyError, TypeError, ValueError) as error:
        raise OptionError(f"{name}={value!r} is no {kind.__name__}") from error
