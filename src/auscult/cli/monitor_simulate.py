"""``auscult monitor --simulate``: simulated machines, to try the monitor without hardware."""

from __future__ import annotations

import os

from auscult.cli import text
from auscult.cli.monitor_page import PageFlags
from auscult.cli.monitor_run import run_monitor
from auscult.cli.options import names_from
from auscult.cli.progress import show_progress


def run_simulation(
    machines: str, store: str | None, speed: float, *, page: PageFlags, as_json: bool, quiet: bool
) -> int:
    """Make simulated machines with models, unless they are there, and monitor them.

    Args:
        machines: their number or names.
        store: folder of the event store; the models are kept in it.
        speed: 1 for real time.
        page: options of the page.
        as_json: print JSON lines.
        quiet: print alarms only.

    Returns:
        The exit code.

    Raises:
        OptionError: there are no such machines, or the store has real ones.
    """
    from auscult.monitor.simulated import (
        DEFAULT_STORE,
        SOURCE,
        SimulatedFleet,
        check_store,
        simulated_models,
    )

    chosen = int(machines) if machines.strip().isdigit() else names_from(machines) or []
    fleet = SimulatedFleet(chosen, speed=speed)
    store = store or DEFAULT_STORE
    check_store(store)
    if not quiet:
        machines_text = text.count(len(fleet.names), "machine")
        text.note(f"SIMULATION of {machines_text}, which the first start records to fit models")
    with show_progress(quiet=quiet) as progress:
        models = simulated_models(fleet, os.path.join(store, "models"), progress=progress)
    sources = dict.fromkeys(fleet.names, SOURCE)
    return run_monitor(
        fleet.watched(models),
        store,
        sources=sources,
        page=page,
        simulation=fleet,
        as_json=as_json,
        quiet=quiet,
    )
