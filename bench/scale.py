"""Measure the gain from processes and workers, and extrapolate the cost of a plant and a year of archive.

    python -m bench.scale [--folder DIR] [--quick]

Runs `auscult fit ROOT`, `auscult bench` and `auscult score --output` with one and two processes, distributes
empty tasks to two processes and to a Dask cluster of two workers, and extrapolates a plant of 10,000 machines
and a year of archive from measured steps (`bench.scale_plan`). Writes its tables to docs/results/scale.md;
with ``--quick`` it only prints them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from auscult.runtime.parallel import parallel_map, workers
from bench import scale_plan
from bench.markdown import table, this_machine, write_section
from bench.scale_plan import DAY, HOUR, WAV, Resources, Steps
from bench.speed_clips import Clips
from bench.speed_clock import ROOT, Child, Record, Runs, command_seconds, environment, interleaved, spread
from bench.speed_page import figure, times

PLANT = 10_000
ONE_PROCESS = "one process"


@dataclass(frozen=True)
class ScaleSize:
    """The amount of work that is measured."""

    repeats: int = 5  # runs per side
    tasks: int = 500  # number of empty tasks
    machines: int = 4
    few_clips: int = 20  # per machine; so little work that starting processes dominates
    few_epochs: int = 3
    clips: int = 50  # per machine
    epochs: int = 10


QUICK = ScaleSize(1, 20, 2, 8, 1, 10, 2)
AUSCULT = [sys.executable, "-m", "auscult"]


def fitted(clips: Clips, size: ScaleSize, detector: str) -> Path:
    """Fit a model with two epochs: the weights do not affect the time to score."""
    model = clips.folder / f"archive {detector}.auscult"
    folder = str(clips.machine(size.clips))
    Child("fit", folder=folder, detector=detector, model=str(model), epochs=2).result()
    return model


def time_commands(clips: Clips, size: ScaleSize, models: Mapping[str, Path]) -> dict[str, Runs]:
    """The runs of each command with one process and with two; each run starts with an empty output folder.

    Args:
        models: name of a detector to the model that scores.
    """
    archive, out = clips.machine(20 * size.clips), clips.folder / "written"
    commands: dict[str, list[str]] = {}
    for count, epochs in ((size.few_clips, size.few_epochs), (size.clips, size.epochs)):
        plant = f"{size.machines} machines, {count} clips, {epochs} epochs"
        root, network = str(clips.plant(size.machines, count, 10)), ["--epochs", str(epochs), "--quiet"]
        fit = ["fit", root, "-o", f"{out}/models/", "--detector", "autoencoder"]
        bench = ["bench", root, "-o", f"{out}/bench", "--detectors", "autoencoder,pooled_gaussian"]
        commands |= {f"`fit ROOT`, {plant}": [*fit, *network], f"`bench`, {plant}": [*bench, *network]}
    for detector, model in models.items():
        name = f"`score` of {20 * size.clips} clips by `{detector}`"
        commands[name] = ["score", str(model), str(archive), "-o", f"{out}/scores.csv"]
    runs = {}
    for name, command in commands.items():
        sides = {
            side: _with_empty_folder(out, [*AUSCULT, *command, "--jobs", jobs])
            for side, jobs in ((ONE_PROCESS, "1"), ("2 processes", "2"))
        }
        runs[name] = interleaved(sides, size.repeats)
    return runs


def _with_empty_folder(out: Path, command: list[str]) -> Callable[[], Record]:
    def run() -> Record:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return command_seconds(command)()

    return run


def empty_task(_: int) -> None:
    """Do nothing, so that only the cost of distributing tasks is measured."""


def overhead(tasks: int, repeats: int) -> Runs:
    """Milliseconds per empty task, with two processes and with a Dask cluster of two workers."""
    with dask_cluster() as address:

        def time_tasks(jobs: int, cluster: str | None) -> Record:
            with workers(jobs, cluster):
                list(parallel_map(empty_task, range(4)))  # the first tasks start the processes
                started = time.perf_counter()
                list(parallel_map(empty_task, range(tasks)))
                return {"milliseconds": 1e3 * (time.perf_counter() - started) / tasks}

        return interleaved(
            {"--jobs 2": lambda: time_tasks(2, None), "--cluster": lambda: time_tasks(1, address)}, repeats
        )


@contextmanager
def dask_cluster() -> Iterator[str]:
    """Start a Dask scheduler on this machine with two workers of one thread; yield its address."""
    with TemporaryDirectory() as folder:
        file = f"{folder}/scheduler.json"
        dask = [sys.executable, "-m", "dask"]
        common = ["--scheduler-file", file, "--no-dashboard"]
        commands = [
            ["scheduler", "--host", "127.0.0.1", "--port", "0", *common],
            *[["worker", "--nthreads", "1", "--no-nanny", "--local-directory", folder, *common]] * 2,
        ]
        started = [
            subprocess.Popen(
                [*dask, *command], env=environment(threads=1), cwd=ROOT, stderr=subprocess.DEVNULL
            )
            for command in commands
        ]
        try:
            from distributed import Client

            while not Path(file).exists():
                time.sleep(0.1)
            with Client(scheduler_file=file) as client:
                client.wait_for_workers(2, timeout=60)
                yield client.scheduler.address
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def measured_steps(clips: Clips, size: ScaleSize, model: Path) -> Steps:
    """Measure the steps for `bench.scale_plan` on one core; scoring is measured with ``model``."""
    folder, fleet = str(clips.machine(size.clips)), [str(f) for f in clips.fleet(4, size.clips)]
    cache = clips.folder / "scale cache"
    shutil.rmtree(cache, ignore_errors=True)
    Child("features", cache=cache, folder=folder).result()
    sides: dict[str, Callable[[], Record]] = {
        "features": lambda: Child("features", threads=1, folder=folder).result(),
        "train": lambda: Child(
            "train", detector="autoencoder", folders=fleet, epochs=size.epochs, seconds=clips.seconds
        ).result(),
        "score": lambda: Child("score", folder=folder, model=str(model), cores=1, singles=1).result(),
    }
    runs, audio = interleaved(sides, size.repeats), size.clips * clips.seconds
    return Steps(
        feature_seconds=spread(runs["features"], "seconds").median / audio,
        step_seconds=spread(runs["train"], "milliseconds").median / 1e3,
        score_seconds=spread(runs["score"], "seconds").median / audio,
        model_bytes=model.stat().st_size,
        cache_bytes=sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) / audio,
        worker_bytes=1e6 * spread(runs["score"], "megabytes").median,
    )


def processes_table(commands: dict[str, Runs], empty: Runs) -> str:
    """Tables of wall times with one process and two, and of the cost of an empty task."""
    rows = [
        [
            name,
            side,
            figure(spread(records, "process_seconds"), 1),
            times(runs, side, "process_seconds", than=ONE_PROCESS),
        ]
        for name, runs in commands.items()
        for side, records in runs.items()
    ]
    tasks = [[side, figure(spread(records, "milliseconds"), 2)] for side, records in empty.items()]
    wall_times = table(["command", "processes", "s", f"× {ONE_PROCESS}"], rows)
    return f"{wall_times}\n\n{table(['two workers', 'ms per empty task'], tasks)}"


def steps_table(steps: Steps) -> str:
    """A table of the measured steps."""
    rows = [
        ["features, core-seconds per hour of audio", f"{HOUR * steps.feature_seconds:.2f}"],
        ["training step, ms per machine", f"{1e3 * steps.step_seconds:.2f}"],
        ["scoring, core-seconds per hour of audio", f"{HOUR * steps.score_seconds:.2f}"],
        ["model, bytes", f"{steps.model_bytes:,.0f}"],
        ["feature cache, MB per hour of audio", f"{HOUR * steps.cache_bytes / 1e6:.1f}"],
        ["audio, MB per hour", f"{HOUR * WAV / 1e6:.1f}"],
        ["scoring worker, MB", f"{steps.worker_bytes / 1e6:.0f}"],
    ]
    return table(["`autoencoder`, one core", "measured"], rows)


def plan_table(steps: Steps) -> str:
    """Tables for plant and archive; all values are extrapolated."""
    once = [
        (f"fit {PLANT:,} machines, 1000 clips of 10 s, 100 epochs", scale_plan.fitting(steps, PLANT)),
        ("score a year of one machine", scale_plan.archive(steps, 1)),
        (f"score a year of {PLANT:,} machines", scale_plan.archive(steps, PLANT)),
    ]
    always = [
        (f"{PLANT:,} machines, 10 s every minute", scale_plan.monitoring(steps, PLANT, seconds=10, every=60)),
        (f"{PLANT:,} machines, continuously", scale_plan.monitoring(steps, PLANT, seconds=10, every=10)),
    ]
    once_table = table(
        ["extrapolated: done once", "core-hours", "days on 64 cores", "audio read, TB", "kept on disk, GB"],
        [
            [name, f"{n.core_hours:,.1f}", f"{n.core_hours * HOUR / 64 / DAY:,.2f}", *_bytes(n)]
            for name, n in once
        ],
    )
    always_table = table(
        [
            "extrapolated: all the time",
            "busy cores",
            "audio, MB/s",
            "workers, GB",
            "models, GB",
            "bottleneck",
        ],
        [
            [
                name,
                f"{n.core_hours:.1f}",
                f"{n.read_bytes / 1e6:.0f}",
                f"{n.memory_bytes / 1e9:.1f}",
                f"{n.disk_bytes / 1e9:.1f}",
                _bottleneck(n),
            ]
            for name, n in always
        ],
    )
    note = "Bottleneck: the most used of 64 cores, a disk of 500 MB/s and a network of 125 MB/s."
    return f"{once_table}\n\n{always_table}\n\n{note}"


def _bytes(need: Resources) -> list[str]:
    return [f"{need.read_bytes / 1e12:,.2f}", f"{need.disk_bytes / 1e9:,.1f}"]


def _bottleneck(need: Resources) -> str:
    name, used = scale_plan.bottleneck(need, cores=64, disk=500e6, network=125e6)
    return f"{name}, {100 * used:.0f} %"


def main() -> None:
    """Measure, extrapolate, and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, help="folder for recordings and models, reused by the next run"
    )
    parser.add_argument("--quick", action="store_true", help="measure little, to check that everything runs")
    args = parser.parse_args()
    size = QUICK if args.quick else ScaleSize()
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        clips = Clips(folder / "quick", 2.0, originals=4) if args.quick else Clips(folder)
        clips.folder.mkdir(parents=True, exist_ok=True)
        models = {detector: fitted(clips, size, detector) for detector in ("autoencoder", "auto")}
        steps = measured_steps(clips, size, models["autoencoder"])
        empty = overhead(size.tasks, size.repeats)
        commands = time_commands(clips, size, models)
    note = f"Measured on {this_machine()}, {time.strftime('%Y-%m-%d')}."
    tables = {
        "processes": f"{processes_table(commands, empty)}\n\n{note}",
        "steps": f"{steps_table(steps)}\n\n{note}",
        "plan": plan_table(steps),
    }
    for name, text in tables.items():
        if not args.quick:
            write_section("results/scale.md", f"bench.scale {name}", text)
        print(f"\n{name}\n\n{text}")


if __name__ == "__main__":
    main()
