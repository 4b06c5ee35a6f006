"""The recordings of the machines of a benchmark; features are computed once for all detectors."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial

from auscult.corpus import (
    AudioClip,
    Clip,
    Corpus,
    Inspection,
    attribute_groups,
    inspect_recordings,
    open_corpus,
)
from auscult.corpus.conditions import apply_conditions, unclear_conditions, unknown_conditions
from auscult.corpus.dcase_names import parse_name
from auscult.corpus.fingerprints import file_digests, fingerprints
from auscult.corpus.prefetch import prefetch
from auscult.corpus.training_checks import CommonFormat, common_format
from auscult.detectors import Progress
from auscult.errors import AudioError, CorpusError
from auscult.sound import audio_info
from auscult.sound.defects import measure
from auscult.sound.measures import Measures
from auscult.spectrum import FrontEnd, log_mel

#: Number of recordings from which the time to decode all recordings of a machine is estimated.
_TIMED_RECORDINGS = 20


@dataclass
class MachineData:
    """The clips of one machine.

    Attributes:
        name: name of the machine.
        folder: folder with ``train/`` and ``test/``.
        channel: channel to read from files with several channels.
        other_machines: machines whose training clips a detector may use to learn how machines differ.
        group_by: attributes; training clips with equal values were cut from one recording. Empty if all clips
            are independent; ``None`` if it is not known.
        conditions: what recordings are whose names do not say it, by pattern.
        train: the training clips.
        test: the test clips.
        other_files: number of files of other kinds in the folder, by extension.

    Raises:
        CorpusError: there are no training or no test clips, or it is unclear what some of them are. Test
            clips with DCASE names without a condition, as in an evaluation set, can be scored.
    """

    name: str
    folder: str
    channel: int = 0
    other_machines: Sequence[MachineData] = ()
    group_by: Sequence[str] | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    train: list[Clip] = field(init=False)
    test: list[Clip] = field(init=False)
    other_files: Mapping[str, int] = field(init=False)
    _audio: dict[tuple[str, int], list[AudioClip]] = field(init=False, default_factory=dict)
    _inspections: dict[tuple[int, int], Inspection] = field(init=False, default_factory=dict)
    _feature_seconds: dict[tuple[str, FrontEnd], float] = field(init=False, default_factory=dict)
    _measures: dict[str, Measures] = field(init=False, default_factory=dict)
    _digests: dict[str, str | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        (corpus,) = apply_conditions([open_corpus(self.folder)], self.conditions, must_match=False)
        self.other_files = corpus.other_files
        self.train = list(corpus.where(split="train").for_training())
        self.test = list(corpus.where(split="test"))
        if not self.train or not self.test:
            raise CorpusError(
                self.folder,
                f"{len(self.train)} training and {len(self.test)} test clips; a benchmark needs both",
            )
        named = [clip for clip in self.test if parse_name(clip.path) is None]
        problem = unclear_conditions([*self.train, *self.test]) or unknown_conditions(named, self.folder)
        if problem:
            raise CorpusError(self.folder, problem)
        if self.group_by:
            self.train = list(attribute_groups(Corpus(self.train), self.group_by))

    @cached_property
    def test_names(self) -> Mapping[str, str]:
        """Path to name of the test clips: the file name or, if two are equal, the path below ``folder``."""
        names = {clip.path: os.path.basename(clip.path) for clip in self.test}
        if len(set(names.values())) == len(names):
            return names
        return {path: os.path.relpath(path, self.folder).replace(os.sep, "/") for path in names}

    @cached_property
    def test_digests(self) -> Mapping[str, str]:
        """Path to SHA-256 of the file of the test clips; empty text for one that cannot be read."""
        paths = dict.fromkeys(clip.path for clip in self.test)
        return {path: self._digests.get(path) or file_digests([path])[0] for path in paths}

    @cached_property
    def format(self) -> CommonFormat:
        """The common format of the training clips; raises `FitError` if none can be read."""
        return common_format(self.train)

    @cached_property
    def fingerprints(self) -> Mapping[str, list[list[str | int]]]:
        """The fingerprints of the files of ``train`` and ``test``, taken at the first access."""
        return {part: fingerprints(getattr(self, part), self.folder) for part in ("train", "test")}

    def inspect_training(
        self, front_ends: Sequence[FrontEnd], minimum_samples: int, progress: Progress | None
    ) -> Inspection:
        """Inspects the training recordings: which of them a detector can use, and findings about all of them.

        Args:
            front_ends: the detector's front ends, all at one sample rate; their log-mels are computed while
                the recordings are decoded.
            minimum_samples: the shortest recording that the detector can use.
            progress: called with the progress.
        """
        sample_rate = front_ends[0].sample_rate
        if (sample_rate, minimum_samples) not in self._inspections:
            self._inspections[sample_rate, minimum_samples] = inspect_recordings(
                self._audio_clips("train", sample_rate),
                minimum_samples=minimum_samples,
                front_ends=front_ends,
                progress=progress,
            )
        return self._inspections[sample_rate, minimum_samples]

    def test_audio(self, sample_rate: int) -> list[AudioClip]:
        """The test recordings, resampled to ``sample_rate`` when they are read."""
        return self._audio_clips("test", sample_rate)

    def prepare_features(
        self, part: str, front_ends: Sequence[FrontEnd], progress: Progress | None = None
    ) -> float:
        """Computes the log-mels of the training or test clips, unless they are already in memory.

        Detectors with equal front ends share them.

        Args:
            part: ``"train"`` or ``"test"``.
            front_ends: the front ends to compute log-mels for.
            progress: called with the progress.

        Returns:
            The seconds that computing the log-mels from the files takes, estimated from some of the files.
            They are part of every detector's time, even if another detector computed the log-mels first or
            the cache on disk had them.
        """
        for front_end in front_ends:
            if (part, front_end) in self._feature_seconds:
                continue
            recordings = self._audio_clips(part, front_end.sample_rate)
            self._feature_seconds[part, front_end] = _estimate_feature_seconds(recordings, front_end)
            # Recordings that cannot be read are reported where they are used.
            compute = partial(self._compute_features, part, front_end)
            for done, _ in enumerate(prefetch(recordings, compute), start=1):
                if progress:
                    progress("features", done, len(recordings), {})
        return sum(self._feature_seconds[part, front_end] for front_end in front_ends)

    def measures(self, recording: AudioClip) -> Measures:
        """Returns what shows a sensor fault in a test recording; it is decoded once for all detectors.

        Raises:
            AudioError: it cannot be read.
        """
        path = recording.clip.path
        if path not in self._measures:
            self._measures[path] = measure(recording.waveform())
        return self._measures[path]

    def _compute_features(self, part: str, front_end: FrontEnd, recording: AudioClip) -> None:
        """Computes a log-mel and, of a test recording, what is needed once for all detectors and seeds."""
        path = recording.clip.path
        if part == "test" and path not in self._measures:
            waveform = recording.waveform()  # held, so that it is decoded once
            self._measures[path] = measure(waveform)
        recording.log_mel(front_end)
        if part == "test" and path not in self._digests:
            self._digests[path] = recording.file_digest()  # the cache has read the file for it

    def forget(self) -> None:
        """Starts without anything that was computed of the clips, as for other clips."""
        self._audio, self._inspections, self._feature_seconds = {}, {}, {}
        self._measures, self._digests = {}, {}
        for name in ("test_names", "test_digests", "format", "fingerprints"):
            self.__dict__.pop(name, None)

    def clear_cache(self) -> None:
        """Frees log-mels and inspections: those of several machines may not fit into memory together."""
        self._audio.clear()
        self._inspections.clear()
        self._feature_seconds.clear()

    def _audio_clips(self, part: str, sample_rate: int) -> list[AudioClip]:
        if (part, sample_rate) not in self._audio:
            clips = self.train if part == "train" else self.test
            self._audio[part, sample_rate] = [
                AudioClip.from_file(c, channel=self.channel, sample_rate=sample_rate, cached=True)
                for c in clips
            ]
        return self._audio[part, sample_rate]


class Machines:
    """The machines of a benchmark by name, each opened at the first access.

    Only names and folders are pickled when the object is sent to another process.

    Args:
        folders: name to folder.
        channel: channel to read from files with several channels.
        shared: whether ``other_machines`` of each machine lists all the other machines.
        group_by, conditions: as in `MachineData`.
    """

    def __init__(
        self,
        folders: Mapping[str, str],
        *,
        channel: int,
        shared: bool,
        group_by: Sequence[str] | None = None,
        conditions: Mapping[str, str] | None = None,
    ) -> None:
        self.folders, self.channel, self.shared = dict(folders), channel, shared
        self.group_by, self.conditions = group_by, dict(conditions or {})
        self._open: dict[str, MachineData] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}

    def __getitem__(self, name: str) -> MachineData:
        """Return one machine; raises `CorpusError` if it has no training or no test clips."""
        if name not in self._open:
            for machine_name in self.folders if self.shared else (name,):
                self._open[machine_name] = MachineData(
                    machine_name,
                    self.folders[machine_name],
                    self.channel,
                    group_by=self.group_by,
                    conditions=self.conditions,
                )
            if self.shared:
                for machine in self._open.values():
                    machine.other_machines = [other for other in self._open.values() if other is not machine]
        return self._open[name]

    def clear_cache_except(self, names: Collection[str]) -> None:
        """Frees the log-mels and inspections of all machines but the named ones."""
        for name, machine in self._open.items():
            if name not in names:
                machine.clear_cache()


def total_seconds(clips: Sequence[Clip]) -> float:
    """Total duration of clips in seconds, from the headers of their files."""
    total = 0.0
    for clip in clips:
        with suppress(AudioError):
            total += audio_info(clip.path, table=clip.table).seconds or 0.0
    return total


def timed_recordings(count: int) -> range:
    """The indices of those of so many recordings that are read to measure the time."""
    return range(0, count, -(-count // _TIMED_RECORDINGS))


def _estimate_feature_seconds(recordings: Sequence[AudioClip], front_end: FrontEnd) -> float:
    """Estimates the seconds to read recordings and compute their log-mels, from some of them."""
    sample = [recordings[i] for i in timed_recordings(len(recordings))]
    started = time.perf_counter()
    for recording in sample:
        with suppress(AudioError):
            log_mel(recording.waveform().samples, front_end)
    return (time.perf_counter() - started) * len(recordings) / len(sample)
