"""Opening an audio file and decoding one channel of it, block by block, with every failure typed.

Nothing here believes a header: lengths come from what was decoded, and no memory is set aside by a
declared number. What a file's own marks say of its length is only compared with what came.
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
from auscult.sound.completeness import check_marks, declared_samples, too_few_decoded
from auscult.sound.mpeg import RecountedFile, count_frames, recounted

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3"})  # as libsndfile names them
MIN_RATE, MAX_RATE = 4_000, 384_000  # Hz
MAX_CHANNELS = 16
_BLOCK = 32_768  # samples a channel decoded at a time
_REFUSED_BY_LIBSNDFILE = {  # error numbers of sf_open for headers that it will not even look behind
    24: "a sample rate that cannot be",
    32: "no channels",
    33: f"far more than {MAX_CHANNELS} channels",
}


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says of it; the length is a claim that only decoding can confirm.

    Attributes:
        sample_rate: Hz.
        channels: number of channels.
        seconds: declared length in seconds, or ``None`` where the file does not say.
        format: container as libsndfile names it ("WAV", "FLAC", …).
        subtype: coding of the samples ("PCM_16", "VORBIS", …).
    """

    sample_rate: int
    channels: int
    seconds: float | None
    format: str
    subtype: str


def audio_info(path: str | os.PathLike[str]) -> AudioInfo:
    """Looks at a file's header without decoding it.

    Raises:
        UnreadableAudio: missing, not a regular file, or not an audio file that auscult reads.
        EmptyAudio: a file of no bytes.
        UnsupportedAudio: a sample rate outside 4–384 kHz or more than 16 channels.
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
    """An open audio file whose format, rate, channel count and wanted channel are fit for use.

    Raises:
        As ``audio_info``; UnsupportedAudio also if the file lacks ``channel``.
    """
    name = os.fspath(path)
    _require_regular_file(name)
    with _open(name) as file:
        if file.format not in FORMATS:
            raise UnreadableAudio(
                name, f"a {file.format} file; convert it to one of WAV, FLAC, OGG, MP3 and AIFF"
            )
        if not MIN_RATE <= file.samplerate <= MAX_RATE:
            raise UnsupportedAudio(
                name, f"a sample rate of {file.samplerate} Hz; from {MIN_RATE} to {MAX_RATE} Hz are supported"
            )
        if file.channels > MAX_CHANNELS:
            raise UnsupportedAudio(name, f"{file.channels} channels; at most {MAX_CHANNELS} are supported")
        if not 0 <= channel < file.channels:
            raise UnsupportedAudio(
                name, f"no channel {channel}: the file has {file.channels}, numbered from 0; choose another"
            )
        yield file


@contextmanager
def decoding(path: str | os.PathLike[str], *, channel: int = 0) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """One channel of a file, from its start to its very end: sample rate and (B,) float32 blocks.

    That the file is whole is found by its marks before the first block, or by the count after the last
    (see ``completeness``).

    Raises:
        As ``open_audio``; and at once or with the blocks:
        TruncatedAudio: it ends before it should.
        UnreadableAudio: damaged, so that the decoder gave up midway.
        NonFiniteAudio: NaN or infinity, with its place in seconds.
        EmptyAudio: not one sample.
    """
    name = os.fspath(path)
    with ExitStack() as stack:
        file = stack.enter_context(open_audio(path, channel=channel))
        expected = declared_samples(file) if file.format == "FLAC" else None
        if file.format == "MP3":
            count = count_frames(name)
            if count is not None:
                expected = count.least_samples
                source = recounted(name, count)
                if source is not None:
                    file = stack.enter_context(_open(name, stack.enter_context(source)))
        else:
            check_marks(name, file.format)
        yield file.samplerate, _decoded(name, file, channel, expected)


def _decoded(
    name: str, file: soundfile.SoundFile, channel: int, expected: int | None
) -> Iterator[np.ndarray]:
    """The blocks of an open file that should give ``expected`` samples or more."""
    rate = file.samplerate
    buffer = np.empty((_BLOCK, file.channels), dtype=np.float32)
    position = 0
    while True:
        try:
            block = file.read(out=buffer)[:, channel].copy()
        except soundfile.LibsndfileError as error:
            if expected is not None:
                raise too_few_decoded(name, position / rate, expected / rate) from error
            reason = f"damaged after {position / rate:.1f} s ({_decoder_says(error)})"
            raise UnreadableAudio(name, reason) from error
        if not len(block):
            break
        finite = np.isfinite(block)
        if not finite.all():
            at = (position + int(np.argmin(finite))) / rate
            raise NonFiniteAudio(name, f"a sample that is not a finite number at {at:.3f} s")
        yield block
        position += len(block)
    if expected is not None and position < expected:
        raise too_few_decoded(name, position / rate, expected / rate)
    if not position:
        raise EmptyAudio(name, "holds no samples")


class _ForwardFile(soundfile.SoundFile):
    """Reads from start to end and never seeks.

    soundfile otherwise seeks after every block to where it already is, which fails at the end of a FLAC
    that does not declare its length, and loses its last block.
    """

    def seekable(self) -> bool:
        return False


def _open(name: str, source: RecountedFile | None = None) -> _ForwardFile:
    try:
        # As bytes: soundfile would encode a name that is not UTF-8, and fail.
        return _ForwardFile(source or os.fsencode(name))
    except soundfile.LibsndfileError as error:
        if error.code in _REFUSED_BY_LIBSNDFILE:
            raise UnsupportedAudio(name, f"its header claims {_REFUSED_BY_LIBSNDFILE[error.code]}") from error
        raise UnreadableAudio(name, f"not audio that can be decoded ({_decoder_says(error)})") from error
    except TypeError as error:  # a name that ends in .raw: soundfile wants to be told rate and coding
        raise UnreadableAudio(name, "raw samples without a header; convert it to WAV") from error


def _decoder_says(error: soundfile.LibsndfileError) -> str:
    if error.code == 7:  # libsndfile says "does not exist" where mpg123 finds nothing to decode
        return "no sound found in it"
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _require_regular_file(name: str) -> None:
    """Says plainly why a path cannot be read; opening a pipe or device could wait for ever."""
    try:
        status = os.stat(name)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableAudio(name, "a folder, not an audio file")
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableAudio(name, "a pipe or device, not an audio file")
        if not status.st_size:
            raise EmptyAudio(name, "a file of no bytes")
        with open(name, "rb"):
            pass
    except FileNotFoundError as error:
        raise UnreadableAudio(name, "no such file") from error
    except PermissionError as error:
        raise UnreadableAudio(name, "no permission to read it") from error
    except OSError as error:
        raise UnreadableAudio(name, os.strerror(error.errno or errno.EIO)) from error
    except ValueError as error:  # a null character in the name
        raise UnreadableAudio(name, f"not a file name ({error})") from error
