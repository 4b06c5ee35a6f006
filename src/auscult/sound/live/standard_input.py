"""Raw PCM samples on standard input, as other programs write them to a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from auscult.errors import OptionError
from auscult.sound.live.byte_stream import ByteStream
from auscult.sound.live.pcm import PcmDecoder, SampleFormat, pcm_blocks
from auscult.sound.live.source import BLOCK_SECONDS, STALL_SECONDS, Block, Interruption, Source

#: Sample formats, by the names of ffmpeg and arecord: signed integers or floats, little-endian.
FORMATS: tuple[SampleFormat, ...] = ("s16le", "s32le", "f32le")


class StandardInput(Source):
    """Raw PCM samples, interleaved, from standard input.

    For example ``arecord -f S16_LE -r 16000 -c 1 -t raw | …``. The source ends with the pipe. Bytes at the
    end that are less than a sample of all channels are left out. The time of a block is estimated from when
    its samples arrive.

    Args:
        sample_rate: in Hz.
        channels: number of channels.
        sample_format: ``s16le``, ``s32le`` or ``f32le``.
        block_seconds: length of a block.
        stall_seconds: an interruption is yielded each time that nothing arrives for so long.
        descriptor: the file descriptor that is read; by default that of standard input.

    Raises:
        OptionError: no such sample format.
    """

    def __init__(
        self,
        *,
        sample_rate: int,
        channels: int = 1,
        sample_format: str = "s16le",
        block_seconds: float = BLOCK_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        descriptor: int | None = None,
    ) -> None:
        super().__init__("standard input")
        known = next((name for name in FORMATS if name == sample_format), None)
        if known is None:
            raise OptionError(f"no sample format {sample_format!r}: choose from {', '.join(FORMATS)}")
        self.sample_rate, self.channels = sample_rate, channels
        self._decoder = PcmDecoder(known, channels)
        self._block_seconds, self._stall_seconds = block_seconds, stall_seconds
        self._stream = ByteStream(sys.stdin.fileno() if descriptor is None else descriptor)

    def __iter__(self) -> Iterator[Block | Interruption]:
        return pcm_blocks(
            self._stream,
            self._decoder,
            self.sample_rate,
            block_seconds=self._block_seconds,
            stall_seconds=self._stall_seconds,
            closed=self._closed,
        )

    def close(self) -> None:
        super().close()
        self._stream.close()
