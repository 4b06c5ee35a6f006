"""Sounds that a monitor can do without."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from auscult.errors import StoreError


@contextmanager
def optional_sound(machine: str, what: str) -> Iterator[None]:
    """Go on without a sound that cannot be written, such as one for which the store is too small.

    Args:
        machine: name of the machine, for the log.
        what: the sound in words, likewise.
    """
    try:
        yield
    except StoreError as error:
        logging.getLogger("auscult").warning("%s: %s is not kept: %s", machine, what, error)
