"""The recordings in a folder that are no longer changed and were not read yet."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from auscult.runtime.natural_order import natural_order
from auscult.sound.audio_names import is_audio_name, is_hidden

#: Files that disappeared are remembered until there are files that are so much newer, nanoseconds. While a
#: drive is missing there are none, so that what is on it is not read twice.
_REMEMBER_NS = 24 * 3600 * 10**9


class Version(NamedTuple):
    """Size in bytes and time of the last modification in nanoseconds: a changed file has another version."""

    size: int
    modified: int


class SettledFile(NamedTuple):
    """A file that may be read: its path in the folder, its version, and for how many seconds it exists."""

    name: str
    version: Version
    seconds: float


class FolderFiles:
    """Finds recordings in a folder and its subfolders that were not changed for a while and not read yet.

    Hidden files and folders do not count, and links to folders are not followed.

    Attributes:
        read: version of each file that was read, by path in the folder.
        changes: what was added to that, and with ``None`` what was removed, in this order.

    Args:
        folder: the folder.
        settle_seconds: a file has settled if it was not changed for so long. This is measured by looking at
            it, since the clock of the computer that writes it may be wrong.
        read: size and time of modification of the files that were read, by path in the folder.
        since: files that were last modified before do not count, seconds since 1970.
    """

    def __init__(
        self,
        folder: str,
        *,
        settle_seconds: float,
        read: Mapping[str, Sequence[int]] | None = None,
        since: float | None = None,
    ) -> None:
        self._folder, self._settle_seconds = folder, settle_seconds
        self._since = -1 if since is None else round(since * 1e9)
        self.read = {name: Version(*version) for name, version in (read or {}).items()}
        self.changes: list[tuple[str, Version | None]] = []
        self.present: Set[str] = frozenset()  # paths in the folder at the last look, read or not
        self._changed: dict[str, tuple[Version, float]] = {}  # by name: the version, and since when it exists

    def settled(self) -> list[SettledFile]:
        """Return what can be read now, the first that was finished first.

        Raises:
            OSError: the folder cannot be listed.
        """
        now = time.monotonic()
        present = dict(self._list(""))
        self.present = present.keys()
        newest = max((version.modified for version in present.values()), default=0)
        for name, version in list(self.read.items()):
            if name not in present and version.modified <= newest - _REMEMBER_NS:
                del self.read[name]
                self.changes.append((name, None))
        new = {
            name: version
            for name, version in present.items()
            if self.read.get(name) != version and version.size and version.modified >= self._since
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

    def _list(self, below: str) -> Iterator[tuple[str, Version]]:
        try:
            with os.scandir(os.path.join(self._folder, below)) as entries:
                folders = []
                for entry in entries:
                    if is_hidden(entry.name):
                        continue
                    name = os.path.join(below, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(name)
                    elif is_audio_name(entry.name):
                        try:
                            status = entry.stat()
                        except OSError:  # deleted meanwhile, or a link to nowhere
                            continue
                        yield name, Version(status.st_size, status.st_mtime_ns)
        except OSError:
            if not below:
                raise
            return  # a subfolder that was deleted meanwhile, or that cannot be read
        for folder in folders:
            yield from self._list(folder)
