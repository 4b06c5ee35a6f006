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
    share: np.ndarray, frames: np.ndarray, view: str, reference: np.ndarray
) -> np.ndarray:
    """Distribute the contribution of each band to a score over the frames of the clip.

    A frame gets a part of its band's contribution in proportion to its weight in the view and to its
    deviation from the reference; the mean over time is the contribution again.

    Args:
        share: (B,) contribution of each band of the view to a score.
        frames: (T, B) log-mel in dB.
        view: one of `VIEWS`.
        reference: (B,) the normal vector that the view was compared with.

    Returns:
        (T, B) float64.
    """
    frames = frames.astype(np.float64)
    if view == "std":  # frames far from the clip's own mean contribute most
        weight = np.abs(frames - frames.mean(axis=0)) ** 2
    elif view in MODULATION_RANGES:  # the power over time of the band-passed level
        bins, spectrum = _modulation_bins(view, len(frames)), _modulation_spectrum(frames)
        band_passed = np.zeros_like(spectrum)
        band_passed[bins] = spectrum[bins]
        weight = np.fft.irfft(band_passed, len(frames), axis=0) ** 2
    elif view == "spectrum":
        level = frames.mean(axis=1, keepdims=True)
        weight = np.exp(frames / DB - frames.max() / DB) * np.abs(frames - level - reference)
    else:
        rank = np.argsort(np.argsort(-frames, axis=0, kind="stable"), axis=0)
        weight = _gwrp_weights(GWRP_R[view], len(frames))[rank] * np.abs(frames - reference)
    total = weight.sum(axis=0)
    uniform = np.full(frames.shape, 1 / len(frames))
    parts = np.divide(weight, total, out=uniform, where=total > 0)
    return share * parts * len(frames)
