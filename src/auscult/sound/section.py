"""Reading a section of an audio file of any length, in constant memory."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from auscult.errors import OptionError, TooLongAudio
from auscult.findings import Finding
from auscult.sound.decoding import decode_channel
from auscult.sound.resampling import resample
from auscult.sound.tables import TableSettings
from auscult.sound.waveform import Waveform

#: Longest section, seconds.
MAX_SECONDS = 600.0
#: Read before and after a section that is resampled, seconds, so that its ends have no edge effects.
_MARGIN_SECONDS = 0.1


def read_section(
    path: str | os.PathLike[str],
    start_seconds: float,
    seconds: float,
    *,
    channel: int = 0,
    sample_rate: int | None = None,
    table: TableSettings | None = None,
) -> Waveform:
    """Read a section of one channel. The file is decoded up to the end of the section.

    If the file ends within the section, the section is shorter, and the waveform has a note about it.

    Args:
        path: the audio file.
        start_seconds: start of the section.
        seconds: its length, at most `MAX_SECONDS`.
        channel: index of the channel, starting at 0.
        sample_rate: resample to this rate in Hz; ``None`` keeps the rate of the file.
        table: how the file is read if it is a table; by default as the ``auscult.toml`` of its folder says.

    Raises:
        OptionError: the start is negative or after the end of the file, or the length is not positive.
        TooLongAudio: the section is longer than `MAX_SECONDS`.
        AudioError: as `read_audio`, but no file is too long.
    """
    name = os.fspath(path)
    if not start_seconds >= 0 or not seconds > 0:
        raise OptionError(
            "a section needs a start of at least 0 s and a length above 0 s, got "
            f"{start_seconds} s and {seconds} s"
        )
    if seconds > MAX_SECONDS:
        raise TooLongAudio(name, f"a section of {seconds:g} s is longer than the limit of {MAX_SECONDS:g} s")
    with decode_channel(name, channel=channel, table=table) as decoded:
        rate = decoded.sample_rate
        margin = round(_MARGIN_SECONDS * rate) if sample_rate not in (None, rate) else 0
        start, stop = round(start_seconds * rate), round((start_seconds + seconds) * rate)
        first, last = max(0, start - margin), stop + margin
        parts, position = [np.zeros(0, np.float32)], 0
        for block in decoded.blocks:
            if position + len(block) > first:
                parts.append(block[max(0, first - position) : last - position])
            position += len(block)
            if position >= last:
                break
    if position <= start:
        raise OptionError(
            f"{name}: it is {position / rate:.1f} s long, so that no section can start at {start_seconds:g} s"
        )
    notes = decoded.notes
    if position < stop:
        message = f"the file ends {(stop - position) / rate:.1f} s before the end of the section"
        notes = (*notes, Finding("short_section", message))
    samples = np.concatenate(parts)
    section = Waveform(
        samples,
        rate,
        path=name,
        notes=notes,
        channels=decoded.channels,
        channel_names=decoded.names,
    )
    waveform = resample(section, sample_rate)
    scale = waveform.sample_rate / rate
    begin = round((start - first) * scale)
    length = round((min(stop, position) - start) * scale)
    return replace(waveform, samples=waveform.samples[begin : begin + length])
