"""Maps of embedding scores: the encoder's frames give the time; the frequency is an approximation.

A frame of the encoder counts by its weight in the pooled vector and by the distance of its features from
those of normal clips. Most encoders do not separate frequencies, so within a frame the bands that are louder
than in normal clips are taken as the anomalous ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.detectors.maps.map_profile import MapProfile

#: Minimum standard deviation of a band, dB, so that a tiny change in a constant band does not stand out.
_MIN_DB = 1.0
#: Minimum standard deviation of a feature, as a share of the root mean square of all features' deviations.
_MIN_SHARE = 0.01


@dataclass(frozen=True)
class NormalStatistics:
    """Moments of the log-mels and encoder frames of normal clips; every clip has the same weight.

    Attributes:
        bands: (2, B) mean and mean square of the log-mel in dB over time.
        features: (2, D) mean and mean square of the encoder's frames.
    """

    bands: np.ndarray
    features: np.ndarray

    @classmethod
    def of_clip(cls, log_mel: np.ndarray, frames: np.ndarray) -> NormalStatistics:
        """The statistics of one clip with log-mel (T, B) and encoder frames (F, D)."""
        return cls(_moments(log_mel), _moments(frames))

    @classmethod
    def mean(cls, parts: Sequence[NormalStatistics], clips: Sequence[int] | None = None) -> NormalStatistics:
        """The mean over several parts, weighted by their numbers of clips, or equally."""
        bands = np.average([part.bands for part in parts], axis=0, weights=clips)
        return cls(bands, np.average([part.features for part in parts], axis=0, weights=clips))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """As arrays of a model file; the inverse of `from_arrays`."""
        return {"usual_bands": self.bands, "usual_features": self.features}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NormalStatistics:
        """The inverse of `to_arrays`."""
        return cls(arrays["usual_bands"], arrays["usual_features"])

    def shares(
        self,
        log_mel: np.ndarray,
        seconds: np.ndarray,
        frames: np.ndarray,
        frame_seconds: np.ndarray,
        weights: np.ndarray,
    ) -> np.ndarray:
        """The share of each bin of a clip in its score.

        Args:
            log_mel: (T, B).
            seconds: (T,) times of the log-mel frames.
            frames: (F, D) the encoder's.
            frame_seconds: (F,) times of the middles of the encoder's frames, rising.
            weights: (F,) of each encoder frame in the pooled vector.

        Returns:
            (T, B) float64, not negative; the mean over the frames, summed over the bands, is 1.
        """
        mean, spread = _mean_and_spread(self.features, 0.0)
        distance = (((frames - mean) / spread) ** 2).mean(axis=1)  # (F,)
        over_time = np.interp(seconds, frame_seconds, weights * distance)  # (T,)
        over_time = over_time / over_time.mean() if over_time.any() else np.ones(len(log_mel))
        zscore = MapProfile(*_mean_and_spread(self.bands, _MIN_DB)).smoothed_zscore(log_mel)
        excess = np.maximum(zscore, 0.0).astype(np.float64) ** 2
        total = excess.sum(axis=1, keepdims=True)
        uniform = np.full(excess.shape, 1 / excess.shape[1])
        return over_time[:, None] * np.divide(excess, total, out=uniform, where=total > 0)


def _moments(frames: np.ndarray) -> np.ndarray:
    """(2, D) mean and mean square of each column of (F, D) frames."""
    frames = frames.astype(np.float64)
    return np.stack([frames.mean(axis=0), (frames**2).mean(axis=0)])


def _mean_and_spread(moments: np.ndarray, minimum: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, (D,) each; the deviation is at least ``minimum``."""
    spread = np.sqrt(np.maximum(moments[1] - moments[0] ** 2, 0.0))
    minimum = max(minimum, _MIN_SHARE * float(np.sqrt((spread**2).mean())))
    return moments[0], np.maximum(spread, minimum or 1.0)
