"""How long a benchmark will take, estimated from a few recordings and training steps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from auscult.benchmark.machine import MachineData
from auscult.corpus import AudioClip, inspect_recordings
from auscult.detectors import Config, detector_type
from auscult.model.batching import batch_key
from auscult.runtime.parallel import worker_count
from auscult.spectrum import FrontEnd

#: Recordings that are measured.
_RECORDINGS = 8
#: Epochs that are measured, after one that also initialises libraries.
_EPOCHS = 4


@dataclass(frozen=True)
class PlannedFit:
    """A fit of a benchmark that is not finished.

    Attributes:
        machine: the machine's clips.
        detector: name of the detector.
        config: the configuration.
    """

    machine: MachineData
    detector: str
    config: Config

    @property
    def size(self) -> float:
        """The seconds of recordings that the fit learns from, with those of other machines."""
        length = self.machine.format.seconds or 1.0
        clips = len(self.machine.train)
        if detector_type(self.detector).uses_other_machines(self.config):
            most = getattr(self.config, "max_others", None)
            others = (len(other.train) for other in self.machine.other_machines)
            clips += sum(number if most is None else min(number, most) for number in others)
        return clips * length


class _Measured(Exception):
    """Raised to stop a fit once enough steps have been measured."""


def expected_seconds(fits: Sequence[PlannedFit]) -> float:
    """The time that the fits will take, with the features of all recordings.

    The reading of a few recordings and the training of a few epochs on them are measured once for each
    configuration; the results are multiplied by the number and length of the recordings and by the number of
    epochs. With several workers, they are taken to share the work evenly. A configuration that cannot be
    measured counts as nothing, and so do costs of a fit that do not grow with the recordings, such as the
    export of a network: short fits take longer than expected.

    Args:
        fits: the fits that are not finished.
    """
    total = 0.0
    measured: dict[tuple[str, str], float] = {}  # seconds for a second of recordings
    features: dict[tuple[str, FrontEnd], float] = {}
    for fit in fits:
        kind = (fit.detector, batch_key(fit.config))
        with suppress(Exception):  # the fit itself reports it
            recordings = _recordings(fit)
            if kind not in measured:
                measured[kind] = 0.0
                measured[kind] = _fit_seconds(fit, recordings) / (_length(fit) * len(recordings))
            total += measured[kind] * fit.size
            for front_end in detector_type(fit.detector).front_ends(fit.config):
                if (fit.machine.name, front_end) not in features:
                    clips = len(fit.machine.train) + len(fit.machine.test)
                    seconds = _reading_seconds(recordings, front_end) * clips
                    features[fit.machine.name, front_end] = seconds
    return (total + sum(features.values())) / min(worker_count(), max(1, len(fits)))


def duration_text(seconds: float) -> str:
    """A rounded duration: ``3 h``, ``40 min`` or ``20 s``."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            number = seconds / length
            return f"{number:.1f} {unit}" if number < 3 and unit == "h" else f"{number:.0f} {unit}"
    return f"{seconds:.0f} s"


def _length(fit: PlannedFit) -> float:
    return fit.machine.format.seconds or 1.0


def _recordings(fit: PlannedFit) -> list[AudioClip]:
    clips = fit.machine.train[:_RECORDINGS]
    rate = fit.config.front_end.sample_rate
    return [AudioClip.from_file(clip, channel=fit.machine.channel, sample_rate=rate) for clip in clips]


def _reading_seconds(recordings: Sequence[AudioClip], front_end: FrontEnd) -> float:
    """Seconds to read a recording, inspect it and compute its log-mel."""
    started = time.perf_counter()
    inspect_recordings(recordings, minimum_samples=1, front_ends=[front_end])
    return (time.perf_counter() - started) / len(recordings)


def _fit_seconds(fit: PlannedFit, recordings: Sequence[AudioClip]) -> float:
    """Seconds to fit the detector to these recordings; of a network, without its export."""
    epochs = getattr(fit.config, "epochs", None)
    config = replace(fit.config, epochs=1 + _EPOCHS) if epochs else fit.config  # type: ignore[call-arg]
    ends: list[float] = []

    def progress(stage: str, done: int, total: int, figures: Mapping[str, float]) -> None:
        if stage == "train" and epochs:
            ends.append(time.perf_counter())
            if len(ends) > _EPOCHS:
                raise _Measured

    for recording in recordings:
        recording.log_mel(fit.config.front_end)
    started = time.perf_counter()
    with suppress(_Measured):
        detector_type(fit.detector)(config).fit(recordings, progress=progress)
    if len(ends) < 2 or not epochs:
        return time.perf_counter() - started
    return (ends[-1] - ends[0]) / (len(ends) - 1) * epochs
