"""Heap memory that is kept while work is repeated."""

from __future__ import annotations

import resource
import sys

import numpy as np
import pytest

from auscult.runtime.memory import retain_heap


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt exists on Linux only")
def test_freed_memory_is_not_requested_again():
    def page_faults(times: int) -> int:
        """Minor page faults while 40 MB are allocated in blocks of 4 MB and freed, ``times`` times."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(times):
            blocks = [np.ones(1 << 20, np.float32) for _ in range(10)]
            del blocks
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with retain_heap():
        page_faults(2)
        assert page_faults(10) < 2000, "without retain_heap, 100,000 pages of 4 kB would be requested again"
