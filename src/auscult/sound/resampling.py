"""Resampling of a complete waveform or of a stream of blocks, with identical results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from auscult.errors import OptionError
from auscult.sound.defects import measure
from auscult.sound.waveform import Waveform


def resample(waveform: Waveform, sample_rate: int | None) -> Waveform:
    """Resample a waveform (soxr, high quality) and add a note about it.

    Args:
        waveform: any waveform; it is not modified.
        sample_rate: target rate in Hz. ``None`` or the waveform's own rate returns ``waveform`` itself.

    Raises:
        OptionError: ``sample_rate`` is not positive.
    """
    if sample_rate is None or sample_rate == waveform.sample_rate:
        return waveform
    blocks = resampled_blocks([waveform.samples], waveform.sample_rate, sample_rate)
    note = resampling_note(waveform.sample_rate, sample_rate)
    samples = np.concatenate(list(blocks))
    return replace(
        waveform,
        samples=samples,
        sample_rate=sample_rate,
        notes=(*waveform.notes, note),
        measures=measure(waveform),
        file_rate=waveform.file_rate or waveform.sample_rate,
    )


def resampled_blocks(
    blocks: Iterable[np.ndarray], sample_rate: int, target_rate: int
) -> Iterator[np.ndarray]:
    """Resample consecutive (B,) blocks of one waveform into (B',) float32 blocks, without discontinuities.

    Raises:
        OptionError: ``target_rate`` is not positive.
    """
    import soxr  # type: ignore[import-untyped]

    if target_rate <= 0:
        raise OptionError(f"sample_rate must be positive, got {target_rate}")
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.asarray(block, dtype=np.float32))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def resampling_note(sample_rate: int, target_rate: int) -> str:
    """Return the note of a resampled waveform."""
    note = f"resampled from {sample_rate} Hz to {target_rate} Hz"
    if target_rate > sample_rate:
        note += f": it contains nothing above {sample_rate / 2:g} Hz"
    return note
