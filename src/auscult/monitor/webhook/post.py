"""One request to the address of a webhook.

Only the host that the user named is contacted: redirects are not followed, and only proxies that the
environment names are used.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any

from auscult import __version__
from auscult.errors import AuscultError
from auscult.monitor.webhook.deadline import Deadline
from auscult.monitor.webhook.settings import WebhookSettings
from auscult.runtime.printable import printable

#: Statuses by which a server refuses a message for what it contains: it would refuse it again.
_REFUSED = {400, 413, 415, 422}
#: Longest reason of a failure, characters.
_REASON = 200


class DeliveryError(AuscultError):
    """A message was not delivered.

    Attributes:
        refused: whether the server refuses this message, and may take others.
    """

    def __init__(self, host: str, reason: str, *, refused: bool = False) -> None:
        super().__init__(f"{host}: {reason}")
        self.refused = refused


class Post:
    """Sends messages to one address.

    Args:
        settings: the address.

    Raises:
        OptionError: a secret cannot be read.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._secret, self._authorization = settings.secret(), settings.authorization()
        proxies = urllib.request.ProxyHandler(urllib.request.getproxies_environment())
        self._deadline = Deadline()
        self._opener = urllib.request.build_opener(proxies, _NoRedirects(), *self._deadline.handlers())

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message as JSON.

        Raises:
            DeliveryError: it was not delivered, with the reason.
        """
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        body = text.encode(errors="backslashreplace")  # names of files may have bytes that are not Unicode
        request = urllib.request.Request(self._settings.url, body, self._headers(body), method="POST")
        host = self._settings.host
        try:
            with (
                self._deadline.within(self._settings.timeout),
                self._opener.open(request, timeout=self._settings.timeout),
            ):
                pass  # the status is all that counts
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"answers with status {error.code}"
            if 300 <= error.code < 400:
                reason += ": redirects are not followed, name the address that it redirects to"
            raise DeliveryError(host, reason, refused=error.code in _REFUSED) from None
        except TimeoutError:
            raise self._too_slow() from None
        except urllib.error.URLError as error:
            if self._deadline.passed or isinstance(error.reason, TimeoutError):
                raise self._too_slow() from None
            raise DeliveryError(host, f"cannot be reached: {_plain(error.reason)}") from None
        except (OSError, http.client.HTTPException) as error:
            if self._deadline.passed:
                raise self._too_slow() from None
            raise DeliveryError(host, f"no answer: {_plain(error)}") from None

    def _too_slow(self) -> DeliveryError:
        return DeliveryError(self._settings.host, f"no answer within {self._settings.timeout:g} s")

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"auscult/{__version__}",
            "X-Auscult-Timestamp": str(int(time.time())),
        }
        if self._authorization:
            headers["Authorization"] = self._authorization
        if self._secret:
            signed = headers["X-Auscult-Timestamp"].encode() + b"." + body
            digest = hmac.new(self._secret.encode(), signed, hashlib.sha256).hexdigest()
            headers["X-Auscult-Signature"] = f"sha256={digest}"
        return headers


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect as the error that it is."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _plain(error: object) -> str:
    """A reason in a line: errors quote what the server has sent, which may be anything."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return printable(text[:_REASON])
