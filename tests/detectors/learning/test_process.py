"""What training asks of its process, and that it is handed back."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from auscult.detectors.learning.process import kept_memory, one_thread


def test_one_thread_ends_with_its_block():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of Linux")
def test_memory_that_was_freed_is_not_asked_for_again():
    def pages_asked_for(times: int) -> int:
        """By making and freeing 40 MB in pieces of 4 MB."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(times):
            pieces = [torch.ones(1 << 20) for _ in range(10)]
            del pieces
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with kept_memory():
        pages_asked_for(2)
        assert pages_asked_for(10) < 2000, "100,000 pages of 4 kB would be asked for anew"
