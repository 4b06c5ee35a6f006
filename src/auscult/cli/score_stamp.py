"""Size and modification time of recordings: which have changed, and which are still being written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from auscult.cli import text
from auscult.corpus import Clip
from auscult.errors import CorpusError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileStamp(NamedTuple):
    """Size and modification time of a file; if both are equal, the file is taken for unchanged.

    Attributes:
        size: in bytes.
        modified: modification time in microseconds since 1970, UTC.
    """

    size: int
    modified: int

    @classmethod
    def of(cls, path: str) -> FileStamp | None:
        """The stamp of a file; ``None`` if it does not exist or cannot be examined."""
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            return None
        return cls(status.st_size, status.st_mtime_ns // 1000)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> FileStamp:
        """The stamp in a row of results.

        Raises:
            ValueError: the row has none.
        """
        time, size = row.get("time"), row.get("size")
        if not isinstance(time, str) or not isinstance(size, int | str):
            raise ValueError("no time or no size")
        return cls(int(size), (datetime.fromisoformat(time).astimezone() - _EPOCH) // _MICROSECOND)

    @property
    def time(self) -> str:
        """The modification time in local time with its UTC offset, in ISO 8601."""
        return (_EPOCH + self.modified * _MICROSECOND).astimezone().isoformat()

    def matches(self, recorded: FileStamp, *, in_seconds: bool) -> bool:
        """Whether a recorded stamp is of this state of the file; with ``in_seconds``, by whole seconds."""
        modified = self.modified // 1_000_000 * 1_000_000 if in_seconds else self.modified
        return recorded == (self.size, modified)


def settled(clips: Iterable[Clip | CorpusError], seconds: float) -> Iterator[Clip | CorpusError]:
    """Pass on clips whose files are not being written, with a second look at files that are young.

    A file that was modified less than ``seconds`` ago is passed on after all others, if its size and its
    modification time are still the same when it has reached that age. No file is waited for longer than
    ``seconds``, even if its modification time is in the future.

    Yields:
        The clips, and an error for each file that is still being written.
    """
    young: list[tuple[Clip, FileStamp, float]] = []
    for clip in clips:
        stamp = FileStamp.of(clip.path) if isinstance(clip, Clip) else None
        age = time.time() - stamp.modified / 1e6 if stamp else seconds
        if stamp is None or isinstance(clip, CorpusError) or age >= seconds:
            yield clip
        else:
            young.append((clip, stamp, time.monotonic() + seconds - max(age, 0.0)))
    wait = max((due for _, _, due in young), default=0.0) - time.monotonic()
    if wait > 1:
        files = text.count(len(young), "file")
        text.note(f"Waiting {wait:.0f} s for {files} that may still be written (--settle)")
    for clip, first, due in young:
        time.sleep(max(0.0, due - time.monotonic()))
        second = FileStamp.of(clip.path)
        if second is None or second == first:
            yield clip
        else:
            yield CorpusError(
                clip.path,
                f"still being written ({first.size:,} bytes, {second.size:,} a moment later): "
                "run the command again when it is complete",
            )
