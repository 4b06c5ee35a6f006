"""A whole audio file in memory."""

from __future__ import annotations

import os

import numpy as np

from auscult.errors import TooLongAudio
from auscult.sound.audio_file import decoding
from auscult.sound.waveform import Waveform


def read_audio(path: str | os.PathLike[str], *, channel: int = 0, max_seconds: float = 600.0) -> Waveform:
    """Reads one channel of a WAV, FLAC, OGG, MP3 or AIFF file at its own sample rate.

    Args:
        channel: which channel, from 0.
        max_seconds: longest recording that is taken into memory at once.

    Raises:
        UnreadableAudio: missing, not an audio file, or damaged beyond decoding.
        UnsupportedAudio: a rate outside 4–384 kHz, over 16 channels, or no such channel.
        TooLongAudio: more than ``max_seconds``.
        NonFiniteAudio: NaN or infinity among the samples of the channel.
        TruncatedAudio: it ends before it should, as far as its format lets that be known.
        EmptyAudio: no samples.
    """
    name = os.fspath(path)
    blocks: list[np.ndarray] = []
    with decoding(name, channel=channel) as (sample_rate, decoded):
        left = int(max_seconds * sample_rate)
        for block in decoded:
            left -= len(block)
            if left < 0:
                raise TooLongAudio(
                    name,
                    f"longer than the {max_seconds:g} s read at once; score it piece by piece with --window; "
                    "cut it to learn from it",
                )
            blocks.append(block)
    return Waveform(np.concatenate(blocks), sample_rate, path=name)
