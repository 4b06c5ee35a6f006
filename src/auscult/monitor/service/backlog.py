"""What a source has delivered and has not been scored yet."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np

from auscult.sound.live import Block, Delivered, Interruption

#: Seconds of sound that may wait to be scored; if more arrives, all of it is skipped.
MAX_BACKLOG = 10.0
#: Blocks that follow each other are taken together up to this length, since each costs as much. Seconds.
JOINED_SECONDS = 1.0
#: Largest difference between the time of a block and the end of the one before to be taken together, seconds.
_SAME_TIME = 0.05


@dataclass(frozen=True)
class Taken:
    """What was taken from a backlog.

    Attributes:
        item: blocks that follow each other are one.
        seconds: its length.
        delivered: how far recordings are delivered with it.
        skipped: whether sound before it was skipped.
    """

    item: Block | Interruption
    seconds: float
    delivered: Delivered | None
    skipped: bool


class Backlog:
    """A queue between the thread that reads a source and those that score, of which one at a time takes.

    Args:
        waits: whether adding waits until there is room; otherwise all that waits is skipped if there is none.

    Attributes:
        seconds: of sound that wait.
        skipped: seconds of sound that were skipped.
    """

    def __init__(self, *, waits: bool) -> None:
        self.seconds = self.skipped = 0.0
        self._waits = waits
        self._items: deque[tuple[Block | Interruption, float, Delivered | None]] = deque()
        self._taken = threading.Condition(threading.Lock())
        self._skip = self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Block | Interruption, seconds: float, delivered: Delivered | None = None) -> None:
        """Add what the source has delivered.

        Args:
            item: a block or an interruption.
            seconds: its length.
            delivered: how far recordings are delivered with it.
        """
        with self._taken:
            if self._waits:
                self._taken.wait_for(
                    lambda: self.seconds + seconds <= MAX_BACKLOG or not self._items or self._closed
                )
            elif self.seconds + seconds > MAX_BACKLOG:
                self.skipped += self.seconds
                self._items.clear()
                self.seconds, self._skip = 0.0, True
            if not self._closed:
                self._items.append((item, seconds, delivered))
                self.seconds += seconds

    def take(self) -> Taken | None:
        """Return the next block or interruption; ``None`` if nothing waits."""
        with self._taken:
            if not self._items:
                return None
            item, seconds, delivered = self._items.popleft()
            blocks = [item] if isinstance(item, Block) else []
            while blocks and self._items and seconds < JOINED_SECONDS:
                following, length, reached = self._items[0]
                if not isinstance(following, Block) or not _follows(
                    blocks[0], seconds, blocks[-1], following
                ):
                    break
                blocks.append(following)
                seconds, delivered = seconds + length, reached
                self._items.popleft()
            self.seconds = max(0.0, self.seconds - seconds) if self._items else 0.0
            skipped, self._skip = self._skip, False
            if self._waits:
                self._taken.notify_all()
        if len(blocks) > 1:
            item = Block(np.concatenate([b.samples for b in blocks]), blocks[0].first, blocks[0].time)
        return Taken(item, seconds, delivered, skipped)

    def close(self) -> None:
        """Forget what waits, and all that is added from now on."""
        with self._taken:
            self._closed, self.seconds = True, 0.0
            self._items.clear()
            self._taken.notify_all()


def _follows(first: Block, seconds: float, last: Block, block: Block) -> bool:
    """Whether a block follows the last one, and its time that of the first one by so many seconds."""
    return block.first == last.end and abs(block.time - first.time - seconds) < _SAME_TIME
