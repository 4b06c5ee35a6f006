"""How much memory this process took at most."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_of_this_process() -> float:
    """Megabytes of resident memory at most.

    Linux hands ``ru_maxrss`` on from parent to child, also over ``exec``, so that a child of a large process
    seems large; the high-water mark of the memory itself begins anew.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6
