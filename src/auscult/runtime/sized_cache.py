"""A cache of what was computed, limited by its size in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class SizedCache(Generic[Value]):
    """Keeps the values that were used last; any number of threads may use it.

    Args:
        max_bytes: largest size of all values together; a larger value is kept alone.
        size: size of a value, bytes.

    Example:
        >>> cache = SizedCache[bytes](10, len)
        >>> cache.get("a", lambda: b"12345678"), cache.get("a", lambda: b"not computed again")
        (b'12345678', b'12345678')
        >>> cache.get("b", lambda: b"123"), len(cache)
        (b'123', 1)
    """

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self._max_bytes, self._size = max_bytes, size
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, compute: Callable[[], Value]) -> Value:
        """Return the value of a key, which is computed if it is not held."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = compute()  # in several threads it may be computed more than once
        size = self._size(value)
        with self._lock:
            if key not in self._values:
                self._values[key] = value, size
                self._bytes += size
            while self._bytes > self._max_bytes and len(self._values) > 1:
                self._bytes -= self._values.popitem(last=False)[1][1]
        return value
