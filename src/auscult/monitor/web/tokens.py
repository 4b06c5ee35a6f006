"""The token that a page asks for, and how often it may be guessed.

The store keeps a digest of the token only. Browsers get a cookie with another digest, so that neither the
file nor a cookie contains the token. A token has 256 random bits, or is chosen by the user with at least
`SHORTEST` characters, so one round of SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from auscult.errors import OptionError
from auscult.monitor.settings.page_settings import PageSettings

#: File in the folder of the store with the digest of the token.
FILE = "page-token"
#: Environment variable with the token.
ENVIRONMENT = "AUSCULT_TOKEN"
#: Fewest characters of a token that the user chooses, and most of what is compared.
SHORTEST, LONGEST = 16, 512
#: Wrong attempts from one address, and seconds after which these are forgotten.
ATTEMPTS, FORGET_SECONDS = 10, 60.0
#: Most addresses whose attempts are remembered.
_ADDRESSES = 10_000

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Token:
    """Checks tokens and cookies.

    Args:
        digest: of the token, from `digest_of`.
    """

    def __init__(self, digest: str) -> None:
        self._digest = digest
        #: Name of the cookie: monitors on several ports of a computer share cookies.
        self.cookie_name = f"auscult_{digest[:8]}"

    def matches(self, token: str) -> bool:
        """Whether this is the token; takes as long either way."""
        return len(token) <= LONGEST and self.matches_cookie(cookie_of(token))

    def matches_cookie(self, value: str) -> bool:
        """Whether this is the value of the cookie that a login with the token sets."""
        return hmac.compare_digest(_sha256("store", value[:LONGEST]), self._digest)


def cookie_of(token: str) -> str:
    """Return the value of the cookie for a token."""
    return _sha256("cookie", token)


def digest_of(token: str) -> str:
    """Return the digest of a token that is stored."""
    return _sha256("store", cookie_of(token))


def _sha256(purpose: str, text: str) -> str:
    return hashlib.sha256(f"auscult {purpose}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


def given_token(file: str | os.PathLike[str] | None) -> Token | None:
    """Return the token from a file or the environment; ``None`` if neither is given.

    Args:
        file: with the token in its first line.

    Raises:
        OptionError: the file cannot be read, or the token is too short.
    """
    if file is not None:
        where, text = f"the first line of {os.fspath(file)}", _first_line(file)
    elif (value := os.environ.get(ENVIRONMENT)) is not None:
        where, text = f"the environment variable {ENVIRONMENT}", value
    else:
        return None
    if not SHORTEST <= len(text) <= LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise OptionError(
            f"{where} must be a token of {SHORTEST} to {LONGEST} printable ASCII characters without spaces"
        )
    return Token(digest_of(text))


def page_token(
    folder: Path, settings: PageSettings, *, new: bool, readable: bool
) -> tuple[Token | None, str | None]:
    """Return the token that clients of a page need, and what is to be shown to the user, once.

    A token that is given or stored is asked for on every address. Without one a page that only this computer
    reaches needs none, and one is made for any other.

    Args:
        folder: of the store.
        settings: of the page.
        new: make another token.
        readable: whether what is shown is read by a person, and not kept in a log.

    Raises:
        OptionError: the token given is not valid or cannot be replaced, or nobody would read a new one.
    """
    given = given_token(settings.token_file)
    if given and new:
        raise OptionError(
            "`new_token=True`: the token is given by a file or the environment, so change it there"
        )
    if given:
        return given, None
    stored = stored_token(folder) if not new else None
    if not new and (stored or is_loopback(settings.host)):
        return stored, None
    if not new and not readable:
        raise OptionError(
            f"a page on {settings.host} needs a token: run this once with `new_token=True`, which shows "
            f"one, or set {ENVIRONMENT}"
        )
    token = new_token(folder)
    return Token(digest_of(token)), token


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stored_token(folder: Path) -> Token | None:
    """Return the token whose digest the store keeps; ``None`` if there is none.

    Raises:
        OptionError: the file cannot be read, or contains something else.
    """
    if not (folder / FILE).exists():
        return None
    digest = _first_line(folder / FILE)
    if not _DIGEST.fullmatch(digest):
        raise OptionError(f"{folder / FILE} is damaged: make another token with `new_token=True`")
    return Token(digest)


def new_token(folder: Path) -> str:
    """Make a token, keep its digest in the store, and return it: it cannot be read again.

    Raises:
        OptionError: the file cannot be written.
    """
    token = secrets.token_urlsafe(32)
    part = folder / f"{FILE}.part"
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{digest_of(token)}\n")
        part.replace(folder / FILE)
    except OSError as error:
        raise OptionError(f"{folder / FILE} cannot be written: {error.strerror or error}") from None
    return token


def _first_line(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline(4 * LONGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise OptionError(f"{os.fspath(path)} cannot be read: {reason}") from None


class Attempts:
    """Counts wrong tokens from each address.

    Args:
        clock: seconds of a clock that never jumps.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when the first was, and how many

    def wait(self, address: str) -> float:
        """Return the seconds for which nothing is accepted from an address; 0 if it may try."""
        with self._lock:
            first, count = self._wrong.get(address, (0.0, 0))
            left = first + FORGET_SECONDS - self._clock()
            return left if count >= ATTEMPTS and left > 0 else 0.0

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        with self._lock:
            now = self._clock()
            first, count = self._wrong.pop(address, (now, 0))
            if now - first >= FORGET_SECONDS:
                first, count = now, 0
            self._wrong[address] = first, count + 1
            while len(self._wrong) > _ADDRESSES:
                self._wrong.popitem(last=False)
