"""Searching folders for audio files, in an order that does not depend on the file system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from os import PathLike

#: Extensions of audio files, in lower case; letter case is ignored.
AUDIO_EXTENSIONS = frozenset(
    (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc")
)


def is_audio_name(name: str) -> bool:
    """Whether a file name has an audio extension; hidden files and the ``._`` files of macOS do not count."""
    return not _is_hidden(name) and os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS


def audio_files(folder: str | PathLike[str], *, recursive: bool = True) -> list[str]:
    """Return the paths of all audio files in a folder in natural order (``clip2`` before ``clip10``)."""
    return list(walk_audio(folder, recursive=recursive))


def walk_audio(folder: str | PathLike[str], *, recursive: bool = True) -> Iterator[str]:
    """Iterate over `audio_files`, with the names of one folder in memory at a time.

    Links to folders are followed, but no folder is entered twice.
    """
    folder = os.fspath(folder)
    return _walk(folder, recursive, {os.path.realpath(folder)})


def holds_audio(folder: str | PathLike[str], *, recursive: bool = True) -> bool:
    """Whether a folder contains any audio file; stops at the first."""
    return any(True for _ in islice(walk_audio(folder, recursive=recursive), 1))


def subfolders(folder: str | PathLike[str]) -> list[str]:
    """Return the sorted names of the subfolders that are not hidden; none if the folder cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.is_dir() and not _is_hidden(e.name)]
    except OSError:
        return []
    return sorted(names, key=natural_order)


def natural_order(text: str) -> tuple[list[str | int], str]:
    """Return a sorting key by which runs of digits compare as numbers; the text itself breaks ties."""
    pieces: list[str | int] = list(re.split(r"([0-9]+)", text))
    pieces[1::2] = [int(digits) for digits in pieces[1::2]]
    return pieces, text


def _walk(folder: str, recursive: bool, seen: set[str]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            is_folder = {entry.name: entry.is_dir() for entry in entries}
    except OSError:
        return
    names = {name for name in is_folder if not is_folder[name] and is_audio_name(name)}
    for name in sorted(name for name in is_folder if is_folder[name] and recursive):
        real = os.path.realpath(os.path.join(folder, name))
        if not _is_hidden(name) and real not in seen:
            seen.add(real)
            names.add(name + os.sep)
    for name in sorted(names, key=natural_order):  # with the separator, folders sort like their paths
        if name.endswith(os.sep):
            yield from _walk(os.path.join(folder, name[: -len(os.sep)]), recursive, seen)
        else:
            yield os.path.join(folder, name)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
