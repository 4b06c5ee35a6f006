"""What is done without if the store has no room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from auscult.errors import StoreError


@contextmanager
def unless_full() -> Iterator[None]:
    """Leave out what does not fit into the store, which reports by itself that it is full.

    Raises:
        StoreError: it could not be written for another reason.
    """
    try:
        yield
    except StoreError as error:
        if not error.full:
            raise
