"""Messages to the service manager that has started the process (the protocol of ``sd_notify``)."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send a state, such as ``READY=1``, to the service manager.

    Args:
        state: assignments, separated by line breaks.

    Returns:
        Whether a service manager listens.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.settimeout(1.0)
            sender.connect(f"\0{address[1:]}" if address[0] == "@" else address)
            sender.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_seconds() -> float | None:
    """Return the time within which the service manager expects ``WATCHDOG=1``, if it does."""
    if os.environ.get("WATCHDOG_PID") not in (None, str(os.getpid())):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isascii() and text.isdigit() and int(text) else None
