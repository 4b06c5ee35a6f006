"""The recordings of one machine of a benchmark, heard once for all detectors."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from auscult.corpus import Clip, Inspection, Recording, inspect_recordings, open_corpus
from auscult.detectors import Progress
from auscult.errors import AudioError, CorpusError
from auscult.sound import audio_info
from auscult.spectrum import FrontEnd


@dataclass
class MachineData:
    """The clips of one machine.

    Attributes:
        name: of the machine.
        folder: with ``train/`` and ``test/``.
        channel: of files with several.
        others: machines from whose training clips a detector may learn how machines differ.
        train, test: its clips.
    """

    name: str
    folder: str
    channel: int = 0
    others: Sequence[MachineData] = ()
    train: list[Clip] = field(init=False)
    test: list[Clip] = field(init=False)
    _heard: dict[tuple[str, int], list[Recording]] = field(init=False, default_factory=dict)
    _usable: dict[tuple[int, int], Inspection] = field(init=False, default_factory=dict)
    _seconds: dict[tuple[str, FrontEnd], float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        corpus = open_corpus(self.folder)
        self.train = list(corpus.where(split="train").for_training())
        self.test = list(corpus.where(split="test"))
        if not self.train or not self.test:
            raise CorpusError(
                self.folder, f"{len(self.train)} training and {len(self.test)} test clips; a bench needs both"
            )

    def training(self, sample_rate: int, minimum_samples: int, progress: Progress | None) -> Inspection:
        """The training recordings that a detector can use, and what is to be said of them all."""
        wanted = sample_rate, minimum_samples
        if wanted not in self._usable:
            self._usable[wanted] = inspect_recordings(
                self._recordings("train", sample_rate), minimum_samples=minimum_samples, progress=progress
            )
        return self._usable[wanted]

    def testing(self, sample_rate: int) -> list[Recording]:
        """The test recordings."""
        return self._recordings("test", sample_rate)

    def hear(self, part: str, front_end: FrontEnd, progress: Progress | None = None) -> float:
        """Works out the log-mels of ``train`` or ``test``, which detectors share, unless that is done.

        Returns:
            The seconds that it took. Each detector's time counts them, whichever of them was first.
        """
        if (part, front_end) not in self._seconds:
            recordings = self._recordings(part, front_end.sample_rate)
            started = time.perf_counter()
            for done, recording in enumerate(recordings, start=1):
                with suppress(AudioError):  # told of where the recording is used
                    recording.log_mel(front_end)
                if progress:
                    progress("features", done, len(recordings), {})
            self._seconds[part, front_end] = time.perf_counter() - started
        return self._seconds[part, front_end]

    def forget(self) -> None:
        """Lets go of what was heard, which may be more than fits beside the next machine."""
        self._heard.clear()
        self._usable.clear()
        self._seconds.clear()

    def _recordings(self, part: str, sample_rate: int) -> list[Recording]:
        if (part, sample_rate) not in self._heard:
            clips = self.train if part == "train" else self.test
            self._heard[part, sample_rate] = [
                Recording.from_file(c, channel=self.channel, sample_rate=sample_rate) for c in clips
            ]
        return self._heard[part, sample_rate]


def stamps(clips: Sequence[Clip], folder: str) -> list[list[str | int]]:
    """Name, size and time of each file, by which it is known whether it changed."""
    found: list[list[str | int]] = []
    for clip in clips:
        try:
            stat = os.stat(clip.path)
            stamp: list[str | int] = [stat.st_size, stat.st_mtime_ns]
        except OSError:  # a link that leads nowhere is an unreadable clip, told of when it is heard
            stamp = []
        found.append([os.path.relpath(clip.path, folder), *stamp])
    return found


def seconds_of(clips: Sequence[Clip]) -> float:
    """Seconds of sound in all, by what the files' headers say."""
    total = 0.0
    for clip in clips:
        with suppress(AudioError):
            total += audio_info(clip.path).seconds or 0.0
    return total
