"""PyTorch settings during training: a single thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torch_single_thread() -> Iterator[None]:
    """Run PyTorch on one thread inside the block.

    The matrices are so small that a second thread gains nothing even on an idle machine. On a busy one the
    two threads wait for each other, spinning, and training takes many times as long (`bench.rejected_ideas`).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
