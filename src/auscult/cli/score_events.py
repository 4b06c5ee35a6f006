"""Events in long recordings: anomalous windows that follow each other, with the time on the clock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auscult.cli import text
from auscult.errors import AudioError, OptionError


@dataclass
class Event:
    """Anomalous windows of one channel of a recording without a normal one between them.

    Attributes:
        path: the recording.
        channel: the channel, or ``None`` unless each channel is scored.
        start, end: in seconds from the start of the recording.
        score: the highest score of its windows.
        windows: number of windows.
    """

    path: str
    channel: int | None
    start: float
    end: float
    score: float
    windows: int = 1


class EventList:
    """The events of all recordings, from the rows of their windows in order.

    Attributes:
        events: the events so far.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._open = False  # whether the last window was anomalous
        self._times: dict[str, str] = {}  # modification time of each recording with events
        self._ends: dict[str, float] = {}  # end of its last window

    def add(self, row: dict[str, Any]) -> None:
        """Add the row of a window, or of a recording that cannot be read."""
        if row.get("anomalous") is not True:
            self._open = False
        else:
            path, channel = row["path"], row.get("channel")
            last = self.events[-1] if self._open else None
            if last and (last.path, last.channel) == (path, channel) and row["start"] >= last.start:
                last.end, last.windows = row["end"], last.windows + 1
                last.score = max(last.score, row["score"])
            else:
                self.events.append(Event(path, channel, row["start"], row["end"], row["score"]))
            self._open = True
            self._times[path] = row["time"]
        if "end" in row:
            self._ends[row["path"]] = max(row["end"], self._ends.get(row["path"], 0.0))

    def as_text(self) -> str:
        """A table of the events, with the times on the clock and what these are derived from."""
        one_path = len({event.path for event in self.events}) == 1
        channels = any(event.channel is not None for event in self.events)
        header = ["clock time", "from, s", "to, s", "windows", "highest score"]
        extra = [*([] if one_path else ["recording"]), *(["channel"] if channels else [])]
        rows = []
        for event in self.events:
            start = recording_start(event.path, self._times[event.path], self._ends[event.path])
            names = [*([] if one_path else [event.path]), *([str(event.channel)] if channels else [])]
            values = [
                f"{event.start:.1f}",
                f"{event.end:.1f}",
                f"{event.windows:,}",
                text.figure(event.score),
            ]
            rows.append([*names, _clock_span(start, event), *values])
        title = text.count(len(self.events), "event") + (
            f" in {text.printable(self.events[0].path)}" if one_path else ""
        )
        source = "Clock times: the end of the recording is taken to be the modification time of its file."
        return f"{title}\n{text.table([*extra, *header], rows, names=len(extra) + 1)}\n{source}"


def recording_start(path: str, modified: str, seconds: float) -> datetime:
    """When a recording began, if its file was last modified when it ended.

    Args:
        path: the recording.
        modified: the modification time of its file, in ISO 8601.
        seconds: its length, if its header does not state it.
    """
    from auscult.sound.audio_file import audio_info

    with suppress(AudioError):  # the file may have been removed in the meantime
        seconds = audio_info(path).seconds or seconds
    return datetime.fromisoformat(modified) - timedelta(seconds=seconds)


def _clock_span(start: datetime, event: Event) -> str:
    """``2026-11-27 10:19:12–10:19:18``, with the date of the end if it is another day."""
    first, last = (start + timedelta(seconds=seconds) for seconds in (event.start, event.end))
    day = "" if first.date() == last.date() else f"{last:%Y-%m-%d} "
    return f"{first:%Y-%m-%d %H:%M:%S}–{day}{last:%H:%M:%S}"


class ScorePlot:
    """The picture of ``--plot``, from the rows of the windows of one recording.

    Args:
        path_out: where to write it.
        recordings: number of recordings to score.

    Raises:
        OptionError: there is more than one recording, or the image format is not supported.
        MissingExtraError: matplotlib is not installed.
    """

    def __init__(self, path_out: str, recordings: int) -> None:
        from auscult.report.score_plot import check_plot

        if recordings != 1:
            raise OptionError(f"--plot draws one recording, got {recordings:,}: give a single FILE")
        check_plot(path_out)
        self._path_out = path_out
        self._windows: dict[str, list[tuple[float, float, float]]] = {}
        self._path = self._time = ""

    def add(self, row: dict[str, Any]) -> None:
        """Add the row of a window; a row with an error is not drawn."""
        if "error" not in row:
            self._path, self._time = row["path"], row["time"]
            label = f"channel {row['channel']}" if "channel" in row else "score"
            self._windows.setdefault(label, []).append((row["start"], row["end"], row["score"]))

    def draw(self, events: Sequence[Event], threshold: float | None) -> None:
        """Write the picture; nothing if no window could be scored."""
        from auscult.report.score_plot import draw_scores

        if not self._windows:
            text.warn(f"{self._path_out} was not written: there is no score to draw")
            return
        last = max(end for rows in self._windows.values() for _, end, _ in rows)
        draw_scores(
            self._path_out,
            windows=self._windows,
            threshold=threshold,
            events=[(event.start, event.end) for event in events],
            start=recording_start(self._path, self._time, last),
            title=text.printable(self._path),
        )
