"""Ways of making one vector out of a clip's log-mel frames, and the way back to where it came from.

Global weighted ranking pooling (GWRP, Kolesnikov & Lampert, ECCV 2016; for machine sounds as TWFR, Guan
et al., ICASSP 2023): the frames of each band in falling order, the i-th weighted by r^i. r = 1 is the mean,
r = 0 the maximum. A mean hides what is short and a maximum what is steady, so several stand side by side.

A modulation view tells how strongly each band swells and fades at some pace, as gears and bearings make it
do: the envelope spectrum of vibration diagnosis (Randall & Antoni, Mech. Syst. Signal Process. 25, 2011) by
bands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

DB = 10 / np.log(10)  # log-mels are in decibels


#: Views that are a weighted mean of each band's frames in falling order: the r of their weights.
RANKED: Mapping[str, float] = {"mean": 1.0, "gwrp_0.9": 0.9, "gwrp_0.5": 0.5, "max": 0.0}
#: Modulation views: cycles a frame, from the first up to the second, of which the strongest counts.
PACES: Mapping[str, tuple[float, float]] = {
    "modulation_0.01": (0.01, 0.03),
    "modulation_0.03": (0.03, 0.1),
    "modulation_0.1": (0.1, 0.25),
    "modulation_0.25": (0.25, 0.5),
}
#: Modulation below this, dB², is none: silence must not be infinitely still.
STILL = 1e-3
#: Views by what they tell. Of the levels ``std`` is the standard deviation over time, ``spectrum`` the
#: long-term power spectrum in dB with the mean over its bands taken away, so that it does not know how loud
#: the clip is.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "levels": (*RANKED, "std", "spectrum"),
    "modulation": tuple(PACES),
}
#: Every view.
VIEWS = tuple(view for family in FAMILIES.values() for view in family)


def pooled_views(frames: np.ndarray, views: Sequence[str] = FAMILIES["levels"]) -> np.ndarray:
    """A clip as one vector for each view.

    Args:
        frames: (T, B) log-mel in dB.
        views: names out of `VIEWS`.

    Returns:
        (V, B) float64.
    """
    vectors: dict[str, np.ndarray] = {}
    if paced := [view for view in views if view in PACES]:
        spectrum = _fluctuation(frames)
        vectors |= {view: _modulation(spectrum[_pace(view, len(frames))], len(frames)) for view in paced}
    if levels := [view for view in views if view not in PACES]:
        falling = np.sort(frames.T, axis=1)[:, ::-1].astype(np.float64)  # (B, T): sorts rows, which is fast
        vectors |= {view: _pooled(falling, view) for view in levels}
    return np.stack([vectors[view] for view in views])


def pooled_view(frames: np.ndarray, view: str) -> np.ndarray:
    """`pooled_views` for one view alone, (B,)."""
    return pooled_views(frames, (view,))[0]


def _pooled(falling: np.ndarray, view: str) -> np.ndarray:
    if view == "std":
        return falling.std(axis=1)
    if view == "spectrum":
        power = DB * np.log(np.exp(falling / DB).mean(axis=1))
        return power - power.mean()
    return falling @ _weights(RANKED[view], falling.shape[1])


def _weights(r: float, frames: int) -> np.ndarray:
    """(T,) weight of each place in the falling order."""
    falling = r ** np.arange(frames, dtype=np.float64)
    return falling / falling.sum()


def _modulation(spectrum: np.ndarray, frames: int) -> np.ndarray:
    strength = np.abs(spectrum) ** 2 / frames
    return np.log(strength.max(axis=0) + STILL)


def _fluctuation(frames: np.ndarray) -> np.ndarray:
    """(T // 2 + 1, B) complex spectrum of each band's level about its mean, under a Hann window."""
    away = frames.astype(np.float64) - frames.mean(axis=0, dtype=np.float64)
    return np.fft.rfft(away * np.hanning(len(frames) + 2)[1:-1, None], axis=0)


def _pace(view: str, frames: int) -> slice:
    """The bins of `_fluctuation` that a modulation view looks at: never none, and never the mean."""
    low, high = (int(np.ceil(edge * frames)) for edge in PACES[view])
    low = min(max(low, 1), frames // 2)
    return slice(low, max(high, low + 1))


def shared_out(share: np.ndarray, frames: np.ndarray, view: str, usual: np.ndarray) -> np.ndarray:
    """Where in time the share of each band came from.

    A frame has its part of a band's share by how much it weighs in the view and how far it lies from what
    is usual there; the average over time gives the share back.

    Args:
        share: (B,) what each band of the view added to a score.
        frames: (T, B) log-mel in dB.
        view: one of `VIEWS`.
        usual: (B,) what the view was compared with.

    Returns:
        (T, B) float64.
    """
    frames = frames.astype(np.float64)
    if view == "std":  # what lies far from the clip's own mean made it large
        odd = np.abs(frames - frames.mean(axis=0)) ** 2
    elif view in PACES:  # what swings at that pace, when it swings
        pace, spectrum = _pace(view, len(frames)), _fluctuation(frames)
        kept = np.zeros_like(spectrum)
        kept[pace] = spectrum[pace]
        odd = np.fft.irfft(kept, len(frames), axis=0) ** 2
    elif view == "spectrum":
        level = frames.mean(axis=1, keepdims=True)
        odd = np.exp(frames / DB - frames.max() / DB) * np.abs(frames - level - usual)
    else:
        rank = np.argsort(np.argsort(-frames, axis=0, kind="stable"), axis=0)
        odd = _weights(RANKED[view], len(frames))[rank] * np.abs(frames - usual)
    total = odd.sum(axis=0)
    even = np.full(frames.shape, 1 / len(frames))
    parts = np.divide(odd, total, out=even, where=total > 0)
    return share * parts * len(frames)
