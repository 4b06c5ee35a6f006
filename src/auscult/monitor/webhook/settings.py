"""Where events are sent: the section ``[webhook]`` of ``monitor.toml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from auscult.errors import OptionError
from auscult.runtime.secret_text import secret_text

#: What messages are about: the kinds of events, faults of sensors, and conditions of the monitor itself.
SUBJECTS = ("alarm", "sensor", "state", "drift", "monitor")
_MAX_TIMEOUT = 60.0


@dataclass(frozen=True)
class WebhookSettings:
    """Where events are sent.

    Attributes:
        url: ``https://…`` or ``http://…``, without a user or password.
        secret_env: environment variable with the key by which messages are signed.
        secret_file: file with this key in its first line.
        authorization_env: environment variable with the value of the header ``Authorization``.
        authorization_file: file with this value in its first line.
        events: what messages are about; see `SUBJECTS`.
        timeout: seconds without an answer after which an attempt has failed.

    Raises:
        OptionError: a value is not valid.
    """

    url: str
    secret_env: str | None = None
    secret_file: str | None = None
    authorization_env: str | None = None
    authorization_file: str | None = None
    events: Sequence[str] = SUBJECTS
    timeout: float = 10.0

    def __post_init__(self) -> None:
        texts = ("url", "secret_env", "secret_file", "authorization_env", "authorization_file")
        for name in texts:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value or "\0" in value):
                raise OptionError(f"{name} must be text")
        _check_url(self.url)
        events = self.events
        if isinstance(events, str) or not isinstance(events, Sequence) or not events:
            raise OptionError(f"events must be a list of {', '.join(SUBJECTS)}")
        for event in events:
            if event not in SUBJECTS:
                raise OptionError(f"unknown event {event!r:.80}: choose from {', '.join(SUBJECTS)}")
        number = isinstance(self.timeout, int | float) and not isinstance(self.timeout, bool)
        if not number or not 0 < self.timeout <= _MAX_TIMEOUT:
            raise OptionError(f"timeout must be in seconds, above 0 and at most {_MAX_TIMEOUT:g}")

    @property
    def host(self) -> str:
        """Name and port of the host, for people: a path may contain a secret."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    def secret(self) -> str | None:
        """Return the key by which messages are signed.

        Raises:
            OptionError: it cannot be read.
        """
        known = secret_text(self.secret_env, self.secret_file, "secret")
        return known[0] if known else None

    def authorization(self) -> str | None:
        """Return the value of the header ``Authorization``.

        Raises:
            OptionError: it cannot be read, or is not valid in a header.
        """
        known = secret_text(self.authorization_env, self.authorization_file, "authorization")
        if known is None:
            return None
        value, where = known
        if not value.isascii() or not value.isprintable():
            raise OptionError(f"{where} has characters that a header cannot contain")
        return value


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        raise OptionError("url must be an address such as https://host/path, in ASCII")
    if "@" in parts.netloc:
        raise OptionError("url must not contain a password: use authorization_env or authorization_file")
