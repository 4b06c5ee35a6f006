"""A table as its columns: what all formats have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.errors import TableError

#: Rows that are read at a time.
BLOCK = 65_536


@dataclass(frozen=True)
class Column:
    """One column of numbers.

    Attributes:
        index: its number in the file, from 0.
        parts: its name, as the parts of a path: ``("bearing", "gs")``; empty without a name.
        length: number of values.
        rate: sample rate in Hz, if the file states one for this column.
        unit: unit of the values as the file states it; empty if it does not.
        separator: what stands between the parts of the name when it is written.
        note: what the user should know about the values.
    """

    index: int
    parts: tuple[str, ...]
    length: int
    rate: float | None = None
    unit: str = ""
    separator: str = "."
    note: str = ""

    @property
    def name(self) -> str:
        """The name as written in messages; the number if there is none."""
        return self.separator.join(self.parts) or str(self.index)


class Table(ABC):
    """An open table.

    Attributes:
        path: the file.
        format: name of the format (``"CSV"``, …).
        columns: its columns of numbers, in the order of the file.
        rate: sample rate in Hz, if the file states one for all columns.
    """

    path: str
    format: str
    columns: Sequence[Column]
    rate: float | None = None

    @abstractmethod
    def blocks(self, columns: Sequence[Column]) -> Iterator[np.ndarray]:
        """Yield the (B, len(columns)) float64 values of columns of equal length, block by block.

        Raises (while iterating):
            TableError: a value is not a number, or the file is damaged.
        """

    @abstractmethod
    def ends(self, columns: Sequence[Column], count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the first and the last ``count`` rows of columns of equal length, (≤ count, …) float64."""

    def line(self, row: int) -> int:
        """Return the line of the file, or the row from 1, that holds the row with this index from 0."""
        return row + 1

    def close(self) -> None:  # noqa: B027 - most formats keep no file open
        """Close the file."""


@dataclass(frozen=True)
class ArrayColumn(Column):
    """A column whose values can be read in any order.

    Attributes:
        read: returns the values from one index to another; also values that are no float64.
    """

    read: Callable[[int, int], np.ndarray] = lambda start, stop: np.empty(0)


class ArrayTable(Table):
    """A table whose columns can be read in any order.

    Args:
        path: the file.
        format: name of the format.
        columns: its columns.
        rate: sample rate in Hz, if the file states one for all columns.
        close: closes the file.
    """

    def __init__(
        self,
        path: str,
        format: str,
        columns: Sequence[ArrayColumn],
        *,
        rate: float | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self.path, self.format, self.columns, self.rate = path, format, columns, rate
        self._close = close

    def blocks(self, columns: Sequence[Column]) -> Iterator[np.ndarray]:
        for start in range(0, columns[0].length, BLOCK):
            yield self._rows(columns, start, min(start + BLOCK, columns[0].length))

    def ends(self, columns: Sequence[Column], count: int) -> tuple[np.ndarray, np.ndarray]:
        length = columns[0].length
        return self._rows(columns, 0, min(count, length)), self._rows(columns, max(0, length - count), length)

    def close(self) -> None:
        if self._close:
            self._close()

    def _rows(self, columns: Sequence[Column], start: int, stop: int) -> np.ndarray:
        values = np.empty((stop - start, len(columns)))
        for i, column in enumerate(columns):
            assert isinstance(column, ArrayColumn)
            try:
                with np.errstate(invalid="ignore"):  # NaN is reported with its place
                    values[:, i] = column.read(start, stop)
            except (OSError, ValueError) as error:
                raise TableError(
                    self.path, f"column {column.name!r} is damaged: {error}", column=column.name
                ) from error
        return values
