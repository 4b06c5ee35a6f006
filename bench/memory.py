"""Peak memory of this process."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_of_this_process() -> float:
    """Peak resident memory in MB.

    On Linux a child inherits ``ru_maxrss`` from its parent, even across ``exec``, so that a child of a large
    process seems large. ``VmHWM`` is not inherited.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
