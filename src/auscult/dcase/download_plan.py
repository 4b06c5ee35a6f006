"""What a download of DCASE Task 2 data will fetch, from where, and what room it takes."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from auscult.dcase.transfer import fetch_json
from auscult.dcase.zenodo_records import PART_FOLDERS, Part, Record, wanted_archives
from auscult.errors import DownloadError, OptionError

ZENODO = "https://zenodo.org"
ARCHIVES = "downloads"  # folder for archives, below dcase<YYYY>t2/
_UNPACKED = 1.6  # bytes of recordings for a byte of archive, on the safe side


@dataclass(frozen=True)
class Archive:
    """One archive that was asked for.

    Attributes:
        name, size, md5: of the file, as the record says; ``md5`` is ``None`` if the record was out of reach.
        url: where it is.
        machine: whose recordings it holds.
        folder: machine folder that they go to.
        path: where the archive lies once it is fetched.
        fetched: bytes that are here already.
        done: whether it has been unpacked before.
    """

    name: str
    size: int
    md5: str | None
    url: str
    machine: str
    folder: str
    path: str
    fetched: int
    done: bool


@dataclass(frozen=True)
class Plan:
    """What a download will do: shown before anything is fetched.

    Attributes:
        archives: all that was asked for, done or not.
        licences: of the records, as Zenodo names them.
        to_fetch: bytes still to come.
        disk_needed: bytes of disk at the worst moment, estimated from the archives.
        disk_free: bytes free now.
    """

    year: int
    root: str
    archives: tuple[Archive, ...]
    licences: tuple[str, ...]
    to_fetch: int
    disk_needed: int
    disk_free: int

    def __str__(self) -> str:
        done = sum(archive.done for archive in self.archives)
        return (
            f"DCASE {self.year} Task 2 into {self.root}: {len(self.archives)} archives"
            f"{f', {done} of them done before' if done else ''}; {gigabytes(self.to_fetch)} to fetch, "
            f"about {gigabytes(self.disk_needed)} of disk needed, {gigabytes(self.disk_free)} free; "
            f"licence: {', '.join(self.licences) or 'not stated'}"
        )


def plan_download(
    year: int,
    to: str | PathLike[str],
    *,
    machines: Iterable[str] | None = None,
    part: Part = "dev",
    base_url: str = ZENODO,
) -> Plan:
    """Asks the year's records what there is to fetch; writes nothing.

    Where a record cannot be reached, archives that lie in ``downloads/`` already, fetched by hand, do
    instead, and their checksums stay unknown.

    Args:
        to: folder of all years' data.
        machines: some machines only.
        part: development data, evaluation data (additional training and test clips), or both.

    Raises:
        OptionError: no such year, part or machine, or an address that is not of the web.
        DownloadError: a record cannot be reached or lacks an archive; says how to go on by hand.
    """
    if not re.match(r"https?://", base_url):
        raise OptionError(f"the base address must begin with https:// or http://, not {base_url!r}")
    root = os.path.join(os.fspath(to), f"dcase{year}t2")
    archives: list[Archive] = []
    licences: list[str] = []
    for record, names in wanted_archives(year, part=part, machines=machines):
        offered, licence = _offered(record, names, root=root, base_url=base_url.rstrip("/"))
        licences += [licence] if licence and licence not in licences else []
        archives += [_archive(record, machine, offered, root=root, base_url=base_url) for machine in names]
    todo = [archive for archive in archives if not archive.done]
    packed = sum(archive.size for archive in todo)
    return Plan(
        year=year,
        root=root,
        archives=tuple(archives),
        licences=tuple(licences),
        to_fetch=packed - sum(archive.fetched for archive in todo),
        # Each archive goes when it is unpacked, so at worst there is one of them beside the recordings.
        disk_needed=int(_UNPACKED * packed) + max((archive.size for archive in todo), default=0),
        disk_free=_free(root),
    )


def _offered(
    record: Record, machines: Iterable[str], *, root: str, base_url: str
) -> tuple[dict[str, tuple[int, str | None]], str | None]:
    """File name to size and MD5, and the licence, by the record or else by the archives that are here."""
    url = f"{base_url}/api/records/{record.number}"
    folder = os.path.join(root, ARCHIVES)
    try:
        return _read_record(url, fetch_json(url))
    except DownloadError as error:
        notes = known_archives(folder)
        names = {machine: record.archive_in(machine, notes) for machine in machines}
        if missing := [record.pattern.format(machine=m) + ".zip" for m, name in names.items() if not name]:
            raise DownloadError(
                error.path,
                f"{error.reason}. Is there a network? Else fetch {', '.join(missing)} by hand from "
                f"{ZENODO}/records/{record.number} into {folder} and run the same again",
            ) from error
        return {name: (notes[name], None) for name in names.values() if name}, None


def known_archives(folder: str) -> dict[str, int]:
    """Archives in a folder, whole or unpacked before, with their bytes."""
    known = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith(".done"):
            note = read_note(os.path.join(folder, name.removesuffix(".done")))
            known.update({name.removesuffix(".done"): int(note["size"])} if "size" in note else {})
        elif name.lower().endswith(".zip"):
            known[name] = os.path.getsize(os.path.join(folder, name))
    return known


def _read_record(url: str, said: Any) -> tuple[dict[str, tuple[int, str | None]], str | None]:
    try:
        files = {}
        for file in said["files"]:
            method, _, checksum = str(file["checksum"]).rpartition(":")
            files[str(file["key"])] = (int(file["size"]), checksum if method in ("md5", "") else None)
        licence = said.get("metadata", {}).get("license")
        return files, licence.get("id") if isinstance(licence, dict) else licence
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DownloadError(url, f"not a Zenodo record as it used to be ({error!r})") from error


def _archive(
    record: Record, machine: str, offered: Mapping[str, tuple[int, str | None]], *, root: str, base_url: str
) -> Archive:
    name = record.archive_in(machine, offered)
    if name is None:
        raise DownloadError(
            f"{base_url}/records/{record.number}",
            f"has no {record.pattern.format(machine=machine)}.zip; it has {', '.join(sorted(offered))}",
        )
    size, md5 = offered[name]
    path = os.path.join(root, ARCHIVES, name)
    folder = os.path.join(root, PART_FOLDERS[record.part], "raw", machine)
    here = next((p for p in (path, f"{path}.part") if os.path.exists(p)), None)
    return Archive(
        name=name,
        size=size,
        md5=md5,
        url=f"{base_url.rstrip('/')}/records/{record.number}/files/{name}?download=1",
        machine=machine,
        folder=folder,
        path=path,
        fetched=min(size, os.path.getsize(here)) if here else 0,
        done=os.path.isdir(folder) and _is_done(read_note(path), md5),
    )


def read_note(archive: str) -> dict[str, Any]:
    """What was noted when an archive had been unpacked; empty if it has not been."""
    try:
        with open(f"{archive}.done", encoding="utf-8") as file:
            note = json.load(file)
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _is_done(note: Mapping[str, Any], md5: str | None) -> bool:
    return "md5" in note and (md5 is None or note["md5"] in (None, md5))


def _free(path: str) -> int:
    while not os.path.exists(path):
        path = os.path.dirname(os.path.abspath(path))
    return shutil.disk_usage(path).free


def gigabytes(size: int) -> str:
    """A number of bytes for people: GB, and kB below five million."""
    return f"{size / 1e9:.2f} GB" if size >= 5e6 else f"{size / 1e3:.0f} kB"
