"""Bytes of a pipe or a socket, read by a thread, so that waiting for them can end."""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass

from auscult.sound.live.clock import Instant

#: Bytes per call, and how many calls are kept in memory; then the sender has to wait.
_READ_BYTES, _MAX_READS = 65_536, 64
_POLL = 0.2  # seconds after which a thread notices that it is no longer needed


@dataclass(frozen=True)
class Arrival:
    """Bytes, empty at the end of the stream, and when they arrived."""

    data: bytes
    time: Instant


class ByteStream:
    """Reads a file descriptor in a thread. If nobody takes the bytes, the sender has to wait.

    Args:
        descriptor: of a file that blocks; it is not closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._arrivals: queue.Queue[Arrival] = queue.Queue(_MAX_READS)
        self._closed = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="auscult-byte-stream", daemon=True)
        self._thread.start()

    def get(self, seconds: float) -> Arrival | None:
        """Return the next bytes, or ``None`` if none arrive within so many seconds."""
        if self._ended:
            return Arrival(b"", Instant.now())
        try:
            arrival = self._arrivals.get(timeout=seconds)
        except queue.Empty:
            return None
        self._ended = not arrival.data
        return arrival

    def close(self) -> None:
        """Stop reading. A thread that waits for data ends with the next data or at the end of the stream."""
        self._closed.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread, once the other end of the pipe is closed."""
        self._thread.join(seconds)

    def _read(self) -> None:
        data = b"-"
        while data and not self._closed.is_set():
            try:
                # Not from a buffered file: its lock would be held by this thread when the interpreter exits.
                data = os.read(self._descriptor, _READ_BYTES)
            except OSError:  # the other end was reset, or the descriptor closed
                data = b""
            arrival = Arrival(data, Instant.now())
            while not self._closed.is_set():
                try:
                    self._arrivals.put(arrival, timeout=_POLL)
                    break
                except queue.Full:
                    continue
