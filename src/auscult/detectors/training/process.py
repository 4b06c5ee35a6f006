"""What training asks of PyTorch: one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


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
