"""The recordings of normal running of one machine, in short files, so that an interruption loses little."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from auscult.errors import OptionError
from auscult.runtime.files import write_atomically
from auscult.runtime.locks import try_lock, unlock
from auscult.sound.level import level_db
from auscult.sound.live import Block
from auscult.sound.waveform import Waveform

_INDEX = "recording.json"
_LOCK = ".lock"
_VERSION = 1
#: Highest sample rate of FLAC files, Hz.
_FLAC_RATE = 655350
#: Sound that is quieter than the loud tenth of all by more than this is not of a running machine, dB.
QUIET_DB = 10.0


@dataclass(frozen=True)
class Segment:
    """A file of the recording.

    Attributes:
        file: its name.
        run: number of the start of the recording, since samples are counted from its beginning.
        first: index of its first sample.
        samples: number of samples.
        time: when it began, in seconds since 1970 (UTC).
        level: dB re full scale.
    """

    file: str
    run: int
    first: int
    samples: int
    time: float
    level: float


class NormalFolder:
    """The folder with the recordings of one machine; the recording goes on where it was interrupted.

    Args:
        path: the folder, which is created.
        machine: name of the machine.

    Attributes:
        sample_rate: in Hz; 0 before the first segment.
        segments: in the order of time.

    Raises:
        OptionError: the folder belongs to another machine, has other files, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], machine: str) -> None:
        self.path, self.machine = Path(path), machine
        self._open()

    def _open(self) -> None:
        self.sample_rate = 0
        self.segments: list[Segment] = []
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            present = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            raise OptionError(
                f"{self.path}: the folder for the recordings cannot be used: {error.strerror}"
            ) from error
        if _INDEX in present:
            self._read()
        elif present:
            raise OptionError(
                f"{self.path}: has other files ({present[0]}): recordings of normal running need their own "
                "folder. Rename it, or learn under another name"
            )
        self.run = 1 + max((segment.run for segment in self.segments), default=0)

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Keep other processes from recording to the folder in a block of code.

        Raises:
            OptionError: another process records to it, or it cannot be written.
        """
        try:
            lock = open(self.path / _LOCK, "ab")  # noqa: SIM115
        except OSError as error:
            raise OptionError(f"{self.path / _LOCK}: cannot be written: {error.strerror}") from error
        with lock:
            if not try_lock(lock):
                raise OptionError(f"{self.path}: another process records to it: end that one first")
            try:
                self._open()  # another process may have written until now
                yield
            finally:
                unlock(lock)

    def _read(self) -> None:
        try:
            data = json.loads((self.path / _INDEX).read_text(encoding="utf-8"))
            machine, rate = str(data["machine"]), int(data["sample_rate"])
            segments = [Segment(**segment) for segment in data["segments"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OptionError(f"{self.path / _INDEX}: cannot be read ({error}): remove the folder") from error
        if machine != self.machine:
            raise OptionError(f"{self.path}: has recordings of {machine}, not of {self.machine}")
        self.sample_rate = rate
        self.segments = [segment for segment in segments if (self.path / segment.file).exists()]

    @property
    def counted(self) -> list[Segment]:
        """The segments in which the machine was running: those that are not much quieter than the others."""
        if not self.segments:
            return []
        lowest = loud_level([segment.level for segment in self.segments]) - QUIET_DB
        return [segment for segment in self.segments if segment.level >= lowest]

    @property
    def seconds(self) -> float:
        """Normal running that was recorded."""
        return self.seconds_of(self.counted)

    def seconds_of(self, segments: list[Segment]) -> float:
        """Return the length of segments."""
        return sum(segment.samples for segment in segments) / (self.sample_rate or 1)

    def path_of(self, segment: Segment) -> str:
        """Return the path of a segment."""
        return str(self.path / segment.file)

    def add(self, samples: np.ndarray, first: int, time: float, sample_rate: int) -> None:
        """Keep a segment, unless it is kept already: a recording that is replayed from its beginning again.

        Args:
            samples: (N,) float32.
            first: index of the first of them since the recording was started.
            time: when it began, in seconds since 1970 (UTC).
            sample_rate: in Hz.

        Raises:
            OptionError: the recording so far has another sample rate, or the segment cannot be written, as on
                a full disk; the segments before are kept.
        """
        self.check_rate(sample_rate)
        level = level_db(Waveform(samples, sample_rate))
        if any((s.samples, s.level) == (len(samples), level) for s in self.segments):
            return
        self.sample_rate = sample_rate
        as_flac = bool(np.abs(samples).max() <= 1) and sample_rate <= _FLAC_RATE
        name = f"{1 + self._last_number():05d}.{'flac' if as_flac else 'wav'}"
        encoded = io.BytesIO()  # written in one piece, so that an error of the disk tells its reason
        form, subtype = ("FLAC", "PCM_24") if as_flac else ("WAV", "FLOAT")
        soundfile.write(encoded, samples, sample_rate, format=form, subtype=subtype)
        segments = [*self.segments, Segment(name, self.run, first, len(samples), time, level)]
        try:
            # First the index: a segment in it whose file is missing is known not to be there.
            write_atomically(self.path / _INDEX, json.dumps(self._index(segments), indent=1).encode())
            write_atomically(self.path / name, encoded.getbuffer())
        except OSError as error:
            raise OptionError(
                f"{self.path / name}: cannot be written: {error.strerror or error}. What is recorded so far "
                "is kept: the same command goes on from there"
            ) from error
        self.segments = segments

    def check_rate(self, sample_rate: int) -> None:
        """Raise `OptionError` if the recording so far has another sample rate."""
        if self.sample_rate not in (0, sample_rate):
            raise OptionError(
                f"{self.path}: was recorded at {self.sample_rate} Hz, but the source has {sample_rate} Hz: "
                "remove the folder to record again"
            )

    def blocks(self, segments: list[Segment]) -> Iterator[tuple[Block, int]]:
        """Yield segments as blocks of a source, with the sample rate; what is missing is a gap."""
        start, run, end = 0, -1, 0
        for segment in segments:
            samples = soundfile.read(self.path_of(segment), dtype="float32")[0]
            if segment.run != run:  # samples are counted again
                start, run = end + self.sample_rate - segment.first, segment.run
            end = start + segment.first + len(samples)
            yield Block(samples[:, None], end - len(samples), segment.time), self.sample_rate

    def _last_number(self) -> int:
        numbers = [int(segment.file.partition(".")[0]) for segment in self.segments]
        return max(numbers, default=0)

    def _index(self, segments: Iterable[Segment]) -> dict[str, Any]:
        return {
            "version": _VERSION,
            "machine": self.machine,
            "sample_rate": self.sample_rate,
            "segments": [asdict(segment) for segment in segments],
        }


def loud_level(levels: list[float]) -> float:
    """Return the level that the loud tenth of the sound exceeds, dB."""
    return float(np.quantile(levels, 0.9))
