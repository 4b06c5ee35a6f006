"""Many machines in one process: a thread for each source, and a few that score what arrives."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from auscult.corpus.prefetch import default_threads
from auscult.decision.alarms import AlarmPolicy
from auscult.errors import AuscultError, OptionError
from auscult.monitor.history.model_files import ModelFileWatch
from auscult.monitor.history.notices import write_notices
from auscult.monitor.history.resuming import resume
from auscult.monitor.service.overload import OverloadWatch
from auscult.monitor.service.runner import Runner, WatchedMachine
from auscult.monitor.store import EventStore, Machine, ScoreRow
from auscult.monitor.stream.bands import band_edges
from auscult.monitor.stream.changes import Change
from auscult.monitor.trend.keeper import Trends
from auscult.monitor.trend.series import BANDS_KEY
from auscult.runtime.memory import retain_heap
from auscult.runtime.parallel import blas_single_thread
from auscult.runtime.stop_signal import StopSignal

#: Seconds between writes of scores, and scores that are written earlier.
_FLUSH_SECONDS, _FLUSH_ROWS = 1.0, 2000


class Engine:
    """Monitors machines until their sources end or it is stopped.

    Args:
        machines: the machines, with unique names.
        store: where scores and events are written.
        threads: that score; by default one for each core.

    Attributes:
        runners: by name of the machine.
        on_alive: called about four times a second while it runs, after scores are written.
        trends: what has slowly changed of each machine.
        listeners: called with the name of a machine and each change, in the thread that scores it.

    Raises:
        OptionError: there are no machines, two have the same name, or the alarms of one are calibrated for
            another time between scores.
    """

    def __init__(
        self, machines: Sequence[WatchedMachine], store: EventStore, *, threads: int | None = None
    ) -> None:
        names = [machine.name for machine in machines]
        if not names or len(set(names)) < len(names):
            raise OptionError("no machines to monitor" if not names else "two machines have the same name")
        self.store = store
        self.listeners: list[Callable[[str, Change], None]] = []
        self.on_alive: Callable[[], None] = lambda: None
        self.runners: dict[str, Runner] = {}
        now = time.time()
        resume(store, {machine.name: not machine.waits for machine in machines}, now)
        for machine in machines:
            policy = machine.model.alarm_policy
            data = policy.to_json() if policy else {}
            store.put_machine(Machine(machine.name, machine.model_id, machine.source, data, now))
            edges = band_edges(machine.model.detector.config.front_end)
            store.put_state(machine.name, BANDS_KEY, {"edges": edges.tolist()})
            write_notices(store, machine.name, machine.model)
            try:
                self.runners[machine.name] = Runner(machine, store, self._notify)
            except OptionError as error:
                raise OptionError(f"{machine.name}: {error}") from error
        self.trends = Trends(store.read, names)
        self._overload = OverloadWatch(store, now)
        self._model_files = ModelFileWatch(
            store, [(m.name, m.model, m.file) for m in machines if m.file], now
        )
        self._threads = threads or default_threads()
        self._ready: queue.SimpleQueue[Runner | None] = queue.SimpleQueue()
        self._queued: set[str] = set()
        self._lock = threading.Lock()
        self._rows: list[ScoreRow] = []
        self._flushed = time.monotonic()
        self._stopped = StopSignal()

    @retain_heap()
    def run(self) -> None:
        """Monitor until all sources end, or `stop` is called from another thread or a signal handler."""
        readers = [
            threading.Thread(target=runner.read, args=(partial(self._enqueue, runner),), daemon=True)
            for runner in self.runners.values()
        ]
        scorers = [threading.Thread(target=self._score, daemon=True) for _ in range(self._threads)]
        trends = threading.Thread(target=self.trends.run, args=(self._stopped,), daemon=True)
        for thread in (*readers, *scorers, trends):
            thread.start()
        try:
            while not self._stopped.wait(_FLUSH_SECONDS / 4):
                self._flush()
                self.on_alive()
                self._overload.check(self.runners.values(), time.time())
                self._model_files.check(time.time())
                if all(runner.ended for runner in self.runners.values()):
                    break
        finally:
            self.stop()
            for runner in self.runners.values():
                runner.close()
            for _ in scorers:
                self._ready.put(None)
            for thread in (*scorers, *readers, trends):
                thread.join(timeout=5.0)
            for runner in self.runners.values():
                runner.finish()
            self._flush(force=True)
            self._overload.close(time.time())

    def stop(self) -> None:
        """End `run` soon."""
        self._stopped.set()

    def policy(self, name: str) -> AlarmPolicy | None:
        """Return the policy of a machine; the time that it was monitored counts as verification."""
        observed = self.runners[name].observed
        return observed.policy if observed else None

    def status(self) -> list[dict[str, Any]]:
        """Return the state of each machine, JSON-compatible."""
        return [self._status_of(name) for name in self.runners]

    def _status_of(self, name: str) -> dict[str, Any]:
        runner = self.runners[name]
        monitor, last, policy = runner.monitor, runner.last, self.policy(name)
        return {
            "machine": name,
            "state": monitor.state if monitor else None,
            "condition": monitor.condition.kind if monitor and monitor.condition else None,
            "interruption": runner.interruption,
            "time": last.time if last else None,
            "score": last.score if last else None,
            "persistent": last.persistent if last else None,
            "threshold": last.threshold if last else policy.rule.threshold if policy else None,
            "alarm": bool(last and last.alarm),
            "alarms": runner.alarms,
            "policy": policy.state if policy else None,
            "missing_seconds": policy.missing_seconds if policy else None,
            "skipped_seconds": runner.backlog.skipped,
            "ended": runner.ended,
            "error": runner.error,
        }

    def _notify(self, name: str, change: Change) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(name, change)
            except Exception:  # what only looks on must not stop the monitoring
                logging.getLogger("auscult").exception("a listener of the monitor failed")

    def _enqueue(self, runner: Runner) -> None:
        """Have a runner scored, unless it waits for that already."""
        with self._lock:
            if runner.machine.name in self._queued:
                return
            self._queued.add(runner.machine.name)
        self._ready.put(runner)

    @blas_single_thread()
    def _score(self) -> None:
        """Score machines as something arrives; one machine is scored by one thread at a time."""
        while (runner := self._ready.get()) is not None:
            try:
                rows = runner.work()
            except Exception as error:  # one machine must not stop the others
                if not isinstance(error, AuscultError):
                    logging.getLogger("auscult").exception(
                        "%s is not monitored any more", runner.machine.name
                    )
                runner.fail(error)
                rows = []
            with self._lock:
                self._rows += rows
                runner.files.publish()
                self._queued.discard(runner.machine.name)
            if runner.waiting:
                self._enqueue(runner)

    def _flush(self, *, force: bool = False) -> None:
        """Write the scores about once a second, and then how far the recordings are judged."""
        now = time.monotonic()
        with self._lock:
            if not (force or len(self._rows) >= _FLUSH_ROWS or now - self._flushed >= _FLUSH_SECONDS):
                return
            rows, self._rows, self._flushed = self._rows, [], now
            judged = [(runner.files, runner.files.pending()) for runner in self.runners.values()]
        self.store.add_scores(rows)
        for files, delivered in judged:
            if delivered:
                files.save(delivered)
