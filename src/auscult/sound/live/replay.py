"""Recordings that are played back as if they came from a microphone."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence

from auscult.errors import AudioError, OptionError, SourceError
from auscult.runtime.natural_order import natural_order
from auscult.sound.audio_names import is_audio_name
from auscult.sound.live.clock import Pacer
from auscult.sound.live.recording import kind_of, open_recording
from auscult.sound.live.source import BLOCK_SECONDS, Block, Interruption, Source


class Replay(Source):
    """Plays back a recording, or all recordings in a folder in natural order of their names.

    The recordings follow each other without gaps, since names say nothing about the time between them. One
    that cannot be read, or has another sample rate or number of channels than the first one, is left out with
    an `Interruption` that names it, and the index of samples jumps. Recordings are read while they are
    played, so they can have any length.

    The time of a block is the start time plus its index divided by the sample rate, at any speed.

    Args:
        path: an audio file, a table of a signal, or a folder. Its subfolders are not searched.
        sample_rate: in Hz; recordings of another rate are left out. By default that of the first one.
        channels: read only so many channels, the first ones; by default as many as the first recording has.
        block_seconds: length of a block.
        speed: 1 for real time, ``math.inf`` for as fast as possible.
        start_time: time of the first sample, in seconds since 1970. By default that at which the first file
            was last modified, minus its length, or now if its header does not declare the length.

    Raises:
        SourceError: there is no such file or folder, it has no recordings, or none can be read.
        MissingExtraError: the package that reads this kind of table is not installed.
        OptionError: a speed that is not positive.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        block_seconds: float = BLOCK_SECONDS,
        speed: float = 1.0,
        start_time: float | None = None,
    ) -> None:
        super().__init__(os.fspath(path))
        if not speed > 0:
            raise OptionError(f"speed must be positive, got {speed}")
        self._block_seconds, self._speed = block_seconds, speed
        self._paths = self._recordings()
        problems: list[AudioError] = []
        for path in self._paths:  # the first recording that can be read decides about rate and channels
            try:
                with open_recording(
                    path, block_seconds, sample_rate=sample_rate, channels=channels
                ) as recording:
                    self.sample_rate, self.channels = recording.sample_rate, recording.channels
                    self._start_time = _start(start_time, recording.start)
                    return
            except AudioError as error:
                problems.append(error)
        if problems[0].path == self.description:
            raise SourceError(self.description, problems[0].reason)
        more = f" (and {len(problems) - 1} others)" if len(problems) > 1 else ""
        raise SourceError(self.description, f"no recording in it can be played: {problems[0]}{more}")

    def _recordings(self) -> Sequence[str]:
        if not os.path.isdir(self.description):
            return [self.description]
        try:
            names = [name for name in os.listdir(self.description) if is_audio_name(name)]
        except OSError as error:
            raise SourceError(self.description, f"the folder cannot be listed ({error.strerror})") from error
        if not names:
            raise SourceError(self.description, "the folder has no audio files")
        return [os.path.join(self.description, name) for name in sorted(names, key=natural_order)]

    def __iter__(self) -> Iterator[Block | Interruption]:
        pacer = Pacer(self._speed, self._closed)
        index = 0  # of the next sample
        played = 0  # samples so far, which determine when the next block is due
        for path in self._paths:
            if self._closed.is_set():
                return
            first, declared = index, None
            try:
                with open_recording(
                    path, self._block_seconds, sample_rate=self.sample_rate, channels=self.channels
                ) as recording:
                    declared = recording.declared
                    for samples in recording.blocks:
                        played += len(samples)
                        pacer.wait_until(played / self.sample_rate)
                        if self._closed.is_set():
                            return
                        yield Block(samples, index, self._start_time + index / self.sample_rate)
                        index += len(samples)
            except AudioError as error:
                yield Interruption(f"left out: {error}", kind_of(error))
                index = max(index + 1, first + (declared or 0))  # what is missing is a gap
        yield Interruption("all recordings were played", "ended")


def _start(given: float | None, recorded: float | None) -> float:
    if given is not None:
        return given
    return time.time() if recorded is None or not math.isfinite(recorded) else recorded
