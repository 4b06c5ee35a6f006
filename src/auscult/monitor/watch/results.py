"""Writes the results of recordings to the event store: scores, events, and that they were judged."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from auscult.errors import StoreError
from auscult.findings import Finding
from auscult.model import Score
from auscult.monitor.store import Event, EventChange, EventSound, EventStore, JudgedFile, ScoreRow
from auscult.monitor.store.judged_records import Result
from auscult.monitor.watch.episodes import Episodes
from auscult.monitor.watch.explained import Explained, explain
from auscult.monitor.watch.judge import Judgement

#: Results are written together for at most this time, seconds, and number.
_SECONDS, _NUMBER = 0.5, 64


@dataclass(frozen=True)
class JudgedRecording:
    """A recording whose result is stored.

    Attributes:
        file: as stored.
        score: ``None`` if it was not judged.
        findings: reasons to trust all scores of the model less.
    """

    file: JudgedFile
    score: Score | None = None
    findings: tuple[Finding, ...] = ()


class Results:
    """Collects results and writes them, those of a moment in one transaction.

    A recording is reported when it is stored. Nothing is lost if the process is killed: what was not stored
    is judged again.

    Args:
        store: the store, which knows the machines.
        report: called with each recording when it is stored, in order.
        wait: called while the store has no room, with the error; returns whether to try again.
    """

    def __init__(
        self,
        store: EventStore,
        report: Callable[[JudgedRecording], None],
        wait: Callable[[StoreError], bool],
    ) -> None:
        self._store, self._report, self._wait = store, report, wait
        self._episodes: dict[str, Episodes] = {}
        self._pending: list[JudgedRecording] = []
        self._rows: list[ScoreRow] = []
        self._since = time.monotonic()

    def add_judgement(self, judgement: Judgement, recorded: float, arrived: float) -> None:
        """Add a judged recording.

        Args:
            judgement: the result.
            recorded, arrived: as of `JudgedFile`.
        """
        score, model = judgement.score, judgement.model
        result: Result = score.verdict or "no verdict"
        file = JudgedFile(
            judgement.file.name,
            model.machine,
            *judgement.file.version,
            judgement.digest,
            recorded,
            arrived,
            result,
            score.score,
            score.threshold,
            model.digest,
            {
                "seconds": score.seconds,
                "p_value": score.p_value,
                "state": score.state,
                "findings": [finding.to_json() for finding in score.findings],
            },
        )
        row = ScoreRow(model.machine, recorded, score.score, None, score.threshold, judgement.levels)
        self._pending.append(JudgedRecording(file, score, model.findings))
        self._rows.append(row)
        if not self._change_events(judgement, file):
            self.flush_if_due()

    def add_failure(self, file: JudgedFile) -> None:
        """Add a recording that cannot be used, or that belongs to no machine."""
        self._pending.append(JudgedRecording(file))
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write the results if there are many, or if they have waited for long."""
        if len(self._pending) >= _NUMBER or time.monotonic() - self._since >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write all results."""
        self._write([])
        self._since = time.monotonic()

    def _change_events(self, judgement: Judgement, file: JudgedFile) -> bool:
        """Write the results with the events that the last one changes; return whether it changes any."""
        machine, score = judgement.model.machine, judgement.score
        episodes = self._of(machine)
        explained: Explained | None = None
        explanation = None
        if judgement.recording is not None and episodes.is_peak(score.score):
            explained = explain(judgement.recording, judgement.model)
            explanation = {**explained.data, "recording": file.name}
        elif file.result == "sensor" and episodes["sensor"] is None:
            explanation = {"findings": file.detail["findings"], "recording": file.name}
        event = Event(
            machine,
            "alarm",
            max(0.0, file.recorded - score.seconds),
            None,
            score.score,
            max(0.0, file.recorded - (explained.end if explained else 0.0)),
            score.score,
            score.threshold,
            model=judgement.model.digest,
        )
        changes = episodes.add(
            event,
            file.result,
            file.recorded,
            explanation,
            explained.map if explained else None,
            _sounds(explained, event.peak_time or 0.0) if explained else (),
        )
        if not changes:
            return False
        numbers = self._write(changes)
        if numbers is not None:
            episodes.written(changes, numbers)
        return True

    def _of(self, machine: str) -> Episodes:
        if machine not in self._episodes:
            self._episodes[machine] = Episodes(self._store.read.events(machine=machine, lasting=True))
        return self._episodes[machine]

    def _write(self, changes: Sequence[EventChange]) -> list[int] | None:
        """Write what is pending; return the numbers of events, or ``None`` if there is no room in the end."""
        if not self._pending:
            return []
        while True:
            try:
                files = [recording.file for recording in self._pending]
                numbers = self._store.judged.add(files, self._rows, changes)
                break
            except StoreError as error:
                if not error.full:
                    raise
                if not self._wait(error):
                    self._pending, self._rows = [], []
                    return None
        written, self._pending, self._rows = self._pending, [], []
        for change, number in zip(changes, numbers, strict=True):
            if change.of_last:
                written[-1] = replace(written[-1], file=replace(written[-1].file, event=number))
        for recording in written:
            self._report(recording)
        return numbers


def _sounds(explained: Explained, end: float) -> list[EventSound]:
    """The sound of an anomalous recording, and a normal one for comparison."""
    rate = explained.sample_rate
    start = max(0.0, end - len(explained.samples) / rate)
    sounds = [EventSound(explained.samples, rate, start)]
    if explained.nearest is not None:
        sounds.append(EventSound(explained.nearest, rate, start, "normal"))
    return sounds
