"""Decoding one channel of a file block by block, completely or with an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np
import soundfile

from auscult.errors import EmptyAudio, NonFiniteAudio, UnreadableAudio, UnsupportedAudio
from auscult.findings import Finding
from auscult.sound.audio_file import decoder_message, open_audio, open_decoder
from auscult.sound.completeness import (
    DecodingPlan,
    declared_samples,
    decoding_plan,
    more_than_declared,
    too_few_decoded,
)
from auscult.sound.decoder_messages import without_decoder_messages
from auscult.sound.flac import another_stream_follows
from auscult.sound.tables import Signal, TableSettings

_BLOCK = 32_768  # samples per channel that are decoded at a time


@dataclass(frozen=True)
class DecodedChannel:
    """One channel of an open file.

    Attributes:
        sample_rate: sample rate in Hz.
        channels: number of channels of the file.
        notes: what the user should know about the file.
        blocks: (B,) float32 blocks of samples, decoded while they are consumed.
        names: names of the channels; empty if they have none.
    """

    sample_rate: int
    channels: int
    notes: tuple[Finding, ...]
    blocks: Iterator[np.ndarray]
    names: tuple[str, ...] = ()


@contextmanager
def decode_channel(
    path: str | os.PathLike[str], *, channel: int = 0, table: TableSettings | None = None
) -> Iterator[DecodedChannel]:
    """Decode one channel of a file completely.

    That the file is complete is checked by its headers before the first block, or by the number of decoded
    samples after the last (see ``completeness``).

    Args:
        path: the file.
        channel: index of the channel, starting at 0.
        table: how it is read if it is a table; by default as the ``auscult.toml`` of its folder says.

    Raises:
        As `open_audio`; and at once or while iterating over the blocks:
        TruncatedAudio: the file is incomplete.
        UnreadableAudio: the file is damaged and the decoder stopped.
        NonFiniteAudio: a sample is NaN or infinite; names its position in seconds.
        EmptyAudio: the file has no samples.
    """
    name = os.fspath(path)
    with ExitStack() as stack:
        file = stack.enter_context(open_audio(path, channel=channel, table=table))
        if isinstance(file, Signal):
            samples = _finite(name, file.sample_rate, file.blocks(channel))
            yield DecodedChannel(file.sample_rate, file.channels, file.notes, samples, file.names)
            return
        plan = decoding_plan(name, file)
        for part in plan.parts:
            stack.enter_context(part)
        blocks = _decode_parts(name, file, channel, plan)
        yield DecodedChannel(file.samplerate, file.channels, plan.notes, blocks)


def _decode_parts(
    name: str, file: soundfile.SoundFile, channel: int, plan: DecodingPlan
) -> Iterator[np.ndarray]:
    """Decode an open file, or what is to be decoded in its place, one part after the other."""
    rate, position = file.samplerate, 0
    for part in plan.parts or (None,):
        with ExitStack() as stack:
            source = file if part is None else stack.enter_context(open_decoder(name, part))
            if (source.samplerate, source.channels) != (rate, file.channels):
                raise UnsupportedAudio(
                    name,
                    f"changes from {_layout(file)} to {_layout(source)} after {position / rate:.1f} s: "
                    "split it into a file for each",
                )
            expected = plan.expected if len(plan.parts) < 2 else declared_samples(source)
            decoded = _decode_blocks(name, source, expected, plan.only_expected)
            try:
                for samples in _finite(name, rate, (block[:, channel].copy() for block in decoded), position):
                    position += len(samples)
                    yield samples
            except soundfile.LibsndfileError as error:
                reason = f"damaged after {position / rate:.1f} s ({decoder_message(error)})"
                raise UnreadableAudio(name, reason) from error
    if not position:
        raise EmptyAudio(name, "contains no samples")


def _finite(name: str, rate: int, blocks: Iterator[np.ndarray], position: int = 0) -> Iterator[np.ndarray]:
    """Pass on (B,) blocks of samples; raise `NonFiniteAudio` for one with NaN or infinity.

    Args:
        name: path of the file, for errors.
        rate: sample rate in Hz.
        blocks: the blocks.
        position: index of the first sample in the recording.
    """
    for samples in blocks:
        finite = np.isfinite(samples)
        if not finite.all():
            seconds = (position + int(np.argmin(finite))) / rate
            raise NonFiniteAudio(name, f"contains a NaN or infinite sample at {seconds:.3f} s")
        position += len(samples)
        yield samples


def _decode_blocks(
    name: str, file: soundfile.SoundFile, expected: int | None, only_expected: bool
) -> Iterator[np.ndarray]:
    """Decode an open file into (B, channels) blocks, which are valid until the next one is requested.

    Args:
        name: path of the file, for errors.
        file: the open file.
        expected: number of samples per channel that it must give at least.
        only_expected: whether more samples are an error, and a decoder that stops after them is none.
    """
    buffer = np.empty((_BLOCK, file.channels), dtype=np.float32)
    position = 0
    while True:
        size = _BLOCK
        if only_expected and expected is not None:  # after the expected samples, try whether one more follows
            size = min(_BLOCK, max(1, expected - position))
        try:
            with without_decoder_messages() if file.format == "MP3" else nullcontext():
                block = file.read(out=buffer[:size])
        except soundfile.LibsndfileError as error:
            if expected is None:
                raise
            if not only_expected or position < expected:
                seconds = position / file.samplerate, expected / file.samplerate
                raise too_few_decoded(name, *seconds, decoder_message(error)) from error
            if another_stream_follows(name):
                raise more_than_declared(name, expected / file.samplerate) from error
            return
        if not len(block):
            break
        if only_expected and expected is not None and position >= expected:
            raise more_than_declared(name, expected / file.samplerate)
        yield block
        position += len(block)
    if expected is not None and position < expected:
        raise too_few_decoded(name, position / file.samplerate, expected / file.samplerate)


def _layout(file: soundfile.SoundFile) -> str:
    return f"{file.samplerate} Hz and {file.channels} channel{'s' if file.channels > 1 else ''}"
