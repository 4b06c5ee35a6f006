"""What can be given as recordings in Python: paths, clips, waveforms and arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from os import PathLike
from typing import TypeAlias

import numpy as np

from auscult.corpus.clip import Clip, Corpus
from auscult.errors import FitError, OptionError
from auscult.sound import Waveform, waveform_of

#: One recording: its file, a clip, or samples in memory.
Recording: TypeAlias = str | PathLike[str] | Clip | Waveform | np.ndarray
#: Recordings: one, several, or a folder of them.
Recordings: TypeAlias = Recording | Corpus | Iterable[Recording]

#: Rows of an array that are shorter are no recordings; one frame of most front ends is longer.
_MIN_SECONDS = 0.05
_NO_RATE = "give the sample rate of arrays in Hz, as sample_rate="


def split_paths(source: Recordings, sample_rate: int | None = None) -> tuple[list[str], list[Clip]]:
    """Separate paths, which have yet to be opened, from clips and recordings in memory, which become clips.

    Args:
        source: one recording or several. The rows of a 2-D array are recordings of one channel.
        sample_rate: of arrays, Hz.

    Returns:
        The paths, and the clips; those in memory are named by their position.

    Raises:
        FitError: there are none.
        OptionError: something is no recording, an array has no sample rate, or it seems to be transposed.
        AudioError: samples are empty or not finite.
    """
    paths: list[str] = []
    clips: list[Clip] = []
    if isinstance(source, np.ndarray) and source.ndim == 2 and isinstance(sample_rate, int | np.integer):
        _check_orientation(source, sample_rate)
    for index, item in enumerate(each(source)):
        if isinstance(item, str | PathLike):
            paths.append(os.fspath(item))
        else:
            clips.append(as_clip(item, sample_rate, name=f"<recording {index}>"))
    if not paths and not clips:
        raise FitError("no training recordings: there are no clips")
    return paths, clips


def _check_orientation(samples: np.ndarray, sample_rate: int | np.integer) -> None:
    """Raise `OptionError` if an (M, N) array has more rows than columns and these are no recordings."""
    count, length = samples.shape
    if count > length and length < _MIN_SECONDS * sample_rate:
        raise OptionError(
            f"array of shape ({count}, {length}) is {count} recordings of {length} samples: transposed? Each "
            "row must be a recording"
        )


def as_clip(recording: Recording, sample_rate: int | None = None, *, name: str = "<memory>") -> Clip:
    """Return a recording as a clip; its metadata are unknown unless it is one.

    Args:
        recording: a file, a clip, or samples of one channel.
        sample_rate: of an array, Hz.
        name: path of a clip in memory.

    Raises:
        OptionError: it is no recording, or an array without a sample rate.
        AudioError: the samples are empty or not finite.
    """
    if isinstance(recording, Clip):
        return recording
    if isinstance(recording, str | PathLike):
        return Clip(os.fspath(recording))
    if isinstance(recording, Waveform):
        path = recording.path or name
        checked = waveform_of(recording.samples, recording.sample_rate, path)
        return Clip(path, waveform=replace(recording, samples=checked.samples))
    if isinstance(recording, np.ndarray):
        if sample_rate is None:
            raise OptionError(_NO_RATE)
        return Clip(name, waveform=waveform_of(recording, sample_rate, name))
    raise OptionError(
        f"{type(recording).__name__} is no recording: give a path, an array with sample_rate=, a Clip or a "
        "Waveform"
    )


def check_no_arrays(source: Recordings) -> None:
    """Raise `OptionError` if arrays are given, which need a sample rate; an iterator is not consumed."""
    items = source if isinstance(source, list | tuple) else (source,)
    if any(isinstance(item, np.ndarray) for item in items):
        raise OptionError(_NO_RATE)


def each(source: Recordings) -> Iterator[Recording]:
    """Yield the recordings of a source one by one: a single one, or those of an iterable, as it yields them.

    Raises:
        OptionError: it is no recording and holds none.
    """
    single = isinstance(source, str | PathLike | Clip | Waveform)
    if single or (isinstance(source, np.ndarray) and source.ndim < 2):
        yield source  # type: ignore[misc]
    elif isinstance(source, Iterable):
        yield from source
    else:
        raise OptionError(f"{type(source).__name__} is no recording and holds none")
