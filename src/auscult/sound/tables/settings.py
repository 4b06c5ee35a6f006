"""How a table is read as a recording: sample rate, columns and scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from auscult.errors import OptionError


@dataclass(frozen=True)
class TableSettings:
    """What the user states about tables. What is not stated is taken from the file.

    Attributes:
        rate: sample rate in Hz; ``None``: that of the file, by a column of times or a stated rate.
        columns: the columns that are the channels: names, numbers from 0, patterns such as ``*_DE_time``, or
            paths such as ``bearing.gs``. Empty: all columns but times.
        scale: factor by which the values are multiplied; ``None`` is 1.
        names: names of the channels that a file must have if its channels are not chosen by name; empty: any.
        default: settings that hold where neither these nor the file state anything, such as those of the
            recordings that a model was fitted on.

    Raises:
        OptionError: a rate or the scale is not a valid number, or a column has no name.
    """

    rate: float | None = None
    columns: tuple[str, ...] = ()
    scale: float | None = None
    names: tuple[str, ...] = ()
    default: TableSettings | None = None

    def __post_init__(self) -> None:
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise OptionError(f"the rate of a table must be a positive number of Hz, got {self.rate}")
        if self.scale is not None and (not math.isfinite(self.scale) or self.scale == 0):
            raise OptionError(f"the scale of a table must be a number other than 0, got {self.scale}")
        if any(not column.strip() for column in self.columns):
            raise OptionError("the name of a column is empty")

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        return self != TableSettings()

    def or_else(self, other: TableSettings | None) -> TableSettings:
        """Return these settings; what they do not state is taken from others."""
        if other is None:
            return self
        return TableSettings(
            self.rate if self.rate is not None else other.rate,
            self.columns or other.columns,
            self.scale if self.scale is not None else other.scale,
            self.names or other.names,
            self.default or other.default,
        )

    def agreeing(self, others: Iterable[TableSettings]) -> TableSettings:
        """Return what these and other settings state alike, without a default."""
        others = list(others)
        names = ("rate", "columns", "scale", "names")
        same = [n for n in names if all(getattr(other, n) == getattr(self, n) for other in others)]
        return TableSettings(**{name: getattr(self, name) for name in same})

    def to_json(self) -> dict[str, Any]:
        """Return what is stated as JSON-compatible data, without a default; `from_json` is the inverse."""
        stated = {
            "rate": self.rate,
            "columns": list(self.columns),
            "scale": self.scale,
            "names": list(self.names),
        }
        return {name: value for name, value in stated.items() if value not in (None, [])}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TableSettings:
        """Create settings from the output of `to_json`."""
        columns, names = (tuple(map(str, data.get(key, ()))) for key in ("columns", "names"))
        return cls(data.get("rate"), columns, data.get("scale"), names)
