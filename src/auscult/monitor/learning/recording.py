"""Records normal running from a source, until there is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from auscult.errors import FitError
from auscult.monitor.learning.folder import NormalFolder
from auscult.monitor.learning.listening import NormalListener, State
from auscult.monitor.stream.sensor import Condition
from auscult.sound.level import SILENCE_DB
from auscult.sound.live import Block, Interruption, Source

#: Without a second of normal running the recording is given up after so many seconds of a sensor fault, or
#: so many interruptions; later a fault may last longer.
_PATIENCE, _LONG_PATIENCE, _INTERRUPTIONS = 60.0, 600.0, 12


@dataclass(frozen=True)
class Progress:
    """What is recorded so far.

    Attributes:
        seconds: of normal running, all starts together, with those that are not written yet.
        needed: seconds that are wanted.
        level: of the last second, dB re full scale.
        state: what the last second was; ``None`` if nothing arrives.
        problem: what keeps it from counting, for people; empty if it counts.
    """

    seconds: float
    needed: float
    level: float
    state: State | None
    problem: str = ""


def record(
    source: Source,
    items: Iterator[Block | Interruption],
    folder: NormalFolder,
    seconds: float,
    notify: Callable[[Progress], None],
) -> bool:
    """Record until a folder has so many seconds of normal running, or the source ends.

    Args:
        source: the source.
        items: what it yields.
        folder: where it is kept; what is there already counts.
        seconds: that are wanted.
        notify: called about each quarter of a second.

    Returns:
        Whether the source can go on.

    Raises:
        FitError: nothing but silence, or another fault of the sensor, arrives.
        OptionError: the sample rate is not that of the recording so far, or the folder cannot be written.
    """
    listener: NormalListener | None = None
    faulty, interruptions, at_start = 0.0, 0, folder.seconds
    if folder.seconds >= seconds:
        return True
    for item in items:
        if isinstance(item, Interruption):
            for piece in listener.interrupt() if listener else ():
                folder.add(piece.samples, piece.first, piece.time, source.sample_rate)
            if item.kind == "ended":
                return False
            interruptions += 1
            if folder.seconds == at_start and interruptions >= _INTERRUPTIONS:
                raise FitError(f"{source.description}: nothing arrives to learn from: {item.reason}")
            notify(Progress(folder.seconds, seconds, float("-inf"), None, f"nothing arrives: {item.reason}"))
            continue
        interruptions = 0
        if listener is None:
            folder.check_rate(source.sample_rate)
            listener = NormalListener(source.sample_rate)
        for piece in listener.push(item):
            folder.add(piece.samples, piece.first, piece.time, source.sample_rate)
        faulty = faulty + len(item.samples) / source.sample_rate if listener.condition else 0.0
        if listener.condition and faulty > (_PATIENCE if folder.seconds == at_start else _LONG_PATIENCE):
            raise FitError(_given_up(source, listener.condition, folder))
        notify(_progress(listener, folder, seconds))
        if folder.seconds >= seconds:
            return True
    return False


def _progress(listener: NormalListener, folder: NormalFolder, needed: float) -> Progress:
    problem = ""
    if listener.condition:
        problem = f"sensor {listener.condition.kind}: {listener.condition.detail}"
    elif listener.state == "quiet" and listener.level < SILENCE_DB:
        problem = f"silence ({listener.level:.0f} dB)"
    elif listener.state == "quiet":
        problem = f"quiet ({listener.level:.0f} dB): the machine seems to be off"
    seconds = folder.seconds + listener.held
    return Progress(seconds, needed, listener.level, listener.state, problem)


def _given_up(source: Source, condition: Condition, folder: NormalFolder) -> str:
    kept = (
        f" {folder.seconds:.0f} s are recorded and kept; the same command goes on." if folder.seconds else ""
    )
    return (
        f"{source.description}: the sensor is {condition.kind}, so there is nothing to learn from: "
        f"{condition.detail}.{kept}"
    )
