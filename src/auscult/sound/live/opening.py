"""Opening a live source by the text with which a user names it."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Literal

from auscult.errors import OptionError, SourceError
from auscult.sound.limits import MAX_CHANNELS, MAX_RATE, MIN_RATE
from auscult.sound.live.address import address_of
from auscult.sound.live.microphones import load_sounddevice
from auscult.sound.live.reconnecting import Reconnecting
from auscult.sound.live.replay import Replay
from auscult.sound.live.sound_card import SoundCard
from auscult.sound.live.source import BLOCK_SECONDS, STALL_SECONDS, Source
from auscult.sound.live.standard_input import StandardInput
from auscult.sound.live.url_stream import UrlStream, require_ffmpeg
from auscult.sound.live.watched_folder import NO_RECORDING_SECONDS, PartlyRead, WatchedFolder

_MAX_BLOCK_SECONDS = 10.0
_MIC, WATCH = "mic:", "watch:"
#: The source of raw samples on standard input.
STANDARD_INPUT = "-"
_KINDS = "mic, a file, a folder, watch:FOLDER, a URL, or - for raw samples on standard input"


def open_source(
    text: str,
    *,
    sample_rate: int | None = None,
    channels: int | None = None,
    block_seconds: float = BLOCK_SECONDS,
    stall_seconds: float | None = None,
    speed: float | Literal["max"] = 1.0,
    start_time: float | None = None,
    sample_format: str = "s16le",
    auth_env: str | None = None,
    auth_file: str | None = None,
    reconnect: bool = True,
    state: Mapping[str, Sequence[int]] | None = None,
    partly: PartlyRead | None = None,
    since: float | None = None,
) -> Source:
    """Open a source of audio that is processed while it arrives.

    Nothing is resampled: a source with another than the required sample rate is an error, or is reported as
    an interruption.

    Args:
        text: one of

            - a file or a folder of recordings, which are played back: see `Replay`
            - ``mic``: the default microphone, or ``mic:NAME``: that with a name: see `SoundCard`
            - ``watch:FOLDER``: a folder that a recorder fills: see `WatchedFolder`
            - a URL with ``://``, which ffmpeg receives, such as ``rtsp://camera/mic``: see `UrlStream`
            - ``-``: raw samples on standard input: see `StandardInput`
        sample_rate: required rate in Hz; by default that of the source. Raw samples have none, so it must be
            given.
        channels: required number of channels, the first ones of the source; by default all of them, and one
            of a microphone and for raw samples.
        block_seconds: length of a block.
        stall_seconds: an interruption is yielded each time that nothing arrives for so long.
        speed: of a played recording: 1 for real time, ``"max"`` or infinity for as fast as possible.
        start_time: of a played recording, in seconds since 1970; by default when it was recorded.
        sample_format: of raw samples: ``s16le``, ``s32le`` or ``f32le``.
        auth_env: environment variable with the ``user:password`` of a URL, so that the URL contains none.
        auth_file: file with the ``user:password`` of a URL in its first line.
        reconnect: connect a microphone or a URL again whenever it is lost: see `Reconnecting`. Otherwise the
            source ends, and one that cannot be connected is an error.
        state: what was read from a watched folder before: see `WatchedFolder.state`.
        partly: what was read in part of it before: see `WatchedFolder.delivered`.
        since: recordings in a watched folder that were last modified before are left out, in seconds since
            1970.

    Raises:
        SourceError: it cannot be opened.
        OptionError: an option is not valid.

    Examples:
        >>> import numpy as np, soundfile
        >>> from auscult.sound.live import Block, open_source
        >>> soundfile.write("fan.wav", np.zeros(8000), 16000)
        >>> with open_source("fan.wav", speed="max") as source:
        ...     for item in source:
        ...         print(item.samples.shape if isinstance(item, Block) else item.kind)
        (4000, 1)
        (4000, 1)
        ended
    """
    _check(sample_rate, channels, block_seconds, stall_seconds)
    stall = STALL_SECONDS if stall_seconds is None else stall_seconds
    if text == STANDARD_INPUT:
        if sample_rate is None:
            raise OptionError("raw samples have no sample rate: state it (sample_rate)")
        return StandardInput(
            sample_rate=sample_rate,
            channels=channels or 1,
            sample_format=sample_format,
            block_seconds=block_seconds,
            stall_seconds=stall,
        )
    if text == "mic" or text.startswith(_MIC):
        load_sounddevice()  # would be missing at each attempt

        def record(closed: threading.Event) -> Source:
            return SoundCard(
                text.removeprefix(_MIC) if text.startswith(_MIC) else None,
                sample_rate=sample_rate,
                channels=channels or 1,
                block_seconds=block_seconds,
                stall_seconds=stall,
            )

        return Reconnecting(record, text, stall_seconds=stall) if reconnect else record(threading.Event())
    if text.startswith(WATCH):
        return WatchedFolder(
            text.removeprefix(WATCH),
            sample_rate=sample_rate,
            channels=channels,
            block_seconds=block_seconds,
            stall_seconds=stall_seconds or NO_RECORDING_SECONDS,
            state=state,
            partly=partly,
            since=since,
        )
    if "://" in text:
        address = address_of(text, auth_env=auth_env, auth_file=auth_file)
        require_ffmpeg(address.text)  # would be missing at each attempt

        def connect(closed: threading.Event) -> Source:
            return UrlStream(
                address,
                sample_rate=sample_rate,
                channels=channels,
                block_seconds=block_seconds,
                stall_seconds=stall,
                cancelled=closed,
            )

        return (
            Reconnecting(connect, address.text, stall_seconds=stall)
            if reconnect
            else connect(threading.Event())
        )
    if not os.path.exists(text):
        raise SourceError(text, f"no such file or folder; a source is {_KINDS}")
    return Replay(
        text,
        sample_rate=sample_rate,
        channels=channels,
        block_seconds=block_seconds,
        speed=math.inf if speed == "max" else float(speed),
        start_time=start_time,
    )


def _check(
    sample_rate: int | None, channels: int | None, block_seconds: float, stall_seconds: float | None
) -> None:
    """Raise `OptionError` for a value out of range."""
    if sample_rate is not None and not MIN_RATE <= sample_rate <= MAX_RATE:
        raise OptionError(f"sample_rate must be from {MIN_RATE} to {MAX_RATE} Hz, got {sample_rate}")
    if channels is not None and not 1 <= channels <= MAX_CHANNELS:
        raise OptionError(f"channels must be from 1 to {MAX_CHANNELS}, got {channels}")
    if not 0 < block_seconds <= _MAX_BLOCK_SECONDS:
        raise OptionError(
            f"block_seconds must be above 0 and at most {_MAX_BLOCK_SECONDS:g}, got {block_seconds}"
        )
    if stall_seconds is not None and not 0 < stall_seconds < math.inf:
        raise OptionError(f"stall_seconds must be positive, got {stall_seconds}")
