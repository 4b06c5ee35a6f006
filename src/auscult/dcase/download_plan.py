"""Planning a download of DCASE Task 2 data: archives, addresses and disk space."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

from auscult.dcase.published_labels import GITHUB, labels_address
from auscult.dcase.transfer import fetch_json
from auscult.dcase.zenodo_records import PART_FOLDERS, Part, Record, wanted_archives
from auscult.errors import DownloadError, OptionError

ZENODO = "https://zenodo.org"
ARCHIVES = "downloads"  # folder for archives in dcase<YYYY>t2/
_UNPACKED_RATIO = 1.6  # unpacked to archive size, a conservative estimate


@dataclass(frozen=True)
class Archive:
    """One requested archive.

    Attributes:
        name, size, md5: of the file, from the record; ``md5`` is ``None`` if the record was unreachable.
        url: download address.
        machine: the machine whose recordings it contains.
        folder: the machine folder into which they are unpacked.
        path: local path of the downloaded archive.
        fetched: bytes that are on disk already.
        done: whether it has been unpacked before and all its files are still there.
        deleted: how many of the files that were unpacked are missing.
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
    deleted: int = 0


@dataclass(frozen=True)
class Plan:
    """A planned download; ``str(plan)`` summarises it for the user.

    Attributes:
        year: year of the challenge.
        root: folder of the year's data.
        archives: all requested archives, including those done already.
        licences: of the records, as Zenodo names them.
        to_fetch: bytes still to be fetched.
        disk_needed: peak disk usage in bytes, estimated from the archives.
        disk_free: free bytes.
        labels: address from which the ground truth of the evaluation data is fetched; ``None`` if it is not.
        base_url, labels_url: addresses of the servers.
    """

    year: int
    root: str
    archives: tuple[Archive, ...]
    licences: tuple[str, ...]
    to_fetch: int
    disk_needed: int
    disk_free: int
    labels: str | None = None
    base_url: str = ZENODO
    labels_url: str = GITHUB

    def __str__(self) -> str:
        done = sum(archive.done for archive in self.archives)
        summary = (
            f"DCASE {self.year} Task 2 into {self.root}: {len(self.archives)} archives"
            f"{f', {done} already done' if done else ''}; {gigabytes(self.to_fetch)} to download, "
            f"about {gigabytes(self.disk_needed)} of disk needed, {gigabytes(self.disk_free)} free; "
            f"licence: {', '.join(self.licences) or 'not stated'}"
        )
        if self.labels:
            summary += f"; labels of the evaluation clips from {self.labels}"
        for archive in self.archives:
            if archive.deleted:
                summary += (
                    f"\n{archive.name}: {archive.deleted} of the unpacked files are missing from "
                    f"{archive.folder}, so that it is downloaded again"
                )
        return summary

    @property
    def labels_folder(self) -> str:
        """The folder of the ground truth."""
        return os.path.join(self.root, PART_FOLDERS["eval"], "ground_truth")

    @property
    def eval_machines(self) -> tuple[str, ...]:
        """The machines of the evaluation data."""
        folder = os.path.join(self.root, PART_FOLDERS["eval"], "")
        return tuple(dict.fromkeys(a.machine for a in self.archives if a.folder.startswith(folder)))


def plan_download(
    year: int,
    to: str | PathLike[str],
    *,
    machines: Iterable[str] | None = None,
    part: Part = "dev",
    base_url: str = ZENODO,
    labels: bool = True,
    labels_url: str = GITHUB,
) -> Plan:
    """Read the Zenodo records of a year and plan the download; writes nothing.

    If a record is unreachable, archives that the user has put into ``downloads/`` are used instead, without
    checksums.

    Args:
        year: year of the challenge.
        to: folder of all years' data.
        machines: the machines to download; ``None`` for all.
        part: development data, evaluation data (additional training and test clips), or both.
        base_url: address of Zenodo.
        labels: also fetch the ground truth of evaluation data, if the organisers have published it.
        labels_url: address of GitHub's files, where the ground truth is from 2021 on.

    Raises:
        OptionError: no such year, part or machine, or an address is no HTTP address.
        DownloadError: a record is unreachable or lacks an archive; the message explains the manual download.
    """
    for name, address in (("base_url", base_url), ("labels_url", labels_url)):
        if not re.match(r"https?://", address):
            raise OptionError(f"{name} must begin with https:// or http://, got {address!r}")
    base_url, labels_url = base_url.rstrip("/"), labels_url.rstrip("/")
    root = os.path.join(os.fspath(to), f"dcase{year}t2")
    archives: list[Archive] = []
    licences: list[str] = []
    for record, names in wanted_archives(year, part=part, machines=machines):
        available, licence = _available_files(record, names, root=root, base_url=base_url)
        licences += [licence] if licence and licence not in licences else []
        archives += [_archive(record, machine, available, root=root, base_url=base_url) for machine in names]
    pending = [archive for archive in archives if not archive.done]
    packed = sum(archive.size for archive in pending)
    return Plan(
        year=year,
        root=root,
        archives=tuple(archives),
        licences=tuple(licences),
        to_fetch=packed - sum(archive.fetched for archive in pending),
        # Archives are deleted after unpacking, so at most one exists in addition to the recordings.
        disk_needed=int(_UNPACKED_RATIO * packed) + max((archive.size for archive in pending), default=0),
        disk_free=_free_disk_space(root),
        labels=labels_address(year, zenodo=base_url, github=labels_url) if labels and part != "dev" else None,
        base_url=base_url,
        labels_url=labels_url,
    )


def _available_files(
    record: Record, machines: Iterable[str], *, root: str, base_url: str
) -> tuple[dict[str, tuple[int, str | None]], str | None]:
    """Return file name to (size, MD5), and the licence, from the record or else from local archives."""
    url = f"{base_url}/api/records/{record.number}"
    folder = os.path.join(root, ARCHIVES)
    try:
        return _read_record(url, fetch_json(url))
    except DownloadError as error:
        sizes = local_archives(folder)
        names = {machine: record.archive_in(machine, sizes) for machine in machines}
        if missing := [record.pattern.format(machine=m) + ".zip" for m, name in names.items() if not name]:
            raise DownloadError(
                error.path,
                f"{error.reason}. Check the network connection, or download {', '.join(missing)} manually "
                f"from {ZENODO}/records/{record.number} into {folder} and run the command again",
            ) from error
        return {name: (sizes[name], None) for name in names.values() if name}, None


def local_archives(folder: str) -> dict[str, int]:
    """Return the sizes in bytes of the archives that are in a folder or have been unpacked from it."""
    sizes = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith(".done"):
            marker = read_marker(os.path.join(folder, name.removesuffix(".done")))
            sizes.update({name.removesuffix(".done"): int(marker["size"])} if "size" in marker else {})
        elif name.lower().endswith(".zip"):
            sizes[name] = os.path.getsize(os.path.join(folder, name))
    return sizes


def _read_record(url: str, response: Any) -> tuple[dict[str, tuple[int, str | None]], str | None]:
    try:
        files = {}
        for file in response["files"]:
            method, _, checksum = str(file["checksum"]).rpartition(":")
            files[str(file["key"])] = (int(file["size"]), checksum if method in ("md5", "") else None)
        licence = response.get("metadata", {}).get("license")
        return files, licence.get("id") if isinstance(licence, dict) else licence
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DownloadError(url, f"not a Zenodo record of the known format ({error!r})") from error


def _archive(
    record: Record, machine: str, available: Mapping[str, tuple[int, str | None]], *, root: str, base_url: str
) -> Archive:
    name = record.archive_in(machine, available)
    if name is None:
        raise DownloadError(
            f"{base_url}/records/{record.number}",
            f"no file {record.pattern.format(machine=machine)}.zip; available: "
            f"{', '.join(sorted(available))}",
        )
    size, md5 = available[name]
    path = os.path.join(root, ARCHIVES, name)
    folder = os.path.join(root, PART_FOLDERS[record.part], "raw", machine)
    local_path = next((p for p in (path, f"{path}.part") if os.path.exists(p)), None)
    archive = Archive(
        name=name,
        size=size,
        md5=md5,
        url=f"{base_url}/records/{record.number}/files/{name}?download=1",
        machine=machine,
        folder=folder,
        path=path,
        fetched=min(size, os.path.getsize(local_path)) if local_path else 0,
        done=False,
    )
    return replace(archive, done=is_unpacked(archive), deleted=_count_deleted(archive))


def is_unpacked(archive: Archive) -> bool:
    """Whether the archive has been unpacked and its files are still there."""
    marker = read_marker(archive.path)
    same_archive = "md5" in marker and (archive.md5 is None or marker["md5"] in (None, archive.md5))
    return same_archive and os.path.isdir(archive.folder) and not _count_deleted(archive)


def _count_deleted(archive: Archive) -> int:
    """How many files of an unpacked archive are gone; markers of older versions do not list them."""
    files = read_marker(archive.path).get("files", ())
    return sum(not os.path.exists(os.path.join(archive.folder, name)) for name in files)


def read_marker(archive: str) -> dict[str, Any]:
    """Read the marker file written after unpacking an archive; empty if it has not been unpacked."""
    try:
        with open(f"{archive}.done", encoding="utf-8") as file:
            marker = json.load(file)
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


def _free_disk_space(path: str) -> int:
    while not os.path.exists(path):
        path = os.path.dirname(os.path.abspath(path))
    return shutil.disk_usage(path).free


def gigabytes(size: int) -> str:
    """Format a number of bytes as GB, or as kB below five million."""
    return f"{size / 1e9:.2f} GB" if size >= 5e6 else f"{size / 1e3:.0f} kB"
