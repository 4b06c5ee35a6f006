"""Windows of normal running, one about each hour, which are kept to compare alarms with."""

from __future__ import annotations

import numpy as np

from auscult.corpus import AudioClip
from auscult.monitor.store import EventStore
from auscult.monitor.stream.changes import Judgement
from auscult.monitor.stream.machine import MachineMonitor
from auscult.spectrum import log_mel

#: Seconds between the windows that are kept.
INTERVAL = 3600.0


class NormalWindows:
    """Chooses windows of one machine, and writes them to the store.

    A window is kept if neither it nor those that follow it within the run-down time have a score above the
    threshold or do not count, so that it is not the beginning of a fault or of a stop.

    Args:
        store: the store, which knows the machine.
        monitor: the machine.
    """

    def __init__(self, store: EventStore, monitor: MachineMonitor) -> None:
        self._store, self._monitor = store, monitor
        known = store.read.normals(monitor.name)
        self._last = known[-1].start if known else None
        self._normal_since: float | None = None  # end of the first of the last windows without a doubt

    def push(self, judgement: Judgement) -> None:
        """Take the next window into account; without a threshold it is unknown what is normal.

        Raises:
            StoreError: a window cannot be written.
        """
        if judgement.threshold is None:
            return
        if not judgement.counts or judgement.alarm or judgement.score > judgement.threshold:
            self._normal_since = None
            return
        if self._normal_since is None:
            self._normal_since = judgement.time
        end = judgement.time - self._monitor.run_down
        if end < self._normal_since:
            return
        length = self._monitor.scorer.length
        rate = self._monitor.model.sample_rate
        start = end - length / rate
        if self._last is not None and abs(start - self._last) < INTERVAL:
            return
        last = round(self._monitor.sample_at(end))
        samples, first = self._monitor.ring.cut(last - length, last)
        if len(samples) < length:
            return
        self._last = start
        front_end = self._monitor.model.detector.config.front_end
        spectrum = log_mel(samples, front_end).mean(axis=0)
        self._store.add_normal(self._monitor.name, samples, rate, self._monitor.time_of(first), spectrum)

    def add_nearest(self, event: int, clip: AudioClip) -> None:
        """Give an event the kept window that is the nearest to the window with the alarm.

        Args:
            event: number of the event.
            clip: the window.

        Raises:
            StoreError: the sound cannot be written.
        """
        spectrum = clip.log_mel(self._monitor.model.detector.config.front_end)
        self._store.add_nearest_normal(event, np.asarray(spectrum).mean(axis=0))
