"""Addresses of streams, and keeping the passwords in them out of names and messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from auscult.errors import OptionError
from auscult.runtime.secret_text import secret_text

_MASK = "***"
#: Values in a query that are shown, since they tell the streams of a camera apart. Others may be secret.
_SHOWN_KEYS = frozenset(
    (
        "audio",
        "camera",
        "ch",
        "channel",
        "channels",
        "codec",
        "profile",
        "stream",
        "subtype",
        "track",
        "video",
    )
)
_PAIR = re.compile(r"([^=&;/?#]*)=([^&;/?#]*)")
_VALUE = re.compile(r"=([^=_]*)")  # of several pairs in one part of a path: user=a_password=b_channel=1
_USER = re.compile(r"//[^\s'\"]*@")
_SHORTEST_SECRET = 4  # characters that are masked anywhere in a message; addresses are masked at any length


@dataclass(frozen=True)
class Address:
    """The address of a stream.

    Attributes:
        url: with user and password; not a part of ``repr``.
        text: without them, for people.
    """

    url: str = field(repr=False)
    text: str
    _secrets: tuple[str, ...] = field(repr=False)

    @property
    def scheme(self) -> str:
        """What is before ``://``, in lower case."""
        return self.url.partition("://")[0].lower()

    def masked(self, message: str) -> str:
        """Return a message of another program without the user, the password and other secrets."""
        message = _USER.sub(f"//{_MASK}@", message.replace(self.url, self.text))
        for secret in self._secrets:
            message = message.replace(secret, _MASK)
        return message


def address_of(url: str, *, auth_env: str | None = None, auth_file: str | None = None) -> Address:
    """Return the address of a stream, with a user and password from elsewhere if stated.

    What stands before an ``@``, and after each ``=`` except for harmless keys such as ``channel``, is not
    shown.

    Args:
        url: such as ``rtsp://camera/mic``; it may contain a user and a password.
        auth_env: environment variable with ``user:password``.
        auth_file: file with ``user:password`` in its first line.

    Raises:
        OptionError: not a valid URL, two passwords, or no ``user:password`` where it should be. The message
            contains neither.

    Examples:
        >>> address_of("rtsp://root:secret@camera/mic?channel=1&key=4711").text
        'rtsp://***@camera/mic?channel=1&key=***'
    """
    login = _login(auth_env, auth_file)
    scheme, _, rest = url.partition("://")
    user, at, location = rest.rpartition("@")
    text = f"{scheme}://{_MASK + '@' if at or login else ''}{_PAIR.sub(_shown, location)}"
    if at and login:
        raise OptionError(f"{text}: a password both in the address and in auth_env or auth_file")
    if login:
        user, url = login, f"{scheme}://{login}@{location}"
    try:
        valid = bool(urlsplit(url).hostname) or scheme == "file"
        urlsplit(url).port  # noqa: B018
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        reason = "not a valid address; encode special characters of a password (@ as %40, / as %2F)"
        raise OptionError(f"{scheme}://{_MASK}: {reason}")
    hidden = [match[0] for match in _PAIR.finditer(location) if _shown(match) != match[0]]
    values = [value for pair in hidden for value in (pair.partition("=")[2], *_VALUE.findall(pair))]
    secrets = {user, user.partition(":")[2], *values}
    secrets |= {unquote(secret) for secret in secrets}
    long_first = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
    return Address(url, text, tuple(long_first))


def shown_source(text: str) -> str:
    """Return what names a source (`open_source`) without user, password and other secrets.

    Examples:
        >>> shown_source("rtsp://root:secret@camera/mic"), shown_source("mic:USB")
        ('rtsp://***@camera/mic', 'mic:USB')
    """
    if "://" not in text:
        return text
    try:
        return address_of(text).text
    except OptionError:  # opening it says why
        return f"{text.partition('://')[0]}://{_MASK}"


def _shown(pair: re.Match[str]) -> str:
    return pair[0] if pair[1].lower() in _SHOWN_KEYS else f"{pair[1]}={_MASK}"


def _login(auth_env: str | None, auth_file: str | None) -> str | None:
    """Return the encoded ``user:password`` from the environment or a file."""
    known = secret_text(auth_env, auth_file, "auth")
    if known is None:
        return None
    text, where = known
    user, colon, password = text.partition(":")
    if not colon or not user:
        raise OptionError(f"{where} must be user:password")
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
