"""A source that is connected again whenever it is lost."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from auscult.errors import SourceError
from auscult.sound.live.clock import JUMP
from auscult.sound.live.source import STALL_SECONDS, Block, Interruption, Source, WrongLayout, layout

#: Pause before the first attempt to connect again and the longest one, seconds. Each pause is twice as long
#: as the one before, and shortened by up to half at random, so that many monitors do not connect at once.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
#: A connection that lasted so long was successful: the next pause is the first one again, seconds.
STABLE_SECONDS = 10.0
#: A source from which nothing arrives for so long is connected again, seconds.
LOST_SECONDS = 15.0
_CLOSE_SECONDS = 3.0  # waiting for an attempt to end


class Reconnecting(Source):
    """Connects a source, and connects it again with growing pauses whenever it is lost; it never ends.

    The index of samples continues over all connections. While there was none, it jumps by the time that
    passed, at least by one sample. The first attempt begins at once, and is waited for as long as an
    interruption lasts. If it has not succeeded then, the sample rate and the number of channels are 0 until
    an attempt does; from then on they must stay the same.

    Args:
        opener: connects the source, or raises `SourceError`. It is called in a thread with an event that is
            set if the source is no longer wanted.
        description: name of the source for people, without passwords.
        stall_seconds: an interruption is yielded so often while it is not connected.
        lost_seconds: a source that is silent for so long is connected again.
        first_pause: the shortest pause before connecting again, seconds.

    Raises:
        Other errors of the opener, also while iterating, since they would be raised each time.
    """

    def __init__(
        self,
        opener: Callable[[threading.Event], Source],
        description: str,
        *,
        stall_seconds: float = STALL_SECONDS,
        lost_seconds: float = LOST_SECONDS,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        super().__init__(description)
        self._opener = opener
        self._stall_seconds, self._lost_seconds, self._first_pause = stall_seconds, lost_seconds, first_pause
        self._source: Source | None = None
        self._next, self._next_time = 0, 0.0  # index and time of the sample after the last block
        self._attempt = _Attempt(self._connect)
        if self._attempt.ended_within(stall_seconds):
            self._attempt.outcome()  # raises an error that would return each time

    def __iter__(self) -> Iterator[Block | Interruption]:
        pause = self._first_pause
        while not self._closed.is_set():
            started = time.monotonic()
            while not self._attempt.ended_within(self._stall_seconds):
                yield Interruption(f"connecting for {time.monotonic() - started:.3g} s", "stalled")
            problem = self._attempt.outcome()
            if isinstance(problem, Source):
                connected = time.monotonic()
                problem = yield from self._relay(problem)
                if time.monotonic() - connected >= STABLE_SECONDS:
                    pause = self._first_pause
            yield from self._wait(problem, pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)
            if not self._closed.is_set():
                self._attempt = _Attempt(self._connect)

    def close(self) -> None:
        super().close()
        self._attempt.ended_within(_CLOSE_SECONDS)
        if self._source is not None:
            self._source.close()

    def _connect(self) -> Source | Interruption:
        """Return a connection, or why there is none."""
        try:
            source = self._opener(self._closed)
        except SourceError as error:
            return Interruption(error.reason, "wrong_rate" if isinstance(error, WrongLayout) else "gone")
        present, expected = (source.sample_rate, source.channels), (self.sample_rate, self.channels)
        if self.sample_rate and present != expected:
            source.close()
            return Interruption(f"has {layout(*present)} now, and {layout(*expected)} before", "wrong_rate")
        self._source = source
        self.sample_rate, self.channels = present
        if self._closed.is_set():  # `close` did not wait so long
            source.close()
        return source

    def _relay(self, source: Source) -> Generator[Block | Interruption, None, Interruption]:
        """Yield what a connection yields, and return why it was lost."""
        shift: int | None = None  # from the index of the connection to that of this source
        last = time.monotonic()
        with source:
            for item in source:
                if isinstance(item, Block):
                    if shift is None:
                        shift = self._first_index(item) - item.first
                    block = replace(item, first=item.first + shift, time=self._time(item.time))
                    self._next, self._next_time = block.end, block.time + len(item.samples) / self.sample_rate
                    last = time.monotonic()
                    yield block
                elif item.kind != "stalled" or time.monotonic() - last >= self._lost_seconds:
                    return Interruption(item.reason, "gone")
                else:
                    yield item
        return Interruption("the connection was closed", "gone")

    def _first_index(self, block: Block) -> int:
        """The index of the first sample of a connection."""
        if not self._next:
            return 0
        return self._next + max(1, round((block.time - self._next_time) * self.sample_rate))

    def _time(self, time: float) -> float:
        """The time of a block; estimates of two connections may overlap, unless the clock was set back."""
        return time if self._next_time - time >= JUMP else max(time, self._next_time)

    def _wait(self, problem: Interruption, seconds: float) -> Iterator[Interruption]:
        """Wait, and yield the reason at the beginning and every few seconds."""
        end = time.monotonic() + seconds
        while not self._closed.is_set() and (remaining := end - time.monotonic()) > 0:
            yield problem
            self._closed.wait(min(self._stall_seconds, remaining))


class _Attempt:
    """A connection that is being made, in a thread of its own since this can take long."""

    def __init__(self, connect: Callable[[], Source | Interruption]) -> None:
        self._connect = connect
        self._outcome: Source | Interruption | Exception | None = None
        self._thread = threading.Thread(target=self._run, name="auscult-connecting", daemon=True)
        self._thread.start()

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end, at most so many seconds; return whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def outcome(self) -> Source | Interruption:
        """Return the connection or why there is none, or raise the error of the opener."""
        if isinstance(self._outcome, Exception):
            raise self._outcome
        assert self._outcome is not None, "the attempt has not ended"
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._connect()
        except Exception as error:  # raised again where the outcome is needed
            self._outcome = error
