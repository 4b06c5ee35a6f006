"""The normal recordings that a model was given, and which of them is most like another recording.

Whoever doubts a verdict wants to hear both. Likeness is the same for every detector: the distance between
the mean and the maximum of each band over time, every one in standard deviations of the gallery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip
from auscult.spectrum import FrontEnd

#: A value that hardly varies among the normals, dB, must not decide which of them is nearest.
_LEAST_DB = 0.1
#: Two recordings that differ by less in every value are the same, read twice, dB.
_SAME_DB = 1e-3


@dataclass(frozen=True)
class Gallery:
    """Paths of normal recordings and a vector for each.

    Attributes:
        paths: N, as they were given.
        vectors: (N, 2 · n_mels) float32: mean and maximum of each band over time, dB.
    """

    paths: tuple[str, ...]
    vectors: np.ndarray

    @classmethod
    def of(cls, recordings: Sequence[AudioClip], front_end: FrontEnd) -> Gallery:
        """The gallery of these recordings; raises `AudioError` where one cannot be heard."""
        vectors = [_vector(recording, front_end) for recording in recordings]
        empty = np.empty((0, 2 * front_end.n_mels), np.float32)
        return cls(tuple(r.clip.path for r in recordings), np.stack(vectors) if vectors else empty)

    def with_more(self, recordings: Sequence[AudioClip], front_end: FrontEnd) -> Gallery:
        """A gallery that has these normal recordings as well; front end and errors as of `of`."""
        more = Gallery.of(recordings, front_end)
        return Gallery(self.paths + more.paths, np.concatenate([self.vectors, more.vectors]))

    def knows(self, recording: AudioClip, front_end: FrontEnd) -> bool:
        """Whether this recording is among them, under whatever name; front end and errors as of `of`."""
        return bool(self._same(_vector(recording, front_end)).any())

    def nearest(self, recording: AudioClip, front_end: FrontEnd) -> str | None:
        """Path of the most similar of the others; ``None`` where there is no other.

        Args:
            recording: what is compared; it is never its own neighbour, under whatever name.
            front_end: that of the gallery.
        """
        vector = _vector(recording, front_end)
        different = ~self._same(vector)
        if not different.any():
            return None
        scale = np.maximum(self.vectors.std(axis=0), _LEAST_DB)  # (2 · n_mels,)
        away = (self.vectors - vector) / scale  # (N, 2 · n_mels)
        distances = np.where(different, np.square(away).sum(axis=1), np.inf)
        return self.paths[int(distances.argmin())]

    def _same(self, vector: np.ndarray) -> np.ndarray:
        """(N,) which of them are the recording of this vector (2 · n_mels,)."""
        return np.abs(self.vectors - vector).max(axis=1) < _SAME_DB


def _vector(recording: AudioClip, front_end: FrontEnd) -> np.ndarray:
    """(2 · n_mels,) float32."""
    frames = recording.log_mel(front_end)
    return np.concatenate([frames.mean(axis=0), frames.max(axis=0)]).astype(np.float32)
