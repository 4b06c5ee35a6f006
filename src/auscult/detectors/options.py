"""Detector options: parsing ``KEY=VALUE`` settings, presets, checking types and names, and JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from auscult.corpus import Clip
from auscult.detectors import Detector, detector_type, register
from auscult.detectors.base import Config
from auscult.detectors.typed_options import config_from_options, typed_value
from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean
from auscult.spectrum import FrontEnd, doubled_for, halved_for, vibration_front_end

#: Detector to the preset that is used if none is given.
DEFAULT_PRESET: Mapping[str, str] = {"gamma_vae": "exact"}
#: Preset of all detectors: their default one, with the front end for the orders of shafts. Detectors with the
#: option `ORDERS` keep their front end and have members for the orders besides.
VIBRATION = "vibration"
ORDERS = "order_n_fft"
#: Options of the front end that say which frequencies are resolved.
_RESOLUTION = frozenset((ORDERS, "n_fft", "hop", "f_min", "f_max"))

#: For reading model files of earlier versions, by detector: renamed options, old name to new; options that
#: no longer exist; and the value of options that such files do not have.
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "auto": {"time": "time_limit"},
    "discriminative": {"least_clips": "min_clips"},
}
_REMOVED: Mapping[str, Sequence[str]] = {
    "auto": ("altered", "choose", "pseudo_anomalies", "drop_uninformative")
}
_EARLIER_VALUES: Mapping[str, Mapping[str, Any]] = {"auto": {"fusion": "mean"}}


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Parse ``["epochs=30", "score=mahalanobis"]`` into a dict; values stay text.

    Raises:
        OptionError: a setting has no ``=``, no key, or a control character, or a key has two values.
    """
    settings: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise OptionError(f"invalid setting {pair!r}: write KEY=VALUE, for instance epochs=30")
        if any(unicodedata.category(character) == "Cc" for character in key.strip() + value.strip()):
            raise OptionError(f"invalid setting {pair!r}: it has a control character")
        if settings.setdefault(key.strip(), value.strip()) != value.strip():
            raise OptionError(
                f"{key.strip()} is set to {settings[key.strip()]} and to {value.strip()}: choose one value"
            )
    return settings


def make_config(
    detector: str,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seconds: float | None = None,
) -> Config:
    """Make the configuration of a detector: its defaults, overridden by a preset, overridden by settings.

    Args:
        detector: name of the detector.
        preset: name of one of its presets, or `VIBRATION`, or ``None``.
        settings: option name to value, typed or as text. Options of the front end (``n_mels``, ``hop``, …)
            are given in the same way.
        seconds: length of the recordings, for `VIBRATION`; ``None`` if unknown.

    Raises:
        OptionError: the detector, preset or option does not exist, or a value is invalid.
    """
    kind = detector_type(detector)
    values = {**_of_preset(detector, preset, settings or {}, seconds), **(settings or {})}
    return config_from_options(kind.config_type, values, detector, kind.scores)


def _of_preset(
    detector: str, preset: str | None, settings: Mapping[str, Any], seconds: float | None
) -> dict[str, Any]:
    """The options that a preset sets.

    Raises:
        OptionError: there is no such preset, or the recordings are too short for it.
    """
    presets = detector_type(detector).presets
    if preset == VIBRATION:
        default = DEFAULT_PRESET.get(detector)
        rate = typed_value(FrontEnd, "sample_rate", settings.get("sample_rate", FrontEnd().sample_rate))
        try:
            orders = vibration_front_end(rate, seconds)
        except OptionError as error:
            raise OptionError(f"preset {VIBRATION}: {error}") from None
        if _has_order_members(detector):
            # Frames of the standard length resolve the orders of slowly sampled recordings.
            orders = {ORDERS: orders["n_fft"]} if orders["n_fft"] > FrontEnd().n_fft else {}
        return {**(presets[default] if default else {}), **orders}
    if preset is not None and preset not in presets:
        known = [*presets, VIBRATION]
        raise OptionError(
            f"{detector} has no preset {preset!r}{did_you_mean(preset, known)}; "
            f"available presets: {', '.join(known)}"
        )
    return dict(presets[preset]) if preset else {}


def preset_for_recordings(
    detector: str,
    preset: str | None,
    clips: Sequence[Clip],
    sample_rate: int,
    seconds: float | None,
    settings: Mapping[str, Any],
) -> tuple[str | None, str | None]:
    """Return the preset to fit a detector with: `VIBRATION` for tables of signals if nothing else is stated.

    This holds only for detectors with members for orders besides those of their front end, which lose nothing
    by it.

    Args:
        detector: name of the detector.
        preset: the stated preset, or the detector's default one.
        clips: the recordings.
        sample_rate: of the recordings, Hz; used unless the settings give another one.
        seconds: length of the recordings; ``None`` if unknown.
        settings: as in `make_config`. Those that concern the resolution are kept as they are.

    Returns:
        The preset, and if the recordings are too short for it, a note that says so.
    """
    tables = all(clip.table is not None for clip in clips)
    if preset is not None or not tables or not _has_order_members(detector) or _RESOLUTION & set(settings):
        return preset, None
    try:
        vibration_front_end(
            typed_value(FrontEnd, "sample_rate", settings.get("sample_rate", sample_rate)), seconds
        )
    except OptionError as error:
        return None, f"{detector} has no members for the orders of a shaft: {error}"
    return VIBRATION, None


def _has_order_members(detector: str) -> bool:
    return ORDERS in {f.name for f in fields(detector_type(detector).config_type)}


def config_for_recordings(
    detector: str,
    sample_rate: int,
    seconds: float | None,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Config:
    """Make the configuration to fit a detector with: as `make_config`, with frames that fit the recordings.

    The sample rate is that of the recordings. Above 64 kHz the frames (``n_fft``, with ``hop`` half of it)
    are doubled until no mel band is empty. If the recordings are so short that they would have fewer than 16
    frames, these are halved until they have. Frames are not changed if a setting or the preset gives
    ``n_fft`` or ``hop``, nor for detectors that keep those of the baseline.

    Args:
        detector: name of the detector.
        sample_rate: of the recordings, Hz; used unless the settings give another one.
        seconds: length of the recordings; ``None`` if unknown.
        preset: as in `make_config`.
        settings: as in `make_config`.

    Raises:
        OptionError: as `make_config`.
    """
    settings = {"sample_rate": sample_rate, **(settings or {})}
    config, kind = (
        make_config(detector, preset=preset, settings=settings, seconds=seconds),
        detector_type(detector),
    )
    given = {*settings, *_of_preset(detector, preset, settings, seconds)}
    if not kind.fits_frame_length or given & {"n_fft", "hop"}:
        return config
    front_end = config.front_end
    n_fft = doubled_for(front_end)
    if seconds is not None:
        n_fft = halved_for(n_fft, round(seconds * front_end.sample_rate))
    if n_fft == front_end.n_fft:
        return config
    return replace(config, front_end=replace(front_end, n_fft=n_fft, hop=n_fft // 2))


def name_and_settings(
    detector: str | type[Detector] | Detector, settings: Mapping[str, Any] | None = None
) -> tuple[str, dict[str, Any]]:
    """Return the name of a detector that is given as a name, a class or an instance, and its options.

    A class that is not in the registry is added to it.

    Args:
        detector: the name, class or instance.
        settings: further options, which override those of an instance.

    Returns:
        The name, and the options. Those of an instance are those that were given by keyword, and those that
        differ from the defaults. If it was made from a configuration, or is fitted, they are all.

    Raises:
        OptionError: it is no detector, the name of a class belongs to another one, the class cannot be
            imported by name, or the settings state another sample rate than the instance.
    """
    settings = dict(settings or {})
    if isinstance(detector, str):
        return detector, settings
    if not isinstance(detector, type | Detector):
        raise OptionError(
            f"detector={detector!r}: give a name, a subclass of Detector, or an instance of one"
        )
    kind = detector if isinstance(detector, type) else type(detector)
    register(kind)
    if isinstance(detector, type):
        return kind.name, settings
    own = _options_of(detector)
    rates = [
        typed_value(FrontEnd, "sample_rate", values["sample_rate"])
        for values in (own, settings)
        if "sample_rate" in values
    ]
    if len(set(rates)) > 1:
        raise OptionError(f"sample_rate={rates[1]}, but that of the detector is {rates[0]}: give one of them")
    return kind.name, {**own, **settings}


def _options_of(detector: Detector) -> dict[str, Any]:
    """The options of an instance that `auscult.fit` must not choose itself."""
    config, default, given = detector.config, detector.config_type(), detector.given_options
    values, defaults = (
        {f.name: getattr(owner, f.name) for owner in (c, c.front_end) for f in fields(owner)}
        for c in (config, default)
    )
    del values["front_end"]
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    if given is not None and not detector.arrays:
        return {**given, **changed}
    if not detector.arrays and "sample_rate" not in changed:
        del values["sample_rate"]  # that of the recordings
    if "validation" in values and "validation" not in changed:
        del values["validation"]  # it is no wish to hold out vectors, which calibration refuses
    return values


def missing_options(detector: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the required options (those without a default) that are not among the settings."""
    return [option for option in detector_type(detector).required_options if not settings.get(option)]


def check_nothing_missing(detector: str, settings: Mapping[str, Any]) -> None:
    """Raise `OptionError` if a required option is missing; called before any work is done."""
    for option in missing_options(detector, settings):
        raise OptionError(
            f"{detector} requires the option {option!r}: pass `{option}=VALUE`; "
            f"it is described in {detector_type(detector).docs_page}"
        )


def config_to_json(config: Config) -> dict[str, Any]:
    """Convert a configuration to JSON-serialisable data."""
    return asdict(config)


def config_from_json(detector: str, data: Mapping[str, Any]) -> Config:
    """Invert `config_to_json`; also reads data of earlier versions. Raises `OptionError` as `make_config`."""
    renamed, skipped = _RENAMED.get(detector, {}), {"front_end", *_REMOVED.get(detector, ())}
    options = {renamed.get(key, key): value for key, value in data.items() if key not in skipped}
    settings = {**_EARLIER_VALUES.get(detector, {}), **options, **data.get("front_end", {})}
    return make_config(detector, settings=settings)
