"""A folder that a recorder fills: each recording is read once it is complete."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from auscult.errors import AudioError, SourceError
from auscult.sound.live.folder_files import FolderFiles, SettledFile, Version
from auscult.sound.live.recording import OpenRecording, OtherLayout, kind_of, open_recording
from auscult.sound.live.source import BLOCK_SECONDS, Block, Interruption, Source

#: Without a new recording for this time, an interruption is yielded, seconds.
NO_RECORDING_SECONDS = 60.0
#: The folder is looked at so often, seconds, but this takes at most a twentieth of the time.
POLL_SECONDS, POLL_SHARE = 1.0, 20
#: A file is complete if it was not changed for so long, seconds.
SETTLE_SECONDS = 5.0
#: So many times longer if its header declares no length, which recorders of FLAC write at the end.
UNDECLARED_FACTOR = 10
#: Pauses before a file that cannot be read is tried again, seconds; after the last one it is left out.
RETRY_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
#: Recordings that are less apart follow each other without a gap: files are closed a little late, seconds.
MIN_GAP_SECONDS = 2.0


class PartlyRead(NamedTuple):
    """A recording of which the first samples were delivered: path in the folder, version, and how many."""

    name: str
    size: int
    modified: int
    position: int


class Delivered(NamedTuple):
    """What was delivered up to an item: so many of `WatchedFolder.changes`, and a part of a recording."""

    changes: int
    partly: PartlyRead | None


@dataclass
class _Progress:
    """What was read of a file, and the attempts that failed."""

    version: Version
    failed: int = 0
    next_try: float = 0.0  # time.monotonic
    position: int = 0  # samples that were yielded
    start: float | None = None  # when the recording began, if it was read to its end


class WatchedFolder(Source):
    """Recordings that appear in a folder or its subfolders, in the order in which they were finished.

    A recording is read when its size and time of modification have not changed for some seconds and it has
    all the samples that its header declares. If not, it is tried again for half a minute, and then left out
    with an interruption ``gone`` that names it. Those of another sample rate or with fewer channels than the
    first one are left out with ``wrong_rate``. A folder that disappears, as one on a drive, is waited for.
    If a recording becomes longer after it was read, the rest is read.

    The time of a block is when its file was last modified, minus the length of the file, plus the position in
    it. Between recordings that are more than 2 s apart by these times, the index of samples jumps.

    Args:
        folder: the folder.
        sample_rate: required rate in Hz; by default that of the first recording.
        channels: number of channels, the first ones; by default as many as the first recording has.
        block_seconds: length of a block.
        stall_seconds: an interruption is yielded each time that there is no new recording for so long.
        settle_seconds: time without a change after which a file is complete.
        poll_seconds: time between two looks at the folder.
        state: what was read before, as `state` of an earlier object; it is not read again.
        partly: a recording that was read in part before, as in `delivered`; the rest is read.
        since: recordings that were last modified before are left out, in seconds since 1970.

    Attributes:
        delivered: what was delivered with the item that was yielded last, to continue after a restart.

    Raises:
        SourceError: there is no such folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        block_seconds: float = BLOCK_SECONDS,
        stall_seconds: float = NO_RECORDING_SECONDS,
        settle_seconds: float = SETTLE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        state: Mapping[str, Sequence[int]] | None = None,
        partly: PartlyRead | None = None,
        since: float | None = None,
    ) -> None:
        self._folder = os.fspath(folder)
        super().__init__(f"watch:{self._folder}")
        if not os.path.isdir(self._folder):
            raise SourceError(self.description, "no such folder")
        self.sample_rate, self.channels = sample_rate or 0, channels or 0
        self._block_seconds, self._stall_seconds = block_seconds, stall_seconds
        self._poll_seconds, self._settle_seconds = poll_seconds, settle_seconds
        self._files = FolderFiles(self._folder, settle_seconds=settle_seconds, read=state, since=since)
        self._progress: dict[str, _Progress] = {}
        if partly:
            version = Version(partly.size, partly.modified)
            self._progress[partly.name] = _Progress(version, position=partly.position)
        self.delivered = Delivered(0, partly)
        self._index = 0  # of the next sample
        self._file_end: float | None = None  # when the last recording ended
        self._time = 0.0  # of the last block

    @property
    def state(self) -> dict[str, list[int]]:
        """Size and time of modification of what was read, by path in the folder; JSON-serialisable.

        A recording is added when the item after its last block is requested, that is, when this block was
        processed. Files that no longer exist are removed after a day.
        """
        return {name: list(version) for name, version in self._files.read.items()}

    @property
    def changes(self) -> list[tuple[str, Version | None]]:
        """The changes of `state` since the object was made: path and version, or ``None`` if removed."""
        return self._files.changes

    def __iter__(self) -> Iterator[Block | Interruption]:
        quiet_since = reported = time.monotonic()
        while not self._closed.is_set():
            started = time.monotonic()
            problem = None
            settled: list[SettledFile] = []
            try:
                settled = self._files.settled()
                self._progress = {n: p for n, p in self._progress.items() if n in self._files.present}
            except OSError as error:
                problem = Interruption(f"the folder cannot be listed ({error.strerror})", "gone")
            if settled and (yield from self._read(settled[0])):
                quiet_since = reported = time.monotonic()
                continue
            if time.monotonic() - reported >= self._stall_seconds:
                reported = time.monotonic()
                seconds = reported - quiet_since
                self.delivered = Delivered(len(self.changes), None)
                yield problem or Interruption(f"no new recording for {seconds:.3g} s", "stalled")
            looking = time.monotonic() - started
            self._closed.wait(min(self._stall_seconds, max(self._poll_seconds, POLL_SHARE * looking)))

    def _read(self, file: SettledFile) -> Generator[Block | Interruption, None, bool]:
        """Read a recording; return whether it needs no further attempt, or the next one is due already."""
        progress = self._progress.setdefault(file.name, _Progress(file.version))
        if progress.version != file.version:
            progress.version, progress.failed, progress.next_try = file.version, 0, 0.0
        if time.monotonic() < progress.next_try:
            return False
        try:
            if not (yield from self._blocks(file, progress)):
                return False
        except AudioError as error:
            if not isinstance(error, OtherLayout) and progress.failed < len(RETRY_PAUSES):
                progress.next_try = time.monotonic() + RETRY_PAUSES[progress.failed]
                progress.failed += 1
                return False
            self.delivered = Delivered(len(self.changes), None)
            yield Interruption(f"left out: {error}", kind_of(error))
        self._files.mark_read(file)
        return True

    def _blocks(self, file: SettledFile, progress: _Progress) -> Generator[Block, None, bool]:
        """Yield the blocks of a file from the position on that was reached; return whether it was read."""
        path = os.path.join(self._folder, file.name)
        layout = {"sample_rate": self.sample_rate or None, "channels": self.channels or None}
        with open_recording(path, self._block_seconds, **layout) as recording:
            self.sample_rate, self.channels = recording.sample_rate, recording.channels
            start = recording.start
            if start is None:
                if file.seconds < UNDECLARED_FACTOR * self._settle_seconds:
                    return False
                start = recording.finished if self._file_end is None else self._file_end
            if progress.start is not None and not _grew(recording, progress):
                progress.position = 0  # another recording of the same name
            progress.start = None
            if not progress.position:
                gap = 0.0 if self._file_end is None else start - self._file_end
                self._index += round(gap * self.sample_rate) if gap > MIN_GAP_SECONDS else 0
            position = 0
            for samples in recording.blocks:
                new = samples[max(0, progress.position - position) :]
                position += len(samples)
                if not len(new):
                    continue
                progress.position = position
                end = start + position / self.sample_rate
                self._time = max(self._time, end - len(new) / self.sample_rate)
                self._file_end = end if self._file_end is None else max(self._file_end, end)
                block = Block(new, self._index, self._time)
                self._index += len(new)
                partly = PartlyRead(file.name, *file.version, position)
                self.delivered = Delivered(len(self.changes), partly)
                yield block
                if self._closed.is_set():
                    return False
            progress.start = recording.modified - position / self.sample_rate
        return True


def _grew(recording: OpenRecording, progress: _Progress) -> bool:
    """Whether a recording that was read to the end is the same, with more samples: it was not complete."""
    declared = recording.declared or 0
    return (
        progress.start is not None
        and abs(recording.modified - declared / recording.sample_rate - progress.start) <= MIN_GAP_SECONDS
        and declared > progress.position
    )
