"""Searching a folder for the machines in it: DCASE machine folders, and plain folders next to them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auscult.corpus.dcase_names import split_folder_key
from auscult.corpus.files import FolderReport, audio_files, describe_other_files, holds_audio, subfolders
from auscult.corpus.folders import is_list_of_recordings, machine_folders, open_corpus
from auscult.corpus.vocabulary import condition_if_nothing_else, is_unexplained_class
from auscult.errors import CorpusError
from auscult.sound.tables import TableSettings

_DOMAINS = frozenset({"source", "target"})


@dataclass
class MachineSearch:
    """The machines of a folder.

    Attributes:
        folders: machine name to folder.
        empty: name to folder of machines without any recording.
        ignored: folders with recordings that belong to no machine, with their number.
        groups: folders that contain several machines instead of being one, with the names of these.
        unlisted: folders that belong to no machine and contain one that cannot be listed, with the error.
        other_files: folders without recordings but with files of other kinds, with their number by extension.
    """

    folders: dict[str, str] = field(default_factory=dict)
    empty: dict[str, str] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    unlisted: dict[str, CorpusError] = field(default_factory=dict)
    other_files: dict[str, Mapping[str, int]] = field(default_factory=dict)

    def describe_other_files(self, output: str) -> list[str]:
        """A line for each folder that has only files of other kinds, except the one that ``output`` is in."""
        output = os.path.join(os.path.realpath(output), "")
        return [
            f"{folder}: no recordings; {describe_other_files(kinds, 'read')}"
            for folder, kinds in self.other_files.items()
            if not output.startswith(os.path.join(os.path.realpath(folder), ""))
        ]


def find_machines(root: str, tables: TableSettings | None = None) -> MachineSearch:
    """Find the machines at or below a folder.

    They are the machine folders of `machine_folders`. Other folders next to these are machines too; without
    any machine folder, those in the root are. If the root has recordings itself, or its folders are named
    after conditions (``normal``, ``faulty``), it is the only machine. A plain folder with folders like that
    in it, as ``fan/id_00/normal`` of MIMII, is not a machine but a group: its machines are named
    ``fan-id_00``. Folders that are named after domains (``source``, ``target``) are no machines.

    A folder without recordings is an empty machine if it has no files at all or contains a split folder.

    A folder below the root that cannot be listed does not stop the search: it may contain recordings, so it
    is taken for a machine, or a part of one, and opening that machine is an error.

    Args:
        root: the folder.
        tables: what the user states about tables.

    Raises:
        CorpusError: the root cannot be listed.
    """
    root = os.path.normpath(os.fspath(root))
    own_name = os.path.basename(os.path.abspath(root))
    search = MachineSearch(machine_folders(root, report=FolderReport(), tables=tables))
    if search.folders == {own_name: root} or split_folder_key(own_name):
        return search
    if not search.folders and _is_one_machine(root, tables):
        return MachineSearch({own_name: root})
    machines = [os.path.normpath(folder) for folder in search.folders.values()]
    beside_machines = {os.path.dirname(folder) for folder in machines} or {root}
    for parent in sorted({root, *beside_machines}):
        for name in subfolders(parent):
            folder = os.path.join(parent, name)
            if any((machine + os.sep).startswith(folder + os.sep) for machine in machines):
                continue
            if not _may_hold_audio(folder, tables):
                if _is_empty_machine(folder):
                    search.empty[name] = folder
                else:
                    report = FolderReport()
                    audio_files(folder, report=report, tables=tables)
                    if report.other_files:
                        search.other_files[folder] = report.other_files
            elif parent in beside_machines and name not in search.folders:
                if members := _members(folder, tables):
                    search.groups[folder] = ["-".join((name, *parts)) for parts in members]
                    search.folders |= {
                        member: os.path.join(folder, *parts)
                        for member, parts in zip(search.groups[folder], members, strict=True)
                    }
                else:
                    search.folders[name] = folder
            else:
                report = FolderReport()
                if number := len(audio_files(folder, report=report, tables=tables)):
                    search.ignored[folder] = number
                if errors := report.errors():
                    search.unlisted[folder] = errors[0]
    return search


def machines_of_manifest(path: str, tables: TableSettings | None = None) -> MachineSearch:
    """The machines of a CSV manifest: every value of its column ``machine``, each with the manifest's path.

    Raises:
        CorpusError: it is no manifest, a recording has no machine, or a machine has a name that cannot be
            that of a file.
    """
    if not is_list_of_recordings(path):
        raise CorpusError(path, "neither a folder of machine folders nor a CSV manifest with a column 'path'")
    corpus = open_corpus(path, tables=tables)
    if without := [clip for clip in corpus if clip.machine is None]:
        raise CorpusError(
            path,
            f"{len(without):,} of {len(corpus):,} recordings have no machine: name it in a column 'machine'",
        )
    names = [machine for machine in corpus.machines if machine is not None]
    for name in names:
        if name.startswith(".") or os.path.basename(name) != name:
            raise CorpusError(path, f"machine {name!r}: choose a name that can be that of a file")
    return MachineSearch(dict.fromkeys(names, path))


def has_conditions(folder: str, tables: TableSettings | None = None) -> bool:
    """Whether recordings lie in subfolders that are named after conditions or classes."""
    names = _subfolders_with_audio(folder, tables)
    return any(condition_if_nothing_else(name) or is_unexplained_class(name) for name in names)


def _is_one_machine(folder: str, tables: TableSettings | None) -> bool:
    """Whether recordings lie in the folder itself, or in folders that are named after conditions."""
    return _may_hold_audio(folder, tables, recursive=False) or has_conditions(folder, tables)


def _subfolders_with_audio(folder: str, tables: TableSettings | None) -> list[str]:
    names = subfolders(folder, report=FolderReport())
    return [name for name in names if _may_hold_audio(os.path.join(folder, name), tables)]


def _may_hold_audio(folder: str, tables: TableSettings | None, *, recursive: bool = True) -> bool:
    """Whether a folder contains recordings, or a folder that cannot be listed."""
    return holds_audio(folder, recursive=recursive, report=FolderReport(), tables=tables)


def _members(folder: str, tables: TableSettings | None) -> list[tuple[str, ...]]:
    """The machines in a plain folder, each as the names of the folders that lead to it.

    There are none, since the folder itself is the machine, unless it only contains folders of which some have
    folders that are named after conditions.
    """
    names = _subfolders_with_audio(folder, tables)
    if _is_one_machine(folder, tables) or _DOMAINS.issuperset(name.lower() for name in names):
        return []
    below = {name: _members(os.path.join(folder, name), tables) for name in names}
    if not any(below.values()) and not any(
        has_conditions(os.path.join(folder, name), tables) for name in names
    ):
        return []
    return [(name, *parts) for name in names for parts in below[name] or [()]]


def _is_empty_machine(folder: str) -> bool:
    """Whether a folder without recordings contains a split folder, or no files at all."""
    return any(map(split_folder_key, subfolders(folder))) or next(_files(folder), None) is None


def _files(folder: str) -> Iterator[str]:
    return (name for _, _, names in os.walk(folder) for name in names)
