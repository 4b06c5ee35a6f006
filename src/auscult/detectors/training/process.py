"""PyTorch settings during training: a single thread."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def torch_single_thread() -> Iterator[None]:
    """Run PyTorch on one thread inside the block.

    The matrices are so small that a second thread gains little on an idle machine. On a busy machine the two
    threads wait for each other, spinning, and training takes several times as long.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
