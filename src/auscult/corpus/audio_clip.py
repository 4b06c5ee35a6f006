"""A clip that can be heard: its waveform and its log-mel, each worked out when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from weakref import ReferenceType, ref

import numpy as np

from auscult.corpus.clip import Clip
from auscult.corpus.feature_cache import CachedSound
from auscult.sound import Waveform, read_audio, resample
from auscult.spectrum import FrontEnd, log_mel


class AudioClip:
    """What detectors learn from and score: one clip and its sound.

    The waveform is read anew unless someone still holds it, since a thousand of them would not fit a small
    computer; the log-mel, a quarter of its size, is kept, so that folds and detectors share it.

    Args:
        load: reads the waveform.
        cached: the sound's place in the cache on disk, where log-mels are looked up before they are worked
            out; ``None`` for sound that is heard once.
    """

    def __init__(
        self, clip: Clip, load: Callable[[], Waveform], *, cached: CachedSound | None = None
    ) -> None:
        self.clip = clip
        self._load = load
        self._cached = cached
        self._sound: ReferenceType[Waveform] | None = None
        self._log_mels: dict[FrontEnd, np.ndarray] = {}

    @classmethod
    def from_file(
        cls, clip: Clip, *, channel: int = 0, sample_rate: int | None = None, cached: bool = False
    ) -> AudioClip:
        """A recording read from ``clip.path`` when first heard.

        Args:
            channel: which channel of a file with several.
            sample_rate: resample to this rate, Hz; ``None`` keeps the file's own.
            cached: its log-mels are kept on disk for others who hear this file (see `feature_cache`).

        Raises (when first heard):
            AudioError: the file cannot be used.
        """
        sound = CachedSound(clip.path, channel, sample_rate) if cached else None
        return cls(clip, partial(_read, clip.path, channel, sample_rate), cached=sound)

    @classmethod
    def from_waveform(cls, waveform: Waveform, *, sample_rate: int | None = None) -> AudioClip:
        """A recording of samples in memory, resampled like a file's."""
        clip = Clip(path=waveform.path or "<memory>")
        return cls(clip, partial(resample, waveform, sample_rate))

    def __getstate__(self) -> dict[str, Any]:
        """Travels to another process without its log-mels, which are worked out there sooner than sent."""
        return {**self.__dict__, "_log_mels": {}, "_sound": None}

    def waveform(self) -> Waveform:
        """The sound itself; the same object as long as someone holds it."""
        sound = self._sound() if self._sound else None
        if sound is None:
            if self._cached:
                self._cached.decoding()
            sound = self._load()
            self._sound = ref(sound)
        return sound

    def log_mel(self, front_end: FrontEnd) -> np.ndarray:
        """(T, n_mels) float32 log-mel in dB, read-only, worked out once for each front end."""
        if front_end not in self._log_mels:
            self._log_mels[front_end] = (
                self._cached.log_mel(front_end, self._worked_out)
                if self._cached
                else self._worked_out(front_end)
            )
        return self._log_mels[front_end]

    def _worked_out(self, front_end: FrontEnd) -> np.ndarray:
        frames = log_mel(self.waveform().samples, front_end)
        frames.flags.writeable = False  # as those out of the cache are
        return frames


def _read(path: str, channel: int, sample_rate: int | None) -> Waveform:
    return resample(read_audio(path, channel=channel), sample_rate)


def of_target(recordings: Sequence[AudioClip]) -> np.ndarray:
    """(N,) bool: which are of the target domain; a clip of unknown domain counts as source."""
    return np.array([recording.clip.domain == "target" for recording in recordings], bool)
