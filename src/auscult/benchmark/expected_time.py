"""How long a benchmark will take, estimated from fits to a few of its recordings."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from auscult.benchmark.grouping import sources_of_test_clips
from auscult.benchmark.machine import MachineData, timed_recordings
from auscult.benchmark.measured_fit import FitTimes, measure_fit, part_of
from auscult.benchmark.stage import Stage
from auscult.corpus import AudioClip, inspect_recordings
from auscult.detectors import Config, Progress
from auscult.model.batching import batch_key
from auscult.runtime.parallel import worker_count
from auscult.spectrum import FrontEnd

#: Recordings that are read to measure how long reading takes, and that are compared by their sound.
_RECORDINGS, _COMPARED = 8, 24


@dataclass(frozen=True)
class PlannedFit:
    """A fit of a benchmark that is not finished.

    Attributes:
        stage: the stage that it belongs to.
        config: the configuration.
    """

    stage: Stage
    config: Config

    @property
    def machine(self) -> MachineData:
        """The machine that is fitted."""
        return self.stage.machine

    @property
    def trained_seconds(self) -> float:
        """The seconds of recordings that the fit learns from, of one machine on average.

        The measured fits learn from as many recordings of each other machine as of the machine itself.
        """
        clips = len(self.machine.train)
        if self.stage.choice.detector_class.uses_other_machines(self.config) and self.machine.other_machines:
            most = getattr(self.config, "max_others", None)
            numbers = [len(other.train) for other in self.machine.other_machines]
            others = sum(number if most is None else min(number, most) for number in numbers)
            return self._length * (clips + others) / (1 + len(numbers))
        return self._length * clips

    @property
    def tested_seconds(self) -> float:
        """The seconds of test clips."""
        return self._length * len(self.machine.test)

    @property
    def _length(self) -> float:
        return self.machine.format.seconds or 1.0


def expected_seconds(fits: Sequence[PlannedFit], progress: Progress | None = None) -> float:
    """The time that the fits will take, with the features of all recordings and the scores of the test clips.

    Each configuration is fitted to a few recordings twice; a fixed time and a time for each second of
    recordings follow. With several workers, these are taken to share the work evenly, and each takes the time
    to start. A configuration that cannot be measured counts as nothing.

    Args:
        fits: the fits that are not finished.
        progress: called with the number of configurations and machines that have been measured.
    """
    total, startup = 0.0, 0.0
    times: dict[tuple[str, str], FitTimes] = {}
    for done, fit in enumerate(fits):
        kind = (fit.stage.choice.name, batch_key(fit.config))
        if progress:
            progress("measure", done, len(fits), {})
        with suppress(Exception):  # the fit itself reports it
            if kind not in times:
                times[kind] = FitTimes()
                times[kind] = measure_fit(fit.stage, fit.config)
                startup = max(startup, times[kind].startup)
            total += times[kind].fit.at(fit.trained_seconds) + times[kind].score.at(fit.tested_seconds)
    if progress:
        progress("measure", len(fits), len(fits), {})
    total += sum(_seconds_of_machines(fits))
    workers = min(worker_count(), max(1, len(fits)))
    return total / workers + (startup if worker_count() > 1 else 0.0)


def duration_text(seconds: float) -> str:
    """A rounded duration: ``3 h``, ``1.5 min`` or ``20 s``."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            number = seconds / length
            return f"{number:.1f} {unit}" if number < 3 else f"{number:.0f} {unit}"
    return f"{seconds:.0f} s"


def _seconds_of_machines(fits: Iterable[PlannedFit]) -> Iterable[float]:
    """What is done once for a machine and front end, or once for a machine."""
    seen: set[tuple[str, FrontEnd | None]] = set()
    for fit in fits:
        machine = fit.machine
        with suppress(Exception):
            for front_end in fit.stage.choice.detector_class.front_ends(fit.config):
                if (machine.name, front_end) not in seen:
                    seen.add((machine.name, front_end))
                    yield _reading_seconds(machine, front_end)
            if (machine.name, None) not in seen:
                seen.add((machine.name, None))
                yield _comparing_seconds(machine, front_end)


def _reading_seconds(machine: MachineData, front_end: FrontEnd) -> float:
    """The time to read all recordings, to inspect them, and to compute their log-mels.

    Some of them are read twice, to measure the times of detectors.
    """
    recordings = [
        AudioClip.from_file(clip, channel=machine.channel, sample_rate=front_end.sample_rate)
        for clip in machine.train[:_RECORDINGS]
    ]
    started = time.perf_counter()
    inspect_recordings(recordings, minimum_samples=1, front_ends=[front_end])
    of_recording = (time.perf_counter() - started) / len(recordings)
    read = sum(len(clips) + len(timed_recordings(len(clips))) for clips in (machine.train, machine.test))
    return of_recording * read


def _comparing_seconds(machine: MachineData, front_end: FrontEnd) -> float:
    """The time to find the test clips that were cut from one recording, by their sound."""
    part = part_of(machine, _COMPARED)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        sources_of_test_clips(part, front_end, Path(folder) / "sources.json")
        return (time.perf_counter() - started) / len(part.test) * len(machine.test)
