"""Searching folders for recordings, in an order that does not depend on the file system.

Tables are among them only if the user states something about tables, or a sidecar in the folder does.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike

import soundfile

from auscult.corpus.clip import Clip
from auscult.errors import CorpusError
from auscult.runtime.natural_order import natural_order
from auscult.sound import AudioInfo, audio_info
from auscult.sound.audio_names import AUDIO_EXTENSIONS, SHARED_EXTENSIONS, is_audio_name, is_hidden
from auscult.sound.tables import TableSettings, is_table, settings_for
from auscult.sound.tables.kinds import EXTENSIONS as TABLE_EXTENSIONS
from auscult.sound.tables.own_files import is_mask, is_written_by_auscult
from auscult.sound.tables.sidecar import NAME as SIDECAR
from auscult.sound.tables.sidecar import find_sidecar

#: What to do if a folder cannot be listed.
LISTING_REMEDY = "allow reading it, or check the drive that it is on"
_SHOWN_KINDS = 5  # extensions named in a message


@dataclass
class FolderReport:
    """What a search for audio files left out.

    Attributes:
        unlisted: the folders that could not be listed, each with the reason.
        other_files: number of files of other kinds by extension in lower case (``""``: no extension). Hidden
            files and the masks of simulated faults do not count.
    """

    unlisted: list[tuple[str, str]] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)

    def check_listed(self) -> None:
        """Raise `CorpusError` if a folder could not be listed."""
        for error in self.errors():
            raise error

    def errors(self) -> list[CorpusError]:
        """The error for each folder that could not be listed."""
        return [_cannot_be_listed(folder, reason) for folder, reason in self.unlisted]


def without_extension(name: str) -> str:
    """Return a file name without the extension of a recording, that of a compressed one included.

    What else is behind a point, as ``.5`` in ``…_vel_0.5``, is no extension.
    """
    root, extension = os.path.splitext(name)
    if extension.lower() == ".gz":
        root, extension = os.path.splitext(root)
    return root if extension.lower() in AUDIO_EXTENSIONS or extension.lower() in TABLE_EXTENSIONS else name


def clip_info(clip: Clip) -> AudioInfo:
    """Return what the header of a clip's file says, or the same of samples in memory.

    Raises:
        AudioError: the file cannot be read.
    """
    if clip.waveform is None:
        return audio_info(clip.path, table=clip.table)
    waveform = clip.waveform
    return AudioInfo(waveform.sample_rate, 1, waveform.seconds, "memory", str(waveform.samples.dtype))


def with_table(clip: Clip, given: TableSettings | None = None) -> Clip:
    """Return a clip that says how its file is read if that is a table; others are returned as they are.

    Args:
        clip: the clip; if it says so already, it is returned as it is.
        given: what the user states about tables, which comes before what the sidecar of the file says.

    Raises:
        OptionError: the sidecar is not valid.
    """
    if (
        clip.waveform is not None
        or clip.table is not None
        or is_audio_name(os.path.basename(clip.path))
        or not is_table(clip.path)
    ):
        return clip
    return replace(clip, table=settings_for(clip.path, given))


def is_recording(path: str, tables: TableSettings | None) -> bool:
    """Whether a file in a folder is a recording: audio, or a table if something is stated about tables.

    Args:
        path: the file.
        tables: what the user states about tables. A sidecar of the folder states something, too.

    Raises:
        OptionError: the sidecar is not valid.
    """
    if is_audio_file(path):
        return True
    sidecar = find_sidecar(os.path.dirname(path))
    if not tables and sidecar is None:
        return False
    selected = sidecar is None or sidecar.selects(path)
    return selected and is_table(path) and not is_written_by_auscult(path)


def is_audio_file(path: str) -> bool:
    """Whether a file is taken for audio, by its extension or, if that is shared by others, by its content."""
    extension = os.path.splitext(path)[1].lower()
    if extension not in SHARED_EXTENSIONS:
        return extension in AUDIO_EXTENSIONS
    if is_table(path):
        return False
    try:
        with soundfile.SoundFile(os.fsencode(path)):
            return True
    except soundfile.LibsndfileError:
        return False


def audio_files(
    folder: str | PathLike[str],
    *,
    recursive: bool = True,
    report: FolderReport | None = None,
    tables: TableSettings | None = None,
) -> list[str]:
    """Return the paths of all recordings in a folder in natural order (``clip2`` before ``clip10``).

    A folder that does not exist has none; otherwise as `walk_audio`.
    """
    if not os.path.isdir(folder):
        return []
    return list(walk_audio(folder, recursive=recursive, report=report, tables=tables))


def describe_other_files(other_files: Mapping[str, int], done: str) -> str | None:
    """Return ``3 files of other kinds were not scored: 2 .txt, 1 .m4a``, or ``None`` if there are none.

    Args:
        other_files: number of files by extension.
        done: what was not done with them, such as ``scored``.
    """
    kinds = Counter(other_files).most_common()
    if not kinds:
        return None
    shown = [f"{count:,} {kind or 'without extension'}" for kind, count in kinds[:_SHOWN_KINDS]]
    if rest := sum(count for _, count in kinds[_SHOWN_KINDS:]):
        shown.append(f"{rest:,} others")
    total = sum(other_files.values())
    files = "1 file of another kind was" if total == 1 else f"{total:,} files of other kinds were"
    return f"{files} not {done}: {', '.join(shown)}"


def walk_audio(
    folder: str | PathLike[str],
    *,
    recursive: bool = True,
    report: FolderReport | None = None,
    tables: TableSettings | None = None,
) -> Iterator[str]:
    """Iterate over `audio_files`, with the names of one folder in memory at a time.

    Links to folders are followed, but no folder is entered twice.

    Args:
        folder: the folder to search.
        recursive: whether to search its subfolders too.
        report: what is left out is added to it.
        tables: what the user states about tables; see `is_recording`.

    Raises (while iterating):
        CorpusError: a folder cannot be listed, and there is no ``report``.
        OptionError: a sidecar is not valid.
    """
    folder = os.fspath(folder)
    return _walk(folder, recursive, {os.path.realpath(folder)}, report, tables)


def holds_audio(
    folder: str | PathLike[str],
    *,
    recursive: bool = True,
    report: FolderReport | None = None,
    tables: TableSettings | None = None,
) -> bool:
    """Whether a folder contains any recording; stops at the first.

    Args:
        folder: the folder to search.
        recursive: whether to search its subfolders too.
        report: folders that cannot be listed are added to it; they may contain audio files, so the answer is
            yes.
        tables: what the user states about tables; see `is_recording`.

    Raises:
        CorpusError: a folder cannot be listed, and there is no ``report``.
        OptionError: a sidecar is not valid.
    """
    here = None if report is None else FolderReport()
    walk = walk_audio(folder, recursive=recursive, report=here, tables=tables)
    contains_audio = any(True for _ in islice(walk, 1))
    if report is None or here is None:
        return contains_audio
    report.unlisted += here.unlisted
    return contains_audio or bool(here.unlisted)


def subfolders(folder: str | PathLike[str], *, report: FolderReport | None = None) -> list[str]:
    """Return the sorted names of the subfolders that are not hidden.

    Args:
        folder: the folder to list.
        report: if the folder cannot be listed, it is added to the report, and has no subfolders.

    Raises:
        CorpusError: the folder cannot be listed, and there is no ``report``.
    """
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if _is_folder(e) and not is_hidden(e.name)]
    except OSError as error:
        if report is None:
            raise _cannot_be_listed(os.fspath(folder), _reason(error)) from error
        report.unlisted.append((os.fspath(folder), _reason(error)))
        return []
    return sorted(names, key=natural_order)


def _walk(
    folder: str,
    recursive: bool,
    seen: set[str],
    report: FolderReport | None,
    tables: TableSettings | None,
) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            is_folder = {entry.name: _is_folder(entry) for entry in entries}
    except OSError as error:
        if report is None:
            raise _cannot_be_listed(folder, _reason(error)) from error
        report.unlisted.append((folder, _reason(error)))
        return
    files = [name for name in is_folder if not is_folder[name] and not is_hidden(name) and name != SIDECAR]
    names = {name for name in files if is_recording(os.path.join(folder, name), tables)}
    if report is not None:
        report.other_files.update(
            os.path.splitext(name)[1].lower()
            for name in files
            if name not in names and not is_mask(os.path.join(folder, name))
        )
    for name in sorted(name for name in is_folder if is_folder[name] and recursive):
        real = os.path.realpath(os.path.join(folder, name))
        if not is_hidden(name) and real not in seen:
            seen.add(real)
            names.add(name + os.sep)
    for name in sorted(names, key=natural_order):  # with the separator, folders sort like their paths
        if name.endswith(os.sep):
            yield from _walk(os.path.join(folder, name[: -len(os.sep)]), recursive, seen, report, tables)
        else:
            yield os.path.join(folder, name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder; a link to nowhere, or to itself, is a file that cannot be read."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _cannot_be_listed(folder: str, reason: str) -> CorpusError:
    return CorpusError(
        folder,
        f"the folder cannot be listed ({reason}); {LISTING_REMEDY}, or name the folders or files beside it "
        "one by one",
    )
