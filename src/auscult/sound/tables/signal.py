"""A table opened as a recording: its channels, its sample rate, and their values block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from auscult.errors import EmptyAudio, TableError, UnsupportedAudio
from auscult.findings import Finding
from auscult.sound.limits import MAX_CHANNELS, MAX_RATE, MIN_RATE
from auscult.sound.tables.arrow_files import open_feather, open_parquet
from auscult.sound.tables.hdf5 import open_hdf5
from auscult.sound.tables.kinds import Kind, table_kind
from auscult.sound.tables.matlab import open_mat
from auscult.sound.tables.numpy_files import open_npy, open_npz
from auscult.sound.tables.own_files import is_written_by_auscult
from auscult.sound.tables.selection import choose_channels
from auscult.sound.tables.settings import TableSettings
from auscult.sound.tables.sidecar import settings_for
from auscult.sound.tables.table import Column, Table
from auscult.sound.tables.tdms import open_tdms
from auscult.sound.tables.text_table import TextTable
from auscult.sound.tables.time_axis import TimeAxis, check_times, rate_by_times
from auscult.sound.tables.uff import open_uff

_OPENERS: Mapping[Kind, Callable[[str], Table]] = {
    "text": TextTable,
    "npy": open_npy,
    "npz": open_npz,
    "mat": open_mat,
    "hdf5": open_hdf5,
    "parquet": open_parquet,
    "feather": open_feather,
    "tdms": open_tdms,
    "uff": open_uff,
}


@dataclass(frozen=True)
class Signal:
    """An open table as a recording.

    Attributes:
        path: the file.
        format: name of its format (``"CSV"``, …).
        sample_rate: in Hz.
        samples: number of samples of each channel.
        channels: number of channels.
        names: names of the channels; empty if they have none.
        notes: what the user should know about the file.
    """

    path: str
    format: str
    sample_rate: int
    samples: int
    channels: int
    names: tuple[str, ...]
    notes: tuple[Finding, ...]
    _table: Table
    _columns: tuple[Column, ...]
    _times: tuple[TimeAxis, float] | None  # with the sample rate by them
    _scale: float

    def blocks(self, channel: int) -> Iterator[np.ndarray]:
        """Yield (B,) float32 blocks of samples of a channel, which are finite unless the scale is too large.

        Raises (while iterating):
            TableError: a value is missing or no number, or the times are not evenly spaced.
            NonFiniteAudio: a value of a text file is NaN or infinite.
        """
        columns = [self._columns[channel]]
        if self._times is None:
            blocks = self._table.blocks(columns)
        else:
            axis, rate = self._times
            blocks = check_times(self._table, axis, rate, self._table.blocks([*columns, *axis.columns]))
        with np.errstate(over="ignore"):  # reported as infinite
            for block in blocks:
                values = block[:, 0] if self._scale == 1 else block[:, 0] * self._scale
                yield values.astype(np.float32)


@contextmanager
def open_signal(path: str, settings: TableSettings | None = None) -> Iterator[Signal | None]:
    """Open a table as a recording; ``None`` for a file that is no table, and is read as audio.

    Args:
        path: the file.
        settings: what is known about it; by default what its sidecar says.

    Raises:
        TableError: it is damaged, no signal, written by auscult, or has not the stated columns; or its sample
            rate is unknown.
        EmptyAudio: it has no values.
        UnsupportedAudio: the sample rate is outside 0.5–384 kHz, or it has more than 16 channels.
        MissingExtraError: the package that reads this format is not installed.
        OptionError: its sidecar is not valid.
    """
    kind = table_kind(path)
    if kind is None:
        yield None
        return
    if is_written_by_auscult(path):
        raise TableError(path, "is a list or a result of auscult, no recording")
    settings = settings_for(path) if settings is None else settings
    default = settings.default or TableSettings()
    table = _OPENERS[kind](path)
    try:
        columns, times = choose_channels(table, settings.columns or default.columns, MAX_CHANNELS)
        if not columns[0].length:
            raise EmptyAudio(path, "contains no samples")
        rate, used_times = _rate(table, columns, times, settings.rate, default.rate)
        names = tuple(column.name for column in columns) if all(column.parts for column in columns) else ()
        if not settings.columns:
            _check_names(path, names, default)
        scale = default.scale if settings.scale is None else settings.scale
        yield Signal(
            path,
            table.format,
            rate,
            columns[0].length,
            len(columns),
            names,
            tuple(dict.fromkeys(Finding("table_layout", column.note) for column in columns if column.note)),
            table,
            columns,
            used_times,
            1.0 if scale is None else scale,
        )
    finally:
        table.close()


def _check_names(path: str, names: tuple[str, ...], default: TableSettings) -> None:
    """Raise an error if channels that are chosen by number have other names than those of a model."""
    by_name = any(not column.isdecimal() for column in default.columns)
    if by_name or not names or not default.names or names == default.names:
        return
    own = "column is" if len(names) == 1 else "columns are"
    of_model = "that" if len(default.names) == 1 else "those"
    meant = "is" if len(default.names) == 1 else "are"
    raise UnsupportedAudio(
        path,
        f"its {own} {', '.join(names)}, but {of_model} of the model {', '.join(default.names)}: state which "
        f"{meant} meant with `TableSettings(columns=[NAME])`",
    )


def _rate(
    table: Table,
    columns: tuple[Column, ...],
    times: list[TimeAxis],
    stated: float | None,
    default: float | None,
) -> tuple[int, tuple[TimeAxis, float] | None]:
    """The sample rate in Hz; if it is by times, these with the rate before it is rounded."""
    stated = stated or next((c.rate for c in columns if c.rate), None) or table.rate
    if stated is not None:
        return _checked(table.path, stated), None
    reasons = []
    for axis in sorted(times, key=lambda axis: not axis.named):
        rate = rate_by_times(table, axis)
        if rate is not None and MIN_RATE <= round(rate) <= MAX_RATE:
            return round(rate), (axis, rate)
        if axis.named:
            by_times = "no certain rate" if rate is None else f"{rate:.6g} Hz"
            reasons.append(
                f"its column {axis.name} gives {by_times}, in seconds unless the header has another unit"
            )
    if default is not None:
        return _checked(table.path, default), None
    reason = "; ".join(reasons) or "it has no column of times and states none"
    raise TableError(
        table.path,
        f"its sample rate is not known: {reason}. State it with `TableSettings(rate=HZ)`, or "
        "as rate in the section [recordings] of an auscult.toml in the folder",
    )


def _checked(path: str, rate: float) -> int:
    if not MIN_RATE <= round(rate) <= MAX_RATE:
        reason = f"sample rate must be from {MIN_RATE} to {MAX_RATE} Hz, got {rate:g} Hz"
        raise UnsupportedAudio(path, reason)
    return round(rate)
