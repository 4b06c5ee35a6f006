"""Options by name, typed or as text, become a configuration; an error says what would be right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar, get_args, get_type_hints

from auscult.errors import OptionError
from auscult.runtime.suggestions import did_you_mean
from auscult.spectrum import FrontEnd

C = TypeVar("C")


def config_from_options(
    config_type: type[C], options: Mapping[str, Any], detector: str, scores: Sequence[str]
) -> C:
    """Make a configuration of defaults and options.

    Args:
        config_type: a subclass of `auscult.detectors.Config`.
        options: name to value, typed or as text; those of the front end (``n_mels``, ``hop``, …) among them.
        detector: name of the detector, for messages.
        scores: names of its scores.

    Raises:
        OptionError: an option does not exist, or a value is invalid.
    """
    own = {f.name for f in fields(config_type)} - {"front_end"}  # type: ignore[arg-type]
    of_front_end = {f.name for f in fields(FrontEnd)}
    unknown = [name for name in options if name not in own | of_front_end]
    if unknown:
        known = sorted(own | of_front_end)
        raise OptionError(
            f"{detector} has no option {unknown[0]!r}{did_you_mean(unknown[0], known)}; "
            f"available options: {', '.join(known)}"
        )
    typed = {k: typed_value(config_type, k, v) for k, v in options.items() if k in own}
    front = {k: typed_value(FrontEnd, k, v) for k, v in options.items() if k in of_front_end}
    if (score := typed.get("score")) and score not in scores:
        raise OptionError(
            f"{detector} has no score {score!r}{did_you_mean(score, scores)}: choose one of "
            f"{', '.join(scores)}"
        )
    return config_type(**typed, front_end=replace(FrontEnd(), **front))  # type: ignore[call-arg]


def typed_value(owner: type, name: str, value: Any) -> Any:
    """Convert a value to the declared type of an option: text is parsed, typed values are checked.

    Args:
        owner: the dataclass that defines the option.
        name: of the option.
        value: typed or as text; ``none`` stands for ``None``.

    Raises:
        OptionError: the value is not of that type.
    """
    hint = get_type_hints(owner)[name]
    optional = type(None) in get_args(hint)
    if optional and value in (None, "none", "None"):
        return None
    kind = get_args(hint)[0] if optional else hint
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
        if kind in (int, float) and isinstance(value, bool):
            raise TypeError
        if kind is int and isinstance(value, float) and value != int(value):
            raise ValueError
        typed = kind(value)
        if kind is float and not math.isfinite(typed):
            raise ValueError
        return typed
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"{name}={value!r} is not a valid {kind.__name__}") from error
