"""The page of a monitor on an address of this computer, in a thread beside the engine."""

from __future__ import annotations

import errno
import socket
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import uvicorn

from auscult.errors import OptionError
from auscult.monitor.service.engine import Engine
from auscult.monitor.settings.page_settings import DEFAULT_PORT, PageSettings
from auscult.monitor.store import StoreReader
from auscult.monitor.web.app import create_app
from auscult.monitor.web.connections import PageProtocol
from auscult.monitor.web.live import SEND_SECONDS
from auscult.monitor.web.prefix import check_prefix
from auscult.monitor.web.tokens import Token, is_loopback

if TYPE_CHECKING:
    from auscult.monitor.simulated import SimulatedFleet

#: Connections at a time, and those that wait to be accepted.
_CONNECTIONS, _BACKLOG = 500, 128
#: Seconds in which open requests may end when the server stops.
_STOP_SECONDS = 3
#: Ports that are tried if none is stated.
_PORTS = 20


class PageServer:
    """Serves the page of an engine from its start until `stop`.

    Args:
        engine: the machines.
        settings: where it is served.
        token: that clients need; required unless the host is a loopback address.
        simulation: the simulated machines, or ``None`` if they are real.

    Raises:
        OptionError: the address is not one of this computer, is in use, or needs a token.
        StoreError: the store cannot be read.

    Attributes:
        host: the address.
        port: the port.
        hub: what is sent to pages that listen.
        address: of the page, as a browser on this computer opens it.
        remote_address: as one on another computer opens it; ``None`` if that is the same one.
    """

    def __init__(
        self,
        engine: Engine,
        settings: PageSettings,
        *,
        token: Token | None = None,
        simulation: SimulatedFleet | None = None,
    ) -> None:
        host, prefix = settings.host, check_prefix(settings.prefix)
        if token is None and not is_loopback(host):
            raise OptionError(f"the page is not served on {host} without a token")
        self._socket = open_socket(settings)
        self.host, self.port = host, self._socket.getsockname()[1]
        try:
            self._reader = StoreReader(engine.store.folder)
            app, self.hub = create_app(
                engine, self._reader, token=token, names=settings.names, prefix=prefix, simulation=simulation
            )
        except BaseException:
            self._socket.close()
            raise
        own = "127.0.0.1" if is_unspecified(host) else f"[{host}]" if ":" in host else host
        self.address = f"http://{own}:{self.port}{prefix}/"
        self.remote_address = (
            f"http://{socket.gethostname()}:{self.port}{prefix}/" if is_unspecified(host) else None
        )
        config = uvicorn.Config(
            app,
            http=PageProtocol,
            log_config=None,
            log_level="critical",  # the application logs what fails
            access_log=False,
            proxy_headers=False,
            server_header=False,
            lifespan="on",
            ws="none",
            limit_concurrency=_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def __enter__(self) -> PageServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to serve the page. The socket listens already, so that no request is refused."""
        self._thread.start()

    def stop(self) -> None:
        """End all streams and connections, and wait for that."""
        self.hub.close_from_thread()
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(2 * _STOP_SECONDS)
            if self._thread.is_alive():
                self._server.force_exit = True
                self._thread.join(_STOP_SECONDS)
        self._socket.close()
        self._reader.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def is_unspecified(host: str) -> bool:
    """Return whether a host stands for all addresses of this computer, and is none that can be opened.

    Example:
        >>> [is_unspecified(host) for host in ("0.0.0.0", "::", "127.0.0.1", "localhost")]
        [True, True, False, False]
    """
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def open_socket(settings: PageSettings) -> socket.socket:
    """Return a socket on the stated port, or on the next free one if none is stated.

    Raises:
        OptionError: the address is not one of this computer, or is in use.
    """
    if settings.port is not None:
        return listening_socket(settings.host, settings.port)
    for port in range(DEFAULT_PORT, DEFAULT_PORT + _PORTS):
        try:
            return listening_socket(settings.host, port)
        except PortInUse:
            pass
    raise OptionError(
        f"the ports {DEFAULT_PORT} to {port} of {settings.host} are in use: choose another port"
    )


class PortInUse(OptionError):
    """Another program listens on this port."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OptionError: the address is not one of this computer, or is in use.
    """
    try:
        addresses: Any = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError, OverflowError):
        raise OptionError(f"{host}: not an address of this computer") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # Connections inherit it: one that takes nothing for so long is closed, whatever is sent to it.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * SEND_SECONDS))
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} of {host} is in use: choose another one, or monitor without a page"
            ) from None
        raise OptionError(f"{host}:{port} cannot be opened: {error.strerror or error}") from None
    return listener
