"""Change of sample rate, whole or piece by piece, with the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from auscult.errors import OptionError
from auscult.sound.waveform import Waveform


def resample(waveform: Waveform, sample_rate: int | None) -> Waveform:
    """The waveform at another sample rate (soxr, high quality), with a note that says so.

    Args:
        sample_rate: the wanted rate in Hz; ``None`` or the rate it has returns ``waveform`` itself.

    Raises:
        OptionError: a rate that is not positive.
    """
    if sample_rate is None or sample_rate == waveform.sample_rate:
        return waveform
    blocks = resampled_blocks([waveform.samples], waveform.sample_rate, sample_rate)
    note = resampling_note(waveform.sample_rate, sample_rate)
    return Waveform(
        np.concatenate(list(blocks)), sample_rate, path=waveform.path, notes=(*waveform.notes, note)
    )


def resampled_blocks(blocks: Iterable[np.ndarray], sample_rate: int, wanted: int) -> Iterator[np.ndarray]:
    """A stream of (B,) blocks of one waveform at another rate, as (B',) float32 blocks without seams.

    Raises:
        OptionError: a wanted rate that is not positive.
    """
    import soxr  # type: ignore[import-untyped]

    if wanted <= 0:
        raise OptionError(f"a sample rate of {wanted} Hz is none; it must be positive")
    stream = soxr.ResampleStream(sample_rate, wanted, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.asarray(block, dtype=np.float32))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def resampling_note(sample_rate: int, wanted: int) -> str:
    """What a waveform's notes say of it."""
    note = f"resampled from {sample_rate} Hz to {wanted} Hz"
    missing = f": nothing above {sample_rate / 2:g} Hz is in it" if wanted > sample_rate else ""
    return note + missing
