"""How ``auscult monitor`` runs, whatever the machines are."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from auscult.cli.monitor_output import MonitorOutput
from auscult.cli.monitor_page import PageFlags, check_page, make_page, start_page
from auscult.monitor.settings.page_settings import PageSettings
from auscult.runtime.service_notify import notify, watchdog_seconds

if TYPE_CHECKING:
    from auscult.monitor.service.runner import WatchedMachine
    from auscult.monitor.simulated import SimulatedFleet
    from auscult.monitor.store import Retention
    from auscult.monitor.webhook.settings import WebhookSettings


def check_start(store: str, page: PageFlags) -> None:
    """Raise what would keep a monitor from starting, before something long precedes it.

    Args:
        store: folder of the event store.
        page: options of the page.

    Raises:
        StoreError: the store cannot be written, or another process writes it.
        OptionError: the address of the page cannot be used.
        MissingExtraError: the page is asked for, but its packages are not installed.
    """
    from auscult.monitor.store import EventStore

    check_page(page)
    EventStore(store).close()


def run_monitor(
    machines: Sequence[WatchedMachine],
    store: str,
    *,
    sources: Mapping[str, str],
    page: PageFlags,
    page_settings: PageSettings | None = None,
    simulation: SimulatedFleet | None = None,
    retention: Retention | None = None,
    webhook: WebhookSettings | None = None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Monitor machines until their sources end, or a signal ends it.

    Args:
        machines: the machines.
        store: folder of the event store.
        sources: of each machine, for people.
        page: options of the page.
        page_settings: what they replace.
        simulation: the simulated machines, or ``None`` if they are real.
        retention: how long what is kept.
        webhook: where events are sent, if anywhere.
        as_json: print JSON lines.
        quiet: print alarms only.

    Returns:
        The exit code.
    """
    from auscult.monitor.service.engine import Engine
    from auscult.monitor.store import EventStore
    from auscult.monitor.webhook.sender import sending

    with ExitStack() as opened:
        events = opened.enter_context(EventStore(store, retention))
        opened.enter_context(sending(events, webhook))
        engine = Engine(machines, events)
        output = MonitorOutput(engine, as_json=as_json, quiet=quiet)
        engine.listeners.append(output.change)
        if simulation:
            from auscult.monitor.simulated import SimulatedOperator

            events.listeners.append(SimulatedOperator(simulation, events))
        server = make_page(engine, page, page_settings or PageSettings(), simulation)
        previous = [signal.signal(s, lambda *_: engine.stop()) for s in (signal.SIGINT, signal.SIGTERM)]
        try:
            output.start(sources, events.folder)
            if server:
                start_page(server, page, quiet=quiet or as_json)
            engine.on_alive = _Alive(output)
            notify("READY=1")
            engine.run()
        finally:
            notify("STOPPING=1")
            if server:
                server.stop()
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), previous, strict=True):
                signal.signal(number, handler)
        return output.finish()


class _Alive:
    """Prints the state, and lets the service manager know, if it wants to, that the monitor writes scores."""

    def __init__(self, output: MonitorOutput) -> None:
        self._output = output
        self._seconds = watchdog_seconds()
        self._next = 0.0

    def __call__(self) -> None:
        self._output.tick()
        if self._seconds and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._seconds / 4
            notify("WATCHDOG=1")
