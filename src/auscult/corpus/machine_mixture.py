"""Folders that are taken for machines although each seems to hold recordings of several machines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from auscult.corpus.dcase_names import split_folder_key
from auscult.corpus.files import FolderReport, holds_audio, subfolders
from auscult.corpus.vocabulary import condition_of_name, is_unexplained_class
from auscult.findings import Finding
from auscult.sound.tables import TableSettings

_MAX_NAMED = 3
#: Words in the names of folders that divide the recordings of one machine.
_PARTS = frozenset(
    (
        *("source", "target", "audio", "data", "raw", "wav", "rec", "recording", "recordings", "clips"),
        *("run", "day", "week", "month", "year", "shift", "session", "batch", "take", "part", "set", "night"),
        *("mic", "microphone", "channel", "ch", "sensor", "position", "pos", "axis", "left", "right"),
        *("section", "speed", "load", "rpm", "low", "medium", "mid", "high", "idle", "morning", "evening"),
        *("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        *("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
        *("x", "y", "z", "t"),
    )
)


def mixture_of_machines(
    folders: Mapping[str, str | os.PathLike[str]], tables: TableSettings | None = None
) -> Iterable[Finding]:
    """Report machines that all have the same folders of recordings, which may be the machines.

    Folders named after conditions, splits, domains, dates, numbers and other parts of the recordings of one
    machine do not count.

    Args:
        folders: machine name to folder.
        tables: what the user states about tables.
    """
    if len(folders) < 2:
        return
    common: set[str] | None = None
    for folder in folders.values():
        names = set(_possible_machines(os.fspath(folder), tables))
        common = names if common is None else common & names
        if len(common) < 2:
            return
    names_in_order = sorted(common or ())
    inner, outer = _listed(names_in_order), _listed(list(folders))
    first, machine = next(iter(folders)), names_in_order[0]
    message = (
        f"{outer} are taken for machines, but all have the folders {inner}: each model learns these "
        f"together. If they are the machines, put the recordings of each into one folder, such as "
        f"{machine}/{first}/, or list all in a manifest with the columns path and machine"
    )
    yield Finding("mixed_machines", message)


def names_a_part(folder: str) -> bool:
    """Whether a folder's name is one for a part of the recordings of a machine, like ``day 3`` or ``test``.

    Numbers and dates, splits, domains and conditions are.
    """
    words = set(re.findall(r"[^\W\d_]+", folder.lower()))
    return (
        words <= _PARTS
        or split_folder_key(folder) is not None
        or is_unexplained_class(folder)
        or condition_of_name(folder) is not None
    )


def _possible_machines(folder: str, tables: TableSettings | None) -> Iterable[str]:
    """The names of subfolders with recordings that may be those of machines."""
    if not os.path.isdir(folder):  # a manifest states the machines
        return
    for name in subfolders(folder, report=FolderReport()):
        if not names_a_part(name) and holds_audio(
            os.path.join(folder, name), report=FolderReport(), tables=tables
        ):
            yield name


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{', '.join(names[:_MAX_NAMED])}{more}"
