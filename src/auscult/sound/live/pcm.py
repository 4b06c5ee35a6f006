"""Blocks of samples from a stream of raw PCM bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Literal

import numpy as np

from auscult.sound.live.byte_stream import ByteStream
from auscult.sound.live.clock import ArrivalClock, Instant
from auscult.sound.live.source import Block, Interruption, no_data

SampleFormat = Literal["s16le", "s32le", "f32le", "f32be"]
#: Type of a sample, and the value of full scale.
_TYPES: dict[str, tuple[str, float]] = {
    "s16le": ("<i2", 2.0**15),
    "s32le": ("<i4", 2.0**31),
    "f32le": ("<f4", 1.0),
    "f32be": (">f4", 1.0),
}
_POLL = 0.2  # seconds after which it is noticed that a source was closed


class PcmDecoder:
    """Turns bytes that arrive in pieces of any lengths into samples.

    Args:
        sample_format: type of the samples.
        channels: number of channels, interleaved.
        kept: how many of them are returned, the first ones; by default all.
        rest: bytes that arrived already.
    """

    def __init__(
        self, sample_format: SampleFormat, channels: int, *, kept: int | None = None, rest: bytes = b""
    ) -> None:
        name, self._scale = _TYPES[sample_format]
        self._type, self._channels, self._kept = np.dtype(name), channels, kept
        self._rest = rest

    @property
    def remaining(self) -> int:
        """Bytes that are not a sample of all channels yet."""
        return len(self._rest)

    def decode(self, data: bytes) -> np.ndarray:
        """Return the (N, kept) float32 samples that are complete now; values of floats as they are."""
        data = self._rest + data
        size = len(data) - len(data) % (self._type.itemsize * self._channels)
        self._rest = data[size:]
        samples = np.frombuffer(data[:size], self._type).reshape(-1, self._channels)[:, : self._kept]
        return samples.astype(np.float32) / np.float32(self._scale)


def pcm_blocks(
    stream: ByteStream,
    decoder: PcmDecoder,
    sample_rate: int,
    *,
    block_seconds: float,
    stall_seconds: float,
    closed: threading.Event,
    ended: Literal["gone", "ended"] = "ended",
) -> Iterator[Block | Interruption]:
    """Yield the samples of a stream in blocks, until it ends or is closed.

    Their times are by `ArrivalClock`. The index has no jumps, since a stream does not show what is missing.

    Args:
        stream: the bytes.
        decoder: turns them into samples; it may have some already.
        sample_rate: in Hz.
        block_seconds: length of a block. The last one, and the last one before an interruption, are shorter.
        stall_seconds: an interruption is yielded each time that nothing arrives for so long.
        closed: ends the iteration.
        ended: kind of the last interruption.
    """
    length = max(1, round(block_seconds * sample_rate))
    clock = ArrivalClock(sample_rate)
    waiting = [decoder.decode(b"")]  # samples that do not make a block yet
    count = len(waiting[0])  # how many
    first = 0  # index of the first one of them
    arrived = Instant.now()
    silent_since = last_report = time.monotonic()

    def take(samples: np.ndarray, after: int) -> Block:
        """A block of the next samples, after which so many more arrived already."""
        nonlocal first
        block = Block(
            samples, first, clock.time_of(first, len(samples), arrived.earlier(after / sample_rate))
        )
        first += len(samples)
        return block

    while not closed.is_set():
        arrival = stream.get(min(_POLL, stall_seconds))
        now = time.monotonic()
        if arrival is None:
            if now - last_report < stall_seconds:
                continue
            if count:
                yield take(np.concatenate(waiting), 0)
                waiting, count = [], 0
            last_report = now
            clock.reset()
            yield no_data(now - silent_since)
            continue
        silent_since = last_report = now
        if not arrival.data:
            if count:
                yield take(np.concatenate(waiting), 0)
            rest = decoder.remaining
            cut = f" within a sample; its {rest} byte{'' if rest == 1 else 's'} are left out" if rest else ""
            yield Interruption(f"the stream ended{cut}", ended)
            return
        arrived = arrival.time
        waiting.append(decoder.decode(arrival.data))
        count += len(waiting[-1])
        if count >= length:
            samples = np.concatenate(waiting)
            for start in range(0, count - length + 1, length):
                yield take(samples[start : start + length], count - start - length)
            waiting, count = [samples[count - count % length :]], count % length
