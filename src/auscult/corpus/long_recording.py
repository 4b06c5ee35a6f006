"""Reading windows of long recordings, which are decoded once for windows that are read in turn."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from threading import Lock

from auscult.errors import TooLongAudio, TooShortAudio
from auscult.sound import Waveform, read_audio, resample
from auscult.sound.tables import TableSettings

#: Recordings that are cut into windows are held in memory while they are read: 460 MB at 16 kHz.
MAX_SECONDS = 7200.0

_lock = Lock()  # so that two threads do not decode the same file


def read_window(
    path: str,
    channel: int,
    sample_rate: int | None,
    start: float,
    end: float,
    table: TableSettings | None = None,
) -> Waveform:
    """Read a part of a recording, resampled like a recording of its own.

    Args:
        path: the audio file.
        channel: the channel to read.
        sample_rate: target rate in Hz; ``None`` for that of the file.
        start, end: the part, in seconds.
        table: how the file is read if it is a table.

    Raises:
        AudioError: the file cannot be used, or is shorter than ``end``.
    """
    with _lock:
        waveform = _decoded(path, channel, table)
    first, last = round(start * waveform.sample_rate), round(end * waveform.sample_rate)
    if last > len(waveform.samples):
        raise TooShortAudio(
            path, f"has {waveform.seconds:.3f} s, but its header declares at least {end:.3f} s"
        )
    return resample(replace(waveform, samples=waveform.samples[first:last].copy()), sample_rate)


def release() -> None:
    """Release the memory of the last recording that was read."""
    _decoded.cache_clear()


@lru_cache(maxsize=1)
def _decoded(path: str, channel: int, table: TableSettings | None) -> Waveform:
    try:
        return read_audio(path, channel=channel, max_seconds=MAX_SECONDS, table=table)
    except TooLongAudio:
        reason = f"longer than the limit of {MAX_SECONDS / 3600:g} h for windows; split it into shorter files"
        raise TooLongAudio(path, reason) from None
