"""DCASE Challenge Task 2, 2020 to 2026: file names.

Letter case of folder names does not matter; ``training/`` and ``testing/`` are read as ``train/`` and
``test/``. See `auscult.corpus.machine_folder` for the folders.

MIMII, from which these data sets were made, has ``<machine>/id_<NN>/{normal,abnormal}/<8 digits>.wav``; its
ids are read as sections, as in 2020.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import cast

from auscult.corpus.clip import Clip, Domain, Split
from auscult.corpus.files import without_extension
from auscult.corpus.vocabulary import Condition

#: Folders that make their parent a machine folder, with the split and domain of their clips.
SPLIT_FOLDERS: Mapping[str, tuple[Split, Domain | None]] = {
    "train": ("train", None),
    "test": ("test", None),
    "source_test": ("test", "source"),
    "target_test": ("test", "target"),
    "test_rename": ("test", None),
    "supplemental": ("supplemental", None),
}
#: Attributes that name the recording that a clip was cut from.
SOURCE_ATTRIBUTES = ("recording", "rec")
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
# 2025 and 2026, where names of four forms are in use: section_00_machine_0001_,
# section_00_machine_source_0000_noAttribute, section_00_source_supplemental_machine_0000 and
# section_00_noise_supplemental_normal_0000.
_SUPPLEMENTAL_NAME = re.compile(
    r"section_(?P<section>[0-9]+)_(?P<words>[a-z][a-z0-9-]*(?:_[a-z][a-z0-9-]*)*?)"
    r"_(?P<index>[0-9]+)(?:_(?P<attributes>.*))?",
    re.IGNORECASE,
)
_SUPPLEMENTAL_WORDS = frozenset({"supplemental", "supplement"})
_DOMAINS = frozenset({"source", "target"})
_OTHER_SLOTS = frozenset({"train", "test", "normal", "anomaly"})
_NAME_OF_2020 = re.compile(
    r"(?:(?P<condition>normal|anomaly)_)?id_(?P<section>[0-9]+)_(?P<index>[0-9]+)", re.IGNORECASE
)
_MIMII_MACHINES = frozenset({"fan", "pump", "slider", "valve"})
_MIMII_PATH = re.compile(
    r".*/(?P<parent>[^/]*)/id_(?P<section>[0-9]{2})/(?:normal|abnormal)/[0-9]{8}\.[a-z0-9]+",
    re.IGNORECASE,
)
_KEY = re.compile(r"[^\W\d_]+")  # letters alone: "spd" is a parameter, "spd1000" and "m-n" are not


@dataclass(frozen=True)
class NameFields:
    """The fields of a DCASE file name; ``None`` for a field that the name does not state.

    Attributes:
        section: section, or in 2020 the machine id, as written (``"00"``).
        index: running number as written.
        split, domain, condition: as in `auscult.corpus.Clip`.
        tag: what a supplemental clip contains (``"machine"``, ``"noise"``), in lower case.
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
    stem = without_extension(stem)
    for grammar in (_SECTION_NAME, _NAME_OF_2020, _SUPPLEMENTAL_NAME):
        if match := grammar.fullmatch(stem):
            break
    else:
        return None
    fields = match.groupdict()
    raw = fields.get("attributes")
    if words := fields.get("words"):
        return _supplemental_fields(fields["section"], fields["index"], words.lower(), raw)
    return NameFields(
        section=fields["section"],
        index=fields["index"],
        split=cast("Split | None", _lower(fields.get("split"))),
        domain=cast("Domain | None", _lower(fields.get("domain"))),
        condition=cast("Condition | None", _lower(fields.get("condition"))),
        attributes=parse_attributes(raw) if raw else {},
        raw_attributes=raw,
    )


def _supplemental_fields(section: str, index: str, words: str, raw: str | None) -> NameFields | None:
    """The fields of a supplemental name, whose slots are in no fixed order; the condition is not stated."""
    slots = words.split("_")
    tags = [w for w in slots if w not in _DOMAINS | _SUPPLEMENTAL_WORDS | _OTHER_SLOTS]
    if not tags or (_OTHER_SLOTS.intersection(slots) and not _SUPPLEMENTAL_WORDS.intersection(slots)):
        return None
    return NameFields(
        section=section,
        index=index,
        split="supplemental",
        domain=cast("Domain | None", next((w for w in slots if w in _DOMAINS), None)),
        tag="_".join(tags),
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
        split_folder: the key of `SPLIT_FOLDERS` of the folder that contains the file, if known. By
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
        mimii = _MIMII_PATH.fullmatch(os.path.abspath(path).replace(os.sep, "/"))
        if mimii and machine is None and mimii["parent"].lower() in _MIMII_MACHINES:
            machine = mimii["parent"]
        section = mimii["section"] if mimii else None
        return Clip(path=path, machine=machine, section=section, split=split, domain=domain, attributes={})
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
    return next((attributes[key] for key in SOURCE_ATTRIBUTES if attributes.get(key)), None)


def split_folder_key(name: str) -> str | None:
    """Return the key of `SPLIT_FOLDERS` that a folder name stands for, or ``None``."""
    key = _OTHER_NAMES.get(name.lower(), name.lower())
    return key if key in SPLIT_FOLDERS else None


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None
