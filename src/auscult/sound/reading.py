"""Reading a complete audio file into memory."""

from __future__ import annotations

import os

import numpy as np

from auscult.errors import TooLongAudio
from auscult.sound.decoding import decode_channel
from auscult.sound.tables import TableSettings
from auscult.sound.waveform import Waveform


def read_audio(
    path: str | os.PathLike[str],
    *,
    channel: int = 0,
    max_seconds: float = 600.0,
    table: TableSettings | None = None,
) -> Waveform:
    """Read one channel of an audio file, in any format of libsndfile, or of a table, at its sample rate.

    Args:
        path: the file.
        channel: index of the channel, starting at 0.
        max_seconds: maximum length of a recording that is read into memory.
        table: how the file is read if it is a table; by default as the ``auscult.toml`` of its folder says.

    Raises:
        UnreadableAudio: the file is missing, not an audio file, or damaged beyond decoding.
        UnsupportedAudio: a sample rate outside 0.5–384 kHz, more than 16 channels, or no such channel.
        TooLongAudio: the recording is longer than ``max_seconds``.
        NonFiniteAudio: the samples of the channel contain NaN or infinity.
        TruncatedAudio: the file is incomplete, as far as its format allows to detect it.
        EmptyAudio: the file has no samples.
        TableError: a table that is damaged or no signal, or whose sample rate is not known.
        MissingExtraError: the package that reads this kind of table is not installed.

    Example:
        >>> import auscult, numpy as np, soundfile
        >>> soundfile.write("noise.wav", np.random.default_rng(0).normal(0, 0.1, (8000, 2)), 8000)
        >>> waveform = auscult.read_audio("noise.wav", channel=1)
        >>> waveform.sample_rate, waveform.seconds, waveform.channels
        (8000, 1.0, 2)
    """
    name = os.fspath(path)
    blocks: list[np.ndarray] = []
    with decode_channel(name, channel=channel, table=table) as decoded:
        remaining = int(max_seconds * decoded.sample_rate)
        for block in decoded.blocks:
            remaining -= len(block)
            if remaining < 0:
                raise TooLongAudio(
                    name,
                    f"longer than the limit of {max_seconds:g} s; cut it into windows with `window=SECONDS`",
                )
            blocks.append(block)
    return Waveform(
        np.concatenate(blocks),
        decoded.sample_rate,
        path=name,
        notes=decoded.notes,
        channels=decoded.channels,
        channel_names=decoded.names,
    )
