"""Opening audio files and decoding one channel block by block, with a typed error for every failure.

Headers are not trusted: lengths are those of the decoded samples, and no memory is allocated by a declared
length. Declared lengths are only compared with what was decoded, to detect truncated files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import soundfile

from auscult.errors import EmptyAudio, NonFiniteAudio, UnreadableAudio, UnsupportedAudio
from auscult.sound.completeness import check_not_truncated, declared_samples, too_few_decoded
from auscult.sound.mpeg import PatchedFile, count_frames, open_with_frame_count

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3"})  # as libsndfile names them
MIN_RATE, MAX_RATE = 4_000, 384_000  # Hz
MAX_CHANNELS = 16
_BLOCK = 32_768  # samples per channel that are decoded at a time
_HEADER_ERRORS = {  # error numbers of sf_open for header fields that libsndfile refuses
    24: "an invalid sample rate",
    32: "no channels",
    33: f"more than {MAX_CHANNELS} channels",
}


@dataclass(frozen=True)
class AudioInfo:
    """The contents of a file's header. Only decoding the file can confirm the length.

    Attributes:
        sample_rate: sample rate in Hz.
        channels: number of channels.
        seconds: declared length in seconds, or ``None`` if the file does not declare it.
        format: container as libsndfile names it ("WAV", "FLAC", …).
        subtype: encoding of the samples ("PCM_16", "VORBIS", …).
    """

    sample_rate: int
    channels: int
    seconds: float | None
    format: str
    subtype: str


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Read a file's header without decoding the file.

    Raises:
        UnreadableAudio: the file is missing, not a regular file, or not in a supported audio format.
        EmptyAudio: the file has a size of 0 bytes.
        UnsupportedAudio: a sample rate outside 4–384 kHz, or more than 16 channels.
    """
    with open_audio(path) as file:
        samples = declared_samples(file)
        return AudioInfo(
            sample_rate=file.samplerate,
            channels=file.channels,
            seconds=None if samples is None else samples / file.samplerate,
            format=file.format,
            subtype=file.subtype,
        )


@contextmanager
def open_audio(path: str | os.PathLike[str], *, channel: int = 0) -> Iterator[soundfile.SoundFile]:
    """Open an audio file and check its format, sample rate, channel count and requested channel.

    Raises:
        As `audio_info`; UnsupportedAudio also if the file has no channel ``channel``.
    """
    name = os.fspath(path)
    _require_regular_file(name)
    with _open(name) as file:
        if file.format not in FORMATS:
            raise UnreadableAudio(
                name,
                f"format {file.format} is not supported; convert the file to WAV, FLAC, OGG, MP3 or AIFF",
            )
        if not MIN_RATE <= file.samplerate <= MAX_RATE:
            raise UnsupportedAudio(
                name, f"sample rate must be from {MIN_RATE} to {MAX_RATE} Hz, got {file.samplerate} Hz"
            )
        if file.channels > MAX_CHANNELS:
            raise UnsupportedAudio(
                name, f"at most {MAX_CHANNELS} channels are supported, got {file.channels}"
            )
        if not 0 <= channel < file.channels:
            channels = "1 channel" if file.channels == 1 else f"{file.channels} channels"
            raise UnsupportedAudio(name, f"no channel {channel}: the file has {channels}, numbered from 0")
        yield file


@contextmanager
def decode_channel(
    path: str | os.PathLike[str], *, channel: int = 0
) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """Decode one channel of a file completely: sample rate, and (B,) float32 blocks.

    That the file is complete is checked by its headers before the first block, or by the number of decoded
    samples after the last (see ``completeness``).

    Raises:
        As `open_audio`; and at once or while iterating over the blocks:
        TruncatedAudio: the file is incomplete.
        UnreadableAudio: the file is damaged and the decoder stopped.
        NonFiniteAudio: a sample is NaN or infinite; names its position in seconds.
        EmptyAudio: the file has no samples.
    """
    name = os.fspath(path)
    with ExitStack() as stack:
        file = stack.enter_context(open_audio(path, channel=channel))
        expected = declared_samples(file) if file.format == "FLAC" else None
        if file.format == "MP3":
            count = count_frames(name)
            if count is not None:
                expected = count.min_samples
                patched = open_with_frame_count(name, count)
                if patched is not None:
                    file = stack.enter_context(_open(name, stack.enter_context(patched)))
        else:
            check_not_truncated(name, file.format)
        yield file.samplerate, _decode_blocks(name, file, channel, expected)


def _decode_blocks(
    name: str, file: soundfile.SoundFile, channel: int, expected: int | None
) -> Iterator[np.ndarray]:
    """Decode an open file block by block; it must give at least ``expected`` samples."""
    rate = file.samplerate
    buffer = np.empty((_BLOCK, file.channels), dtype=np.float32)
    position = 0
    while True:
        try:
            block = file.read(out=buffer)[:, channel].copy()
        except soundfile.LibsndfileError as error:
            if expected is not None:
                raise too_few_decoded(name, position / rate, expected / rate) from error
            reason = f"damaged after {position / rate:.1f} s ({_decoder_message(error)})"
            raise UnreadableAudio(name, reason) from error
        if not len(block):
            break
        finite = np.isfinite(block)
        if not finite.all():
            seconds = (position + int(np.argmin(finite))) / rate
            raise NonFiniteAudio(name, f"contains a NaN or infinite sample at {seconds:.3f} s")
        yield block
        position += len(block)
    if expected is not None and position < expected:
        raise too_few_decoded(name, position / rate, expected / rate)
    if not position:
        raise EmptyAudio(name, "contains no samples")


class _ForwardFile(soundfile.SoundFile):
    """A sound file that is read from start to end without seeking.

    By default soundfile seeks to the current position after every block. At the end of a FLAC that does not
    declare its length this fails and loses the last block.
    """

    def seekable(self) -> bool:
        return False


def _open(name: str, source: PatchedFile | None = None) -> _ForwardFile:
    """Open the file ``name``, or ``source`` in its place; errors name the file ``name``."""
    try:
        # As bytes: soundfile fails to encode a name that is not UTF-8.
        return _ForwardFile(source or os.fsencode(name))
    except soundfile.LibsndfileError as error:
        if error.code in _HEADER_ERRORS:
            raise UnsupportedAudio(name, f"its header declares {_HEADER_ERRORS[error.code]}") from error
        raise UnreadableAudio(name, f"cannot be decoded as audio ({_decoder_message(error)})") from error
    except TypeError as error:  # a name that ends in .raw: soundfile requires rate and encoding as arguments
        raise UnreadableAudio(name, "raw samples without a header; convert the file to WAV") from error


def _decoder_message(error: soundfile.LibsndfileError) -> str:
    if error.code == 7:  # libsndfile reports "does not exist" if mpg123 has nothing to decode
        return "no audio data"
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _require_regular_file(name: str) -> None:
    """Raise an error with a clear reason if a path is not a readable regular file.

    Pipes and devices are refused because opening them could block forever.
    """
    try:
        status = os.stat(name)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableAudio(name, "is a folder, not an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableAudio(name, "is a pipe or device, not an audio file")
        if not status.st_size:
            raise EmptyAudio(name, "the file is empty (0 bytes)")
        with open(name, "rb"):
            pass
    except FileNotFoundError as error:
        raise UnreadableAudio(name, "no such file") from error
    except PermissionError as error:
        raise UnreadableAudio(name, "no permission to read the file") from error
    except OSError as error:
        raise UnreadableAudio(name, os.strerror(error.errno or errno.EIO)) from error
    except ValueError as error:  # a null character in the name
        raise UnreadableAudio(name, f"invalid file name ({error})") from error
