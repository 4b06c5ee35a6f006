"""Memory that is kept while work goes on."""

from __future__ import annotations

import resource
import sys

import numpy as np
import pytest

from auscult.runtime.memory import kept_memory


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of Linux")
def test_memory_that_was_freed_is_not_asked_for_again():
    def pages_asked_for(times: int) -> int:
        """By making and freeing 40 MB in pieces of 4 MB."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(times):
            pieces = [np.ones(1 << 20, np.float32) for _ in range(10)]
            del pieces
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    with kept_memory():
        pages_asked_for(2)
        assert pages_asked_for(10) < 2000, "100,000 pages of 4 kB would be asked for anew"
