"""Sections of recordings that are longer than those a model was fitted on, for ``auscult explain``.

The score of a long recording is not comparable with those of the training recordings, and an average over
it hides a short fault. Therefore each section of the usual length gets a score and a verdict of its own, as
by ``auscult score --window``, and the one with the highest score is explained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from auscult.cli import text
from auscult.cli.score_events import Event, EventList
from auscult.corpus import AudioClip, Clip
from auscult.errors import AudioError
from auscult.report.timeline import Timeline
from auscult.sound.audio_file import audio_info
from auscult.sound.tables import TableSettings

if TYPE_CHECKING:
    from auscult.decision import Threshold
    from auscult.model import Model

#: Length of a section if the model does not state the length of its training recordings, seconds.
DEFAULT_SECONDS = 10.0
_MAX_NAMED = 5  # events in the text


@dataclass(frozen=True)
class Sections:
    """The scores of the sections of a recording.

    Attributes:
        seconds: length of a section.
        windows: start, end and score of each section in order; the times are those of the file.
        events: anomalous sections, those that follow each other as one.
        anomalous: the number of anomalous sections.
        start: start of the section with the highest score.
        audio: its sound.
        threshold: the threshold that the scores were compared with.
    """

    seconds: float
    windows: tuple[tuple[float, float, float], ...]
    events: tuple[Event, ...]
    anomalous: int
    start: float
    audio: AudioClip
    threshold: Threshold

    def in_words(self) -> list[tuple[str, str]]:
        """The lines of the output."""
        count = f"{text.count(len(self.windows), 'section')} of {self.seconds:.4g} s"
        chance = ""
        if self.threshold.rate is not None and self.threshold.value is not None:
            chance = f" (about {self.threshold.rate * len(self.windows):.2g} expected in a normal recording)"
        anomalous = f"{self.anomalous} anomalous{chance}"
        lines = [("sections", f"{count}, the length of the training recordings: {anomalous}")]
        if self.events:
            strongest = sorted(self.events, key=lambda event: -event.score)[:_MAX_NAMED]
            named = ", ".join(
                f"{event.start:.4g}–{event.end:.4g} s (score up to {event.score:.3g})" for event in strongest
            )
            more = len(self.events) - len(strongest)
            lines.append(("anomalous", f"{named}{f' and {more} more' if more else ''}"))
        end = self.start + self.audio.waveform().seconds
        lines.append(("explained", f"{self.start:.6g}–{end:.6g} s, the highest score; others: --start T"))
        return lines

    def timeline(self) -> Timeline:
        """The scores over time, for the picture."""
        events = tuple((event.start, event.end) for event in self.events)
        explained = (self.start, self.start + self.audio.waveform().seconds)
        return Timeline(self.windows, self.threshold.value, events, explained)

    def to_json(self) -> dict[str, Any]:
        """The field ``sections`` of the output."""
        events = [{"start": e.start, "end": e.end, "score": e.score} for e in self.events]
        return {
            "seconds": self.seconds,
            "count": len(self.windows),
            "anomalous": self.anomalous,
            "events": events,
        }


def usual_seconds(model: Model) -> float | None:
    """The length of the longest training recordings, seconds; ``None`` if the model does not state it."""
    lengths = model.provenance.get("seconds")
    return float(max(lengths)) if lengths else None


def scored_sections(
    model: Model, path: str, start: float | None, seconds: float, threshold: Threshold
) -> Sections | None:
    """Score a recording, or a part of it, section by section; ``None`` if it is not too long for the model.

    Args:
        model: the model, which sets the length of the sections.
        path: the recording, of any length.
        start: start of the part that is to be scored, seconds; ``None``: all of it.
        seconds: length of this part, at most ten minutes.
        threshold: the threshold for the verdicts.

    Raises:
        AudioError: the recording cannot be used.
        OptionError: it ends before the part.
    """
    table = model.with_table(Clip(path=path)).table
    usual, length = usual_seconds(model), seconds if start is not None else _declared_seconds(path, table)
    if usual is None or length is None or length <= usual or model.has_usual_length(length):
        return None
    rows, windows, best = EventList(), [], None
    anomalous = 0
    for begin, audio in _windows(model, path, start, length, usual):
        duration = audio.waveform().seconds
        if not model.has_usual_length(duration):
            continue  # the rest at the end
        score = model.score_recording(audio, threshold=threshold)
        windows.append((begin, begin + duration, score.score))
        row = {"path": path, "start": begin, "end": begin + duration, "time": ""}
        rows.add({**row, "score": score.score, "anomalous": score.anomalous})
        anomalous += score.anomalous is True
        rank = (score.anomalous is not None, score.score)  # a section with a sensor fault comes last
        if best is None or rank > best[0]:
            best = rank, begin, audio
    if best is None:
        return None
    return Sections(usual, tuple(windows), tuple(rows.events), anomalous, *best[1:], threshold)


def _declared_seconds(path: str, table: TableSettings | None) -> float | None:
    """The length by the header; ``None`` if it is not declared, or the file cannot be read."""
    try:
        return audio_info(path, table=table).seconds
    except AudioError:  # it is reported when the recording is read
        return None


def _windows(
    model: Model, path: str, start: float | None, length: float, seconds: float
) -> Iterator[tuple[float, AudioClip]]:
    """The sections of a recording, or of the part of it from ``start`` on, with their starts in seconds."""
    clip = Clip(path=path)
    if start is None:
        yield from model.windows(clip, seconds)
        return
    part = model.section(clip, start, length)
    waveform = part.waveform()
    size = round(seconds * waveform.sample_rate)
    for first in range(0, len(waveform.samples), size):
        yield start + first / waveform.sample_rate, _cut(part, first, first + size)


def _cut(recording: AudioClip, first: int, last: int) -> AudioClip:
    """The samples from one index to another, of all channels."""
    if recording.axes:
        return AudioClip.of_axes([_cut(axis, first, last) for axis in recording.axes])
    waveform = recording.waveform()
    return AudioClip.from_waveform(replace(waveform, samples=waveform.samples[first:last]))
