"""Tables in a machine folder that describe its clips: domain-shift parameters, labels, and other names.

``attributes_00.csv`` lists the parameters of clips. ``<…>_correspondence.csv`` pairs the names of evaluation
clips with names that state domain, condition and parameters.
"""

from __future__ import annotations

import csv
import logging
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from os import PathLike
from typing import cast

from auscult.corpus.clip import Clip, Domain, Split
from auscult.corpus.dcase_names import (
    SPLIT_FOLDERS,
    parse_name,
    source_recording_from,
    split_folder_key,
)
from auscult.corpus.files import without_extension
from auscult.corpus.vocabulary import Condition
from auscult.errors import CorpusError
from auscult.runtime.natural_order import natural_order
from auscult.sound.audio_names import is_audio_name

#: (split, file name without extension) to the values of a clip; the split is ``None`` if the table does not
#: state it.
Rows = dict[tuple[Split | None, str], dict[str, str]]
_ATTRIBUTES = re.compile(r"attributes.*\.csv", re.IGNORECASE)
_CORRESPONDENCE = re.compile(r".*_correspondence\.csv", re.IGNORECASE)


def add_attributes(clips: Iterable[Clip], folder: str) -> list[Clip]:
    """Return the clips of a machine folder with what its tables state about them.

    A table of which no row matches any clip is reported as a warning.

    Raises:
        CorpusError: a table cannot be read.
    """
    clips = list(clips)
    names = {_stem(clip.path) for clip in clips}
    rows: Rows = {}
    for name in sorted(os.listdir(folder), key=natural_order):
        path = os.path.join(folder, name)
        if _ATTRIBUTES.fullmatch(name):
            table = read_attribute_table(path)
        elif _CORRESPONDENCE.fullmatch(name):
            table = read_correspondence(path)
        else:
            continue
        if table and not any(stem in names for _, stem in table):
            _report_unmatched(path, len(table))
        for key, values in table.items():
            rows.setdefault(key, {}).update(values)
    return [_with_row(clip, rows) for clip in clips]


def read_attribute_table(path: str | PathLike[str]) -> Rows:
    """Read ``attributes_NN.csv``: a file name, then parameter and value in alternating columns.

    A column whose header is not one of ``d1p,d1v,d2p,d2v,…`` contains the values of the parameter that the
    header names.

    Returns:
        (split, file name without extension) to key-value pairs; the split is ``None`` unless the name
        includes its folder, as in ``fan/test/section_00_….wav``.

    Raises:
        CorpusError: the file cannot be read as a table.
    """
    lines = _read_lines(path)
    header: list[str] = []
    if lines and not _is_clip_name(lines[0][0]):
        header = lines.pop(0)
    table: Rows = {}
    for cells in lines:
        if cells[0]:
            *folders, _ = cells[0].replace("\\", "/").split("/")
            key = split_folder_key(folders[-1]) if folders else None
            split = SPLIT_FOLDERS[key][0] if key else None
            table[split, _stem(cells[0])] = _pairs(header, cells)
    return table


def read_correspondence(path: str | PathLike[str]) -> Rows:
    """Read ``<…>_correspondence.csv``: in each row the file name of a clip and a name that states more.

    The names may be in any order; that with a condition or a domain describes the others.

    Returns:
        As `read_attribute_table`, with ``condition``, ``domain`` and the attributes of the name.

    Raises:
        CorpusError: the file cannot be read as a table.
    """
    table: Rows = {}
    for cells in _read_lines(path):
        names = {_stem(cell): fields for cell in cells if (fields := parse_name(cell))}
        described = {stem: fields for stem, fields in names.items() if fields.condition or fields.domain}
        for fields in described.values():
            facts = {"condition": fields.condition, "domain": fields.domain}
            row = {**{key: value for key, value in facts.items() if value}, **fields.attributes}
            table.update({(None, stem): row for stem in names.keys() - described.keys()})
    return table


def _read_lines(path: str | PathLike[str]) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = ([cell.strip() for cell in line] for line in csv.reader(file))
            return [line for line in lines if any(line)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(path, f"attribute table cannot be read: {error}") from error


def _is_clip_name(cell: str) -> bool:
    """Whether a cell is the name of a clip, with or without extension, and not a column header."""
    return is_audio_name(cell) or parse_name(cell) is not None


def _stem(path: str) -> str:
    """The file name without folder and extension."""
    return without_extension(re.split(r"[/\\]", path)[-1])


@lru_cache(maxsize=256)  # once for each table, although folders are opened several times
def _report_unmatched(path: str, count: int) -> None:
    logging.getLogger("auscult").warning(
        "%s: none of the %d rows names a recording of the folder; the table was not used", path, count
    )


def _pairs(header: list[str], cells: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    column = 1
    while column < len(cells):
        name = header[column] if column < len(header) else ""
        if name and not re.fullmatch(r"d[0-9]+[pv]", name, re.IGNORECASE):
            key, value, column = name, cells[column], column + 1
        else:
            key, value = cells[column], cells[column + 1] if column + 1 < len(cells) else ""
            column += 2
        if key and value:
            pairs[key] = value
    return pairs


def _with_row(clip: Clip, rows: Rows) -> Clip:
    """Add the values of the tables, and domain and condition unless the file name states them."""
    stem = _stem(clip.path)
    row = {**rows.get((None, stem), {}), **rows.get((clip.split, stem), {})}
    if not row:
        return clip
    attributes = {**clip.attributes, **row}
    domain, condition = row.get("domain", "").lower(), row.get("condition", "").lower()
    return replace(
        clip,
        attributes=attributes,
        domain=clip.domain or cast("Domain | None", domain if domain in ("source", "target") else None),
        condition=clip.condition
        or cast("Condition | None", condition if condition in ("normal", "anomaly") else None),
        source_recording=clip.source_recording or source_recording_from(attributes),
    )
