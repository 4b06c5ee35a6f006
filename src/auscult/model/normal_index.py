"""An index of the normal recordings of a model, to find the one most similar to another recording.

Users who doubt a decision can listen to both. The distance is the same for every detector: Euclidean, between
the means and maxima of each band over time, each divided by its standard deviation over the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.model.normal_range import SpectrumRange
from auscult.spectrum import FrontEnd

#: Lower bound of the standard deviations, dB: a value that hardly varies must not dominate the distance.
_MIN_STD_DB = 0.1
#: Two recordings that differ by less than this in every value, dB, are the same recording.
_SAME_DB = 1e-3
#: A copy at another level, or after a conversion such as that to 8 bits, differs by less than this, dB, in
#: this share of the values, less the difference of level, …
_ALTERED_DB, _ALTERED_SHARE = 0.5, 0.9
#: … and by less than this fraction of the median difference between a recording and the nearest other one.
_ALTERED_FRACTION = 0.25
_SAMPLE = 50  # recordings from which that median is estimated


@dataclass(frozen=True)
class NormalIndex:
    """Paths of normal recordings and a vector for each.

    Attributes:
        paths: N paths, as given by the user.
        vectors: (N, 2 · n_mels) float32: mean and maximum of each band over time, dB.
        windows: N windows, each start and end in seconds, or ``None`` for a complete file; empty if all are
            complete files.
    """

    paths: tuple[str, ...]
    vectors: np.ndarray
    windows: tuple[tuple[float, float] | None, ...] = ()

    @classmethod
    def from_clips(cls, recordings: Sequence[AudioClip], front_end: FrontEnd) -> NormalIndex:
        """Build the index of some recordings; raises `AudioError` if one of them cannot be read."""
        vectors = [_vector(recording, front_end) for recording in recordings]
        empty = np.empty((0, 2 * front_end.n_mels), np.float32)
        windows = tuple(r.clip.window for r in recordings)
        return cls(
            tuple(r.clip.path for r in recordings),
            np.stack(vectors) if vectors else empty,
            windows if any(windows) else (),
        )

    def extended(self, recordings: Sequence[AudioClip], front_end: FrontEnd) -> NormalIndex:
        """Return an index that also holds these recordings; front end and errors as of `from_clips`."""
        added = NormalIndex.from_clips(recordings, front_end)
        windows: tuple[tuple[float, float] | None, ...] = ()
        if self.windows or added.windows:
            windows = sum((i.windows or (None,) * len(i.paths) for i in (self, added)), ())
        vectors = np.concatenate([self.vectors, added.vectors])
        return NormalIndex(self.paths + added.paths, vectors, windows)

    @cached_property
    def spectrum_range(self) -> SpectrumRange | None:
        """The range of the mean spectra of the recordings; ``None`` if there are none."""
        return SpectrumRange.of(self.vectors)

    def contains(self, recording: AudioClip, front_end: FrontEnd, *, altered: bool = False) -> bool:
        """Whether the index holds this recording, even under another path.

        Args:
            recording: the recording.
            front_end: as of `nearest`.
            altered: whether it may be a copy at another level or after a lossy conversion.
        """
        vector = _vector(recording, front_end)
        return bool(self._same(vector).any() or (altered and self._altered(vector).any()))

    def nearest(self, recording: AudioClip, front_end: FrontEnd) -> Clip | None:
        """Return the most similar other recording, or ``None`` if there is no other.

        Args:
            recording: the query; the same recording is never its own neighbour, even under another path.
            front_end: the front end that the index was built with.
        """
        vector = _vector(recording, front_end)
        different = ~self._same(vector)
        if not different.any():
            return None
        scale = np.maximum(self.vectors.std(axis=0), _MIN_STD_DB)  # (2 · n_mels,)
        scaled = (self.vectors - vector) / scale  # (N, 2 · n_mels)
        distances = np.where(different, np.square(scaled).sum(axis=1), np.inf)
        index = int(distances.argmin())
        return Clip(self.paths[index], window=self.windows[index] if self.windows else None)

    def relative_spread(self, recordings: Sequence[AudioClip], front_end: FrontEnd) -> float | None:
        """Return how much recordings differ from each other, relative to those of the index.

        It is the standard deviation of their vectors in units of that of the index, as root mean square over
        the values: 1 if they differ from each other as much as the normal recordings do.

        Args:
            recordings: any recordings.
            front_end: the front end that the index was built with.

        Returns:
            ``None`` if there are fewer than two recordings on either side.
        """
        if len(recordings) < 2 or len(self.paths) < 2:
            return None
        vectors = np.stack([_vector(recording, front_end) for recording in recordings])
        scale = np.maximum(self.vectors.std(axis=0, ddof=1), _MIN_STD_DB)
        return float(np.sqrt(np.mean(np.square(vectors.std(axis=0, ddof=1) / scale))))

    def _same(self, vector: np.ndarray) -> np.ndarray:
        """(N,) mask of the entries that are the recording with this vector (2 · n_mels,)."""
        return np.abs(self.vectors - vector).max(axis=1) < _SAME_DB

    def _altered(self, vector: np.ndarray) -> np.ndarray:
        """(N,) mask of the entries that may be altered copies of the recording with this vector."""
        return self._differences(vector) < self._altered_limit

    @cached_property
    def _altered_limit(self) -> float:
        """The largest difference of an altered copy, dB."""
        rows = np.linspace(0, len(self.vectors) - 1, min(_SAMPLE, len(self.vectors))).astype(int)
        if len(rows) < 2:
            return 0.0
        nearest = [np.partition(self._differences(self.vectors[row]), 1)[1] for row in rows]  # 0 is itself
        return min(_ALTERED_DB, _ALTERED_FRACTION * float(np.median(nearest)))

    def _differences(self, vector: np.ndarray) -> np.ndarray:
        """(N,) by how much the entries differ from a vector in most values, whatever the level, dB."""
        differences = self.vectors - vector
        differences -= np.median(differences, axis=1, keepdims=True)
        return np.quantile(np.abs(differences), _ALTERED_SHARE, axis=1)


def content_id(recording: AudioClip, front_end: FrontEnd) -> bytes | None:
    """Return a value that is equal for copies of a recording, whatever their names and lossless formats.

    It is ``None`` for a recording that does not change over time: all silent recordings are alike.

    Args:
        recording: the recording; its log-mel is computed unless it has it already.
        front_end: the front end to compare recordings with.
    """
    means, maxima = np.split(_vector(recording, front_end), 2)
    if np.abs(maxima - means).max() < _SAME_DB:
        return None
    return np.concatenate([means, maxima]).tobytes()


def _vector(recording: AudioClip, front_end: FrontEnd) -> np.ndarray:
    """(2 · n_mels,) float32 mean and maximum of each band over time, dB."""
    frames = recording.log_mel(front_end)
    return np.concatenate([frames.mean(axis=0), frames.max(axis=0)]).astype(np.float32)
