"""TDMS files of National Instruments (LabVIEW), by npTDMS."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import numpy as np

from auscult.errors import MissingExtraError, TableError
from auscult.sound.tables.nested import stated_rate
from auscult.sound.tables.table import ArrayColumn, ArrayTable


def open_tdms(path: str) -> ArrayTable:
    """Open a TDMS file; its values, scaled as the file says, are read as needed.

    The sample rate is that of the waveform properties (``wf_increment``).

    Raises:
        TableError: it is damaged.
        MissingExtraError: npTDMS is not installed.
    """
    try:
        from nptdms import TdmsFile
    except ImportError as error:
        raise MissingExtraError(f"Reading {path}", "sensors") from error
    logging.getLogger("nptdms").setLevel(logging.ERROR)  # its warnings print the bytes of damaged files
    try:
        file = TdmsFile.open(path)
    except Exception as error:  # npTDMS raises errors of many types for damaged files
        raise TableError(path, f"cannot be read as TDMS: {error or type(error).__name__}") from error
    columns: list[ArrayColumn] = []
    for group in file.groups():
        for channel in group.channels():
            if channel.dtype.kind not in "iuf" or len(channel) < 2:
                continue
            properties = dict(channel.properties)
            columns.append(
                ArrayColumn(
                    len(columns),
                    (group.name, channel.name),
                    len(channel),
                    rate=stated_rate(properties),
                    unit=str(properties.get("unit_string", "")),
                    separator="/",
                    read=partial(_read, path, channel),
                )
            )
    return ArrayTable(path, "TDMS", columns, rate=stated_rate(dict(file.properties)), close=file.close)


def _read(path: str, channel: Any, start: int, stop: int) -> np.ndarray:
    try:
        return np.asarray(channel.read_data(offset=start, length=stop - start))
    except Exception as error:
        raise TableError(
            path, f"channel {channel.name!r} is damaged: {error}", column=channel.name
        ) from error
