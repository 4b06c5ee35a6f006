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
    return sorted(_walk(os.fspath(folder), recursive), key=natural_order)


def holds_audio(folder: str | PathLike[str], *, recursive: bool = True) -> bool:
    """Whether there is any audio file; stops at the first."""
    return any(True for _ in islice(_walk(os.fspath(folder), recursive), 1))


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


def _walk(folder: str, recursive: bool) -> Iterator[str]:
    """Audio files below a folder; links to folders are followed, but no folder is entered twice."""
    seen = {os.path.realpath(folder)}
    for here, below, names in os.walk(folder, followlinks=True):
        yield from (os.path.join(here, name) for name in names if is_audio_name(name))
        fresh = []
        for name in sorted(below) if recursive else ():
            real = os.path.realpath(os.path.join(here, name))
            if not _is_hidden(name) and real not in seen:
                seen.add(real)
                fresh.append(name)
        below[:] = fresh


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
