"""Downloading DCASE Task 2 data: `plan_download` makes a plan, `execute_plan` executes it.

::

    <to>/dcase<YYYY>t2/downloads/       archives until they are unpacked, and a marker file for each one done
    <to>/dcase<YYYY>t2/{dev_data,eval_data}/raw/<machine>/{train,test,…}
"""

from __future__ import annotations

import filecmp
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path

from auscult.corpus.dcase_names import SPLIT_FOLDERS
from auscult.dcase.download_plan import ZENODO, Archive, Plan, gigabytes, is_unpacked, plan_download
from auscult.dcase.published_labels import GITHUB, fetch_labels
from auscult.dcase.transfer import fetch_file, md5_of
from auscult.dcase.unpack import unpack_zip
from auscult.dcase.zenodo_records import PART_FOLDERS, Part
from auscult.errors import DownloadError
from auscult.runtime.locks import file_lock

LOCK = ".lock"  # in the folder of the archives

#: Called with the name of the archive, bytes fetched, total bytes, and metrics (none here).
Progress = Callable[[str, int, int, Mapping[str, float]], None]


def download(
    year: int,
    to: str | PathLike[str],
    *,
    machines: Iterable[str] | None = None,
    part: Part = "dev",
    base_url: str = ZENODO,
    labels: bool = True,
    labels_url: str = GITHUB,
    confirm: Callable[[Plan], bool] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Plan and execute a download; see `plan_download` and `execute_plan`.

    Args:
        confirm: called with the plan; nothing is downloaded unless it returns true.

    Returns:
        The machine folders; none if the plan was declined.

    Raises:
        OptionError, DownloadError: as the two functions.
    """
    plan = plan_download(
        year, to, machines=machines, part=part, base_url=base_url, labels=labels, labels_url=labels_url
    )
    if confirm and not confirm(plan):
        return []
    return execute_plan(plan, progress=progress)


def execute_plan(plan: Plan, *, progress: Progress | None = None, backoff: float = 1.0) -> list[str]:
    """Download, verify and unpack the archives of a plan, except those that are done already.

    Archives are deleted after unpacking, unless they were complete before the download started. Several
    processes may download into one folder at the same time: they take turns, archive by archive.

    Args:
        plan: the plan.
        progress: called with the name of each archive, its bytes fetched so far, and its size.
        backoff: seconds to wait after the first network failure, doubled for each further one.

    Returns:
        The machine folders.

    Raises:
        DownloadError: not enough disk space, no network, a wrong checksum, or an unsafe archive. Running it
            again resumes the download. Labels that cannot be fetched are an error only after the recordings
            are complete.
    """
    if plan.disk_needed > plan.disk_free:
        raise DownloadError(
            plan.root,
            f"not enough disk space: about {gigabytes(plan.disk_needed)} needed, "
            f"{gigabytes(plan.disk_free)} free. Free some space, choose another folder, or fewer machines",
        )
    for archive in plan.archives:
        if not archive.done:
            try:
                os.makedirs(os.path.dirname(archive.path), exist_ok=True)
                lock = os.path.join(os.path.dirname(archive.path), LOCK)
                with file_lock(lock, waiting=lambda: _report_wait(plan.root)):
                    if not is_unpacked(archive):  # by another process meanwhile
                        _fetch_and_unpack(archive, progress=progress, backoff=backoff)
            except OSError as error:
                raise DownloadError(plan.root, f"cannot be written: {error}") from error
    if plan.labels:
        _fetch_labels(plan, backoff)
    return list(dict.fromkeys(archive.folder for archive in plan.archives))


def _fetch_labels(plan: Plan, backoff: float) -> None:
    try:
        fetch_labels(
            plan.year,
            plan.eval_machines,
            Path(plan.root, PART_FOLDERS["eval"]),
            zenodo=plan.base_url,
            github=plan.labels_url,
            backoff=backoff,
        )
    except DownloadError as error:
        raise DownloadError(
            error.path, f"{error.reason}. The recordings are complete; only their labels are missing"
        ) from error


def _report_wait(root: str) -> None:
    logging.getLogger("auscult").warning("%s: waiting for another download into this folder", root)


def _fetch_and_unpack(archive: Archive, *, progress: Progress | None, backoff: float) -> None:
    """Fetch and unpack one archive; the marker file that shows that it is done is written last."""

    def report(fetched: int) -> None:
        if progress:
            progress(archive.name, fetched, archive.size, {})

    has_size = os.path.exists(archive.path) and os.path.getsize(archive.path) == archive.size
    fetched_by_user = has_size and archive.md5 in (None, md5_of(archive.path))
    if not fetched_by_user:
        fetch_file(
            archive.url, archive.path, size=archive.size, md5=archive.md5, progress=report, backoff=backoff
        )
    report(archive.size)
    unpacked = os.path.join(os.path.dirname(archive.path), f".{archive.name}")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpack_zip(archive.path, unpacked)
        files = _move_into_machine_folder(archive, unpacked)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    marker = f"{archive.path}.done"
    with open(f"{marker}.part", "w", encoding="utf-8") as file:
        json.dump({"md5": archive.md5, "size": archive.size, "url": archive.url, "files": files}, file)
    os.replace(f"{marker}.part", marker)
    if not fetched_by_user:
        os.remove(archive.path)


def _move_into_machine_folder(archive: Archive, unpacked: str) -> list[str]:
    """Move the recordings and tables of an unpacked archive into the machine folder, file by file.

    Returns:
        Their paths relative to the machine folder.
    """
    files = []
    source_root = next(
        (root for root, folders, _ in os.walk(unpacked) if not SPLIT_FOLDERS.keys().isdisjoint(folders)),
        None,
    )
    if source_root is None:
        raise DownloadError(archive.path, f"contains none of the folders {', '.join(SPLIT_FOLDERS)}")
    for root, _, names in os.walk(source_root):
        folder = os.path.normpath(os.path.join(archive.folder, os.path.relpath(root, source_root)))
        os.makedirs(folder, exist_ok=True)
        for name in names:
            source, target = os.path.join(root, name), os.path.join(folder, name)
            if (
                name.startswith("attributes")
                and os.path.exists(target)
                and not filecmp.cmp(source, target, False)
            ):
                # The training and the test archive may each contain a table of this name: keep both.
                origin = os.path.splitext(archive.name)[0]
                target = os.path.join(folder, f"{os.path.splitext(name)[0]}_{origin}.csv")
            os.replace(source, target)
            files.append(os.path.relpath(target, archive.folder))
    return files
