"""Views: ways of pooling a clip's log-mel frames into one vector, and of distributing scores over the frames.

Global weighted ranking pooling (GWRP, Kolesnikov & Lampert, ECCV 2016; for machine sounds as TWFR, Guan
et al., ICASSP 2023): the frames of each band are sorted in descending order and averaged, the i-th with
weight r^i. r = 1 is the mean, r = 0 the maximum. The mean hides short events and the maximum hides steady
changes, so several values of r are used side by side.

A modulation view measures how strongly the level of each band fluctuates in a range of modulation
frequencies, as gears and bearings make it do: the envelope spectrum of vibration diagnosis (Randall & Antoni,
Mech. Syst. Signal Process. 25, 2011), band by band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

#: Decibels per factor e of power; log-mels are in decibels.
DB = 10 / np.log(10)
#: GWRP views: the r of their weights.
GWRP_R: Mapping[str, float] = {"mean": 1.0, "gwrp_0.9": 0.9, "gwrp_0.5": 0.5, "max": 0.0}
#: Modulation views: their range of modulation frequencies in cycles per frame, including the lower limit and
#: excluding the upper one. The largest power in the range is used.
MODULATION_RANGES: Mapping[str, tuple[float, float]] = {
    "modulation_0.01": (0.01, 0.03),
    "modulation_0.03": (0.03, 0.1),
    "modulation_0.1": (0.1, 0.25),
    "modulation_0.25": (0.25, 0.5),
}
#: Added to the modulation power, dB², before the logarithm, which would be -inf for silence.
MODULATION_FLOOR = 1e-3
#: Views by what they measure. Of the levels, ``std`` is the standard deviation over time, and ``spectrum``
#: the long-term power spectrum in dB minus its mean over the bands, so independent of the clip's level.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "levels": (*GWRP_R, "std", "spectrum"),
    "modulation": tuple(MODULATION_RANGES),
}
#: All views.
VIEWS = tuple(view for family in FAMILIES.values() for view in family)


def pooled_views(frames: np.ndarray, views: Sequence[str] = FAMILIES["levels"]) -> np.ndarray:
    """Pool the frames of a clip into one vector for each view.

    Args:
        frames: (T, B) log-mel in dB.
        views: names from `VIEWS`.

    Returns:
        (V, B) float64.
    """
    vectors: dict[str, np.ndarray] = {}
    if modulation := [view for view in views if view in MODULATION_RANGES]:
        spectrum, length = _modulation_spectrum(frames), len(frames)
        vectors |= {view: _log_power(spectrum[_modulation_bins(view, length)], length) for view in modulation}
    if levels := [view for view in views if view not in MODULATION_RANGES]:
        descending = np.sort(frames.T, axis=1)[:, ::-1].astype(np.float64)  # (B, T): sorting rows is faster
        vectors |= {view: _pooled_level(descending, view) for view in levels}
    return np.stack([vectors[view] for view in views])


def pooled_view(frames: np.ndarray, view: str) -> np.ndarray:
    """`pooled_views` for a single view, (B,)."""
    return pooled_views(frames, (view,))[0]


def _pooled_level(descending: np.ndarray, view: str) -> np.ndarray:
    """Return the (B,) level view of frames (B, T), each band sorted in descending order."""
    if view == "std":
        return descending.std(axis=1)
    if view == "spectrum":
        power = DB * np.log(np.exp(descending / DB).mean(axis=1))
        return power - power.mean()
    return descending @ _gwrp_weights(GWRP_R[view], descending.shape[1])


def _gwrp_weights(r: float, frames: int) -> np.ndarray:
    """Return the (T,) weight of each rank, largest value first."""
    powers = r ** np.arange(frames, dtype=np.float64)
    return powers / powers.sum()


def _log_power(spectrum: np.ndarray, frames: int) -> np.ndarray:
    """Return the (B,) logarithm of the largest power over the bins of (K, B) modulation spectra."""
    power = np.abs(spectrum) ** 2 / frames
    return np.log(power.max(axis=0) + MODULATION_FLOOR)


def _modulation_spectrum(frames: np.ndarray) -> np.ndarray:
    """Return the (T // 2 + 1, B) complex spectrum of each band's level minus its mean, with a Hann window."""
    centred = frames.astype(np.float64) - frames.mean(axis=0, dtype=np.float64)
    return np.fft.rfft(centred * np.hanning(len(frames) + 2)[1:-1, None], axis=0)


def _modulation_bins(view: str, frames: int) -> slice:
    """Return the bins of `_modulation_spectrum` that a view uses: at least one, and never bin 0."""
    low, high = (int(np.ceil(edge * frames)) for edge in MODULATION_RANGES[view])
    low = min(max(low, 1), frames // 2)
    return slice(low, max(high, low + 1))


def distribute_over_frames(
    shares: np.ndarray, frames: np.ndarray, views: Sequence[str], references: np.ndarray
) -> np.ndarray:
    """Distribute the contributions of each view and band to a score over the frames of the clip.

    A frame gets a part of its band's contribution in proportion to its weight in the view and to its
    deviation from the reference; the mean over time is the sum of the contributions again.

    Args:
        shares: (V, B) contribution of each band of each view to a score.
        frames: (T, B) log-mel in dB.
        views: names of the V views, from `VIEWS`.
        references: (V, B) the normal vectors that the views were compared with.

    Returns:
        (T, B) float64.
    """
    weights, total = _FrameWeights(frames), np.zeros(frames.shape)
    for share, view, reference in zip(shares, views, references, strict=True):
        if not share.any():
            continue
        weight = weights.of(view, reference)
        sums = weight.sum(axis=0)
        uniform = np.full(frames.shape, 1 / len(frames))
        parts = np.divide(weight, sums, out=uniform, where=sums > 0)
        total += share * parts * len(frames)
    return total


class _FrameWeights:
    """The weights by which the contribution of a view is distributed over the frames (T, B) of a clip.

    What several views need is computed once: the ranks take most of the time of a map.
    """

    def __init__(self, frames: np.ndarray) -> None:
        self.frames = frames.astype(np.float64)

    @cached_property
    def rank(self) -> np.ndarray:
        """(T, B) int, the rank of each frame in its band: 0 for the largest value, equal values in order."""
        order = np.argsort(-self.frames.T, axis=1, kind="stable")  # of rows, which is faster
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(len(self.frames))[None], axis=1)
        return rank.T

    @cached_property
    def modulation_spectrum(self) -> np.ndarray:
        """As from `_modulation_spectrum`."""
        return _modulation_spectrum(self.frames)

    def of(self, view: str, reference: np.ndarray) -> np.ndarray:
        """Return the (T, B) weights of a view with the reference (B,)."""
        frames = self.frames
        if view == "std":  # frames far from the clip's own mean contribute most
            return np.abs(frames - frames.mean(axis=0)) ** 2
        if view in MODULATION_RANGES:  # the power over time of the band-passed level
            bins = _modulation_bins(view, len(frames))
            band_passed = np.zeros_like(self.modulation_spectrum)
            band_passed[bins] = self.modulation_spectrum[bins]
            return np.fft.irfft(band_passed, len(frames), axis=0) ** 2
        if view == "spectrum":
            level = frames.mean(axis=1, keepdims=True)
            return np.exp(frames / DB - frames.max() / DB) * np.abs(frames - level - reference)
        return _gwrp_weights(GWRP_R[view], len(frames))[self.rank] * np.abs(frames - reference)
