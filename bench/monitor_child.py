"""Run a monitor of many machines in real time in a separate process, and print what was measured as JSON.

python -m bench.monitor_child '{"model": …, "normal": …, "faulty": …, "machines": 50, "seconds": 30}'
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from auscult.model.model_file import load_model
from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.settings.page_settings import PageSettings
from auscult.monitor.store import EventStore
from auscult.monitor.stream.changes import AlarmChange, Change, Judgement
from auscult.monitor.web.server import PageServer
from auscult.sound.live import Block, Source
from bench.memory import peak_of_this_process
from bench.monitor_machines import RATE, WINDOW

BLOCK = RATE // 4  # as of all sources
#: Machines with a fault from the start, of which each raises an alarm.
FAULTY = 2
#: Seconds that a first window lacks when a source starts.
LEFT = 2.0
#: Longest time in which each machine must be scored twice, seconds.
WARM_UP = 40.0
#: Seconds of sound that may wait at the end more than at the start, if the monitor keeps up.
GROWTH = 0.5


@dataclass(frozen=True)
class Run:
    """What is measured.

    Attributes:
        model: model file; each machine loads it for itself.
        normal, faulty: files of the sounds, (N,) int16.
        machines: their number.
        seconds: length of the measurement.
        page: whether the page is served, to one client.
    """

    model: str
    normal: str
    faulty: str
    machines: int
    seconds: float
    page: bool = True


@dataclass(frozen=True)
class Measured:
    """What was measured; times in seconds, memory in bytes.

    Attributes:
        kept_up: no window was dropped, and the sound that waits did not become more.
        expected, scored: windows in the time of the measurement.
        skipped: seconds of sound of all machines that were not scored.
        growth: by how much the sound that waits became more, mean of the machines.
        latency: median and 99 % quantile of the time from the last sample of a window to its score.
        alarm_latency: longest time from the last sample of the window with which an alarm starts to the
            alarm, which is explained and stored by then; ``None`` without an alarm.
        cores: processor time over time.
        memory: resident at the end.
        threads: of the process.
    """

    kept_up: bool
    expected: int
    scored: int
    skipped: float
    growth: float
    latency: tuple[float, float]
    alarm_latency: float | None
    cores: float
    memory: int
    threads: int


class Played(Source):
    """A live source that plays a sound again and again.

    The seconds before the start are delivered at once, as a device with a full buffer would, so that the
    first window is soon complete.
    """

    sample_rate, channels = RATE, 1

    def __init__(self, sound: np.ndarray, offset: int, delay: float) -> None:
        super().__init__("played")
        self._sound, self._offset, self._delay = sound, offset, delay

    def __iter__(self) -> Iterator[Block]:
        if self._closed.wait(self._delay):
            return
        start = time.time() - WINDOW + LEFT  # of the stream
        index = 0
        while not self._closed.is_set():
            due = start + (index + BLOCK) / RATE
            if (pause := due - time.time()) > 0 and self._closed.wait(pause):
                return
            at = (self._offset + index) % (len(self._sound) - BLOCK)
            samples = self._sound[at : at + BLOCK].astype(np.float32) / 32768
            yield Block(samples[:, None], index, start + index / RATE)
            index += BLOCK


class Latencies:
    """Collects the times from the last sample of a window to the event; in the threads that score."""

    def __init__(self) -> None:
        self.scores: list[float] = []
        self.alarms: list[float] = []

    def __call__(self, name: str, change: Change) -> None:
        if isinstance(change, Judgement):
            self.scores.append(time.time() - change.time)
        elif isinstance(change, AlarmChange) and change.kind == "started":
            self.alarms.append(time.time() - change.episode.start)


def measure(run: Run) -> Measured:
    """Run the monitor for some time."""
    normal, faulty = np.load(run.normal), np.load(run.faulty)
    rng = np.random.default_rng(0)
    began = time.time()
    machines = []
    for number in range(run.machines):
        model = load_model(run.model)
        assert model.alarm_policy is not None
        period = model.alarm_policy.period
        sound = faulty if number < FAULTY else normal
        source = partial(Played, sound, int(rng.integers(len(sound))), float(rng.uniform(0, period)))
        machines.append(WatchedMachine(f"machine {number}", model, source))
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        store = stack.enter_context(EventStore(Path(folder) / "store"))
        engine = Engine(machines, store)
        if run.page:
            server = stack.enter_context(PageServer(engine, PageSettings(port=0)))
            stack.enter_context(_client(server.port))
        latencies = Latencies()
        engine.listeners.append(latencies)
        thread = threading.Thread(target=engine.run)
        loaded = time.time()
        thread.start()
        try:
            runners = list(engine.runners.values())
            while min(runner.windows for runner in runners) < 2 and time.time() < loaded + WARM_UP:
                time.sleep(0.1)
            print(
                f"loaded in {loaded - began:.1f} s, warm after {time.time() - loaded:.1f} s", file=sys.stderr
            )
            return _measured(run, engine, latencies, period)
        finally:
            engine.stop()
            thread.join()


def _measured(run: Run, engine: Engine, latencies: Latencies, period: float) -> Measured:
    runners = list(engine.runners.values())
    latencies.scores.clear()
    windows = [runner.windows for runner in runners]
    waiting = sum(runner.backlog.seconds for runner in runners)
    skipped = sum(runner.backlog.skipped for runner in runners)
    before, started = time.process_time(), time.monotonic()
    time.sleep(run.seconds)
    elapsed = time.monotonic() - started
    cores = (time.process_time() - before) / elapsed
    growth = (sum(runner.backlog.seconds for runner in runners) - waiting) / len(runners)
    scored = [runner.windows - of_runner for runner, of_runner in zip(runners, windows, strict=True)]
    skipped = sum(runner.backlog.skipped for runner in runners) - skipped
    least = int((elapsed - GROWTH) / period)
    times = np.array(latencies.scores or [np.inf])
    return Measured(
        bool(skipped == 0 and growth < GROWTH and min(scored) >= least),
        round(len(runners) * elapsed / period),
        sum(scored),
        skipped,
        growth,
        (float(np.median(times)), float(np.quantile(times, 0.99))),
        max(latencies.alarms, default=None),
        cores,
        _resident(),
        threading.active_count(),
    )


@contextmanager
def _client(port: int) -> Iterator[None]:
    """A page that listens to the states of all machines and to the spectrogram of one, as a process."""
    address = f"http://127.0.0.1:{port}/api/stream?machine=1"
    code = "import sys, urllib.request\nfor _ in urllib.request.urlopen(sys.argv[1]): pass"
    process = subprocess.Popen([sys.executable, "-c", code, address], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _resident() -> int:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return round(1e6 * peak_of_this_process())


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Run(**json.loads(sys.argv[1]))))))
