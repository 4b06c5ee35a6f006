"""Options of the page of ``auscult monitor``, and how it is opened."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from auscult.cli import text
from auscult.errors import MissingExtraError, OptionError
from auscult.monitor.settings.page_settings import DEFAULT_PORT, PageSettings

if TYPE_CHECKING:
    from auscult.monitor.service.engine import Engine
    from auscult.monitor.simulated import SimulatedFleet
    from auscult.monitor.web.server import PageServer

F = TypeVar("F", bound=Callable[..., Any])
#: Packages of the page.
_PACKAGES = ("starlette", "uvicorn", "anyio", "h11")

_OPTIONS = (
    click.option(
        "--host", metavar="ADDRESS", help="Address on which the page is served.  [default: 127.0.0.1]"
    ),
    click.option(
        "--port",
        metavar="N",
        type=click.IntRange(0, 65535),
        help=f"Its port; 0: any free one.  [default: {DEFAULT_PORT}, or the next free one]",
    ),
    click.option("--prefix", metavar="/PATH", help="Path of the page behind a proxy."),
    click.option("--no-page", is_flag=True, help="No page."),
    click.option(
        "--open", "open_page", is_flag=True, help="Open the page in a browser, if there is a screen."
    ),
    click.option(
        "--new-token", is_flag=True, help="Make another token for the page, show it once, and ask for it."
    ),
)


@dataclass(frozen=True)
class PageFlags:
    """What the command line says about the page; ``None`` is not stated."""

    host: str | None = None
    port: int | None = None
    prefix: str | None = None
    no_page: bool = False
    open_page: bool = False
    new_token: bool = False

    def over(self, settings: PageSettings) -> PageSettings:
        """Return settings in which what is stated replaces those of a file."""
        stated = {
            name: value for name in ("host", "port", "prefix") if (value := getattr(self, name)) is not None
        }
        if self.no_page:
            if stated or self.open_page or self.new_token:
                raise OptionError("--no-page cannot be combined with other options of the page")
            return replace(settings, enabled=False)
        return replace(settings, **stated)


def page_options(function: F) -> F:
    """Add the options of the page to a command, which gets them as one argument ``page``."""

    @wraps(function)
    def with_page(**arguments: Any) -> Any:
        names = PageFlags.__dataclass_fields__
        flags = PageFlags(**{name: arguments.pop(name) for name in names})
        return function(page=flags, **arguments)

    for option in reversed(_OPTIONS):
        with_page = option(with_page)
    return with_page  # type: ignore[return-value]


def make_page(
    engine: Engine,
    flags: PageFlags,
    settings: PageSettings,
    simulation: SimulatedFleet | None = None,
) -> PageServer | None:
    """Return the page, which listens and does not answer yet; ``None`` if there is to be none.

    Args:
        engine: the machines.
        flags: of the command line.
        settings: of the file.
        simulation: the simulated machines, or ``None`` if they are real.

    Raises:
        OptionError: the address cannot be used, or a token is needed.
        MissingExtraError: the page is asked for, but its packages are not installed.
    """
    settings = flags.over(settings)
    if not _is_possible(flags, settings):
        return None
    from auscult.monitor.web.server import PageServer
    from auscult.monitor.web.tokens import page_token

    token, shown = page_token(
        Path(engine.store.folder), settings, new=flags.new_token, readable=sys.stderr.isatty()
    )
    server = PageServer(engine, settings, token=token, simulation=simulation)
    if shown:
        text.note(f"token of the page, which is not shown again: {shown}")
    return server


def check_page(flags: PageFlags) -> None:
    """Raise what `make_page` would raise because of the address or missing packages."""
    settings = flags.over(PageSettings())
    if _is_possible(flags, settings):
        from auscult.monitor.web.server import open_socket

        open_socket(settings).close()


def start_page(server: PageServer, flags: PageFlags, *, quiet: bool) -> None:
    """Answer requests from now on, and say where."""
    server.start()
    if not quiet:
        remote = server.remote_address
        text.note(f"page: {server.address}" + (f", from other computers {remote}" if remote else ""))
    if flags.open_page and _has_screen():
        import webbrowser

        webbrowser.open(server.address)


def _is_possible(flags: PageFlags, settings: PageSettings) -> bool:
    """Whether there is to be a page; without its packages there is none, unless it is asked for."""
    if not settings.enabled:
        return False
    try:
        import auscult.monitor.web.server  # noqa: F401
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _PACKAGES:
            raise
        missing = MissingExtraError("The page of the monitor", "monitor")
        if flags != PageFlags() or settings != PageSettings():
            raise missing from error
        text.note(str(missing))
        return False
    return True


def _has_screen() -> bool:
    """Whether a browser would have a window of its own: one in the terminal would hide what is printed."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
