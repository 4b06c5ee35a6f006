"""How many machines one computer monitors in real time, how late the scores are, and what memory they take.

    python -m bench.monitor [--folder DIR] [--minutes 12] [--cores 2] [--quick]

Each run is a process of its own with the real engine, event store and page. Sources deliver the sound of one
simulated fan at real time, each from another place of it; each machine has loaded the model for itself, as
different machines would. For each detector and each time between scores the number of machines is raised
until scores fall behind. Models are fitted once and kept in the folder. Writes docs/results/monitor.md;
``--quick``, whose numbers mean nothing, only prints. Nothing else should run on the machine at the same time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.markdown import table, this_machine, write_section
from bench.monitor_child import Measured, Run
from bench.monitor_machines import DETECTORS, Size, faulty_sound, model_file, normal_sound
from bench.monitor_search import Tried, largest, search

PAGE = "results/monitor.md"
#: Times between scores, about, seconds.
PERIODS = (1.0, 5.0)
#: Numbers of machines with a score each second with which the search begins: those that are aimed at.
START = {"auto": 50, "pooled_gaussian": 300, "autoencoder": 100}


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        detectors, periods: for which the largest number is searched.
        start: number of machines with which the search begins, by detector.
        seconds: length of a run after the warm-up.
        minutes: time for all runs.
        cores: that are used.
        size: of what is prepared.
    """

    detectors: Sequence[str]
    periods: Sequence[float]
    start: dict[str, int]
    seconds: float
    minutes: float
    cores: int
    size: Size


@dataclass(frozen=True)
class Result:
    """One run of a detector with a time between scores."""

    detector: str
    period: float
    machines: int
    measured: Measured


def results(plan: Plan, folder: Path) -> Iterator[Result]:
    """Prepare everything, then yield the runs as they end."""
    normal, faulty = normal_sound(folder, plan.size), faulty_sound(folder)
    cases = [(detector, period) for detector in plan.detectors for period in plan.periods]
    models = {case: model_file(folder, case[0], plan.size, case[1]) for case in cases}
    began, before = time.monotonic(), 1
    for done, (detector, period) in enumerate(cases, start=1):
        case = _Case(
            detector, period, Run(str(models[detector, period]), str(normal), str(faulty), 0, plan.seconds)
        )
        end = began + 60 * plan.minutes * done / len(cases)
        start = plan.start[detector] if period == plan.periods[0] else 2 * before
        tried = search(partial(case.run, cores=plan.cores), start, partial(case.has_time, end))
        before = max(1, largest(tried))
        yield from case.results


@dataclass
class _Case:
    """A detector with a time between scores, and its runs."""

    detector: str
    period: float
    template: Run
    results: list[Result] = field(default_factory=list)
    taken: float = 0.0  # seconds that the last run took, with its preparation

    def run(self, machines: int, cores: int) -> Tried:
        print(f"{self.detector}, a score each {self.period:g} s, {machines} machines …", file=sys.stderr)
        started = time.monotonic()
        measured = _run(replace(self.template, machines=machines), cores)
        self.taken = time.monotonic() - started
        print(f"  {measured}", file=sys.stderr)
        self.results.append(Result(self.detector, self.period, machines, measured))
        return Tried(machines, measured.kept_up, measured.cores / cores)

    def has_time(self, end: float) -> bool:
        return time.monotonic() + 0.8 * self.taken < end


def _run(run: Run, cores: int) -> Measured:
    environment = {**os.environ, "OMP_NUM_THREADS": str(cores)}
    command = [sys.executable, "-W", "ignore", "-m", "bench.monitor_child", json.dumps(asdict(run))]
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    data = json.loads(process.stdout)
    return Measured(**{**data, "latency": tuple(data["latency"])})


def summary(runs: Sequence[Result], cores: int) -> str:
    """The table of the largest numbers."""
    rows = []
    for detector, period in dict.fromkeys((run.detector, run.period) for run in runs):
        of_case = [run for run in runs if (run.detector, run.period) == (detector, period)]
        kept = [run for run in of_case if run.measured.kept_up]
        best = max(kept, key=lambda run: run.machines, default=None)
        failed = [run.machines for run in of_case if not run.measured.kept_up]
        more = [number for number in failed if best is None or number > best.machines]
        figures = ["–"] * 3
        if best:
            m = best.measured
            figures = [f"{100 * m.cores / cores:.0f} %", _ms(m.latency[0]), _ms(m.latency[1])]
        rows.append(
            [
                f"`{detector}`",
                f"{period:g} s",
                str(best.machines) if best else "–",
                str(min(more)) if more else "–",
                *figures,
                f"{_memory([run for run in runs if run.detector == detector]):.1f} MB",
            ]
        )
    header = [
        "detector",
        "a score each",
        "machines",
        "too many",
        "processor",
        "latency",
        "99 %",
        "memory each",
    ]
    return table(header, rows)


def all_runs(runs: Sequence[Result], cores: int) -> str:
    """The table of all runs."""
    rows = [
        [
            f"`{run.detector}`",
            f"{run.period:g} s",
            str(run.machines),
            "yes" if run.measured.kept_up else "no",
            f"{run.measured.skipped:.0f} s",
            f"{100 * run.measured.cores / cores:.0f} %",
            _ms(run.measured.latency[0]),
            _ms(run.measured.latency[1]),
            "–" if run.measured.alarm_latency is None else f"{run.measured.alarm_latency:.1f} s",
            f"{run.measured.memory / 1e6:.0f} MB",
            str(run.measured.threads),
        ]
        for run in sorted(runs, key=lambda run: (run.detector, run.period, run.machines))
    ]
    header = ["detector", "a score each", "machines", "kept up", "skipped", "processor", "latency", "99 %"]
    return table([*header, "alarm", "memory", "threads"], rows)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"


def _memory(runs: Sequence[Result]) -> float:
    """MB that each further machine takes: the slope over all runs of a detector."""
    machines = np.array([run.machines for run in runs], float)
    memory = np.array([run.measured.memory for run in runs], float) / 1e6
    if len(set(machines.tolist())) < 2:
        return float("nan")
    return float(np.polyfit(machines, memory, 1)[0])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("results/monitor"), help="models and sounds")
    parser.add_argument("--minutes", type=float, default=12.0, help="for all runs, after models are fitted")
    parser.add_argument("--seconds", type=float, default=25.0, help="of a run after its warm-up")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="only check that it works")
    given = parser.parse_args(arguments)
    plan = Plan(tuple(DETECTORS), PERIODS, START, given.seconds, given.minutes, given.cores, Size())
    if given.quick:
        small = Size(clips=10, sound=1)
        plan = Plan(("pooled_gaussian",), (1.0,), {"pooled_gaussian": 2}, 3.0, 0.01, given.cores, small)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: plan.cores])
    runs = list(results(plan, given.folder))
    tables = {"monitor": summary(runs, plan.cores), "monitor runs": all_runs(runs, plan.cores)}
    print("\n\n".join(tables.values()))
    if given.quick:
        return
    about = (
        f"{this_machine()}, of which {plan.cores} are used, {time.strftime('%Y-%m-%d')}; runs of "
        f"{plan.seconds:g} s."
    )
    for name, text in {**tables, "monitor about": about}.items():
        write_section(PAGE, name, text)


if __name__ == "__main__":
    main()
