"""How a table is read as a recording: sample rate, columns and scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
        assumed_rate: sample rate in Hz of files that state none if ``rate`` is ``None``: that of the
            recordings that a model was fitted on.

    Raises:
        OptionError: a rate or the scale is not a valid number, or a column has no name.
    """

    rate: float | None = None
    columns: tuple[str, ...] = ()
    scale: float | None = None
    assumed_rate: float | None = None

    def __post_init__(self) -> None:
        for rate in (self.rate, self.assumed_rate):
            if rate is not None and not 0 < rate < math.inf:
                raise OptionError(f"the rate of a table must be a positive number of Hz, got {rate}")
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
            self.assumed_rate if self.assumed_rate is not None else other.assumed_rate,
        )

    def as_default(self) -> TableSettings:
        """Return the settings for later files: what a file states about its rate comes first."""
        return replace(self, rate=None, assumed_rate=self.rate or self.assumed_rate)

    def to_json(self) -> dict[str, Any]:
        """Return what is stated, as JSON-compatible data; `from_json` is the inverse."""
        return {
            key: list(v) if isinstance(v, tuple) else v
            for key, v in asdict(self).items()
            if v not in (None, ())
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TableSettings:
        """Create settings from the output of `to_json`."""
        return cls(**{**data, "columns": tuple(data.get("columns", ()))})
