"""The trend of all machines of a monitor, computed one after the other, so that it costs little."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from auscult.errors import AuscultError
from auscult.monitor.store import StoreReader
from auscult.monitor.trend.changes import DAY
from auscult.monitor.trend.series import TrendSeries, read_trend
from auscult.monitor.trend.words import describe_silence, describe_trend
from auscult.runtime.stop_signal import StopSignal

#: Time before now that is read, seconds.
SPAN = 365 * DAY
#: Seconds from one machine to the next, and from one computation to the next of the same machine.
_PAUSE, _REFRESH = 12.0, 3600.0


class Trends:
    """Sentences on the trend of each machine.

    Args:
        reader: of the store.
        machines: names of the machines.
        clock: seconds since 1970 (UTC).
    """

    def __init__(
        self, reader: StoreReader, machines: Sequence[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._reader, self._machines, self._clock = reader, list(machines), clock
        self._changes: dict[str, list[str]] = {}

    def text(self, machine: str) -> list[str] | None:
        """Return the sentences on a machine; ``None`` before the first time if it has data.

        Slow changes are those of the last update; that there are no data is said of now.

        Raises:
            StoreError: the store cannot be read.
        """
        silence = describe_silence(self._reader, machine, self._clock())
        changes = self._changes.get(machine)
        return _joined(silence, changes or []) if silence or changes is not None else None

    def update(self, machine: str) -> None:
        """Compute the slow changes of one machine now; if that fails, those before remain."""
        now = self._clock()
        try:
            self._changes[machine] = describe_trend(read_trend(self._reader, machine, now - SPAN, now))
        except AuscultError as error:
            logging.getLogger("auscult").warning("no trend of %s: %s", machine, error)

    def run(self, stopped: StopSignal) -> None:
        """Keep all machines up to date until the event is set."""
        while not stopped.is_set():
            started = time.monotonic()
            for machine in self._machines:
                self.update(machine)
                if stopped.wait(_PAUSE):
                    return
            if stopped.wait(max(0.0, _REFRESH - (time.monotonic() - started))):
                return


def trend_sentences(
    reader: StoreReader,
    machine: str,
    now: float,
    *,
    continuous: bool = True,
    series: TrendSeries | None = None,
) -> list[str]:
    """Return what has slowly changed of a machine, and whether it has had no data for long.

    Args:
        reader: of the store.
        machine: name of the machine.
        now: seconds since 1970 (UTC).
        continuous: whether there should always be scores; with recordings now and then there are not.
        series: what `read_trend` returns of `SPAN` seconds, if it was read before.
    """
    silence = describe_silence(reader, machine, now) if continuous else None
    return _joined(silence, describe_trend(series or read_trend(reader, machine, now - SPAN, now)))


def _joined(silence: str | None, changes: list[str]) -> list[str]:
    return [silence, *changes] if silence else changes
