"""The folder that recorders fill: which files are complete and were not judged yet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from auscult.monitor.store import JudgedFile
from auscult.sound.live.folder_files import FolderFiles, SettledFile, Version
from auscult.sound.live.watched_folder import RETRY_PAUSES


class Known(NamedTuple):
    """What is remembered of a file.

    Attributes:
        version: its version.
        digest: of its content.
        refused: whether it was refused.
        gone: whether it has disappeared.
    """

    version: Version
    digest: str
    refused: bool
    gone: bool


@dataclass
class Look:
    """The result of looking at the folder.

    Attributes:
        due: files to be judged now, the first that was finished first.
        changing: number of files that are not complete yet.
        retrying: number of files that could not be read and are tried again later.
        gone, back: files that have disappeared since the last look, and that are there again.
    """

    due: list[SettledFile] = field(default_factory=list)
    changing: int = 0
    retrying: int = 0
    gone: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)


@dataclass
class _Attempts:
    version: Version
    failed: int = 0
    next_try: float = 0.0  # time.monotonic


class Incoming:
    """Finds the recordings in a folder and its subfolders that are to be judged.

    A file is due when its size and time of modification have not changed for a while. One that cannot be read
    is due again after each of `RETRY_PAUSES`. A file that was judged is due again if it has changed.

    Args:
        folder: the folder.
        settle_seconds: a file is complete if it has not changed for so long.
        accepts: whether a file is a recording, by its path.
        known: the files that were judged before, each with whether it has disappeared.
    """

    def __init__(
        self,
        folder: str,
        settle_seconds: float,
        accepts: Callable[[str], bool],
        known: Iterable[tuple[JudgedFile, bool]] = (),
    ) -> None:
        self.folder = folder
        self.known = {
            file.name: Known(Version(file.size, file.modified), file.digest, file.result == "refused", gone)
            for file, gone in known
        }
        self._by_version: dict[Version, set[str]] = {}
        for name, file in self.known.items():
            self._by_version.setdefault(file.version, set()).add(name)
        self._files = FolderFiles(
            folder,
            settle_seconds=settle_seconds,
            read={name: file.version for name, file in self.known.items()},
            empty=True,
            accepts=accepts,
        )
        self._attempts: dict[str, _Attempts] = {}

    @property
    def unlisted(self) -> dict[str, str]:
        """The subfolders that could not be listed at the last look, with the reason."""
        return self._files.unlisted

    def look(self) -> Look:
        """Look at the folder.

        Raises:
            OSError: it cannot be listed.
        """
        settled = self._files.settled()
        self._files.changes.clear()
        present, now = self._files.present, time.monotonic()
        self._attempts = {name: a for name, a in self._attempts.items() if name in present}
        look = Look()
        for name, remembered in self.known.items():
            if remembered.gone == (name in present):
                (look.back if remembered.gone else look.gone).append(name)
        for name in (*look.gone, *look.back):
            self.known[name] = self.known[name]._replace(gone=name not in present)
        for file in settled:
            known = self.known.get(file.name)
            if known and known.version == file.version:  # it had disappeared for long
                self._files.read[file.name] = file.version
                continue
            attempts = self._attempts.get(file.name)
            if attempts is None or attempts.version != file.version or attempts.next_try <= now:
                look.due.append(file)
            else:
                look.retrying += 1
        unread = sum(self._files.read.get(name) != version for name, version in present.items())
        look.changing = unread - len(look.due) - look.retrying
        return look

    def siblings(self, name: str) -> list[list[str]]:
        """Return for each folder of a path, the outermost first, the names of all folders beside it."""
        folders = name.split(os.sep)[:-1]
        return [self._files.folders.get(os.sep.join(folders[:i]), []) for i in range(len(folders))]

    def failed(self, file: SettledFile) -> bool:
        """Note that a file cannot be read; return whether it is tried again."""
        attempts = self._attempts.get(file.name)
        if attempts is None or attempts.version != file.version:
            attempts = self._attempts[file.name] = _Attempts(file.version)
        if attempts.failed == len(RETRY_PAUSES):
            return False
        attempts.next_try = time.monotonic() + RETRY_PAUSES[attempts.failed]
        attempts.failed += 1
        return True

    def done(self, name: str, version: Version, digest: str, *, refused: bool = False) -> None:
        """Note that a file needs no further judgement."""
        self.forget(name)
        self.known[name] = Known(version, digest, refused, gone=False)
        self._by_version.setdefault(version, set()).add(name)
        self._files.read[name] = version
        self._attempts.pop(name, None)

    def forget(self, name: str) -> None:
        """Forget a file, so that it is judged if it is there."""
        known = self.known.pop(name, None)
        self._files.read.pop(name, None)
        if known:
            names = self._by_version[known.version]
            names.discard(name)
            if not names:
                del self._by_version[known.version]

    def refused(self) -> list[str]:
        """Return the files that were refused and are still there."""
        return [name for name, file in self.known.items() if file.refused and not file.gone]

    def same_recording(self, file: SettledFile, digest: Callable[[], str]) -> str | None:
        """Return the name under which the content of a new file was judged before, or ``None``.

        That is its own name if only its time of modification is another one, or the name that it had before
        it was moved: then size and time of modification are the same and the other file has disappeared.

        Args:
            file: the file.
            digest: computes the digest of its content; called only if needed.
        """
        known = self.known.get(file.name)
        candidates = [file.name] if known and known.version.size == file.version.size else []
        candidates += [n for n in self._by_version.get(file.version, ()) if self.known[n].gone]
        candidates = [name for name in candidates if self.known[name].digest and not self.known[name].refused]
        if not candidates:
            return None
        content = digest()
        return next((name for name in candidates if self.known[name].digest == content), None)
