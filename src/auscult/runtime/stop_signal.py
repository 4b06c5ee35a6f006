"""A request to stop that a signal handler may make."""

from __future__ import annotations

import time

#: A request by another thread or a signal handler ends a wait after this time at most, seconds.
_SLICE = 0.1


class StopSignal:
    """Whether a loop is to end.

    Unlike `threading.Event`, it may be set by a signal handler while the same thread waits: an event holds a
    lock for a moment when it begins and ends to wait, and to set it then would wait for that lock forever.
    """

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Request to stop, from any thread or a signal handler."""
        self._set = True

    def is_set(self) -> bool:
        """Return whether to stop."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """Wait until a request, for so many seconds at most; return whether to stop."""
        end = time.monotonic() + seconds
        while not self._set and (left := end - time.monotonic()) > 0:
            time.sleep(min(_SLICE, left))
        return self._set
