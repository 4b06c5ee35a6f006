"""A clip with its audio: the waveform, log-mels and other features, each computed when first requested."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

import numpy as np

from auscult.corpus.clip import Clip
from auscult.corpus.feature_cache import CachedSound, CacheEntry
from auscult.corpus.files import with_table
from auscult.corpus.long_recording import read_window
from auscult.errors import UnsupportedAudio
from auscult.sound import Waveform, read_audio, resample
from auscult.sound.tables import TableSettings
from auscult.spectrum import FrontEnd, log_mel


class AudioClip:
    """A clip and its audio: what detectors are fitted on and score.

    The waveform is held by a weak reference and read again if nothing else holds it, since a thousand
    waveforms would not fit into the memory of a small computer. The log-mel, a quarter of the size, is kept,
    so that folds and detectors share it, and so are small features that are computed from it.

    Args:
        clip: the path and the metadata.
        load: reads the waveform.
        cached: the file's entries in the cache on disk, where log-mels and frames of encoders are looked up
            before they are computed; ``None`` for audio that is used only once.
        log_mels: log-mels that are known already.

    Attributes:
        axes: the channels of the recording, if several are judged together; empty otherwise. The clip itself
            is the first of them.
    """

    def __init__(
        self,
        clip: Clip,
        load: Callable[[], Waveform],
        *,
        cached: CachedSound | None = None,
        log_mels: Mapping[FrontEnd, np.ndarray] | None = None,
    ) -> None:
        self.clip = clip
        self._load = load
        self._cached = cached
        self.axes: tuple[AudioClip, ...] = ()
        self._waveform: ReferenceType[Waveform] | None = None
        self._log_mels: dict[FrontEnd, np.ndarray] = dict(log_mels or {})
        self._features: dict[Hashable, np.ndarray] = {}

    @classmethod
    def from_file(
        cls, clip: Clip, *, channel: int = 0, sample_rate: int | None = None, cached: bool = False
    ) -> AudioClip:
        """Create an audio clip that reads ``clip.path``, or its window, when its audio is first requested.

        A clip in memory has its samples already.

        Args:
            clip: the path and the metadata.
            channel: which channel of a multichannel file.
            sample_rate: resample to this rate, Hz; ``None`` keeps the file's own.
            cached: keep the log-mels and the frames of encoders on disk for later runs on the same file (see
                `feature_cache`); those of windows are never kept.

        Raises (when the audio is requested):
            AudioError: the file cannot be used.
        """
        if clip.waveform is not None:
            return cls(clip, partial(_in_memory, clip, channel, sample_rate))
        clip = with_table(clip)
        if clip.window is not None:
            return cls(clip, partial(read_window, clip.path, channel, sample_rate, *clip.window, clip.table))
        sound = CachedSound(clip.path, channel, sample_rate, clip.table) if cached else None
        return cls(clip, partial(_read, clip.path, channel, sample_rate, clip.table), cached=sound)

    @classmethod
    def from_waveform(
        cls,
        waveform: Waveform,
        *,
        sample_rate: int | None = None,
    ) -> AudioClip:
        """Create an audio clip from samples in memory, resampled in the same way as a file.

        Args:
            waveform: the samples.
            sample_rate: resample to this rate, Hz.
        """
        return cls(Clip(path=waveform.path or "<memory>"), partial(resample, waveform, sample_rate))

    @classmethod
    def of_axes(cls, axes: Sequence[AudioClip]) -> AudioClip:
        """Create an audio clip of several channels that are judged together."""
        first = copy(axes[0])
        first.axes = tuple(axes)
        return first

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without log-mels, which are faster to compute than to send to another process."""
        return {**self.__dict__, "_log_mels": {}, "_features": {}, "_waveform": None}

    def with_source(self, source_recording: str | None) -> AudioClip:
        """Return this audio clip with another source recording; both share log-mels and features."""
        other = copy(self)
        other.clip = replace(self.clip, source_recording=source_recording)
        other.axes = tuple(axis.with_source(source_recording) for axis in self.axes)
        return other

    def waveform(self) -> Waveform:
        """Return the waveform; the same object as long as something holds it."""
        waveform = self._waveform() if self._waveform else None
        if waveform is None:
            if self._cached:
                self._cached.mark_decoding()
            waveform = self._load()
            self._waveform = ref(waveform)
        return waveform

    def log_mel(self, front_end: FrontEnd) -> np.ndarray:
        """Return the (T, n_mels) float32 log-mel in dB, read-only; computed once for each front end."""
        if front_end not in self._log_mels:
            self._log_mels[front_end] = (
                self._cached.log_mel(front_end, self._compute_log_mel)
                if self._cached
                else self._compute_log_mel(front_end)
            )
        return self._log_mels[front_end]

    def feature(self, key: Hashable, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Return a small feature, read-only; computed once for each key and kept in memory.

        Args:
            key: its name and everything that it depends on besides the clip's audio.
            compute: computes it.
        """
        if key not in self._features:
            values = compute()
            values.flags.writeable = False
            self._features[key] = values
        return self._features[key]

    def cache_entry(self, settings: tuple[Any, ...]) -> CacheEntry | None:
        """Return the place of other features of this clip in the cache on disk.

        Args:
            settings: everything that the features depend on besides the clip's audio.

        Returns:
            The entry, or ``None`` if this audio is not cached or the cache is off.
        """
        return self._cached.entry(settings) if self._cached else None

    def file_digest(self) -> str | None:
        """Return the SHA-256 of the file in hexadecimal, by which the cache on disk knows it.

        Returns:
            The digest, or ``None`` if this audio has no entries there or the file cannot be read.
        """
        return self._cached.file_digest() if self._cached else None

    def _compute_log_mel(self, front_end: FrontEnd) -> np.ndarray:
        frames = log_mel(self.waveform().samples, front_end)
        frames.flags.writeable = False  # as are those from the cache
        return frames


def _in_memory(clip: Clip, channel: int, sample_rate: int | None) -> Waveform:
    """The waveform of a clip in memory, or its window."""
    assert clip.waveform is not None
    waveform = clip.waveform
    if channel:
        raise UnsupportedAudio(clip.path, f"has no channel {channel}: samples in memory have one, channel 0")
    if clip.window is not None:
        first, last = (round(seconds * waveform.sample_rate) for seconds in clip.window)
        waveform = replace(waveform, samples=waveform.samples[first:last])
    return resample(waveform, sample_rate)


def _read(path: str, channel: int, sample_rate: int | None, table: TableSettings | None) -> Waveform:
    return resample(read_audio(path, channel=channel, table=table), sample_rate)


def is_target(recordings: Sequence[AudioClip]) -> np.ndarray:
    """Return an (N,) bool mask of the target domain; clips of unknown domain count as source."""
    return np.array([recording.clip.domain == "target" for recording in recordings], bool)
