"""What a live source yields: blocks of samples, and interruptions while there are none."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

import numpy as np

from auscult.errors import SourceError
from auscult.runtime.printable import printable

#: Length of a block, seconds.
BLOCK_SECONDS = 0.25
#: After this time without data an interruption is yielded, and again after each further one, seconds.
STALL_SECONDS = 5.0


@dataclass(frozen=True, eq=False)  # arrays cannot be compared to one truth value
class Block:
    """Consecutive samples of a source.

    Attributes:
        samples: (N, channels) float32, N ≥ 1, full scale ±1. Those of a floating-point stream may be larger,
            NaN or infinite.
        first: index of the first sample since the source was opened. It continues that of the block before;
            a jump means that samples are missing.
        time: when the first sample was recorded, in seconds since 1970 (UTC). It is an estimate that never
            decreases, unless the clock of the system is set back; each source documents where it is from.
    """

    samples: np.ndarray
    first: int
    time: float

    @property
    def end(self) -> int:
        """Index of the sample after the last one."""
        return self.first + len(self.samples)


@dataclass(frozen=True)
class Interruption:
    """Yielded in place of a block while nothing arrives.

    Attributes:
        reason: what happened, without passwords: ``no data for 5 s``, ``Connection refused``. Signs that
            cannot be printed or stored, as a file name may have, are replaced by escapes.
        kind: ``stalled``: nothing arrives, but it may go on; ``gone``: the connection, the device or a
            recording is lost; ``wrong_rate``: its sample rate or number of channels is not the expected one;
            ``ended``: there is nothing more to come.
    """

    reason: str
    kind: Literal["gone", "stalled", "wrong_rate", "ended"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", printable(self.reason))


class Source(ABC):
    """One opened source, which is iterated over once.

    Iterating never blocks for long: if nothing arrives, it yields an `Interruption` every few seconds. The
    last item of a source that ends is an interruption ``ended`` or ``gone``. `close` may be called from
    another thread, and ends the iteration.

    Attributes:
        description: name of the source for people, without passwords.
        sample_rate: in Hz; 0 as long as it is not known. It is known from the first block on, and constant.
        channels: number of channels, likewise.
    """

    description: str
    sample_rate: int = 0
    channels: int = 0

    def __init__(self, description: str) -> None:
        self.description = description
        self._closed = threading.Event()

    @abstractmethod
    def __iter__(self) -> Iterator[Block | Interruption]:
        """Yield blocks, and interruptions while there are none."""

    def close(self) -> None:
        """End the iteration and release what the source holds. It may be called more than once."""
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WrongLayout(SourceError):
    """The source has another sample rate, or fewer channels, than required."""


def check_layout(
    source: str, present: tuple[int, int], sample_rate: int | None, channels: int | None
) -> None:
    """Raise `WrongLayout` unless a source with this rate and number of channels has the required ones."""
    if sample_rate not in (None, present[0]) or present[1] < (channels or 0):
        expected = layout(sample_rate or present[0], channels or present[1])
        raise WrongLayout(source, f"has {layout(*present)}, but {expected} are required")


def layout(sample_rate: int, channels: int) -> str:
    """Return ``16000 Hz and 2 channels``."""
    return f"{sample_rate} Hz and {channels} channel{'' if channels == 1 else 's'}"


def no_data(seconds: float) -> Interruption:
    """Return the interruption of a source from which nothing has arrived for so many seconds."""
    return Interruption(f"no data for {seconds:.3g} s", "stalled")
