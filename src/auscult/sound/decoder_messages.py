"""Keeping the messages of libmpg123 away from standard error.

libmpg123, which libsndfile uses for MP3, writes warnings about unusual files directly to the file descriptor
of standard error, and libsndfile has no setting for it. What matters of them is found out by ``mpeg``.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_MESSAGE = re.compile(
    rb"(?m)^\n?(?:\[src/libmpg123/"
    rb"|Note: (?:Skipped |Trying to resync|Illegal Audio-MPEG|Hit end of|Junk at the|Looks like a RIFF)"
    rb"|Warning: (?:Xing stream size|Encountered more data|Big change |Real sample count)"
    rb")[^\n]*\n"
)

_lock = threading.Lock()
_users = 0  # threads that decode at the moment
_saved: int | None = None  # the original standard error, while it is redirected
_captured: int | None = None  # the file that stands for it
_forwarded = 0  # bytes of that file that were read


@contextmanager
def without_decoder_messages() -> Iterator[None]:
    """Drop what libmpg123 writes to standard error; what others write meanwhile appears afterwards."""
    _enter()
    try:
        yield
    finally:
        _leave()


def may_be_mpeg(name: str) -> bool:
    """Whether libsndfile may take a file for an MP3, by its name or its first bytes."""
    if name.lower().endswith(".mp3"):
        return True
    with open(name, "rb") as file:
        head = file.read(3)
    return head == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0")


def _enter() -> None:
    global _users, _saved, _captured
    with _lock:
        _users += 1
        if _users > 1 or sys.__stderr__ is None:  # without standard error its descriptor is another file's
            return
        try:
            sys.__stderr__.flush()
            _saved = os.dup(_STDERR)
            with tempfile.TemporaryFile(buffering=0) as file:
                _captured = os.dup(file.fileno())
            os.dup2(_captured, _STDERR)
        except OSError:  # no temporary file, or standard error was closed: messages appear, or are lost
            _close()


def _leave() -> None:
    global _users, _forwarded
    with _lock:
        _users -= 1
        if _saved is None or _captured is None:
            return
        if not _users:
            os.dup2(_saved, _STDERR)
        text = os.pread(_captured, os.fstat(_captured).st_size - _forwarded, _forwarded)
        _forwarded += len(text)
        if rest := _MESSAGE.sub(b"", text):
            os.write(_saved, rest)
        if not _users:
            _close()


def _close() -> None:
    global _saved, _captured, _forwarded
    for descriptor in (_saved, _captured):
        if descriptor is not None:
            os.close(descriptor)
    _saved = _captured = None
    _forwarded = 0
