"""Which machines a benchmark runs on: the machine folders below its root, and what else is found there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from auscult.benchmark.machine import MachineData, Machines
from auscult.benchmark.result import BenchResult
from auscult.corpus.files import FolderReport, audio_files, describe_other_files
from auscult.corpus.machine_search import find_machines, has_conditions
from auscult.errors import CorpusError, OptionError

#: What to give as the root of a benchmark.
_MACHINE_FOLDERS = "a folder of machine folders, each with train/ (normal recordings) and test/"


def check_root(root: str) -> None:
    """Check that the root of a benchmark is a folder; raises `CorpusError` if it is not."""
    if not os.path.isdir(root):
        problem = "not a folder" if os.path.exists(root) else "no such folder"
        raise CorpusError(root, f"{problem}: check the path, and give {_MACHINE_FOLDERS}")


def select_machines(
    root: str | os.PathLike[str], folders: Mapping[str, str], machines: Sequence[str] | None
) -> list[str]:
    """Return the names of the machines to benchmark.

    Args:
        root: folder of the machine folders.
        folders: name to folder of all machines in it.
        machines: names of the machines to benchmark; ``None`` means all.

    Raises:
        CorpusError: there are none, or a named one does not exist.
    """
    if not folders:
        plain = find_machines(os.fspath(root)).folders if os.path.isdir(root) else {}
        unsplit = [folder for folder in plain.values() if has_conditions(folder)]
        hint = f". {_unsplit(unsplit[0])}" if unsplit else ""
        problem = "no machine folders (with train/ and test/) in it or below it"
        raise CorpusError(root, f"{problem}{hint}" if hint else f"{problem}: give {_MACHINE_FOLDERS}")
    unknown = [name for name in machines or () if name not in folders]
    if unknown:
        raise CorpusError(root, f"no machine {unknown[0]!r}; the machines are {', '.join(folders)}")
    return list(machines or folders)


def report_other_folders(bench: BenchResult, root: str, folders: Mapping[str, str]) -> None:
    """Report machines without recordings or a split, and recordings that belong to no machine."""
    search = find_machines(root)
    errors = {name: f"{folder}: no recordings" for name, folder in search.empty.items()}
    errors |= {os.path.basename(folder): str(error) for folder, error in search.unlisted.items()}
    for name, folder in search.folders.items():
        if name in folders:
            continue
        report = FolderReport()
        number = len(audio_files(folder, report=report))
        if report.unlisted:
            errors[name] = str(report.errors()[0])
        elif has_conditions(folder):
            errors[name] = _unsplit(folder)
        else:
            search.ignored[folder] = number
    for name, error in errors.items():
        if os.path.realpath(search.empty.get(name, root)) != os.path.realpath(bench.output):
            bench.failures.append({"machine": name, "detector": "", "seed": "", "error": error})
    for folder, number in search.ignored.items():
        bench.note(f"{folder}: recordings without train/ and test/ are not used: {number:,}")
    for message in search.describe_other_files(os.fspath(bench.output)):
        bench.note(message)


def open_machines(
    bench: BenchResult,
    folders: Mapping[str, str],
    names: Sequence[str],
    channel: int,
    shared: bool,
    group_by: Sequence[str] | None,
    conditions: Mapping[str, str],
) -> Machines:
    """Return the machines whose folders can be opened, those to benchmark first.

    A machine in ``names`` that cannot be opened becomes a failure of the benchmark.

    Args:
        bench: gets the failures, and notes about the folders.
        folders: name to folder of the machines to open.
        names: the machines to benchmark; the training clips of the others are used too.
        channel: channel to read from files with several channels.
        shared: whether detectors may use the training clips of all other machines.
        group_by, conditions: as of `MachineData`.
    """
    usable: dict[str, str] = {}
    for name in sorted(folders, key=lambda name: names.index(name) if name in names else len(names)):
        try:
            opened = MachineData(name, folders[name], channel, group_by=group_by, conditions=conditions)
            usable[name] = folders[name]
            if name in names and (others := describe_other_files(opened.other_files, "read")):
                bench.note(f"{name}: {others}")
        except (CorpusError, OptionError) as error:  # an attribute for grouping is missing
            if name in names:
                bench.failures.append({"machine": name, "detector": "", "seed": "", "error": str(error)})
            else:
                bench.note(f"{name}: its recordings were not used for the other machines: {error}")
    return Machines(usable, channel=channel, shared=shared, group_by=group_by, conditions=conditions)


def _unsplit(folder: str) -> str:
    return (
        f"{folder} has folders for conditions, but it is not known which normal recordings to learn: "
        "put these into train/, and the other normal and all anomalous recordings, in their folders, into "
        "test/; or use auscult fit and auscult evaluate"
    )
