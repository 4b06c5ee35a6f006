"""What the page reads from the store, as JSON-compatible data. It may take a while: call it in threads."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import OptionError, StoreError
from auscult.monitor.service.engine import Engine
from auscult.monitor.store import ROLES, Event, Sound, StoreReader, Summaries
from auscult.monitor.trend import read_trend
from auscult.monitor.trend.keeper import SPAN, trend_sentences
from auscult.monitor.web.encoding import picture
from auscult.monitor.web.numbers import MachineNumbers
from auscult.monitor.web.params import NotThere, Query
from auscult.monitor.web.statuses import event_json, health_json
from auscult.spectrum import FrontEnd, band_centres, log_mels

#: Seconds of scores that are returned if no time is stated, and points.
_RECENT, _POINTS = 3600.0, 1000
#: A series with a point at least each so many seconds is one of minutes.
_MINUTES = 1800.0
#: Seconds for which a trend is used, and most points of one.
_TREND_SECONDS, _TREND_POINTS = 60.0, 2000
#: Longest sound that is shown as a spectrogram, seconds.
_LONGEST = 120.0


class Queries:
    """Reads the store of an engine.

    Args:
        engine: the engine; its models compute spectrograms.
        reader: of its store.
        numbers: of its machines.
    """

    def __init__(self, engine: Engine, reader: StoreReader, numbers: MachineNumbers) -> None:
        self._engine, self._reader, self._numbers = engine, reader, numbers
        # Spectrograms are asked for again and again while a page is open, and take long.
        self._cached_spectrogram = lru_cache(maxsize=16)(self._compute_spectrogram)
        self._cached_trend = lru_cache(maxsize=16)(self._compute_trend)

    def scores(self, machine: int, query: Query) -> dict[str, Any]:
        """Return the scores of a machine as columns."""
        name = self._numbers.name(machine)
        until = query.time("until")
        until = time.time() + 1.0 if until is None else until
        since = query.time("since")
        since = max(0.0, until - _RECENT) if since is None else since
        series = self._reader.scores(name, since, until, query.integer("points") or _POINTS)
        return {
            "resolution": _resolution(series),
            "time": np.round(series.time, 3).tolist(),
            "score": _numbers(series.mean),
            "lowest": _numbers(series.lowest),
            "highest": _numbers(series.highest),
            "persistent": _numbers(series.persistent),
            "threshold": _numbers(series.threshold),
            "level": _numbers(series.levels[:, 0]) if series.levels.size else [None] * len(series.time),
        }

    def gaps(self, machine: int, query: Query) -> list[dict[str, Any]]:
        """Return the times of a machine without scores."""
        gaps = self._reader.gaps(self._numbers.name(machine), query.time("since"), query.time("until"))
        return [{"start": gap.start, "end": gap.end, "reason": gap.reason} for gap in gaps]

    def health(self, machine: int, query: Query) -> list[dict[str, Any]]:
        """Return the conditions of a machine, the last one first."""
        conditions = self._reader.health(self._numbers.name(machine), limit=query.integer("limit") or 100)
        return [health_json(condition) for condition in conditions]

    def trend(self, machine: int) -> dict[str, Any]:
        """Return what has slowly changed of a machine, at most a minute old."""
        return self._cached_trend(self._numbers.name(machine), int(time.monotonic() / _TREND_SECONDS))

    def events(self, query: Query) -> dict[str, Any]:
        """Return events, the last one first."""
        machine = query.integer("machine")
        events = self._reader.events(
            since=query.time("since"),
            until=query.time("until"),
            machine=None if machine is None else self._numbers.name(machine),
            kind=query.text("kind"),  # type: ignore[arg-type] # checked there
            lasting=query.flag("lasting"),
            before=query.integer("before"),
            limit=query.integer("limit") or 100,
        )
        return {"events": [event_json(event, self._numbers.number(event.machine)) for event in events]}

    def event(self, number: int) -> dict[str, Any]:
        """Return an event with its sounds and notes."""
        event = self._event(number)
        sounds = [
            {
                "id": sound.id,
                "start": sound.start,
                "seconds": sound.seconds,
                "sample_rate": sound.sample_rate,
                "role": sound.role,
            }
            for sound in self._reader.sounds(number)
        ]
        notes = [
            {key: value for key, value in vars(note).items() if key != "event"}
            for note in self._reader.feedback(number)
        ]
        return {**event_json(event, self._numbers.number(event.machine)), "sounds": sounds, "feedback": notes}

    def event_map(self, number: int) -> dict[str, Any]:
        """Return the map of an event with low frequencies first."""
        event = self._event(number)
        values = self._reader.event_map(number)
        if values is None or values.ndim != 2:
            raise NotThere(f"event {number} has no map")
        front_end = self._front_end(event.machine, values.shape[1])
        seconds = len(values) * front_end.hop / front_end.sample_rate
        end = event.explanation.get("window_end") or event.peak_time or event.start
        return {"start": end - seconds, **_spectrogram(values, front_end)}

    def spectrogram(self, number: int, query: Query) -> dict[str, Any]:
        """Return the log-mel, dB, of the sound of an event, as the detector computes it."""
        role = query.text("role") or "event"
        if role not in ROLES:
            raise OptionError(f"role must be {' or '.join(ROLES)}, got {role!r:.40}")
        event = self._event(number)
        for sound in self._reader.sounds(number):
            if sound.role == role:
                return self._cached_spectrogram(event.machine, sound)
        raise NotThere(f"event {number} has no {role} sound")

    def live_spectrogram(self, machine: str) -> dict[str, Any]:
        """Return the frequencies of the rows of the frames of a machine, Hz, and the seconds of a column."""
        front_end = self._front_end(machine, None)
        return {
            "frequencies": np.round(band_centres(front_end), 1).tolist(),
            "step": front_end.hop / front_end.sample_rate,
        }

    def sound_file(self, number: int) -> tuple[Path, os.stat_result]:
        """Return the FLAC file of a sound, and what the file system knows of it.

        Raises:
            NotThere: there is none, or it was deleted.
        """
        try:
            path = self._reader.sound_path(number)
            return path, path.stat()
        except OptionError as error:
            raise NotThere(str(error)) from None
        except OSError:
            raise NotThere(f"the file of sound {number} is missing") from None

    def _compute_spectrogram(self, machine: str, sound: Sound) -> dict[str, Any]:
        try:
            samples, rate = self._reader.read_sound(sound.id)
        except StoreError:
            raise NotThere(f"the file of sound {sound.id} is missing or damaged") from None
        front_end = self._front_end(machine, None)
        if rate != front_end.sample_rate:
            raise NotThere(f"sound {sound.id} has another sample rate than the model")
        (frames,) = log_mels([samples[: round(_LONGEST * rate), 0]], front_end)
        return {"start": sound.start, **_spectrogram(frames, front_end)}

    def _compute_trend(self, machine: str, minute: int) -> dict[str, Any]:
        now = time.time()
        series = read_trend(self._reader, machine, max(0.0, now - SPAN), now)
        text = trend_sentences(self._reader, machine, now, series=series)
        return {"text": text, "series": series.thinned(_TREND_POINTS).to_json()}

    def _front_end(self, machine: str, bands: int | None) -> FrontEnd:
        """Return the front end of the model of a machine, if it has so many bands."""
        runner = self._engine.runners.get(machine)
        front_end = runner.machine.model.detector.config.front_end if runner else None
        if front_end is None or (bands is not None and front_end.n_mels != bands):
            raise NotThere(f"the model of {machine} is not monitored any more")
        return front_end

    def _event(self, number: int) -> Event:
        try:
            return self._reader.event(number)
        except OptionError as error:
            raise NotThere(str(error)) from None


def _spectrogram(frames: np.ndarray, front_end: FrontEnd) -> dict[str, Any]:
    """Return (T, n_mels) frames as a picture with a row for each band."""
    return {
        "seconds": len(frames) * front_end.hop / front_end.sample_rate,
        "frequencies": np.round(band_centres(front_end), 1).tolist(),
        **picture(frames.T),
    }


def _resolution(series: Summaries) -> str:
    if not len(series.time) or series.count.max() == 1:
        return "sample"
    apart = float(np.median(np.diff(series.time))) if len(series.time) > 1 else 0.0
    return "minute" if apart < _MINUTES else "hour"


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers with six digits; ``None`` in place of NaN."""
    return [None if value != value else float(f"{value:.6g}") for value in values.tolist()]
