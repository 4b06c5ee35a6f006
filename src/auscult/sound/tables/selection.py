"""The channels of a table: its columns by name, number, pattern or path."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from auscult.errors import TableError, UnsupportedAudio
from auscult.sound.tables.table import Column, Table
from auscult.sound.tables.time_axis import TimeAxis, find_times

_MAX_NAMED = 12  # columns that a message names


def choose_channels(
    table: Table, wanted: Sequence[str], max_channels: int
) -> tuple[tuple[Column, ...], list[TimeAxis]]:
    """Return the columns that are channels, and those of times beside them.

    Args:
        table: the table.
        wanted: names, numbers from 0, patterns or paths; without any all columns but times are channels.
        max_channels: largest number of channels.

    Raises:
        TableError: there is no such column, or it is not clear which columns are meant.
        UnsupportedAudio: there are too many channels.
    """
    if not table.columns:
        raise TableError(table.path, f"the {table.format} file has no column of numbers")
    if wanted:
        named: list[Column] = []
        for pattern in wanted:
            named += (c for c in _matching(table, pattern) if c not in named)
        channels = named
        lengths = {column.length for column in channels}
        times = find_times(table, channels[0].length) if len(lengths) == 1 else []
        times = [axis for axis in times if not set(axis.columns) & set(channels)]
    else:
        lengths = {column.length for column in table.columns}
        longest = max(lengths)
        times = find_times(table, longest) if len(lengths) == 1 else []
        channels = _without(table.columns, times)
        if not channels:  # all columns increase evenly: a table of one column, or of ramps
            channels, times = list(table.columns), []
    if len(lengths) > 1:
        raise TableError(
            table.path,
            f"its columns have different lengths: {_listed(channels, lengths=True)}. State which are meant "
            "with `TableSettings(columns=[NAME])`",
        )
    if len(channels) > max_channels:
        raise UnsupportedAudio(
            table.path,
            f"{len(channels)} columns, but at most {max_channels} channels are supported: state which "
            f"are meant with `TableSettings(columns=[NAME])`; there are {_listed(channels)}",
        )
    return tuple(channels), times


def _without(columns: Sequence[Column], times: Sequence[TimeAxis]) -> list[Column]:
    of_times = {column for axis in times for column in axis.columns}
    return [column for column in columns if column not in of_times]


def _matching(table: Table, pattern: str) -> list[Column]:
    """The columns that a name, number, pattern or path stands for: by the first of these that fits any."""
    columns = table.columns
    rules = (
        lambda c: pattern == c.name,
        lambda c: pattern == str(c.index),
        lambda c: pattern in _paths(c),
        lambda c: any(fnmatchcase(path, pattern) for path in _paths(c)),
        lambda c: pattern.casefold() in (path.casefold() for path in _paths(c)),
        lambda c: any(
            path.startswith(below) for path in _paths(c) for below in (f"{pattern}.", f"{pattern}/")
        ),
    )
    for rule in rules:
        if matching := [column for column in columns if rule(column)]:
            return matching
    close = difflib.get_close_matches(pattern, [c.parts[-1] for c in columns if c.parts], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    message = f"no column {pattern!r}{hint}; there are {_listed(columns)}"
    raise TableError(table.path, message, column=pattern)


def _paths(column: Column) -> list[str]:
    """The name of a column and its ends, with both separators: ``a.b.c``, ``a/b/c``, ``b.c``, … ``c``."""
    ends = [column.parts[i:] for i in range(len(column.parts))]
    return [separator.join(end) for end in ends for separator in (".", "/")]


def _listed(columns: Sequence[Column], *, lengths: bool = False) -> str:
    """``0 time, 1 acc_h, 2 acc_v`` and so on."""
    names = [
        " ".join(
            [
                str(c.index),
                *([c.name] if c.parts else []),
                *([f"({c.length:,} values)"] if lengths else []),
            ]
        )
        for c in columns[:_MAX_NAMED]
    ]
    more = f" and {len(columns) - _MAX_NAMED} more" if len(columns) > _MAX_NAMED else ""
    return ", ".join(names) + more
