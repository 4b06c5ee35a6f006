"""How ``auscult monitor`` runs, whatever the machines are."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from auscult.cli.monitor_output import MonitorOutput

if TYPE_CHECKING:
    from auscult.monitor.runner import WatchedMachine


def run_monitor(
    machines: Sequence[WatchedMachine],
    store: str,
    *,
    sources: Mapping[str, str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Monitor machines until their sources end, or a signal ends it.

    Args:
        machines: the machines.
        store: folder of the event store.
        sources: of each machine, for people.
        as_json: print JSON lines.
        quiet: print alarms only.

    Returns:
        The exit code.
    """
    from auscult.monitor.engine import Engine
    from auscult.monitor.store import EventStore

    with EventStore(store) as events:
        engine = Engine(machines, events)
        output = MonitorOutput(engine, as_json=as_json, quiet=quiet)
        engine.listeners.append(output.change)
        previous = [signal.signal(s, lambda *_: engine.stop()) for s in (signal.SIGINT, signal.SIGTERM)]
        try:
            output.start(sources, events.folder)
            engine.run()
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
                signal.signal(number, handler)
        return output.finish()
