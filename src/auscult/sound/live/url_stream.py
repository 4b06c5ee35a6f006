"""Streams of cameras, radios and web servers, received by the program ffmpeg."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import IO

from auscult.errors import SourceError
from auscult.runtime.printable import printable
from auscult.sound.live.address import Address
from auscult.sound.live.byte_stream import ByteStream
from auscult.sound.live.pcm import PcmDecoder, pcm_blocks
from auscult.sound.live.source import (
    BLOCK_SECONDS,
    STALL_SECONDS,
    Block,
    Interruption,
    Source,
    check_layout,
)

#: A stream that has not begun after this time is given up, seconds. ffmpeg examines up to 180 kB before it
#: begins, which take 6 s if 16-bit samples arrive at 16 kHz; they are not lost.
CONNECT_SECONDS = 30.0
#: ffmpeg is asked to end, and killed after this time, seconds.
_END_SECONDS = 1.0
_POLL = 0.2  # seconds after which it is noticed that the stream is no longer wanted
#: Protocols that a stream may use besides its own: none that reads files, which a playlist could name.
_PROTOCOLS = ("pipe", "tcp", "tls", "udp", "rtp", "srtp", "http", "https", "httpproxy", "crypto")
_MESSAGES = 20  # lines of ffmpeg that are kept
_LINE, _SHOWN = 65_536, 500  # bytes of a line that are read, and characters that are kept
_PREFIX = re.compile(r"^(?:\[[^\]]* @ 0x[0-9a-f]+\] |pipe:0: )+")


class UrlStream(Source):
    """The audio of any URL that ffmpeg reads, such as ``rtsp://`` or ``https://``, at its own sample rate.

    RTSP is received over TCP, so that no packets are lost. ffmpeg gets the address by a pipe: arguments, and
    thus passwords in them, could be seen by all users of the computer.

    The time of a block is estimated from when its samples arrive, so that a recording, which is sent faster
    than in real time, has the times at which it is received. Samples that are lost on the way, as by a camera
    that restarts its stream, cannot be seen, and the index has no jump for them.

    Args:
        address: of the stream.
        sample_rate: required rate in Hz; by default any.
        channels: number of channels, the first ones of the stream; by default all.
        block_seconds: length of a block.
        stall_seconds: an interruption is yielded each time that nothing arrives for so long.
        connect_seconds: time within which the stream must begin.
        cancelled: when it is set, the stream is no longer waited for.

    Raises:
        SourceError: ffmpeg is not installed, or the stream does not begin.
        WrongLayout: another sample rate, or fewer channels, than required.
    """

    def __init__(
        self,
        address: Address,
        *,
        sample_rate: int | None = None,
        channels: int | None = None,
        block_seconds: float = BLOCK_SECONDS,
        stall_seconds: float = STALL_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
        cancelled: threading.Event | None = None,
    ) -> None:
        super().__init__(address.text)
        self._address = address
        self._block_seconds, self._stall_seconds = block_seconds, stall_seconds
        self._process = subprocess.Popen(
            [require_ffmpeg(address.text), *_arguments(address)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._reader = threading.Thread(target=self._read_messages, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        self._stream = ByteStream(self._process.stdout.fileno())
        try:
            try:
                self._process.stdin.write(_script(address).encode())
                self._process.stdin.close()
            except BrokenPipeError:  # why it ended is in its messages
                pass
            deadline = time.monotonic() + connect_seconds
            self.sample_rate, present, data = self._header(deadline, cancelled or threading.Event())
            self.channels = channels or present
            check_layout(self.description, (self.sample_rate, present), sample_rate, channels)
            self._decoder = PcmDecoder("f32be", present, rest=data, kept=self.channels)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Block | Interruption]:
        for item in pcm_blocks(
            self._stream,
            self._decoder,
            self.sample_rate,
            block_seconds=self._block_seconds,
            stall_seconds=self._stall_seconds,
            closed=self._closed,
        ):
            if isinstance(item, Interruption) and item.kind == "ended" and (reason := self._reason()):
                item = Interruption(reason, "gone")
            yield item

    def close(self) -> None:
        super().close()
        self._stream.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stream.join(_END_SECONDS)
        self._reader.join(_END_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _header(self, deadline: float, cancelled: threading.Event) -> tuple[int, int, bytes]:
        """Read the header of ffmpeg's AU stream: sample rate, channels, and the data after it."""
        data, offset = b"", 24
        while len(data) < offset:
            if cancelled.is_set():
                raise SourceError(self.description, "closed before the stream began")
            arrival = self._stream.get(_POLL)
            if arrival is None and time.monotonic() < deadline:
                continue
            if arrival is None:
                reason = self._reason(ended=False) or "nothing arrives"
                raise SourceError(self.description, f"the stream has not begun in time ({reason})")
            if not arrival.data:
                raise SourceError(self.description, self._reason() or "the stream has no audio")
            data += arrival.data
            if len(data) >= 8:
                offset = max(24, struct.unpack(">I", data[4:8])[0])
        rate, channels = struct.unpack(">II", data[16:24])
        return rate, channels, data[offset:]

    def _read_messages(self, file: IO[bytes]) -> None:
        while line := file.readline(_LINE):
            text = _PREFIX.sub("", line.decode("utf-8", "replace").strip())
            if text:
                self._messages.append(printable(self._address.masked(text))[:_SHOWN])

    def _reason(self, *, ended: bool = True) -> str:
        """The last message of ffmpeg, without secrets; empty if there is none."""
        if ended:
            self._reader.join(_END_SECONDS)
        return self._messages[-1] if self._messages else ""


def require_ffmpeg(source: str) -> str:
    """Return the path of the program ffmpeg.

    Raises:
        SourceError: it is not installed.
    """
    if path := shutil.which("ffmpeg"):
        return path
    raise SourceError(source, "streams are received by the program ffmpeg, which is not installed")


def _arguments(address: Address) -> list[str]:
    protocols = ",".join(dict.fromkeys((*_PROTOCOLS, address.scheme)))
    return [
        *("-hide_banner", "-loglevel", "error"),
        *("-protocol_whitelist", protocols, "-safe", "0", "-f", "concat", "-i", "pipe:0"),
        *("-map", "0:a:0", "-map_metadata", "-1", "-c:a", "pcm_f32be"),
        *("-f", "au", "-flush_packets", "1", "pipe:1"),
    ]


def _script(address: Address) -> str:
    """The list of what ffmpeg is to read."""
    url = address.url.replace("'", "%27")
    options = ""
    if address.scheme in ("rtsp", "rtsps"):
        options = "option rtsp_transport tcp\noption allowed_media_types audio\n"
    return f"ffconcat version 1.0\nfile '{url}'\n{options}"
