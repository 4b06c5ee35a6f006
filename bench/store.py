"""What the event store of a monitor costs: CPU share, rows per second, size, and the time of queries.

Usage: python -m bench.store [--machines 300] [--minutes 20] [--levels 10]

Scores of a part of a day are written as fast as possible, one transaction for each second of the simulated
time, with packing by minutes and retention as in use. Sizes are extrapolated to a day of which all scores are
kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from auscult.monitor.store import Event, EventStore, Machine, Retention, ScoreRow, StoreReader
from bench.markdown import this_machine
from bench.memory import peak_of_this_process

DAY = 86400
START = 1_767_225_600.0  # 2026-01-01 00:00 UTC
#: Events to be timed, the frames and bands of their maps, and the seconds and sample rate of their sound.
EVENTS, MAP, SOUND, RATE = 20, (312, 128), 30, 16_000


@dataclass(frozen=True)
class Cost:
    """Costs of writing.

    Attributes:
        seconds: simulated time.
        rows: number of scores.
        wall, cpu: seconds that writing them took.
        slowest: longest batch in seconds; one in sixty packs a minute.
        written: bytes that the process passed to the disk.
    """

    seconds: int
    rows: int
    wall: float
    cpu: float
    slowest: float
    written: int


def write(folder: Path, machines: int, seconds: int, levels: int, retention: Retention) -> Cost:
    """Write the scores of all machines for a time."""
    rng = np.random.default_rng(0)
    names = [f"machine {index}" for index in range(machines)]
    now = START
    written, slowest, cpu, wall = _written_bytes(), 0.0, 0.0, 0.0
    with EventStore(folder, retention, clock=lambda: now, steady=lambda: now) as store:
        for name in names:
            store.put_machine(Machine(name, "a1b2", "microphone", {}, START))
        for second in range(seconds):
            now = START + second
            scores = rng.gamma(4.0, 1.0, machines).tolist()
            offsets = rng.uniform(0, 1, machines).tolist()
            bands = rng.normal(size=(machines, levels)).astype(np.float32) if levels else [None] * machines
            batch = [
                ScoreRow(name, now + offset, score, 0.9 * score, 12.0, band)
                for name, offset, score, band in zip(names, offsets, scores, bands, strict=True)
            ]
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            store.add_scores(batch)
            taken = time.perf_counter() - wall_before
            wall, cpu = wall + taken, cpu + time.process_time() - cpu_before
            slowest = max(slowest, taken)
    return Cost(seconds, machines * seconds, wall, cpu, slowest, _written_bytes() - written)


def bytes_by_detail(folder: Path, seconds: int) -> tuple[int, int]:
    """Delete single scores and then minutes, and return how many bytes each took."""
    now = START + seconds + 3600

    def used_with(retention: Retention) -> int:
        with EventStore(folder, retention, clock=lambda: now) as store:
            before, used = -1, store.used_bytes()
            while used != before:  # each call deletes a limited number
                store.enforce_retention()
                before, used = used, store.used_bytes()
        return used

    short = 60 / DAY
    every = used_with(Retention())
    minutes = used_with(Retention(sample_days=short))
    hours = used_with(Retention(sample_days=short, minute_days=short))
    return every - minutes, minutes - hours


def write_events(folder: Path) -> tuple[float, float, float]:
    """Return the seconds of writing an event and its sound, and the bytes of both, means of some events."""
    rng = np.random.default_rng(0)
    event_seconds = sound_seconds = 0.0
    with EventStore(folder) as store:
        before = store.used_bytes()
        for index in range(EVENTS):
            event = Event("machine 0", "alarm", START + index, START + index + 10, peak=9.0)
            score_map = rng.normal(size=MAP)
            sound = 0.1 * rng.normal(size=SOUND * RATE)
            started = time.perf_counter()
            number = store.add_event(event, score_map)
            event_seconds += time.perf_counter() - started
            started = time.perf_counter()
            store.add_sound(number, sound, RATE, START + index - 10)
            sound_seconds += time.perf_counter() - started
        size = store.used_bytes() - before
    return event_seconds / EVENTS, sound_seconds / EVENTS, size / EVENTS


def queries(folder: Path, seconds: int) -> dict[str, float]:
    """Return the seconds of the queries of a page, the fastest of five times each."""
    with StoreReader(folder) as reader:
        end = START + seconds
        calls: dict[str, Callable[[], object]] = {
            "last state of all machines": reader.last_states,
            "chart of ten minutes": lambda: reader.scores("machine 0", end - 600, end, 1000),
            "chart of all": lambda: reader.scores("machine 0", START, end, 1000),
        }
        return {name: min(_seconds_of(call) for _ in range(5)) for name, call in calls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--machines", type=int, default=300)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--levels", type=int, default=0, help="bands of each score")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        seconds = 60 * arguments.minutes
        cost = write(folder, arguments.machines, seconds, arguments.levels, Retention())
        # Short limits, so that as many minutes are thinned as are added.
        third = seconds / 3 / DAY
        thinned = write(
            Path(name) / "thinned",
            arguments.machines,
            seconds,
            arguments.levels,
            Retention(sample_days=third, minute_days=2 * third),
        )
        print(f"{this_machine()}, peak {peak_of_this_process():.0f} MB")
        for title, of in (("all kept", cost), ("with thinning", thinned)):
            print(
                f"{title}: {of.rows} scores of {arguments.machines} machines in {of.wall:.1f} s: "
                f"{of.rows / of.wall:,.0f} rows/s, {100 * of.cpu / of.seconds:.2f} % of a core in use, "
                f"longest batch {1000 * of.slowest:.0f} ms"
            )
        day = DAY / cost.seconds
        event, sound, size = write_events(Path(name) / "thinned")
        print(
            f"an event with a map {1000 * event:.0f} ms, {SOUND} s of sound {1000 * sound:.0f} ms, "
            f"together {size / 1e6:.1f} MB"
        )
        for query, taken in queries(folder, seconds).items():
            print(f"{query}: {1000 * taken:.1f} ms")
        samples, minutes = (size * day / 1e6 for size in bytes_by_detail(folder, seconds))
        print(
            f"a day: {samples:,.0f} MB of single scores, {minutes:,.0f} MB of minutes; "
            f"{cost.written * day / 1e9:.1f} GB written to the disk"
        )


def _seconds_of(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def _written_bytes() -> int:
    """Bytes that this process has passed to write calls, where the system counts them."""
    counts = Path("/proc/self/io")
    if not counts.exists():
        return 0
    (line,) = [line for line in counts.read_text().splitlines() if line.startswith("wchar")]
    return int(line.split()[1])


if __name__ == "__main__":
    main()
