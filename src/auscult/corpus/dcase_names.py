"""DCASE Challenge Task 2, 2020 to 2026: file names, machine folders and attribute tables.

A machine folder is ``<machine>/{train,test,supplemental}/``; in 2021 the evaluation test clips are in
``source_test/`` and ``target_test/``. ``test_rename/``, if present, contains copies of the evaluation clips
under names that state domain and condition, and is used instead of ``test/``. ``attributes_00.csv`` in the
machine folder lists the domain-shift parameters of each clip. Letter case of folder names does not matter;
``training/`` and ``testing/`` are read as ``train/`` and ``test/``.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import cast

from auscult.corpus.clip import Clip, Condition, Corpus, Domain, Split
from auscult.corpus.files import (
    AUDIO_EXTENSIONS,
    FolderReport,
    audio_files,
    holds_audio,
    is_audio_name,
    natural_order,
    subfolders,
)
from auscult.errors import CorpusError

#: Folders that make their parent a machine folder, with the split and domain of their clips.
SPLIT_FOLDERS: Mapping[str, tuple[Split, Domain | None]] = {
    "train": ("train", None),
    "test": ("test", None),
    "source_test": ("test", "source"),
    "target_test": ("test", "target"),
    "test_rename": ("test", None),
    "supplemental": ("supplemental", None),
}
_OTHER_NAMES = {"training": "train", "testing": "test"}
LABELLED_TEST_FOLDER = "test_rename"
#: Folders with the originals of the clips in `LABELLED_TEST_FOLDER`.
UNLABELLED_TEST_FOLDERS = ("test", "source_test", "target_test")

# Names from 2021 on, including those with missing slots: hidden evaluation names (section_00_0000), those
# with only a domain (2021: section_03_source_test_0000), and RoboticArm of 2024, which lack the split.
_SECTION_NAME = re.compile(
    r"section_(?P<section>[0-9]+)"
    r"(?:_(?P<domain>source|target))?(?:_(?P<split>train|test))?(?:_(?P<condition>normal|anomaly))?"
    r"_(?P<index>[0-9]+)(?:_(?P<attributes>.*))?",
    re.IGNORECASE,
)
_SUPPLEMENTAL_NAME = re.compile(
    r"section_(?P<section>[0-9]+)_(?!(?:source|target|train|test|normal|anomaly)_)"
    r"(?P<tag>[a-z][a-z0-9-]*)_(?P<index>[0-9]+)(?:_(?P<attributes>.*))?",
    re.IGNORECASE,
)
_NAME_OF_2020 = re.compile(
    r"(?:(?P<condition>normal|anomaly)_)?id_(?P<section>[0-9]+)_(?P<index>[0-9]+)", re.IGNORECASE
)
_KEY = re.compile(r"[^\W\d_]+")  # letters alone: "spd" is a parameter, "spd1000" and "m-n" are not


@dataclass(frozen=True)
class NameFields:
    """The fields of a DCASE file name; ``None`` for a field that the name does not state.

    Attributes:
        section: section, or in 2020 the machine id, as written (``"00"``).
        index: running number as written.
        split, domain, condition: as in :class:`~auscult.corpus.Clip`.
        tag: the slot after the section in supplemental names (``"machine"``), as written.
        attributes: key-value pairs, if the attribute part consists of pairs.
        raw_attributes: the attribute part as written; ``""`` if the name ends in an underscore.
    """

    section: str
    index: str
    split: Split | None = None
    domain: Domain | None = None
    condition: Condition | None = None
    tag: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    raw_attributes: str | None = None


def parse_name(file_name: str) -> NameFields | None:
    """Parse a DCASE file name of any year, with or without folder and audio extension, in any letter case.

    Returns:
        The fields, or ``None`` if the name follows no DCASE grammar. Never raises.
    """
    stem = re.split(r"[/\\]", file_name)[-1]
    if os.path.splitext(stem)[1].lower() in AUDIO_EXTENSIONS:  # ".5" of "…_vel_0.5" is no extension
        stem = os.path.splitext(stem)[0]
    for grammar in (_SECTION_NAME, _NAME_OF_2020, _SUPPLEMENTAL_NAME):
        if match := grammar.fullmatch(stem):
            break
    else:
        return None
    fields = match.groupdict()
    tag, raw = fields.get("tag"), fields.get("attributes")
    return NameFields(
        section=fields["section"],
        index=fields["index"],
        split="supplemental" if tag else cast("Split | None", _lower(fields.get("split"))),
        domain=cast("Domain | None", _lower(fields.get("domain"))),
        condition=cast("Condition | None", _lower(fields.get("condition"))),
        tag=tag,
        attributes=parse_attributes(raw) if raw else {},
        raw_attributes=raw,
    )


def parse_attributes(raw: str) -> dict[str, str]:
    """Parse the key-value pairs of an attribute part such as ``car_A1_spd_28V_mic_1``.

    Values may be anything without an underscore (``28V``, ``-0.5``); keys consist of letters only and are
    unique. If the text does not consist entirely of such pairs (``weight15_BckgF``, ``m-n_X``,
    ``ac_0.03_``, ``noAttribute``), the result is empty, since parsing a part of it would be guessing.
    """
    slots = raw.split("_")
    keys, values = slots[0::2], slots[1::2]
    paired = len(keys) == len(values) and all(values) and all(_KEY.fullmatch(key) for key in keys)
    return dict(zip(keys, values, strict=True)) if paired and len(set(keys)) == len(keys) else {}


def clip_at(
    path: str | PathLike[str], *, machine: str | None = None, split_folder: str | None = None
) -> Clip:
    """Create a clip with the metadata in its file name, and in its folders if these follow DCASE.

    Args:
        path: the audio file, which need not exist.
        machine: the machine, if known.
        split_folder: the key of :data:`SPLIT_FOLDERS` of the folder that contains the file, if known. By
            default it is that of the parent folder, if the file name follows a DCASE grammar and the folder
            has one; the machine is then the folder above.
    """
    path = os.fspath(path)
    fields = parse_name(path)
    if fields and split_folder is None:
        parent = os.path.dirname(os.path.abspath(path))
        if split_folder := split_folder_key(os.path.basename(parent)):
            machine = machine or os.path.basename(os.path.dirname(parent)) or None
    split, domain = SPLIT_FOLDERS[split_folder] if split_folder else (None, None)
    if fields is None:
        return Clip(path=path, machine=machine, split=split, domain=domain, attributes={})
    attributes = {**fields.attributes, **({"tag": fields.tag} if fields.tag else {})}
    return Clip(
        path=path,
        machine=machine,
        section=fields.section,
        split=split or fields.split,
        domain=fields.domain or domain,
        condition=fields.condition,
        attributes=attributes,
        raw_attributes=fields.raw_attributes,
        source_recording=source_recording_from(attributes),
    )


def source_recording_from(attributes: Mapping[str, str]) -> str | None:
    """Return the recording that a clip was cut from, if an attribute ``recording`` or ``rec`` names it."""
    return attributes.get("recording") or attributes.get("rec")


def split_folder_key(name: str) -> str | None:
    """Return the key of :data:`SPLIT_FOLDERS` that a folder name stands for, or ``None``."""
    key = _OTHER_NAMES.get(name.lower(), name.lower())
    return key if key in SPLIT_FOLDERS else None


def is_machine_folder(folder: str | PathLike[str]) -> bool:
    """Whether this folder has audio files in at least one split folder and none directly in it."""
    folder = os.fspath(folder)
    splits = [os.path.join(folder, name) for name in subfolders(folder) if split_folder_key(name)]
    return bool(splits) and not holds_audio(folder, recursive=False) and any(map(holds_audio, splits))


def machine_corpus(
    folder: str | PathLike[str], *, machine: str | None = None, report: FolderReport | None = None
) -> Corpus:
    """Return all clips of one machine folder: training, then test, then supplemental clips, then others.

    Others are those in folders that are no split folder; their split is unknown.

    If ``test_rename/`` contains clips, these are the test clips, since their names state domain and
    condition; :func:`~auscult.corpus.hidden_names` returns the names that a submission must use.

    Args:
        folder: the machine folder.
        machine: the machine's name; by default the folder's name.
        report: what is left out of the split folders is added to it.

    Raises:
        CorpusError: there are no clips, a folder cannot be listed (without ``report``), or an attribute table
            cannot be read.
    """
    folder = os.fspath(folder)
    machine = machine or os.path.basename(os.path.abspath(folder))
    present: dict[str | None, list[str]] = {key: [] for key in (*SPLIT_FOLDERS, None)}
    for name in subfolders(folder):
        present[split_folder_key(name)] += audio_files(os.path.join(folder, name), report=report)
    ignored = UNLABELLED_TEST_FOLDERS if present[LABELLED_TEST_FOLDER] else ()
    clips = [
        clip_at(path, machine=machine, split_folder=key)
        for key, paths in present.items()
        if key not in ignored
        for path in paths
    ]
    if not clips:
        raise CorpusError(folder, f"no audio files in any of {', '.join(SPLIT_FOLDERS)}")
    tables = [n for n in os.listdir(folder) if re.fullmatch(r"attributes.*\.csv", n, re.IGNORECASE)]
    rows: dict[tuple[Split | None, str], dict[str, str]] = {}
    for name in sorted(tables, key=natural_order):
        rows.update(read_attribute_table(os.path.join(folder, name)))
    return Corpus((_with_table_row(clip, rows) for clip in clips), root=folder)


def read_attribute_table(path: str | PathLike[str]) -> dict[tuple[Split | None, str], dict[str, str]]:
    """Read ``attributes_NN.csv``: a file name, then parameter and value in alternating columns.

    A column whose header is not one of ``d1p,d1v,d2p,d2v,…`` contains the values of the parameter that the
    header names.

    Returns:
        (split, file name) to key-value pairs; the split is ``None`` unless the name includes its folder, as
        in ``fan/test/section_00_….wav``.

    Raises:
        CorpusError: the file cannot be read as a table.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(path, f"attribute table cannot be read: {error}") from error
    header: list[str] = []
    if lines and lines[0] and not is_audio_name(lines[0][0].strip()):
        header = [name.strip() for name in lines.pop(0)]
    table: dict[tuple[Split | None, str], dict[str, str]] = {}
    for line in lines:
        cells = [cell.strip() for cell in line]
        if cells and cells[0]:
            *folders, name = cells[0].replace("\\", "/").split("/")
            key = split_folder_key(folders[-1]) if folders else None
            split = SPLIT_FOLDERS[key][0] if key else None
            table[split, name] = _pairs(header, cells)
    return table


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


def _with_table_row(clip: Clip, rows: Mapping[tuple[Split | None, str], Mapping[str, str]]) -> Clip:
    """Add the pairs of the attribute table, and domain and condition unless the file name states them."""
    name = os.path.basename(clip.path)
    row = rows.get((clip.split, name)) or rows.get((None, name))
    if not row:
        return clip
    attributes = {**clip.attributes, **row}
    domain, condition = _lower(row.get("domain")), _lower(row.get("condition"))
    return replace(
        clip,
        attributes=attributes,
        domain=clip.domain or cast("Domain | None", domain if domain in ("source", "target") else None),
        condition=clip.condition
        or cast("Condition | None", condition if condition in ("normal", "anomaly") else None),
        source_recording=clip.source_recording or source_recording_from(attributes),
    )


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None
