"""Reading CSV manifests: one recording per line, for data without a standard folder layout."""

from __future__ import annotations

import codecs
import csv
import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.conditions import condition_by_name
from auscult.corpus.dcase_names import clip_at, parse_attributes, source_recording_from
from auscult.corpus.vocabulary import Condition, holds_conditions, stated_condition
from auscult.errors import CorpusError

COLUMNS = ("path", "condition", "machine", "section", "domain", "split", "attributes", "recording")
#: Accepted cell values, in lower case (letter case is ignored), and their meaning.
_VALUES: Mapping[str, Mapping[str, str]] = {
    "domain": {"source": "source", "target": "target"},
    "split": {"train": "train", "test": "test", "supplemental": "supplemental"},
}
_MAX_LISTED = 10  # missing files listed in the error message


def read_manifest(path: str | PathLike[str], *, check_columns: bool = True) -> Corpus:
    """Read a manifest.

    The first line names the columns: ``path`` and any of ``condition`` (normal or anomaly, or another word
    of `auscult.corpus.vocabulary`), ``machine``, ``section``, ``domain``, ``split``, ``attributes``
    (``speed=3;load=0.5`` or ``speed_3_load_0.5``) and ``recording``; other columns are not used, and listed
    in `Corpus.unused_columns`. The delimiter is a comma, a semicolon or a tab; the encoding is UTF-8, or
    UTF-16 with a byte order mark. Paths are relative to the manifest. Values of empty cells are taken from
    the file name, if it follows DCASE; an empty condition also from words in the path.

    Args:
        path: the manifest.
        check_columns: refuse a manifest without ``condition`` in which another column seems to state it.

    Raises:
        CorpusError: no such file, not a table, an unknown value (with its line number), a column that seems
            to state the condition but has another name, or all recordings are missing (the first ones are
            listed). If only some are missing, reading them fails later.
    """
    path = os.fspath(path)
    try:
        with open(path, encoding=_encoding(path), newline="") as file:
            head = file.readline()
            delimiter = max(",;\t", key=head.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except FileNotFoundError:
        raise CorpusError(path, "no such manifest") from None
    except UnicodeError as error:
        raise CorpusError(path, f"is not in UTF-8: {error}; save it as CSV in UTF-8") from error
    except (OSError, csv.Error) as error:
        raise CorpusError(path, f"cannot be read as a CSV manifest: {error}") from error
    if not lines:
        raise CorpusError(
            path, f"the manifest is empty; its first line must name the columns ({', '.join(COLUMNS)})"
        )
    columns = _columns(path, lines[0][1])
    if check_columns and "condition" not in columns:
        _check_for_condition(path, columns, [cells for _, cells in lines[1:]])
    clips, missing, rows = [], [], []
    for number, cells in lines[1:]:
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise CorpusError(
                path, f"line {number} has {len(cells)} cells, but the header has {len(columns)}"
            )
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
        rows.append(row)
        clip = _clip(path, number, row)
        clips.append(clip)
        if not os.path.isfile(clip.path):
            missing.append(f"line {number}: {clip.path}")
    if missing and len(missing) == len(clips):
        more = f"; and {len(missing) - _MAX_LISTED} more" if len(missing) > _MAX_LISTED else ""
        raise CorpusError(
            path,
            f"all {len(missing)} recordings are missing: {'; '.join(missing[:_MAX_LISTED])}{more}. "
            "Paths are relative to the manifest",
        )
    if not clips:
        raise CorpusError(path, "the manifest has a header but lists no recordings")
    unused = {name: rows[0].get(name) or "VALUE" for name in columns if name and name not in COLUMNS}
    return Corpus(clips, root=path, unused_columns=unused)


def _encoding(path: str) -> str:
    with open(path, "rb") as file:
        start = file.read(2)
    return "utf-16" if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def _columns(path: str, header: list[str]) -> list[str]:
    columns = [name.strip().lower() for name in header]
    if "path" not in columns:
        raise CorpusError(
            path,
            "a manifest needs a column 'path' with the files of the recordings; line 1 names only "
            f"{', '.join(map(repr, columns))}. Known columns: {', '.join(COLUMNS)}",
        )
    for name in columns:
        if name in COLUMNS and columns.count(name) > 1:
            raise CorpusError(path, f"line 1 names the column {name!r} twice")
        similar = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.8)
        if name not in COLUMNS and similar and similar[0] not in columns:
            raise CorpusError(path, f"line 1: unknown column {name!r}; did you mean {similar[0]!r}?")
    return columns


def _clip(path: str, number: int, row: Mapping[str, str]) -> Clip:
    if not row.get("path"):
        raise CorpusError(path, f"line {number} has no path")
    clip = clip_at(os.path.join(os.path.dirname(path), row["path"]))
    if cell := row.get("condition"):
        clip = replace(clip, condition=_condition(path, number, cell))
    else:
        clip = condition_by_name(clip, _folders(path, clip))
    fields: dict[str, Any] = {name: row[name] for name in ("machine", "section") if row.get(name)}
    if row.get("recording"):
        fields["source_recording"] = row["recording"]
    for name, meanings in _VALUES.items():
        if cell := row.get(name):
            if cell.lower() not in meanings:
                raise CorpusError(
                    path, f"line {number}: {name} must be one of {', '.join(meanings)}, got {cell!r}"
                )
            fields[name] = meanings[cell.lower()]
    if raw := row.get("attributes"):
        fields["raw_attributes"] = raw
        fields["attributes"] = _pairs(path, number, raw) if "=" in raw else parse_attributes(raw)
        fields.setdefault(
            "source_recording", source_recording_from(fields["attributes"]) or clip.source_recording
        )
    return replace(clip, **fields)


def _pairs(path: str, number: int, raw: str) -> dict[str, str]:
    pairs = {}
    for piece in filter(None, (piece.strip() for piece in raw.split(";"))):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not (key and equals and value) or key in pairs:
            raise CorpusError(
                path, f"line {number}: attributes must have the form key=value;key=value, got {raw!r}"
            )
        pairs[key] = value
    return pairs


def _condition(path: str, number: int, cell: str) -> Condition:
    """The condition that a cell states."""
    meaning = stated_condition(cell)
    if meaning is None:
        raise CorpusError(
            path,
            f"line {number}: condition must be one of normal, 0, anomaly, 1 (or a word such as ok, good, "
            f"faulty or defect), got {cell!r}",
        )
    return meaning


def _folders(path: str, clip: Clip) -> list[str]:
    """The folders of a recording below that of the manifest, or all of them if it is elsewhere."""
    folder = os.path.dirname(os.path.abspath(clip.path))
    below = os.path.relpath(folder, os.path.dirname(os.path.abspath(path)))
    return (folder if below.startswith(os.pardir) else below).split(os.sep)


def _check_for_condition(path: str, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Raise `CorpusError` if a column that has no meaning to auscult seems to state the condition."""
    for index, name in enumerate(columns):
        if name in COLUMNS:
            continue
        cells = {line[index].strip() for line in lines if index < len(line) and line[index].strip()}
        if holds_conditions(name, cells):
            raise CorpusError(
                path,
                f"there is no column 'condition', but {name!r} looks like it (values: "
                f"{', '.join(sorted(cells)[:3])}). "
                "Rename it to 'condition' (values normal or 0, anomaly or 1), or remove it, or state what "
                "the recordings are with `conditions={'PATTERN': 'normal'}`",
            )
