"""One machine with its source: a thread reads, and any other thread scores what has arrived."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from auscult.errors import AuscultError
from auscult.model import Model
from auscult.monitor.history.absent_source import AbsentSource
from auscult.monitor.history.drift_events import stored_baseline
from auscult.monitor.history.folder_progress import FolderProgress
from auscult.monitor.history.model_files import ModelFile
from auscult.monitor.history.observed_policy import ObservedPolicy
from auscult.monitor.history.recorder import Recorder
from auscult.monitor.service.backlog import JOINED_SECONDS, Backlog
from auscult.monitor.service.pace import Pace
from auscult.monitor.store import EventStore, ScoreRow
from auscult.monitor.stream.changes import AlarmChange, Change, Judgement
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.stream.machine import MachineMonitor
from auscult.monitor.stream.scoring import score_period
from auscult.sound.live import Block, Interruption, Source
from auscult.sound.live.replay import Replay

#: Joined blocks that are scored at a time, so that one machine does not keep a thread from the others.
_ITEMS = 10


@dataclass(frozen=True)
class WatchedMachine:
    """A machine that is to be monitored.

    Attributes:
        name: of the machine, unique.
        model: its model.
        open: opens its source; with `remembers` it takes the arguments ``state`` and ``partly`` of
            `open_source`.
        gate: when it counts as running.
        waits: whether the source waits until its samples are scored, as a recording that is replayed as
            fast as possible; otherwise samples are skipped if there is no time for them.
        model_id: digest of the model file.
        period: seconds between scores, about; by default as calibrated, or a second.
        source: description of the source, without passwords.
        remembers: whether the source is a watched folder, which continues after a restart where it ended.
        file: from which the model was read, if it was.
    """

    name: str
    model: Model
    open: Callable[..., Source]
    gate: GateSettings = field(default_factory=GateSettings)
    waits: bool = False
    model_id: str = ""
    period: float | None = None
    source: str = ""
    remembers: bool = False
    file: ModelFile | None = None


class Runner:
    """Reads and scores one machine.

    Args:
        machine: the machine, which the store knows.
        store: where events are written.
        notify: called with the name of the machine and each change.

    Raises:
        OptionError: the alarms of the policy are calibrated for another period.

    Attributes:
        observed: the alarm policy with what was observed, if the model has one.
        monitor: the machine, once its source has delivered something.
        last: the last judgement.
        period: seconds between scores.
        backlog: what waits to be scored.
        windows: number of scores.
        alarms: number of alarms that have started.
        interruption: why nothing arrives; ``None`` while it does.
        pace: how much faster than real time it is scored.
        ended: whether the source has ended and everything is scored.
        error: why the machine is not monitored any more, or ``None``.
        files: how far the recordings of a watched folder were judged.
    """

    def __init__(
        self,
        machine: WatchedMachine,
        store: EventStore,
        notify: Callable[[str, Change], None],
    ) -> None:
        self.machine = machine
        policy = machine.model.alarm_policy
        self.period = score_period(machine.model, policy, machine.period)
        self.observed = (
            ObservedPolicy(store, machine.name, machine.model_id, policy, time.time()) if policy else None
        )
        self.monitor: MachineMonitor | None = None
        self.last: Judgement | None = None
        self.backlog = Backlog(waits=machine.waits)
        self.interruption: str | None = None
        self.pace = Pace()
        self.windows = 0
        self.alarms = 0
        self.ended = False
        self.error: str | None = None
        self.files = FolderProgress(store, machine.name)
        self._finished = False
        self._absent = AbsentSource(store, machine.name)
        self._store, self._notify = store, notify
        self._recorder: Recorder | None = None
        self._source: Source | None = None
        self._due = 0  # the sample that completes the next window
        self._arrived: float | None = None  # when the last block came, by a clock that never jumps
        self._read_all = self._closed = False

    def read(self, ready: Callable[[], None]) -> None:
        """Read the source until it ends or the runner is closed.

        Args:
            ready: called when there is something to score.
        """
        try:
            known = self.files.arguments() if self.machine.remembers else {}
            with self.machine.open(**known) as source:
                self._source = source
                for item in source:
                    if self._closed or (isinstance(item, Interruption) and item.kind == "ended"):
                        break
                    if self._put(item, source):
                        ready()
        except AuscultError as error:
            self.error = str(error)
        if not self._closed:  # a source that the monitor has closed has not ended
            self._read_all = True
            ready()

    def close(self) -> None:
        """End the reading; what waits is not scored."""
        self._closed = True
        self.backlog.close()
        if self._source:
            self._source.close()

    def work(self) -> list[ScoreRow]:
        """Score what waits, up to a limit, and return the scores to be written."""
        rows: list[ScoreRow] = []
        for _ in range(_ITEMS):
            taken = self.backlog.take()
            if taken is None:
                break
            started = time.perf_counter()
            rows += self._score(taken.item, taken.skipped)
            self.files.scored(taken.delivered)
            if isinstance(taken.item, Block):
                self.pace.add(taken.seconds, time.perf_counter() - started)
        if self.monitor:
            self._due = self.monitor.due
        if self._read_all and not self.backlog and not self.ended:
            self.ended = True
            self.finish()
        return rows

    def finish(self) -> None:
        """Write what is open, once nothing is scored any more."""
        self._absent.ended()
        if self._recorder and self.last and not self._finished:
            self._finished = True
            self._recorder.close(self.last.time)

    def fail(self, error: Exception) -> None:
        """Give up this machine: it could not be scored, such as one whose source lacks a channel."""
        self.error = str(error) if isinstance(error, AuscultError) else f"unexpected error: {error!r}"
        self.close()
        self.ended = True

    @property
    def age(self) -> float | None:
        """Seconds since the last samples arrived; ``None`` if none have."""
        return None if self._arrived is None else max(0.0, time.monotonic() - self._arrived)

    @property
    def waiting(self) -> bool:
        """Whether there is something to do."""
        return bool(self.backlog) or (self._read_all and not self.ended)

    def _put(self, item: Block | Interruption, source: Source) -> bool:
        """Add what the source has delivered; return whether it is worth scoring now."""
        if not isinstance(item, Block):
            self.interruption = item.reason
            self.backlog.add(item, 0.0, self.files.reached(source))
            return True
        self._arrived, self.interruption = time.monotonic(), None
        self.backlog.add(item, len(item.samples) / source.sample_rate, self.files.reached(source))
        return item.end >= self._due or self.backlog.seconds >= JOINED_SECONDS

    def _score(self, item: Block | Interruption, skip: bool) -> list[ScoreRow]:
        if self.monitor is None:
            if isinstance(item, Interruption):
                self._absent.interrupted(item)
                return []
            assert self._source is not None
            self._absent.ended()
            self.monitor = MachineMonitor(
                self.machine.name,
                self.machine.model,
                self.machine.model.alarm_policy,
                sample_rate=self._source.sample_rate,
                channels=item.samples.shape[1],
                gate=self.machine.gate,
                baseline=stored_baseline(self._store, self.machine.name),
                period=self.period,
            )
            if self.observed:
                self.observed.replayed = isinstance(self._source, Replay)
            self._recorder = Recorder(self._store, self.monitor, self.machine.model_id, self.observed)
        assert self._recorder is not None
        if skip:
            self.monitor.skip("overload")
        rows: list[ScoreRow] = []
        for change in self.monitor.push(item):
            rows += self._recorder.record(change)
            if isinstance(change, Judgement):
                self.last = change
                self.windows += 1
            elif isinstance(change, AlarmChange) and change.kind == "started":
                self.alarms += 1
            self._notify(self.machine.name, change)
        return rows
