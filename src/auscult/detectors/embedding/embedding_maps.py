"""Where the oddness of an embedding lies: when, the encoder's frames tell; at which frequency is a guess.

A frame of the encoder counts by its weight in the pooled vector and by how far its features lie from what
normal clips have. Most encoders do not tell frequencies apart, so within a frame the bands that are louder
than usual then are taken for the odd ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auscult.detectors.maps.map_profile import MapProfile

#: dB that a band counts as varying by at least, so that a trifle in a constant band is no find.
_LEAST_DB = 1.0
#: A feature that hardly varies counts as varying by this share of what is usual among the features.
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class Usual:
    """What log-mels and encoder frames of normal clips are like, where every clip counts alike.

    Attributes:
        bands: (2, B) mean, and mean square, of the log-mel in dB over time.
        features: (2, D) the same of the encoder's frames.
    """

    bands: np.ndarray
    features: np.ndarray

    @classmethod
    def of(cls, log_mel: np.ndarray, frames: np.ndarray) -> Usual:
        """Of one clip, with log-mel (T, B) and encoder frames (F, D)."""
        return cls(_moments(log_mel), _moments(frames))

    @classmethod
    def mean(cls, parts: Sequence[Usual], clips: Sequence[int] | None = None) -> Usual:
        """Of several parts, each with as many clips as said, or one."""
        bands = np.average([part.bands for part in parts], axis=0, weights=clips)
        return cls(bands, np.average([part.features for part in parts], axis=0, weights=clips))

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays of a model; `from_arrays` is the way back."""
        return {"usual_bands": self.bands, "usual_features": self.features}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Usual:
        """The inverse of `arrays`."""
        return cls(arrays["usual_bands"], arrays["usual_features"])

    def shares(
        self,
        log_mel: np.ndarray,
        seconds: np.ndarray,
        frames: np.ndarray,
        middles: np.ndarray,
        weights: np.ndarray,
    ) -> np.ndarray:
        """How much each bin of a clip has to do with its score.

        Args:
            log_mel: (T, B).
            seconds: (T,) at which its frames lie.
            frames: (F, D) the encoder's.
            middles: (F,) seconds at which these lie, rising.
            weights: (F,) how much each counts in the pooled vector.

        Returns:
            (T, B) float64, not negative; the mean over the frames, summed over the bands, is 1.
        """
        mean, spread = _mean_and_spread(self.features, 0.0)
        far = (((frames - mean) / spread) ** 2).mean(axis=1)  # (F,)
        when = np.interp(seconds, middles, weights * far)  # (T,)
        when = when / when.mean() if when.any() else np.ones(len(log_mel))
        loud = MapProfile(*_mean_and_spread(self.bands, _LEAST_DB)).pointing(log_mel)
        excess = np.maximum(loud, 0.0).astype(np.float64) ** 2
        total = excess.sum(axis=1, keepdims=True)
        even = np.full(excess.shape, 1 / excess.shape[1])
        return when[:, None] * np.divide(excess, total, out=even, where=total > 0)


def _moments(frames: np.ndarray) -> np.ndarray:
    """(2, D) mean, and mean square, of the columns of (F, D) frames."""
    frames = frames.astype(np.float64)
    return np.stack([frames.mean(axis=0), (frames**2).mean(axis=0)])


def _mean_and_spread(moments: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and standard deviation of at least ``least``, (D,) each."""
    spread = np.sqrt(np.maximum(moments[1] - moments[0] ** 2, 0.0))
    least = max(least, _LEAST_SHARE * float(np.sqrt((spread**2).mean())))
    return moments[0], np.maximum(spread, least or 1.0)
