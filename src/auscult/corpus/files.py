"""Finding the audio files of a folder, in an order that does not depend on the file system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from os import PathLike

#: Extensions taken for audio when a folder is searched (compared in lower case).
AUDIO_EXTENSIONS = frozenset(
    (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc")
)


def is_audio_name(name: str) -> bool:
    """Whether a file of this name would be taken for audio; hidden files and macOS's ``._`` are not."""
    return not _is_hidden(name) and os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS


def audio_files(folder: str | PathLike[str], *, recursive: bool = True) -> list[str]:
    """Paths of all audio files in a folder, sorted with numbers by value (``clip2`` before ``clip10``)."""
    return list(walk_audio(folder, recursive=recursive))


def walk_audio(folder: str | PathLike[str], *, recursive: bool = True) -> Iterator[str]:
    """As `audio_files`, with the names of one folder in memory at a time; links to folders are followed, but
    no folder is entered twice."""
    folder = os.fspath(folder)
    return _walk(folder, recursive, {os.path.realpath(folder)})


def holds_audio(folder: str | PathLike[str], *, recursive: bool = True) -> bool:
    """Whether there is any audio file; stops at the first."""
    return any(True for _ in islice(walk_audio(folder, recursive=recursive), 1))


def subfolders(folder: str | PathLike[str]) -> list[str]:
    """Names of the folders in a folder, hidden ones left out, sorted; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir() and not _is_hidden(e.name)]
    except OSError:
        return []
    return sorted(names, key=natural_order)


def natural_order(text: str) -> tuple[list[str | int], str]:
    """Sorting key: runs of digits compare as numbers; the text itself settles ties."""
    pieces: list[str | int] = list(re.split(r"([0-9]+)", text))
    pieces[1::2] = [int(digits) for digits in pieces[1::2]]
    return pieces, text


def _walk(folder: str, recursive: bool, seen: set[str]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            is_folder = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        return
    taken = {name for name, below in is_folder.items() if not below and is_audio_name(name)}
    for name in sorted(name for name, below in is_folder.items() if below and recursive):
        real = os.path.realpath(os.path.join(folder, name))
        if not _is_hidden(name) and real not in seen:
            seen.add(real)
            taken.add(name + os.sep)
    for name in sorted(taken, key=natural_order):  # a folder in the place that its paths have
        if name.endswith(os.sep):
            yield from _walk(os.path.join(folder, name[: -len(os.sep)]), recursive, seen)
        else:
            yield os.path.join(folder, name)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
