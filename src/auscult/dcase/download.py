"""Downloading DCASE Task 2 data: first a plan, then the plan carried out.

::

    <to>/dcase<YYYY>t2/downloads/       archives while they are needed, and a note of each one done
    <to>/dcase<YYYY>t2/{dev_data,eval_data}/raw/<machine>/{train,test,…}
"""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from os import PathLike

from auscult.corpus.dcase_names import SPLIT_FOLDERS
from auscult.dcase.download_plan import ZENODO, Archive, Plan, gigabytes, plan_download
from auscult.dcase.transfer import fetch_file, md5_of
from auscult.dcase.unpack import unpack_zip
from auscult.dcase.zenodo_records import Part
from auscult.errors import DownloadError

#: Told what is being done: archive, bytes done, bytes in all, and figures (none here).
Progress = Callable[[str, int, int, Mapping[str, float]], None]


def download(
    year: int,
    to: str | PathLike[str],
    *,
    machines: Iterable[str] | None = None,
    part: Part = "dev",
    base_url: str = ZENODO,
    confirm: Callable[[Plan], bool] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Plans a download and carries it out (see :func:`plan_download` and :func:`carry_out`).

    Args:
        confirm: shown the plan; nothing is fetched unless it says yes.

    Returns:
        The machine folders; none if the plan was declined.

    Raises:
        OptionError, DownloadError: as those two.
    """
    plan = plan_download(year, to, machines=machines, part=part, base_url=base_url)
    if confirm and not confirm(plan):
        return []
    return carry_out(plan, progress=progress)


def carry_out(plan: Plan, *, progress: Progress | None = None, backoff: float = 1.0) -> list[str]:
    """Fetches, checks and unpacks what a plan names; what was done before is left alone.

    Archives are deleted when they are unpacked, but not those that were there complete to begin with.

    Args:
        progress: told each archive's name, its bytes here so far, and its size.
        backoff: seconds to wait after the network fails for the first time, doubled from then on.

    Returns:
        The machine folders.

    Raises:
        DownloadError: not enough disk, no network, a wrong checksum, or an unsafe archive. Run it again to go
            on where it stopped.
    """
    if plan.disk_needed > plan.disk_free:
        raise DownloadError(
            plan.root,
            f"about {gigabytes(plan.disk_needed)} needed and {gigabytes(plan.disk_free)} free: "
            "make room, choose another folder, or name fewer machines",
        )
    for archive in plan.archives:
        if not archive.done:
            try:
                _take(archive, progress=progress, backoff=backoff)
            except OSError as error:
                raise DownloadError(plan.root, f"cannot be written: {error}") from error
    return list(dict.fromkeys(archive.folder for archive in plan.archives))


def _take(archive: Archive, *, progress: Progress | None, backoff: float) -> None:
    """Fetches and unpacks one archive; the note that it is done comes last."""
    os.makedirs(os.path.dirname(archive.path), exist_ok=True)

    def tell(fetched: int) -> None:
        if progress:
            progress(archive.name, fetched, archive.size, {})

    whole = os.path.exists(archive.path) and os.path.getsize(archive.path) == archive.size
    by_hand = whole and archive.md5 in (None, md5_of(archive.path))
    if not by_hand:
        fetch_file(
            archive.url, archive.path, size=archive.size, md5=archive.md5, progress=tell, backoff=backoff
        )
    tell(archive.size)
    unpacked = os.path.join(os.path.dirname(archive.path), f".{archive.name}")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpack_zip(archive.path, unpacked)
        _move_into(archive, unpacked)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    note = f"{archive.path}.done"
    with open(f"{note}.part", "w", encoding="utf-8") as file:
        json.dump({"md5": archive.md5, "size": archive.size, "url": archive.url}, file)
    os.replace(f"{note}.part", note)
    if not by_hand:
        os.remove(archive.path)


def _move_into(archive: Archive, unpacked: str) -> None:
    """Moves what an archive holds of its machine into the machine folder, file by file."""
    source = next(
        (here for here, below, _ in os.walk(unpacked) if not SPLIT_FOLDERS.keys().isdisjoint(below)), None
    )
    if source is None:
        raise DownloadError(archive.path, f"holds none of the folders {', '.join(SPLIT_FOLDERS)}")
    for here, _, names in os.walk(source):
        folder = os.path.normpath(os.path.join(archive.folder, os.path.relpath(here, source)))
        os.makedirs(folder, exist_ok=True)
        for name in names:
            moved, target = os.path.join(here, name), os.path.join(folder, name)
            if (
                name.startswith("attributes")
                and os.path.exists(target)
                and not filecmp.cmp(moved, target, False)
            ):
                # The training and the test archive may each bring a table of this name: keep both.
                origin = os.path.splitext(archive.name)[0]
                target = os.path.join(folder, f"{os.path.splitext(name)[0]}_{origin}.csv")
            os.replace(moved, target)
