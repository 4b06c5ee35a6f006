"""Options as fields of dataclasses, with the description, choices and unit of each.

Documentation, the command line and checks all read them here, so that they are written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import Field, field, fields
from typing import Any, TypeVar

from auscult.errors import OptionError

T = TypeVar("T")


def option(default: T, help: str, *, choices: Iterable[str] = (), unit: str = "") -> T:
    """Define an option, a field of a dataclass.

    Args:
        default: its default value.
        help: what it does, as a sentence, for users.
        choices: the values that are allowed, checked by `check_choices`; empty: not only some.
        unit: of a quantity, such as ``"Hz"``.

    Returns:
        A field, declared as a value of the option's type, as `dataclasses.field` is.

    Examples:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Options:
        ...     metric: str = option("cosine", "Distance.", choices=("cosine", "euclidean"))
        >>> Options().metric
        'cosine'
        >>> check_choices(Options("manhattan"))
        Traceback (most recent call last):
        auscult.errors.OptionError: metric='manhattan': choose one of cosine, euclidean
    """
    return field(default=default, metadata={"help": help, "choices": tuple(choices), "unit": unit})


def same_option(options: type[Any], name: str) -> Any:
    """Define an option as the one called ``name`` of another dataclass, with its default and help."""
    (same,) = (f for f in option_fields(options) if f.name == name)
    return field(default=same.default, metadata=same.metadata)


def option_fields(options: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass, or of an instance of it, that are defined by `option`."""
    return [f for f in fields(options) if "help" in f.metadata]


def check_choices(options: Any) -> None:
    """Raise `OptionError` if an option of a dataclass instance has a value that is not one of its choices."""
    for f in option_fields(options):
        choices, value = f.metadata["choices"], getattr(options, f.name)
        if choices and value not in choices:
            raise OptionError(f"{f.name}={value!r}: choose one of {', '.join(choices)}")
