"""Recording from a microphone of a sound card, by PortAudio."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from auscult.errors import SourceError
from auscult.sound.live.clock import ArrivalClock, Instant
from auscult.sound.live.microphones import (
    PORTAUDIO,
    find_microphone,
    load_sounddevice,
    microphones,
    use_sound_card,
)
from auscult.sound.live.source import (
    BLOCK_SECONDS,
    STALL_SECONDS,
    Block,
    Interruption,
    Source,
    WrongLayout,
    no_data,
)

#: Recorded audio that waits to be processed; more is lost, seconds.
QUEUE_SECONDS = 30.0
_POLL = 0.2  # seconds after which it is noticed that the source was closed, or the device removed
_INVALID_RATE, _INVALID_CHANNELS = -9997, -9998  # error numbers of PortAudio


class _Recorded(NamedTuple):
    """What PortAudio delivered, when, and what was lost before it."""

    samples: np.ndarray
    arrival: Instant
    lost: int  # samples that did not fit into the queue
    overflow: bool  # PortAudio lost samples, but does not report how many


class SoundCard(Source):
    """A microphone of a sound card.

    Recorded blocks wait in a queue. If they are not processed for 30 s, further ones are lost and the index
    jumps by their number. If the system loses samples, the index jumps by the time that they took, at least
    by one. The time of a block is estimated from when its samples arrive. If the device is removed, the
    source ends with an interruption ``gone``.

    Args:
        name: name, card or port of the microphone, or a part of its name: see `Microphone`. By default the
            default input of the system.
        sample_rate: rate to record with, in Hz; by default that of the device.
        channels: number of channels to record.
        block_seconds: length of a block.
        stall_seconds: an interruption is yielded each time that nothing arrives for so long.
        queue_seconds: recorded audio that may wait to be processed.

    Raises:
        MissingExtraError: the package sounddevice is not installed.
        SourceError: PortAudio is not installed, or there is no such microphone, or it cannot be opened.
        WrongLayout: the microphone does not have this sample rate or so many channels.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        block_seconds: float = BLOCK_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        queue_seconds: float = QUEUE_SECONDS,
    ) -> None:
        sounddevice = load_sounddevice()
        self._recorded: queue.Queue[_Recorded] = queue.Queue(max(1, math.ceil(queue_seconds / block_seconds)))
        self._stall_seconds = stall_seconds
        self._lost = 0
        self._stream = None
        with PORTAUDIO:
            microphone = find_microphone(name, microphones())
            super().__init__(f"mic:{microphone.name if name is None else name}")
            self.sample_rate, self.channels = sample_rate or microphone.sample_rate, channels
            try:
                self._stream = sounddevice.InputStream(
                    device=microphone.index,
                    samplerate=self.sample_rate,
                    channels=channels,
                    blocksize=max(1, round(block_seconds * self.sample_rate)),
                    dtype="float32",
                    latency="high",  # a larger buffer: fewer samples are lost on a busy computer
                    callback=self._record,
                )
                use_sound_card(1)
                self._stream.start()
            except sounddevice.PortAudioError as error:
                self.close()
                number = error.args[1] if len(error.args) > 1 else None
                kind = WrongLayout if number in (_INVALID_RATE, _INVALID_CHANNELS) else SourceError
                raise kind(self.description, f"PortAudio: {error.args[0]}") from error

    def __iter__(self) -> Iterator[Block | Interruption]:
        clock = ArrivalClock(self.sample_rate)
        index = 0
        silent_since = reported = time.monotonic()
        while not self._closed.is_set():
            try:
                samples, arrival, lost, overflow = self._recorded.get(timeout=min(_POLL, self._stall_seconds))
            except queue.Empty:
                now = time.monotonic()
                stream = self._stream
                if stream is None:
                    return
                if not stream.active:
                    yield Interruption("the device was removed or stopped", "gone")
                    return
                if now - reported >= self._stall_seconds:
                    reported = now
                    clock.reset()
                    yield no_data(now - silent_since)
                continue
            index += lost
            if overflow:
                late = clock.delay(index, len(samples), arrival)
                index += max(1, round(late * self.sample_rate))
            yield Block(samples, index, clock.time_of(index, len(samples), arrival))
            index += len(samples)
            silent_since = reported = time.monotonic()

    def close(self) -> None:
        super().close()
        with PORTAUDIO:
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.abort(ignore_errors=True)
                stream.close(ignore_errors=True)
                use_sound_card(-1)

    def _record(self, samples: np.ndarray, count: int, times: Any, status: Any) -> None:
        """Called by PortAudio in a thread of its own, which must not wait."""
        try:
            self._recorded.put_nowait(
                _Recorded(samples.copy(), Instant.now(), self._lost, bool(status.input_overflow))
            )
            self._lost = 0
        except queue.Full:
            self._lost += count
