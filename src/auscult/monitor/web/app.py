"""The page of a monitor as an application: checks before the requests, and answers to errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from auscult.monitor.service.engine import Engine
from auscult.monitor.store import StoreReader
from auscult.monitor.web.answers import HANDLERS
from auscult.monitor.web.live import Hub
from auscult.monitor.web.page import Page
from auscult.monitor.web.prefix import Prefix
from auscult.monitor.web.security import Guard
from auscult.monitor.web.tokens import Attempts, Token

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from auscult.monitor.simulated import SimulatedFleet


def create_app(
    engine: Engine,
    reader: StoreReader,
    *,
    token: Token | None = None,
    names: Collection[str] = (),
    prefix: str = "",
    simulation: SimulatedFleet | None = None,
) -> tuple[ASGIApp, Hub]:
    """Return the application, and what ends its streams.

    Args:
        engine: the machines.
        reader: of the store of the engine, for the page only.
        token: that clients need, or ``None``.
        names: of this computer by which clients may call it.
        prefix: path of the page, from `auscult.monitor.web.prefix.check_prefix`.
        simulation: the simulated machines, or ``None`` if they are real.
    """
    attempts = Attempts()
    page = Page(
        engine,
        reader,
        token=token,
        attempts=attempts,
        simulation=simulation,
        cookie_path=f"{prefix}/",
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            page.hub.close()

    starlette = Starlette(
        routes=page.routes(),
        lifespan=lifespan,
        exception_handlers=HANDLERS,
    )
    starlette.router.redirect_slashes = False
    return Prefix(Guard(starlette, token=token, names=names, attempts=attempts), prefix), page.hub
