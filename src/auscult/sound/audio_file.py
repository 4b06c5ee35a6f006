"""Opening an audio file and decoding one channel of it, block by block, with every failure typed.

Nothing here believes a header: lengths come from what was decoded, and no memory is set aside by a
declared number. What a header says is only compared with what came (see ``truncation``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.errors import EmptyAudio, NonFiniteAudio, UnreadableAudio, UnsupportedAudio

if TYPE_CHECKING:
    import soundfile

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3"})  # as libsndfile names them
MIN_RATE, MAX_RATE = 4_000, 384_000  # Hz
MAX_CHANNELS = 16
_BLOCK = 65_536  # frames decoded at a time: at most 4 MB of 16 channels


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says of it; the length is a claim that only decoding can confirm.

    Attributes:
        sample_rate: Hz.
        channels: number of channels.
        seconds: declared length in seconds.
        format: container as libsndfile names it ("WAV", "FLAC", …).
        subtype: coding of the samples ("PCM_16", "VORBIS", …).
    """

    sample_rate: int
    channels: int
    seconds: float
    format: str
    subtype: str


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Looks at a file's header without decoding it.

    Raises:
        UnreadableAudio: missing, not a regular file, or not an audio file that auscult reads.
        UnsupportedAudio: a sample rate outside 4–384 kHz or more than 16 channels.
    """
    with open_audio(path) as file:
        return AudioInfo(
            sample_rate=file.samplerate,
            channels=file.channels,
            seconds=file.frames / file.samplerate,
            format=file.format,
            subtype=file.subtype,
        )


@contextmanager
def open_audio(path: str | os.PathLike[str], *, channel: int = 0) -> Iterator[soundfile.SoundFile]:
    """An open audio file whose rate, channel count and wanted channel are fit for use.

    Raises:
        UnreadableAudio, UnsupportedAudio: as ``audio_info``, or the file lacks ``channel``.
    """
    import soundfile

    name = os.fspath(path)
    _require_regular_file(name)
    try:
        file = soundfile.SoundFile(name)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        # TypeError: a name in .raw, for which soundfile asks for rate and coding
        reason = getattr(error, "error_string", "samples without a header").rstrip(".")
        raise UnreadableAudio(name, f"not an audio file that can be decoded ({reason})") from error
    with file:
        if file.format not in FORMATS:
            raise UnreadableAudio(
                name,
                f"a {file.format} file; auscult reads WAV, FLAC, OGG, MP3 and AIFF: convert it to one of them",
            )
        if not MIN_RATE <= file.samplerate <= MAX_RATE:
            raise UnsupportedAudio(
                name, f"a sample rate of {file.samplerate} Hz; 4000 to 384000 Hz are supported"
            )
        if not 1 <= file.channels <= MAX_CHANNELS:
            raise UnsupportedAudio(name, f"{file.channels} channels; at most {MAX_CHANNELS} are supported")
        if not 0 <= channel < file.channels:
            raise UnsupportedAudio(
                name, f"no channel {channel}: the file has {file.channels}, numbered from 0; choose another"
            )
        yield file


def decoded_blocks(file: soundfile.SoundFile, *, channel: int) -> Iterator[np.ndarray]:
    """One channel of an open file from here to its end, as new (B,) float32 blocks, all finite.

    Raises:
        UnreadableAudio: the decoder gave up midway.
        NonFiniteAudio: NaN or infinity, with its place in seconds.
        EmptyAudio: not one sample.
    """
    import soundfile

    buffer = np.empty((_BLOCK, file.channels), dtype=np.float32)
    position = 0
    while True:
        try:
            block = file.read(out=buffer)[:, channel].copy()
        except soundfile.LibsndfileError as error:
            raise UnreadableAudio(
                file.name,
                f"damaged at about {position / file.samplerate:.3f} s ({error.error_string.rstrip('.')})",
            ) from error
        if not len(block):
            break
        finite = np.isfinite(block)
        if not finite.all():
            at = (position + int(np.argmin(finite))) / file.samplerate
            raise NonFiniteAudio(file.name, f"a sample that is no finite number at {at:.3f} s")
        yield block
        position += len(block)
    if not position:
        raise EmptyAudio(file.name, "holds no samples")


def _require_regular_file(name: str) -> None:
    """Says plainly why a path cannot be read; opening a pipe or device could wait for ever."""
    try:
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableAudio(name, "a folder, not an audio file")
        if not stat.S_ISREG(mode):
            raise UnreadableAudio(name, "not a regular file")
        with open(name, "rb"):
            pass
    except FileNotFoundError as error:
        raise UnreadableAudio(name, "no such file") from error
    except PermissionError as error:
        raise UnreadableAudio(name, "no permission to read it") from error
    except OSError as error:
        raise UnreadableAudio(name, os.strerror(error.errno or errno.EIO)) from error
    except ValueError as error:  # a null character in the name
        raise UnreadableAudio(name, str(error)) from error
