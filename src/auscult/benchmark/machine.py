"""The recordings of one machine of a benchmark, heard once for all detectors."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from operator import methodcaller

from auscult.corpus import AudioClip, Clip, Inspection, inspect_recordings, open_corpus
from auscult.corpus.fingerprints import stamps
from auscult.corpus.prefetch import heard
from auscult.corpus.training_checks import usual_rate
from auscult.detectors import Progress
from auscult.errors import AudioError, CorpusError
from auscult.sound import audio_info
from auscult.spectrum import FrontEnd, log_mel

#: Recordings by which it is reckoned how long it takes to hear all of a machine's.
_TIMED = 20


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
    other_machines: Sequence[MachineData] = ()
    train: list[Clip] = field(init=False)
    test: list[Clip] = field(init=False)
    _heard: dict[tuple[str, int], list[AudioClip]] = field(init=False, default_factory=dict)
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

    @cached_property
    def rate(self) -> int:
        """The sample rate of most training clips, Hz; raises `FitError` where none can be read."""
        return usual_rate(self.train)

    @cached_property
    def stamps(self) -> Mapping[str, list[list[str | int]]]:
        """What the files of ``train`` and ``test`` looked like when this was first asked."""
        return {part: stamps(getattr(self, part), self.folder) for part in ("train", "test")}

    def training(
        self, front_ends: Sequence[FrontEnd], minimum_samples: int, progress: Progress | None
    ) -> Inspection:
        """The training recordings that a detector can use, and what is to be said of them all.

        Args:
            front_ends: of the detector, all at one sample rate; their log-mels are worked out on the way.
        """
        wanted = front_ends[0].sample_rate, minimum_samples
        if wanted not in self._usable:
            self._usable[wanted] = inspect_recordings(
                self._recordings("train", wanted[0]),
                minimum_samples=minimum_samples,
                front_ends=front_ends,
                progress=progress,
            )
        return self._usable[wanted]

    def testing(self, sample_rate: int) -> list[AudioClip]:
        """The test recordings."""
        return self._recordings("test", sample_rate)

    def hear(self, part: str, front_ends: Sequence[FrontEnd], progress: Progress | None = None) -> float:
        """Works out the log-mels of ``train`` or ``test``, which detectors share, unless that is done.

        Returns:
            The seconds that it takes from the files, reckoned from some of them. Each detector's time counts
            them, whichever of them was first, and also where a cache had the log-mels.
        """
        for front_end in front_ends:
            if (part, front_end) in self._seconds:
                continue
            recordings = self._recordings(part, front_end.sample_rate)
            self._seconds[part, front_end] = _seconds_afresh(recordings, front_end)
            # What cannot be heard is told of where the recording is used.
            for done, _ in enumerate(heard(recordings, methodcaller("log_mel", front_end)), start=1):
                if progress:
                    progress("features", done, len(recordings), {})
        return sum(self._seconds[part, front_end] for front_end in front_ends)

    def forget(self) -> None:
        """Lets go of what was heard, which may be more than fits beside the next machine."""
        self._heard.clear()
        self._usable.clear()
        self._seconds.clear()

    def _recordings(self, part: str, sample_rate: int) -> list[AudioClip]:
        if (part, sample_rate) not in self._heard:
            clips = self.train if part == "train" else self.test
            self._heard[part, sample_rate] = [
                AudioClip.from_file(c, channel=self.channel, sample_rate=sample_rate, cached=True)
                for c in clips
            ]
        return self._heard[part, sample_rate]


class Machines:
    """The machines of a bench by name, each opened when first asked for; to another process they travel as
    names and folders.

    Args:
        folders: name to folder.
        channel: of files with several.
        shared: whether each has all the others for its ``others``.
    """

    def __init__(self, folders: Mapping[str, str], *, channel: int, shared: bool) -> None:
        self.folders, self.channel, self.shared = dict(folders), channel, shared
        self._open: dict[str, MachineData] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}

    def __getitem__(self, name: str) -> MachineData:
        """One machine; raises `CorpusError` where it has no training or no test clips."""
        if name not in self._open:
            for each in self.folders if self.shared else (name,):
                self._open[each] = MachineData(each, self.folders[each], self.channel)
            if self.shared:
                for machine in self._open.values():
                    machine.other_machines = [other for other in self._open.values() if other is not machine]
        return self._open[name]

    def forget_all_but(self, names: Collection[str]) -> None:
        """Lets go of what was heard of the other machines, which may be more than fits beside these."""
        for name, machine in self._open.items():
            if name not in names:
                machine.forget()


def seconds_of(clips: Sequence[Clip]) -> float:
    """Seconds of sound in all, by what the files' headers say."""
    total = 0.0
    for clip in clips:
        with suppress(AudioError):
            total += audio_info(clip.path).seconds or 0.0
    return total


def _seconds_afresh(recordings: Sequence[AudioClip], front_end: FrontEnd) -> float:
    """Seconds to read recordings and work out their log-mels, from some that are spread over all."""
    some = recordings[:: -(-len(recordings) // _TIMED)]
    started = time.perf_counter()
    for recording in some:
        with suppress(AudioError):
            log_mel(recording.waveform().samples, front_end)
    return (time.perf_counter() - started) * len(recordings) / len(some)
