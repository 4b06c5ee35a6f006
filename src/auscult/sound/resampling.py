"""Resampling of a complete waveform or of a stream of blocks, with identical results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.errors import OptionError
from auscult.findings import Finding
from auscult.sound.defects import measure
from auscult.sound.waveform import Waveform

_QUALITY = "HQ"


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
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32", quality=_QUALITY)
    for block in blocks:
        yield stream.resample_chunk(np.asarray(block, dtype=np.float32))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


class BlockResampler:
    """Resamples the blocks of a live stream of several channels, and starts again after a gap.

    The results follow the input by some 30 ms, since the filter looks ahead.

    Args:
        sample_rate: of the stream, Hz.
        target_rate: in Hz.
        channels: number of channels.
    """

    def __init__(self, sample_rate: int, target_rate: int, channels: int) -> None:
        if target_rate <= 0 or sample_rate <= 0:
            raise OptionError(f"sample rates must be positive, got {sample_rate} and {target_rate}")
        self.sample_rate, self.target_rate, self.channels = sample_rate, target_rate, channels
        self._next: int | None = None  # index of the sample that continues the stream
        self._position = 0  # index of the next sample at the target rate
        self._stream: Any = None

    def push(self, samples: np.ndarray, first: int) -> tuple[np.ndarray, int]:
        """Resample the next block.

        Args:
            samples: (B, channels).
            first: index of the first sample at the rate of the stream; a jump is a gap.

        Returns:
            (B', channels) float32, and the index of the first of these samples at the target rate.
        """
        if self.sample_rate == self.target_rate:
            return np.asarray(samples, np.float32), first
        if first != self._next:
            import soxr

            rates = self.sample_rate, self.target_rate
            self._stream = soxr.ResampleStream(*rates, self.channels, dtype="float32", quality=_QUALITY)
            self._position = round(first * self.target_rate / self.sample_rate)
        self._next = first + len(samples)
        resampled = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        start = self._position
        self._position += len(resampled)
        return resampled.reshape(-1, self.channels), start


def resampling_note(sample_rate: int, target_rate: int) -> Finding:
    """Return the note of a resampled waveform."""
    note = f"resampled from {sample_rate} Hz to {target_rate} Hz"
    if target_rate > sample_rate:
        note += f": it contains nothing above {sample_rate / 2:g} Hz"
    return Finding("resampled", note)
