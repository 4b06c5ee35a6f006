"""How a folder is watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auscult.errors import OptionError
from auscult.sound.live.watched_folder import POLL_SECONDS, SETTLE_SECONDS


@dataclass(frozen=True)
class WatchSettings:
    """How a folder is watched.

    Attributes:
        assigned: pattern to machine, as stated by the user; see `Assigner`.
        expected: seconds within which the next recording of each machine is expected; ``None``: learned.
        settle: a file is complete if it has not changed for so long, seconds.
        poll: seconds between two looks at the folder, at least.
        threads: that judge; ``None``: one for each core.

    Raises:
        OptionError: a time is not positive.
    """

    assigned: Mapping[str, str] = field(default_factory=dict)
    expected: float | None = None
    settle: float = SETTLE_SECONDS
    poll: float = POLL_SECONDS
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("expected", "settle", "poll"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise OptionError(f"{name}={value} must be a positive number of seconds")
