"""The addresses of the page and what answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from auscult import __version__
from auscult.errors import OptionError
from auscult.monitor.service.engine import Engine
from auscult.monitor.store import StoreReader
from auscult.monitor.web.answers import body_of, json_answer
from auscult.monitor.web.encoding import json_bytes
from auscult.monitor.web.live import EventStream, Hub
from auscult.monitor.web.metrics import CONTENT_TYPE, metrics_text
from auscult.monitor.web.numbers import MachineNumbers
from auscult.monitor.web.params import NotThere, Query, json_object, number_in_path
from auscult.monitor.web.queries import Queries
from auscult.monitor.web.security import Refused, check_attempts, client_address
from auscult.monitor.web.statuses import Snapshot, Statuses
from auscult.monitor.web.tokens import Attempts, Token, cookie_of

if TYPE_CHECKING:
    from auscult.monitor.simulated import SimulatedFleet

STATIC = Path(__file__).parent / "static"
#: Threads that read the store and compute pictures.
_THREADS = 4
#: Requests that may wait for them.
_WAITING = 100
#: Seconds for which a browser keeps the cookie.
_COOKIE_SECONDS = 90 * 86400
_SERIES = ("since", "until")

T = TypeVar("T")


class Page:
    """The handlers of requests.

    Args:
        engine: the machines.
        reader: of the store of the engine, for the page only: a slow query must not keep the engine waiting.
        token: that clients need, or ``None``.
        attempts: counts wrong tokens.
        simulation: the simulated machines, or ``None`` if they are real.
        cookie_path: for which the cookie is valid.
    """

    def __init__(
        self,
        engine: Engine,
        reader: StoreReader,
        *,
        token: Token | None,
        attempts: Attempts,
        simulation: SimulatedFleet | None,
        cookie_path: str,
    ) -> None:
        self._engine, self._token, self._attempts = engine, token, attempts
        self._simulation, self._cookie_path = simulation, cookie_path
        self.statuses = Statuses(engine, reader, simulation)
        self.numbers = MachineNumbers(reader)
        self.queries = Queries(engine, reader, self.numbers)
        self.hub = Hub(self._snapshot, engine, self.numbers)
        self._limiter = CapacityLimiter(_THREADS)
        self._for_states = CapacityLimiter(1)  # so that states never wait for other requests
        self._computing: asyncio.Future[Snapshot] | None = None

    def routes(self) -> list[Route | Mount]:
        """Return the addresses."""
        machine, event = "/api/machines/{machine}", "/api/events/{event}"
        q = self.queries
        return [
            Route("/", self.index),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/login", self.login, methods=["POST"]),
            Route("/metrics", self.metrics),
            Route("/api/info", self.info),
            Route("/api/stream", self.stream),
            Route("/api/machines", self.machines),
            Route(machine, self.machine),
            Route(f"{machine}/scores", self._query(q.scores, (*_SERIES, "points"), "machine")),
            Route(f"{machine}/gaps", self._query(q.gaps, _SERIES, "machine")),
            Route(f"{machine}/health", self._query(q.health, ("limit",), "machine")),
            Route(f"{machine}/trend", self._query(q.trend, (), "machine")),
            Route(f"{machine}/fault", self.fault, methods=["POST"]),
            Route(
                "/api/events",
                self._query(q.events, (*_SERIES, "machine", "kind", "lasting", "before", "limit")),
            ),
            Route(event, self._query(q.event, (), "event")),
            Route(f"{event}/map", self._query(q.event_map, (), "event")),
            Route(f"{event}/spectrogram", self._query(q.spectrogram, ("role",), "event")),
            Route("/api/sounds/{sound}", self.sound),
        ]

    async def index(self, request: Request) -> Response:
        """The page itself."""
        return FileResponse(STATIC / "index.html")

    async def info(self, request: Request) -> Response:
        """What the page has to know of this program."""
        faults = await self._in_thread(self._simulation.faults) if self._simulation else []
        simulated = self._simulation is not None
        return json_answer(
            {
                "version": __version__,
                "simulation": simulated,
                "faults": faults,
                "severity": self._simulation.severity if self._simulation else None,
                "write": simulated,
            }
        )

    async def machines(self, request: Request) -> Response:
        """All machines."""
        return Response((await self._snapshot()).body, media_type="application/json")

    async def machine(self, request: Request) -> Response:
        """One machine."""
        number = number_in_path(request.path_params["machine"])
        status = (await self._snapshot()).of(number)
        if status is None:
            raise NotThere(f"no machine with the number {number} is monitored")
        return json_answer({**status, "spectrogram": self.queries.live_spectrogram(status["name"])})

    async def metrics(self, request: Request) -> Response:
        """Figures for Prometheus."""
        snapshot = await self._snapshot()
        text = await self._in_thread(metrics_text, snapshot, self._engine, self.hub.clients)
        return Response(text, media_type=CONTENT_TYPE)

    async def stream(self, request: Request) -> Any:
        """What happens, while it happens."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        machine = Query(request.query_params, ("machine",)).integer("machine")
        name = None if machine is None else await self._in_thread(self.numbers.name, machine)
        client = self.hub.connect(name)
        if client is None:
            raise Refused(503, "too many pages are open")
        return EventStream(self.hub, client)

    async def sound(self, request: Request) -> Response:
        """The sound of an event as FLAC."""
        number = number_in_path(request.path_params["sound"])
        path, known = await self._in_thread(self.queries.sound_file, number)
        return FileResponse(path, media_type="audio/flac", stat_result=known)

    async def fault(self, request: Request) -> Response:
        """Set the fault of a simulated machine."""
        if self._simulation is None:
            raise Refused(403, "the machines are not simulated")
        name = await self._in_thread(self.numbers.name, number_in_path(request.path_params["machine"]))
        data = json_object(await body_of(request), ("fault", "severity"))
        fault, severity = data.get("fault"), data.get("severity", self._simulation.severity)
        if not isinstance(fault, str | None):
            raise OptionError("fault must be a name or null")
        if isinstance(severity, bool) or not isinstance(severity, int | float) or not 0 <= severity <= 1:
            raise OptionError("severity must be a number from 0 to 1")
        await self._in_thread(self._simulation.set_fault, name, fault, float(severity))
        return json_answer({"fault": fault, "severity": severity})

    async def login(self, request: Request) -> Response:
        """Set the cookie for a token."""
        token = json_object(await body_of(request), ("token",)).get("token")
        if not isinstance(token, str):
            raise OptionError("token must be a text")
        if self._token is None:
            return json_answer({"token": "not required"})
        address = client_address(request.scope)
        check_attempts(self._attempts, address)
        if not self._token.matches(token):
            self._attempts.failed(address)
            raise Refused(401, "this is not the token")
        response = json_answer({"token": "accepted"})
        response.set_cookie(
            self._token.cookie_name,
            cookie_of(token),
            max_age=_COOKIE_SECONDS,
            path=self._cookie_path,
            secure=request.headers.get("origin", "").startswith("https://"),
            httponly=True,
            samesite="strict",
        )
        return response

    def _query(self, answer: Callable[..., Any], known: Collection[str], in_path: str | None = None) -> Any:
        """Return a handler that answers with JSON computed in a thread.

        Args:
            answer: takes the number in the path, if there is one, and the query, if it has parameters.
            known: the parameters.
            in_path: name of the number in the path.
        """

        async def handle(request: Request) -> Response:
            arguments: list[Any] = [] if in_path is None else [number_in_path(request.path_params[in_path])]
            query = Query(request.query_params, known)
            if known:
                arguments.append(query)
            body = await self._in_thread(lambda: json_bytes(answer(*arguments)))
            return Response(body, media_type="application/json")

        return handle

    async def _snapshot(self) -> Snapshot:
        """Return the states of all machines, computed once for all requests that wait for them."""
        if snapshot := self.statuses.fresh():
            return snapshot
        if self._computing is None or self._computing.done():
            work = anyio.to_thread.run_sync(self._compute, limiter=self._for_states)
            self._computing = asyncio.ensure_future(work)
        return await asyncio.shield(self._computing)

    def _compute(self) -> Snapshot:
        snapshot = self.statuses.snapshot()
        snapshot.body  # noqa: B018 # computed here and not in the event loop
        return snapshot

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._limiter.statistics().tasks_waiting >= _WAITING:
            raise Refused(503, "too many requests", ((b"retry-after", b"1"),))
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)
