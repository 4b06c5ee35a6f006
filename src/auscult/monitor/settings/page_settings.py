"""Where the page of a monitor is served: the section ``[page]`` of ``monitor.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auscult.errors import OptionError
from auscult.monitor.settings.setting_tables import section

DEFAULT_PORT = 8765


@dataclass(frozen=True)
class PageSettings:
    """Where the page is served, and for whom.

    Attributes:
        enabled: whether there is one.
        host: address of this computer on which it is served.
        port: of TCP; 0 for any free one. ``None``: 8765, or the next free one.
        prefix: path of the page behind a proxy, such as ``/plant/auscult``.
        names: of this computer by which browsers may call it, besides its own name and its addresses.
        token_file: file with the token in its first line.

    Raises:
        OptionError: a value is not valid.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int | None = None
    prefix: str = ""
    names: tuple[str, ...] = ()
    token_file: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.enabled, bool):
            raise OptionError("enabled must be true or false")
        for name in ("host", "prefix", "token_file"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or "\0" in value):
                raise OptionError(f"{name} must be text")
        if not self.host:
            raise OptionError("host must be an address, such as 127.0.0.1")
        port = self.port
        if port is not None and (
            isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535
        ):
            raise OptionError("port must be a whole number from 0 to 65535")
        names = self.names
        if not isinstance(names, tuple) or not all(isinstance(name, str) and name for name in names):
            raise OptionError("names must be a list of host names")


def page_settings(table: Any) -> PageSettings:
    """Return the settings of a section ``[page]``.

    Raises:
        OptionError: a setting is unknown or not valid; the message says which.
    """
    if isinstance(table, Mapping) and isinstance(table.get("names"), list):
        table = {**table, "names": tuple(table["names"])}
    return section(PageSettings, table, "page")
