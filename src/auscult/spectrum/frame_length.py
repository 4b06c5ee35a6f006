"""Frames for short clips and for vibration, and mel bands that no bin of the transform falls into.

At 192 kHz the bins of the baseline's 1024 samples are 187.5 Hz apart, further than the lowest mel bands are
wide, and bands without a bin are constant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.findings import Finding
from auscult.spectrum.logmel import FrontEnd, mel_edges

#: A clip should have at least so many frames; otherwise they are halved.
MIN_FRAMES = 16
#: For the orders of shafts: distance of the bins, the largest one that still resolves them, and the highest
#: frequency, Hz.
ORDER_RESOLUTION, WORST_RESOLUTION, ORDER_HZ = 2.5, 10.0, 1000.0
#: Frames are never halved below this, and no longer ones are suggested than this, samples.
MIN_LENGTH, MAX_LENGTH = 16, 65_536


def vibration_front_end(sample_rate: int, seconds: float | None) -> dict[str, Any]:
    """Return the options of the front end that resolve the orders of a shaft, for recordings of vibration.

    The transform has the length of a power of two with bins about `ORDER_RESOLUTION` Hz apart, and frames
    overlap by three quarters. Bands go up to `ORDER_HZ`, where they are equally wide on the mel scale. For
    short recordings the frames are halved until there are `MIN_FRAMES`, and there are fewer bands then, so
    that none is without a bin.

    Args:
        sample_rate: of the recordings, Hz.
        seconds: length of the recordings; ``None`` if unknown.

    Returns:
        ``n_fft``, ``hop``, ``n_mels`` and ``f_max``.

    Raises:
        OptionError: the recordings are too short to resolve `WORST_RESOLUTION` Hz.
    """
    n_fft = max(MIN_LENGTH, 2 ** round(math.log2(sample_rate / ORDER_RESOLUTION)))
    samples = None if seconds is None else round(seconds * sample_rate)
    while samples is not None and 1 + samples // (n_fft // 4) < MIN_FRAMES and n_fft > MIN_LENGTH:
        n_fft //= 2
    if sample_rate / n_fft > WORST_RESOLUTION:
        needed = (
            2 ** math.ceil(math.log2(sample_rate / WORST_RESOLUTION)) * (MIN_FRAMES - 1) / 4 / sample_rate
        )
        raise OptionError(
            f"recordings of {seconds:.3g} s are too short to resolve the orders of a "
            f"shaft; at {sample_rate} Hz they must have at least {needed:.2g} s"
        )
    front_end = order_front_end(FrontEnd(sample_rate), n_fft)
    return {name: getattr(front_end, name) for name in ("n_fft", "hop", "n_mels", "f_max")}


def order_front_end(front_end: FrontEnd, n_fft: int) -> FrontEnd:
    """Return a front end with bands up to `ORDER_HZ` and frames that overlap by three quarters.

    Args:
        front_end: the front end that is changed; its highest frequency is kept if that is lower, and it has
            so many bands at most that none is without a bin.
        n_fft: samples in one frame.

    Raises:
        OptionError: ``n_fft`` is odd or less than 4, or the lowest frequency is not below `ORDER_HZ`.
    """
    f_max = min(ORDER_HZ, front_end.top)
    return without_empty_bands(replace(front_end, n_fft=n_fft, hop=n_fft // 4, f_max=f_max))


def shorter_frames(front_end: FrontEnd, divisor: int) -> FrontEnd:
    """Return a front end with shorter frames, which resolve short events that long frames average out.

    They overlap as much. There are fewer bands by the same divisor, and none is without a bin.

    Args:
        front_end: any front end; returned unchanged if the divisor is 1.
        divisor: how many times shorter the frames are.
    """
    if divisor == 1:
        return front_end
    n_fft = max(MIN_LENGTH, 2 * (front_end.n_fft // (2 * divisor)))
    hop, bands = max(1, front_end.hop // divisor), max(1, front_end.n_mels // divisor)
    return without_empty_bands(replace(front_end, n_fft=n_fft, hop=min(hop, n_fft), n_mels=bands))


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


def empty_band_findings(front_ends: Iterable[FrontEnd]) -> Iterator[Finding]:
    """Yield a finding for each front end that has mel bands without a bin; the message says what to set."""
    for front_end in front_ends:
        empty = empty_bands(front_end)
        if not len(empty):
            continue
        n_fft = doubled_for(front_end)
        fewer = without_empty_bands(front_end).n_mels
        yield Finding(
            "empty_bands",
            f"{len(empty)} of {front_end.n_mels} mel bands ({empty[0]:.0f} to {empty[-1]:.0f} Hz) contain no "
            f"bin of the {front_end.n_fft}-sample transform at {front_end.sample_rate} Hz and are constant: "
            f"set `n_fft={n_fft}` and `hop={n_fft // 2}`, or `n_mels={fewer}`",
        )


def without_empty_bands(front_end: FrontEnd) -> FrontEnd:
    """Return the front end with as many bands, up to its own number, as leave none without a bin."""
    while front_end.n_mels > 1 and len(empty_bands(front_end)):
        front_end = replace(front_end, n_mels=front_end.n_mels - 1)
    return front_end
