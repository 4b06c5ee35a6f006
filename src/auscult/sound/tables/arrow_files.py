"""Parquet and Feather files, by pyarrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from auscult.errors import MissingExtraError, NonFiniteAudio, TableError
from auscult.sound.tables.nested import stated_rate
from auscult.sound.tables.table import BLOCK, Column, Table


def open_parquet(path: str) -> ArrowTable:
    """Open a Parquet file; raises as `ArrowTable`."""
    import_arrow(path)
    import pyarrow.parquet as parquet

    def open_file(file: Any) -> tuple[Any, int, Callable[[list[str]], Iterator[Any]]]:
        content = parquet.ParquetFile(file)
        return (
            content.schema_arrow,
            content.metadata.num_rows,
            lambda names: content.iter_batches(BLOCK, columns=names),
        )

    return ArrowTable(path, "Parquet", open_file)


def open_feather(path: str) -> ArrowTable:
    """Open a Feather file, of version 1 or 2 (Arrow IPC); raises as `ArrowTable`."""
    import_arrow(path)
    from pyarrow import feather

    def open_file(file: Any) -> tuple[Any, int, Callable[[list[str]], Iterator[Any]]]:
        content = feather.read_table(file, memory_map=False)
        return (
            content.schema,
            content.num_rows,
            lambda names: iter(content.select(names).to_batches(BLOCK)),
        )

    return ArrowTable(path, "Feather", open_file)


def import_arrow(path: str) -> None:
    """Raise `MissingExtraError` if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"Reading {path}", "sensors") from error


class ArrowTable(Table):
    """The columns of numbers and of times in a file of pyarrow.

    Args:
        path: the file.
        format: name of the format.
        open_file: returns the schema, the number of rows, and a function that iterates over batches of rows
            of named columns.

    Raises:
        TableError: the file is damaged.
    """

    def __init__(
        self,
        path: str,
        format: str,
        open_file: Callable[[Any], tuple[Any, int, Callable[[list[str]], Iterator[Any]]]],
    ) -> None:
        import pyarrow as pa

        self.path, self.format = path, format
        self._file = pa.OSFile(path)  # a local file: a path might be taken for an address
        try:
            schema, rows, self._batches = open_file(self._file)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._file.close()
            raise TableError(path, f"cannot be read as {format}: {_reason(error)}") from error
        self._seconds = {
            field.name: _seconds_per_unit(pa, field.type)
            for field in schema
            if pa.types.is_temporal(field.type)
        }
        self._names = [field.name for field in schema]
        self.columns = [
            Column(i, (field.name,), rows, unit="s" if field.name in self._seconds else "")
            for i, field in enumerate(schema)
            if self._names.count(field.name) == 1
            and (
                pa.types.is_integer(field.type)
                or pa.types.is_floating(field.type)
                or pa.types.is_decimal(field.type)
                or self._seconds.get(field.name)
            )
        ]
        metadata = {key.decode(errors="replace"): value for key, value in (schema.metadata or {}).items()}
        self.rate = stated_rate({key: _number(value) for key, value in metadata.items()})

    def blocks(self, columns: Sequence[Column]) -> Iterator[np.ndarray]:
        import pyarrow as pa

        names = [self._names[column.index] for column in columns]
        row = 0
        try:
            for batch in self._batches(list(dict.fromkeys(names))):
                values = np.empty((batch.num_rows, len(names)))
                for i, name in enumerate(names):
                    values[:, i] = self._values(pa, batch.column(name), columns[i], row)
                row += batch.num_rows
                yield values
        except (pa.ArrowException, OSError) as error:
            raise TableError(self.path, f"damaged after row {row}: {_reason(error)}") from error

    def ends(self, columns: Sequence[Column], count: int) -> tuple[np.ndarray, np.ndarray]:
        first = last = np.empty((0, len(columns)))
        for block in self.blocks(columns):
            if len(first) < count:
                first = np.concatenate([first, block])[:count]
            last = np.concatenate([last, block])[-count:]
        return first, last

    def close(self) -> None:
        self._file.close()

    def _values(self, pa: Any, array: Any, column: Column, row: int) -> np.ndarray:
        """Values as float64; times in seconds."""
        if array.null_count:
            missing = row + int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
            raise NonFiniteAudio(self.path, f"row {missing + 1}, column {column.name!r} has no value")
        if seconds := self._seconds.get(column.name):
            width = pa.int32() if array.type.bit_width == 32 else pa.int64()
            ticks = array.cast(width).to_numpy(zero_copy_only=False)
            self._origin = getattr(self, "_origin", int(ticks[0]) if len(ticks) else 0)
            return (ticks - self._origin) * seconds  # relative to the first, which keeps the precision
        return array.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _seconds_per_unit(pa: Any, kind: Any) -> float | None:
    """Seconds in a unit of a type of times; ``None`` for a date without time."""
    unit = getattr(kind, "unit", None) if not pa.types.is_date(kind) else None
    return {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}.get(str(unit)) if unit else None


def _number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
