"""Frames for short clips, and mel bands that no bin of the transform falls into.

At 192 kHz the bins of the baseline's 1024 samples are 187.5 Hz apart, further than the lowest mel bands are
wide, and bands without a bin are constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from auscult.spectrum.logmel import FrontEnd, mel_edges

#: A clip should have at least so many frames; otherwise they are halved.
MIN_FRAMES = 16
#: Frames are never halved below this, and no longer ones are suggested than this, samples.
MIN_LENGTH, MAX_LENGTH = 16, 65_536


def halved_for(n_fft: int, samples: int) -> int:
    """Return the frame length, halved until a clip has `MIN_FRAMES` frames with hops of half a frame.

    Args:
        n_fft: samples in one frame.
        samples: samples of the clip.
    """
    while FrontEnd(n_fft=n_fft, hop=n_fft // 2).frames_in(samples) < MIN_FRAMES and n_fft > MIN_LENGTH:
        n_fft //= 2
    return n_fft


def doubled_for(front_end: FrontEnd) -> int:
    """Return the frame length in samples, doubled until no mel band is without a bin of the transform.

    At 64 kHz and below 1024 samples are enough for 128 bands.
    """
    n_fft = front_end.n_fft
    while n_fft < MAX_LENGTH and len(empty_bands(replace(front_end, n_fft=n_fft))):
        n_fft *= 2
    return n_fft


def empty_bands(front_end: FrontEnd) -> np.ndarray:
    """Return the (K,) centre frequencies in Hz of the mel bands that no bin of the transform falls into.

    Such a band has the same value in every frame.
    """
    edges, spacing = mel_edges(front_end), front_end.sample_rate / front_end.n_fft
    above = (np.floor(edges[:-2] / spacing) + 1) * spacing  # the first bin above the lower edge of each band
    return edges[1:-1][above >= edges[2:]]


def empty_band_warnings(front_ends: Iterable[FrontEnd]) -> Iterator[str]:
    """Yield a warning for each front end that has mel bands without a bin; the message says what to set."""
    for front_end in front_ends:
        empty = empty_bands(front_end)
        if not len(empty):
            continue
        n_fft = doubled_for(front_end)
        fewer = without_empty_bands(front_end).n_mels
        yield (
            f"{len(empty)} of {front_end.n_mels} mel bands ({empty[0]:.0f} to {empty[-1]:.0f} Hz) contain no "
            f"bin of the {front_end.n_fft}-sample transform at {front_end.sample_rate} Hz and are constant: "
            f"set n_fft={n_fft} and hop={n_fft // 2}, or n_mels={fewer}"
        )


def without_empty_bands(front_end: FrontEnd) -> FrontEnd:
    """Return the front end with as many bands, up to its own number, as leave none without a bin."""
    while front_end.n_mels > 1 and len(empty_bands(front_end)):
        front_end = replace(front_end, n_mels=front_end.n_mels - 1)
    return front_end
