"""The recordings in a folder that are no longer changed and were not read yet."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from auscult.runtime.natural_order import natural_order
from auscult.sound.audio_names import is_audio_name, is_hidden

#: Files that disappeared are remembered until there are files that are so much newer, nanoseconds. While a
#: drive is missing there are none, so that what is on it is not read twice.
_REMEMBER_NS = 24 * 3600 * 10**9
#: The last time that fits in 64 bits, in the year 2262, nanoseconds: file systems have later ones.
_LAST_NS = 2**63 - 1


class Version(NamedTuple):
    """Size in bytes and time of the last modification in nanoseconds: a changed file has another version."""

    size: int
    modified: int

    @classmethod
    def of(cls, status: os.stat_result) -> Version:
        """Return the version of a file; a time that no database can store counts as the next one."""
        return cls(status.st_size, max(-_LAST_NS, min(status.st_mtime_ns, _LAST_NS)))


class SettledFile(NamedTuple):
    """A file that may be read: its path in the folder, its version, and for how many seconds it exists."""

    name: str
    version: Version
    seconds: float


class FolderFiles:
    """Finds recordings in a folder and its subfolders that were not changed for a while and not read yet.

    Hidden files and folders do not count, and links to folders are not followed.

    Args:
        folder: the folder.
        settle_seconds: a file has settled if it was not changed for so long. This is measured by looking at
            it, since the clock of the computer that writes it may be wrong.
        read: size and time of modification of the files that were read, by path in the folder.
        since: files that were last modified before do not count, seconds since 1970.
        empty: whether empty files count.
        accepts: whether a file is a recording, by its path; by default those with an audio extension are.

    Attributes:
        read: version of each file that was read, by path in the folder.
        changes: what was added to that, and with ``None`` what was removed, in this order.
        present: size and time of modification of all recordings in the folder at the last look.
        folders: the names of the subfolders of each folder at the last look, by its path in the folder.
        unlisted: the subfolders that could not be listed at the last look, with the reason.
    """

    def __init__(
        self,
        folder: str,
        *,
        settle_seconds: float,
        read: Mapping[str, Sequence[int]] | None = None,
        since: float | None = None,
        empty: bool = False,
        accepts: Callable[[str], bool] | None = None,
    ) -> None:
        self._empty, self._accepts = empty, accepts or (lambda path: is_audio_name(os.path.basename(path)))
        self._folder, self._settle_seconds = folder, settle_seconds
        self._since = -math.inf if since is None else since * 1e9
        self.read = {name: Version(*version) for name, version in (read or {}).items()}
        self.changes: list[tuple[str, Version | None]] = []
        self.present: Mapping[str, Version] = {}
        self.folders: dict[str, list[str]] = {}
        self.unlisted: dict[str, str] = {}
        self._changed: dict[str, tuple[Version, float]] = {}  # by name: the version, and since when it exists

    def settled(self) -> list[SettledFile]:
        """Return what can be read now, the first that was finished first.

        Raises:
            OSError: the folder cannot be listed.
        """
        now = time.monotonic()
        self.folders, self.unlisted = {}, {}
        self.present = present = dict(self._list())
        newest = max((version.modified for version in present.values()), default=0)
        for name, version in list(self.read.items()):
            if name not in present and version.modified <= newest - _REMEMBER_NS:
                del self.read[name]
                self.changes.append((name, None))
        new = {
            name: version
            for name, version in present.items()
            if self.read.get(name) != version
            and (version.size or self._empty)
            and version.modified >= self._since
        }
        before, self._changed = self._changed, {}
        for name, version in new.items():
            known, since = before.get(name, (None, now))
            self._changed[name] = (version, since if known == version else now)
        settled = [
            SettledFile(name, version, now - since)
            for name, (version, since) in self._changed.items()
            if now - since >= self._settle_seconds
        ]
        return sorted(settled, key=lambda file: (file.version.modified, natural_order(file.name)))

    def mark_read(self, file: SettledFile) -> None:
        """Add a file to those that were read."""
        self.read[file.name] = file.version
        self.changes.append((file.name, file.version))

    def _list(self) -> Iterator[tuple[str, Version]]:
        folders = [""]
        while folders:  # not by recursion, which has an end before paths have
            below = folders.pop()
            yield from self._list_one(below)
            folders += [os.path.join(below, name) for name in self.folders.get(below, ())]

    def _list_one(self, below: str) -> Iterator[tuple[str, Version]]:
        """List a folder, and note its subfolders."""
        try:
            with os.scandir(os.path.join(self._folder, below)) as entries:
                folders = []
                for entry in entries:
                    if is_hidden(entry.name):
                        continue
                    name = os.path.join(below, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif self._accepts(os.path.join(self._folder, name)):
                        try:
                            status = entry.stat()
                        except OSError:  # deleted meanwhile, or a link to nowhere
                            continue
                        if not stat.S_ISREG(status.st_mode):  # opening a pipe may wait forever
                            continue
                        yield name, Version.of(status)
        except FileNotFoundError:
            if not below:
                raise
            return  # a subfolder that was deleted meanwhile
        except OSError as error:
            if not below:
                raise
            self.unlisted[below] = error.strerror or str(error)
            return
        self.folders[below] = folders
