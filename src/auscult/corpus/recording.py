"""A clip that can be heard: its waveform and its log-mel, each worked out when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from auscult.corpus.clip import Clip
from auscult.sound import Waveform, read_audio, resample
from auscult.spectrum import FrontEnd, log_mel


class Recording:
    """What detectors learn from and score: one clip and its sound.

    The waveform is read anew each time, since a thousand of them would not fit a small computer; the
    log-mel, a quarter of its size, is kept, so that folds and detectors share it.
    """

    def __init__(self, clip: Clip, load: Callable[[], Waveform]) -> None:
        self.clip = clip
        self._load = load
        self._log_mels: dict[FrontEnd, np.ndarray] = {}

    @classmethod
    def from_file(cls, clip: Clip, *, channel: int = 0, sample_rate: int | None = None) -> Recording:
        """A recording read from ``clip.path`` when first heard.

        Args:
            channel: which channel of a file with several.
            sample_rate: resample to this rate, Hz; ``None`` keeps the file's own.

        Raises (when first heard):
            AudioError: the file cannot be used.
        """
        return cls(clip, partial(_read, clip.path, channel, sample_rate))

    @classmethod
    def from_waveform(cls, waveform: Waveform, *, sample_rate: int | None = None) -> Recording:
        """A recording of samples in memory, resampled like a file's."""
        clip = Clip(path=waveform.path or "<memory>")
        return cls(clip, partial(resample, waveform, sample_rate))

    def __getstate__(self) -> dict[str, Any]:
        """Travels to another process without its log-mels, which are worked out there sooner than sent."""
        return {**self.__dict__, "_log_mels": {}}

    def waveform(self) -> Waveform:
        """The sound itself."""
        return self._load()

    def log_mel(self, front_end: FrontEnd) -> np.ndarray:
        """(T, n_mels) float32 log-mel in dB, worked out once for each front end."""
        if front_end not in self._log_mels:
            self._log_mels[front_end] = log_mel(self.waveform().samples, front_end)
        return self._log_mels[front_end]


def _read(path: str, channel: int, sample_rate: int | None) -> Waveform:
    return resample(read_audio(path, channel=channel), sample_rate)


def of_target(recordings: Sequence[Recording]) -> np.ndarray:
    """(N,) bool: which are of the target domain; a clip of unknown domain counts as source."""
    return np.array([recording.clip.domain == "target" for recording in recordings], bool)
