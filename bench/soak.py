"""Ten simulated hours through the monitor in ten minutes, then a week of their scores.

    python -m bench.soak [--hours 10] [--minutes 10] [--week-days 7] [--json FILE]

A simulated machine runs sixty times faster than in real time through the real engine, event store and page,
with a client of the page that reads along. Three faults begin and end at known times. Then the scores of that
running, resampled in blocks of ten minutes, pass the alarm rule and a second store as those of a week, again
with three faults. Everything is simulated.

Checked, with exit code 1 otherwise: every fault raises an alarm, false alarms are within the budget, hardly
any sound is skipped, and the memory does not grow. On a busy computer sound is skipped: use ``--minutes``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from scipy import stats

from auscult.decision.alarms import AlarmPolicy, AlarmTracker
from auscult.decision.alarms.slow_baseline import BaselineTracker
from auscult.model import Model
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.settings.page_settings import PageSettings
from auscult.monitor.simulated import SimulatedFleet, simulated_models
from auscult.monitor.store import Event, EventStore, Machine, ScoreRow
from auscult.monitor.web.server import PageServer
from auscult.simulation.live import ScheduledFault, SimulatedSource
from auscult.simulation.running import Running

MACHINE = "fan"
RATE = 16000
HOUR, DAY = 3600.0, 86400.0
#: Length of a fault, and time after it in which an alarm may still begin, seconds.
_FAULT, _AFTER = 900.0, 60.0
#: Length of the blocks of scores that a week consists of, seconds.
_BLOCK = 600.0
#: Largest growth of the memory over the second half, bytes.
_GROWTH = 16 << 20
#: Largest part of the sound that may be skipped: ten seconds of it may wait, which here pass in a sixth of a
#: second.
_SKIPPED = 0.005
#: As many false alarms as there are with this probability if the budget is just kept are accepted.
_CONFIDENCE = 0.99


@dataclass
class Outcome:
    """What came of one part.

    Attributes:
        name: of the part.
        seconds: simulated time.
        faults: number of faults, and of these with an alarm.
        delays: of the alarms, seconds after the start of the fault.
        false_alarms: alarms without a fault, and the most that are accepted.
        skipped: seconds of sound that were not scored.
        memory: bytes of the process, regularly.
    """

    name: str
    seconds: float
    faults: int = 0
    delays: list[float] = field(default_factory=list)
    false_alarms: int = 0
    accepted: int = 0
    skipped: float = 0.0
    memory: list[int] = field(default_factory=list)

    @property
    def growth(self) -> int:
        """Growth of the memory from the second to the last quarter, bytes."""
        quarters = np.array_split(np.array(self.memory), 4)
        return int(np.median(quarters[3]) - np.median(quarters[1]))

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        return (
            len(self.delays) == self.faults
            and self.false_alarms <= self.accepted
            and self.skipped <= _SKIPPED * self.seconds
            and self.growth <= _GROWTH
        )

    def count(self, events: list[Event], faults: list[tuple[float, float]], policy: AlarmPolicy) -> None:
        """Compare the alarms with the faults, both with times of the same clock."""
        starts = sorted(event.start for event in events)
        self.faults = len(faults)
        for begin, end in faults:
            during = [start for start in starts if begin <= start <= end + _AFTER]
            self.delays += [start - begin for start in during[:1]]
            starts = [start for start in starts if start not in during]
        self.false_alarms = len(starts)
        self.accepted = int(stats.poisson.ppf(_CONFIDENCE, policy.budget.per_second * self.seconds))

    def describe(self) -> str:
        """Return a line for people."""
        delays = ", ".join(f"{delay:.0f} s" for delay in self.delays)
        memory = f"{self.memory[-1] >> 20} MiB, {self.growth / 2**20:+.1f} MiB in the second half"
        parts = [
            f"{self.seconds / HOUR:.3g} simulated hours",
            f"{len(self.delays)} of {self.faults} faults with an alarm (after {delays})",
            f"{self.false_alarms} false alarms (at most {self.accepted})",
            f"{self.skipped:.0f} s skipped",
            f"memory {memory}",
        ]
        return f"{self.name}: {'; '.join(parts)}: {'passed' if self.passed else 'FAILED'}"


def main(arguments: list[str] | None = None) -> int:
    """Run both parts; return 0 if everything is as it must be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--week-days", type=float, default=7.0)
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = SimulatedFleet([MACHINE])
        (model,) = simulated_models(fleet, folder / "models").values()
        print(f"simulated {MACHINE}: model is ready", flush=True)
        replayed, scores = replay(model, folder / "hours", options.hours * HOUR, options.minutes * 60)
        print(replayed.describe(), flush=True)
        resampled = week(model, folder / "week", scores, options.week_days * DAY)
        print(resampled.describe(), flush=True)
    outcomes = [replayed, resampled]
    if options.json:
        data = [{**vars(o), "growth": o.growth, "passed": o.passed} for o in outcomes]
        Path(options.json).write_text(json.dumps(data, indent=1))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def replay(
    model: Model, folder: Path, seconds: float, lasting: float
) -> tuple[Outcome, tuple[np.ndarray, np.ndarray]]:
    """Monitor a simulated machine faster than in real time.

    Args:
        model: of the machine, with an alarm rule.
        folder: of the store.
        seconds: simulated time.
        lasting: real time in which it passes, seconds.

    Returns:
        The outcome, and the scores of normal running and of faults.
    """
    start = time.time() - seconds
    running = Running(MACHINE, seed=0, session="soak", sample_rate=RATE)
    begins = [part * seconds for part in (0.25, 0.5, 0.75)]
    length = min(_FAULT, seconds / 10)
    schedule = tuple(ScheduledFault(begin, begin + length, running.faults[0]) for begin in begins)
    speed = seconds / lasting

    def opened() -> SimulatedSource:
        return SimulatedSource(running, speed=speed, seconds=seconds, schedule=schedule, start_time=start)

    outcome = Outcome("replay", seconds)
    policy = model.alarm_policy
    assert policy is not None
    with EventStore(folder) as store:
        engine = Engine([WatchedMachine(MACHINE, model, opened)], store)
        page = PageServer(engine, PageSettings(port=0))
        page.start()
        stopped = threading.Event()
        threads = [
            threading.Thread(target=_read_along, args=(page.address, stopped), daemon=True),
            threading.Thread(target=_watch_memory, args=(outcome, lasting / 200, stopped), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            engine.run()
        finally:
            stopped.set()
            page.stop()
        outcome.skipped = engine.runners[MACHINE].backlog.skipped
        faults = [(start + begin, start + begin + length) for begin in begins]
        outcome.count(_alarms(store), faults, policy)
        points = max(1000, min(10_000, int(seconds)))
        parts = np.linspace(start, start + seconds, int(np.ceil(seconds / points)) + 1)
        series = [store.read.scores(MACHINE, a, b, points=10_000) for a, b in itertools.pairwise(parts)]
        times = np.concatenate([part.time for part in series])
        scores = np.concatenate([part.mean for part in series])
    faulty = np.zeros(len(times), bool)
    normal = np.ones(len(times), bool)
    for begin, end in faults:
        faulty |= (times > begin + _AFTER) & (times < end)
        normal &= (times < begin) | (times > end + _AFTER)
    return outcome, (scores[normal], scores[faulty])


def week(model: Model, folder: Path, scores: tuple[np.ndarray, np.ndarray], seconds: float) -> Outcome:
    """Pass resampled scores through the alarm rule and a store, with times of the past up to now.

    Args:
        model: of the machine, with an alarm rule.
        folder: of the store.
        scores: of normal running and of faults.
        seconds: simulated time.
    """
    policy = model.alarm_policy
    assert policy is not None
    normal, faulty = scores
    rng = np.random.default_rng(0)
    block = round(_BLOCK / policy.period)
    count = int(seconds / (block * policy.period))
    fault_blocks = {int(part * count) for part in (0.25, 0.5, 0.75)}
    outcome = Outcome("week", seconds)
    start = time.time() - seconds
    baseline = BaselineTracker(policy.baseline, policy.period) if policy.baseline else None
    tracker = AlarmTracker(policy.rule, baseline)
    with EventStore(folder) as store:
        store.put_machine(Machine(MACHINE, "", f"simulated {MACHINE}", policy.to_json(), start))
        open_event: tuple[int, Event] | None = None
        for number in range(count):
            drawn_from = faulty if number in fault_blocks else normal
            first = int(rng.integers(max(1, len(drawn_from) - block)))
            rows = []
            for index, score in enumerate(drawn_from[first : first + block]):
                seen = (number * block + index) * policy.period
                ended = tracker.push(seen, float(score))
                now = tracker.episode
                if ended and open_event:
                    event = Event(MACHINE, "alarm", open_event[1].start, start + ended.end, ended.peak)
                    store.update_event(open_event[0], event)
                    open_event = None
                if now and open_event is None:
                    event = Event(MACHINE, "alarm", start + now.start, peak=now.peak)
                    open_event = store.add_event(event), event
                rows.append(ScoreRow(MACHINE, start + seen, float(score), tracker.persistent))
            for position in range(0, len(rows), 60):
                store.add_scores(rows[position : position + 60])
            if number % max(1, count // 200) == 0:
                outcome.memory.append(_resident())
        spans = [
            (start + n * block * policy.period, start + (n + 1) * block * policy.period) for n in fault_blocks
        ]
        outcome.count(_alarms(store), sorted(spans), policy)
    return outcome


def _alarms(store: EventStore) -> list[Event]:
    return [event for event in store.read.events(limit=1000) if event.kind == "alarm"]


def _read_along(address: str, stopped: threading.Event) -> None:
    """Be a client of the page: read the live events of the machine."""
    with urlopen(f"{address.rstrip('/')}/api/stream?machine=1", timeout=30) as response:
        while not stopped.is_set() and response.readline():
            pass


def _watch_memory(outcome: Outcome, period: float, stopped: threading.Event) -> None:
    while not stopped.wait(period):
        outcome.memory.append(_resident())


def _resident() -> int:
    """Return the resident memory of this process in bytes; without /proc the largest so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
