"""What training asks of its process: one thread, and memory that stays."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from typing import Any

import torch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_LARGEST = 32 << 20  # bytes: the most that glibc takes from its own heap
_KEPT = 1 << 30  # bytes of free memory that are not given back


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread. These matrices are so small that a second thread gains little on an idle
    machine, and on a busy one the two wait for each other, spinning, and training takes several times
    as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """The memory that one step frees is kept for the next, up to 1 GB. Otherwise glibc gives it back to the
    system and gets it again page by page, which with seven machines is a fifth of the time."""
    libc: Any = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not hasattr(libc, "mallopt"):  # another system, or another C library
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
    libc.mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST)  # where glibc's own rule ends up
        libc.malloc_trim(0)
