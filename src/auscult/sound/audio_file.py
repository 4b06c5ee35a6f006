"""Opening audio files, with a typed error for every failure.

Headers are not trusted: lengths are those of the decoded samples, and no memory is allocated by a declared
length. Declared lengths are only compared with what was decoded, to detect truncated files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import soundfile

from auscult.errors import AudioError, EmptyAudio, UnreadableAudio, UnsupportedAudio
from auscult.sound.completeness import declared_samples, decoding_plan
from auscult.sound.decoder_messages import may_be_mpeg, without_decoder_messages
from auscult.sound.limits import MAX_CHANNELS, MAX_RATE, MIN_RATE
from auscult.sound.patched_file import PatchedFile
from auscult.sound.tables import Signal, TableSettings, open_signal
from auscult.sound.wav import open_bw64

_HEADER_ERRORS = {  # error numbers of sf_open for header fields that libsndfile refuses
    24: "its header declares an invalid sample rate, or not exactly one chunk of samples",
    32: "its header declares no channels",
    33: f"its header declares more than {MAX_CHANNELS} channels",
}


@dataclass(frozen=True)
class AudioInfo:
    """The contents of a file's header. Only decoding the file can confirm the length.

    Attributes:
        sample_rate: sample rate in Hz.
        channels: number of channels.
        seconds: declared length in seconds, or ``None`` if the file does not declare it. What follows the
            declared length of a WAV, and all streams of a chained OGG, are included.
        format: container as libsndfile names it ("WAV", "FLAC", …), or format of a table ("CSV", "MAT", …).
        subtype: encoding of the samples ("PCM_16", "VORBIS", …); empty for a table.
        channel_names: names of the channels of a table; empty if they have none, and for audio.
    """

    sample_rate: int
    channels: int
    seconds: float | None
    format: str
    subtype: str
    channel_names: tuple[str, ...] = ()


def audio_info(path: str | os.PathLike[str], *, table: TableSettings | None = None) -> AudioInfo:
    """Read a file's header without decoding the file.

    Args:
        path: the file.
        table: how it is read if it is a table; by default as the ``auscult.toml`` of its folder says.

    Raises:
        UnreadableAudio: the file is missing, not a regular file, or not in a supported audio format.
        EmptyAudio: the file has a size of 0 bytes.
        UnsupportedAudio: a sample rate outside 0.5–384 kHz, or more than 16 channels.
        TableError: a table that is no signal, or whose sample rate is not known.
        MissingExtraError: the package that reads this kind of table is not installed.
    """
    with open_audio(path, table=table) as file:
        if isinstance(file, Signal):
            return AudioInfo(
                sample_rate=file.sample_rate,
                channels=file.channels,
                seconds=file.samples / file.sample_rate,
                format=file.format,
                subtype="",
                channel_names=file.names,
            )
        samples = _samples_present(os.fspath(path), file)
        return AudioInfo(
            sample_rate=file.samplerate,
            channels=file.channels,
            seconds=None if samples is None else samples / file.samplerate,
            format=file.format,
            subtype=file.subtype,
        )


@contextmanager
def open_audio(
    path: str | os.PathLike[str], *, channel: int = 0, table: TableSettings | None = None
) -> Iterator[soundfile.SoundFile | Signal]:
    """Open an audio file or a table; check its format, sample rate, channel count and requested channel.

    Raises:
        As `audio_info`; UnsupportedAudio also if the file has no channel ``channel``.
    """
    name = os.fspath(path)
    _require_regular_file(name)
    with open_signal(name, table) as signal:
        if signal is not None:
            _require_channel(name, channel, signal.channels)
            yield signal
            return
    with open_decoder(name) as file:
        if not MIN_RATE <= file.samplerate <= MAX_RATE:
            raise UnsupportedAudio(
                name, f"sample rate must be from {MIN_RATE} to {MAX_RATE} Hz, got {file.samplerate} Hz"
            )
        if file.channels > MAX_CHANNELS:
            raise UnsupportedAudio(
                name, f"at most {MAX_CHANNELS} channels are supported, got {file.channels}"
            )
        _require_channel(name, channel, file.channels)
        yield file


def _require_channel(name: str, channel: int, present: int) -> None:
    """Raise an error if a file has no such channel."""
    if not 0 <= channel < present:
        channels = "1 channel" if present == 1 else f"{present} channels"
        raise UnsupportedAudio(name, f"no channel {channel}: the file has {channels}, numbered from 0")


def _samples_present(name: str, file: soundfile.SoundFile) -> int | None:
    """Return the declared number of samples, or the actual one if the file is known to have more."""
    try:
        plan = decoding_plan(name, file)
    except AudioError:  # raised again when the file is decoded
        return declared_samples(file)
    samples: list[int | None] = []
    for part in plan.parts:
        with part, open_decoder(name, part) as source:
            samples.append(declared_samples(source))
    known = [count for count in samples if count is not None]
    return sum(known) if known and len(known) == len(samples) else declared_samples(file)


class _ForwardFile(soundfile.SoundFile):
    """A sound file that is read from start to end without seeking.

    By default soundfile seeks to the current position after every block. At the end of a FLAC that does not
    declare its length this fails and loses the last block.
    """

    def seekable(self) -> bool:
        return False


def open_decoder(name: str, source: PatchedFile | None = None) -> soundfile.SoundFile:
    """Open the file ``name``, or ``source`` in its place; errors name the file ``name``."""
    source = source or open_bw64(name)
    try:
        # As bytes: soundfile fails to encode a name that is not UTF-8.
        with without_decoder_messages() if may_be_mpeg(name) else nullcontext():
            return _ForwardFile(source or os.fsencode(name))
    except soundfile.LibsndfileError as error:
        if error.code in _HEADER_ERRORS:
            raise UnsupportedAudio(name, _HEADER_ERRORS[error.code]) from error
        raise UnreadableAudio(name, f"cannot be decoded as audio ({decoder_message(error)})") from error
    except TypeError as error:  # a name that ends in .raw: soundfile requires rate and encoding as arguments
        raise UnreadableAudio(name, "raw samples without a header; convert the file to WAV") from error


def decoder_message(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's own description of an error."""
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
            raise UnreadableAudio(name, "is a folder, not an audio file: name one of the recordings in it")
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
