"""Scores of a simulated machine, hour by hour, as `MachineMonitor` computes them: `bench.machine_weeks`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import auscult
from auscult.decision.alarms import Session
from auscult.model import Model
from auscult.model.model_file import load_model
from auscult.monitor.stream.changes import Judgement
from auscult.monitor.stream.machine import MachineMonitor
from auscult.simulation.take import seeded_rng
from auscult.sound.live import Block
from bench.machine_course import FAULT_HOURS, WEEK, Unit
from bench.machine_minutes import SAMPLE_RATE, MinuteRenderer

#: Clips of each hour on which the model is fitted, and their length in seconds.
CLIPS, CLIP_SECONDS = 6, 10
#: Scores of a rendered minute, seconds between them, and scores of an hour.
PER_MINUTE, PERIOD = 60, 0.992
PER_HOUR = round(3600 / PERIOD)
#: Hours around an hour whose rendered minutes may stand for its minutes.
_NEIGHBOURS = 2
#: Seconds before a stop whose scores the monitor withdraws.
_RUN_DOWN = 3.0


class UnitScores:
    """The scores of one unit, computed when they are needed and stored.

    Args:
        unit: the unit.
        folder: for the scores of all units by one detector.
        detector: name of the detector.

    Attributes:
        renderer: of the sound of the unit.
    """

    def __init__(self, unit: Unit, folder: Path, detector: str = "pooled_gaussian") -> None:
        self.unit, self.detector = unit, detector
        self._folder = folder / detector / unit.name
        self.renderer = MinuteRenderer(unit)
        self.course = self.renderer.course

    @cached_property
    def model(self) -> Model:
        """The model, fitted on clips of the first hours of running."""
        path = self._folder / "model.auscult"
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            clips = [
                self.renderer.hour(hour).running[: CLIPS * CLIP_SECONDS * SAMPLE_RATE].reshape(CLIPS, -1)
                for hour in self.fit_hours
            ]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", auscult.AuscultWarning)
                model = auscult.fit(
                    np.concatenate(clips), self.detector, sample_rate=SAMPLE_RATE, calibrate="none"
                )
            model.save(str(path))
        return load_model(path)

    @property
    def fit_hours(self) -> np.ndarray:
        """The first hours of running, a third of the learning hours, on which the model is fitted."""
        return self._learning[: self.unit.learning // 3]

    @property
    def calibration_hours(self) -> np.ndarray:
        """The hours of running that are left for calibration."""
        return self._learning[self.unit.learning // 3 :]

    @property
    def _learning(self) -> np.ndarray:
        return np.flatnonzero(self.course.running[: self.unit.learning])

    def part(self, number: int) -> dict[str, np.ndarray]:
        """Return the scores of the learning hours (0) or of a week (from 1 on).

        Returns:
            ``base`` (hours, 60) scores of the minute of each hour, NaN where they do not count; ``spectra``
            (hours, n_mels) its mean log-mel, dB; ``extra`` (E, 60) scores of minutes with a start, a stop
            or a sound nearby, with their ``extra_hour`` and ``extra_kind``; ``fault`` (F, hours of a fault,
            60) with ``fault_hour``, the first hour of each.
        """
        path = self._folder / f"part_{number}.npz"
        if not path.exists():
            unfinished = path.with_name(f"unfinished_{number}.npz")
            scores = self._score(number)
            np.savez_compressed(unfinished, **scores)  # type: ignore[arg-type]
            unfinished.rename(path)
        with np.load(path) as stored:
            return dict(stored)

    @property
    def is_complete(self) -> bool:
        """Whether all scores are stored."""
        parts = range(len(self.unit.week_starts) + 1)
        return all((self._folder / f"part_{number}.npz").exists() for number in parts)

    def hours_of(self, number: int) -> range:
        """Return the hours of a part."""
        if number == 0:
            return range(self.unit.learning)
        first = self.unit.week_starts[number - 1]
        return range(first, min(first + WEEK, self.unit.hours))

    def _score(self, number: int) -> dict[str, np.ndarray]:
        base, spectra = list[np.ndarray](), list[np.ndarray]()
        extra = list[tuple[int, str, np.ndarray]]()
        running, hours = self.course.running, self.hours_of(number)
        for hour in hours:
            if hour > hours[0] and not running[hour - 1 : hour + 1].any():  # still off
                base.append(base[-1])
                spectra.append(spectra[-1])
                continue
            sound = self.renderer.hour(hour)
            scores, spectrum = score_minute(self.model, sound.running)
            base.append(scores)
            spectra.append(spectrum)
            if running[hour] and hour and not running[hour - 1]:
                extra.append((hour, "start", score_minute(self.model, sound.starting())[0]))
            if running[hour] and hour + 1 < len(running) and not running[hour + 1]:
                extra.append((hour, "stop", score_minute(self.model, sound.stopping())[0]))
            for event in self.course.events:
                if event.hour == hour:
                    minute = sound.running + self.renderer.nearby(event)
                    extra.append((hour, "event", score_minute(self.model, minute)[0]))
        faults = {h: fault for h, fault in self.course.faults.items() if h in hours}
        with_fault = [
            [score_minute(self.model, self.renderer.hour(h + i, f).running)[0] for i in range(FAULT_HOURS)]
            for h, f in faults.items()
        ]
        return {
            "base": np.array(base, np.float32),
            "spectra": np.array(spectra, np.float32),
            "extra": np.array([scores for _, _, scores in extra], np.float32).reshape(-1, PER_MINUTE),
            "extra_hour": np.array([hour for hour, _, _ in extra], int),
            "extra_kind": np.array([kind for _, kind, _ in extra], "U5"),
            "fault": np.array(with_fault, np.float32).reshape(-1, FAULT_HOURS, PER_MINUTE),
            "fault_hour": np.array(list(faults), int),
        }

    @cached_property
    def _all(self) -> dict[str, np.ndarray]:
        parts = [self.part(number) for number in range(len(self.unit.week_starts) + 1)]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def calibration_minutes(self) -> np.ndarray:
        """Return (hours, 60) scores of the rendered minutes of calibration."""
        return self.part(0)["base"][self.calibration_hours]

    def calibration(self) -> list[Stretch]:
        """Return the scores of the hours of calibration."""
        return self.stretches(int(self.calibration_hours[0]), self.unit.learning)

    def stretches(self, first: int, last: int, fault_hour: int | None = None) -> list[Stretch]:
        """Return the scores of hours, ``first`` to ``last`` (exclusive), in parts without a gap.

        Args:
            first, last: hours since the unit was installed.
            fault_hour: a key of ``course.faults``, which is then present.
        """
        scores = np.concatenate([self.hour(hour, fault_hour) for hour in range(first, last)])
        return list(_stretches(scores, first * 3600.0))

    def hour(self, hour: int, fault_hour: int | None = None, *, nearby: bool = True) -> np.ndarray:
        """Return (PER_HOUR,) scores of an hour, NaN where they do not count.

        Args:
            hour: since the unit was installed.
            fault_hour: as in `stretches`.
            nearby: whether there are sounds nearby, if there is no fault.
        """
        data, rng = self._all, seeded_rng(self.unit.seed, self.unit.kind, "resample", int(hour))
        pool = data["base"][self._neighbours(hour)]
        if fault_hour is not None and fault_hour <= hour < fault_hour + FAULT_HOURS:
            pool = data["fault"][data["fault_hour"] == fault_hour][0]
        minutes = pool[rng.integers(len(pool), size=PER_HOUR // PER_MINUTE + 1)]
        for index in np.flatnonzero(data["extra_hour"] == hour):
            kind = data["extra_kind"][index]
            place = {"start": 0, "stop": len(minutes) - 1}.get(kind, int(rng.integers(1, len(minutes) - 1)))
            if kind != "event" or (nearby and fault_hour is None):
                minutes[place] = data["extra"][index]
        if self.course.running[hour] and hour + 1 < self.course.hours and not self.course.running[hour + 1]:
            return minutes.ravel()[-PER_HOUR:]
        return minutes.ravel()[:PER_HOUR]

    def _neighbours(self, hour: int) -> list[int]:
        """Return the hours whose minutes stand for those of an hour."""
        course = self.course
        near = range(max(0, hour - _NEIGHBOURS), min(course.hours, hour + _NEIGHBOURS + 1))
        return [
            h
            for h in near
            if h == hour
            or (
                course.running[h] == course.running[hour]
                and (not course.running[hour] or course.setting[h] == course.setting[hour])
            )
        ]


@dataclass(frozen=True)
class Stretch(Session):
    """Scores without a gap; ``start`` is the time of the first one, seconds since the installation."""

    start: float = 0.0


def _stretches(scores: np.ndarray, start: float) -> Iterator[Stretch]:
    counts = np.flatnonzero(~np.isnan(scores))
    for group in np.split(counts, np.flatnonzero(np.diff(counts) > 1) + 1):
        if len(group):
            values = scores[group[0] : group[-1] + 1].astype(np.float64)
            yield Stretch(values, start=start + group[0] * PERIOD)


def score_minute(model: Model, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the windows of a minute as the monitor computes them, and the mean log-mel.

    Args:
        model: the model.
        samples: (N,) of a minute.

    Returns:
        (60,) scores, NaN where they do not count; (n_mels,) dB.
    """
    monitor = MachineMonitor("simulated", model, None, sample_rate=SAMPLE_RATE)
    judgements = [
        change
        for first in range(0, len(samples), SAMPLE_RATE)
        for change in monitor.push(
            Block(samples[first : first + SAMPLE_RATE, None], first, first / SAMPLE_RATE)
        )
        if isinstance(change, Judgement)
    ]
    scores = np.array([judgement.score if judgement.counts else np.nan for judgement in judgements])
    if any(judgement.state == "off" for judgement in judgements):
        scores = _withdrawn(scores, judgements)
    spectrum = np.mean([judgement.spectrum for judgement in judgements], axis=0)
    return scores[:PER_MINUTE], spectrum


def _withdrawn(scores: np.ndarray, judgements: Sequence[Judgement]) -> np.ndarray:
    """Withdraw the scores of the last seconds before the machine was off, as the monitor does."""
    off = next(index for index, judgement in enumerate(judgements) if judgement.state == "off")
    times = np.array([judgement.time for judgement in judgements])
    counted = np.flatnonzero(~np.isnan(scores[:off]))
    withdrawn = counted[times[counted] > times[counted].max(initial=-np.inf) - _RUN_DOWN]
    scores[withdrawn] = np.nan
    return scores
