"""How cost grows with processes and workers, and what a plant and a year of archive would take.

    python -m bench.scale [--folder DIR] [--quick]

Runs `auscult fit ROOT`, `auscult bench` and `auscult score --output` with one process and with two, hands
empty tasks to two processes and to a Dask cluster of two workers, and works out a plant of 10,000 machines
and a year of archive from measured steps (`bench.scale_plan`). Writes its tables into docs/scale.md; a quick
run only prints.
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

from auscult.runtime.parallel import each, workers
from bench import scale_plan
from bench.markdown import table, this_machine, write_section
from bench.scale_plan import DAY, HOUR, WAV, Need, Steps
from bench.speed_clips import Clips
from bench.speed_clock import ROOT, Child, Record, Runs, command_seconds, environment, interleaved, spread
from bench.speed_page import figure, times

PLANT = 10_000
ALONE = "one process"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    repeats: int = 5  # of each side
    tasks: int = 500  # empty ones
    machines: int = 4
    few_clips: int = 20  # work so small that starting processes is most of it
    few_epochs: int = 3
    clips: int = 50  # of a machine
    epochs: int = 10


QUICK = Size(1, 20, 2, 8, 1, 10, 2)
AUSCULT = [sys.executable, "-m", "auscult"]


def fitted(clips: Clips, size: Size, detector: str) -> Path:
    """A model of a machine, whose networks have hardly learnt: that changes no time."""
    model = clips.folder / f"archive {detector}.auscult"
    folder = str(clips.machine(size.clips))
    Child("fit", folder=folder, detector=detector, model=str(model), epochs=2).result()
    return model


def processes(clips: Clips, size: Size, models: Mapping[str, Path]) -> dict[str, Runs]:
    """Command to its runs with one process and with two; each run begins with nothing done.

    Args:
        models: detector to a model, to score with.
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
    found = {}
    for name, command in commands.items():
        sides = {
            by: _anew(out, [*AUSCULT, *command, "--jobs", jobs])
            for by, jobs in ((ALONE, "1"), ("2 processes", "2"))
        }
        found[name] = interleaved(sides, size.repeats)
    return found


def _anew(out: Path, command: list[str]) -> Callable[[], Record]:
    def run() -> Record:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        return command_seconds(command)()

    return run


def nothing(_: int) -> None:
    """A task that costs only what handing it out costs."""


def overhead(tasks: int, repeats: int) -> Runs:
    """Seconds that so many empty tasks take, by two processes and by a Dask cluster of two workers."""
    with dask_cluster() as address:

        def empty(jobs: int, cluster: str | None) -> Record:
            with workers(jobs, cluster):
                list(each(nothing, range(4)))  # the first tasks start the processes
                started = time.perf_counter()
                list(each(nothing, range(tasks)))
                return {"milliseconds": 1e3 * (time.perf_counter() - started) / tasks}

        return interleaved(
            {"--jobs 2": lambda: empty(2, None), "--cluster": lambda: empty(1, address)}, repeats
        )


@contextmanager
def dask_cluster() -> Iterator[str]:
    """The address of a scheduler of this machine with two workers of one thread."""
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


def measured_steps(clips: Clips, size: Size, model: Path) -> Steps:
    """The steps that a plant is worked out from, on one core; scoring is that of the model."""
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
    runs, sound = interleaved(sides, size.repeats), size.clips * clips.seconds
    return Steps(
        feature_seconds=spread(runs["features"], "seconds").median / sound,
        step_seconds=spread(runs["train"], "milliseconds").median / 1e3,
        score_seconds=spread(runs["score"], "seconds").median / sound,
        model_bytes=model.stat().st_size,
        cache_bytes=sum(f.stat().st_size for f in cache.rglob("*") if f.is_file()) / sound,
        worker_bytes=1e6 * spread(runs["score"], "megabytes").median,
    )


def processes_table(found: dict[str, Runs], empty: Runs) -> str:
    """Walls with one process and two, and what an empty task costs."""
    rows = [
        [
            name,
            side,
            figure(spread(records, "process_seconds"), 1),
            times(runs, side, "process_seconds", than=ALONE),
        ]
        for name, runs in found.items()
        for side, records in runs.items()
    ]
    tasks = [[side, figure(spread(records, "milliseconds"), 2)] for side, records in empty.items()]
    walls = table(["command", "by", "s", f"× {ALONE}"], rows)
    return f"{walls}\n\n{table(['two workers', 'an empty task, ms'], tasks)}"


def steps_table(steps: Steps) -> str:
    rows = [
        ["features, core-seconds an hour of sound", f"{HOUR * steps.feature_seconds:.2f}"],
        ["training step of a machine, ms", f"{1e3 * steps.step_seconds:.2f}"],
        ["scoring, core-seconds an hour of sound", f"{HOUR * steps.score_seconds:.2f}"],
        ["model, bytes", f"{steps.model_bytes:,.0f}"],
        ["features cache, MB an hour of sound", f"{HOUR * steps.cache_bytes / 1e6:.1f}"],
        ["sound itself, MB an hour", f"{HOUR * WAV / 1e6:.1f}"],
        ["worker that scores, MB", f"{steps.worker_bytes / 1e6:.0f}"],
    ]
    return table(["`autoencoder`, one core", "measured"], rows)


def plan_table(steps: Steps) -> str:
    """Plant and archive, every figure extrapolated."""
    once = [
        (f"fit {PLANT:,} machines once, 1000 clips of 10 s, 100 epochs", scale_plan.fitting(steps, PLANT)),
        ("a year of one machine, scored once", scale_plan.archive(steps, 1)),
        (f"a year of {PLANT:,} machines, scored once", scale_plan.archive(steps, PLANT)),
    ]
    always = [
        (f"{PLANT:,} machines, 10 s every minute", scale_plan.listening(steps, PLANT, seconds=10, every=60)),
        (f"{PLANT:,} machines, without a pause", scale_plan.listening(steps, PLANT, seconds=10, every=10)),
    ]
    ends = table(
        ["extrapolated: done once", "core-hours", "days on 64 cores", "sound read, TB", "left on disk, GB"],
        [
            [name, f"{n.core_hours:,.1f}", f"{n.core_hours * HOUR / 64 / DAY:,.2f}", *_bytes(n)]
            for name, n in once
        ],
    )
    rates = table(
        ["extrapolated: all the time", "cores busy", "sound, MB/s", "workers, GB", "models, GB", "used most"],
        [
            [
                name,
                f"{n.core_hours:.1f}",
                f"{n.read_bytes / 1e6:.0f}",
                f"{n.memory_bytes / 1e9:.1f}",
                f"{n.disk_bytes / 1e9:.1f}",
                _most(n),
            ]
            for name, n in always
        ],
    )
    return f"{ends}\n\n{rates}\n\nUsed most: of 64 cores, a disk of 500 MB/s and a network of 125 MB/s."


def _bytes(need: Need) -> list[str]:
    return [f"{need.read_bytes / 1e12:,.2f}", f"{need.disk_bytes / 1e9:,.1f}"]


def _most(need: Need) -> str:
    name, used = scale_plan.bottleneck(need, cores=64, disk=500e6, network=125e6)
    return f"{name}, {100 * used:.0f} %"


def main() -> None:
    """Measures, works out, writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="for recordings and models, kept for the next run")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it runs")
    args = parser.parse_args()
    size = QUICK if args.quick else Size()
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        clips = Clips(folder / "quick", 2.0, originals=4) if args.quick else Clips(folder)
        clips.folder.mkdir(parents=True, exist_ok=True)
        models = {detector: fitted(clips, size, detector) for detector in ("autoencoder", "auto")}
        steps = measured_steps(clips, size, models["autoencoder"])
        empty = overhead(size.tasks, size.repeats)
        walls = processes(clips, size, models)
    told = f"Measured on {this_machine()}, {time.strftime('%Y-%m-%d')}."
    tables = {
        "processes": f"{processes_table(walls, empty)}\n\n{told}",
        "steps": f"{steps_table(steps)}\n\n{told}",
        "plan": plan_table(steps),
    }
    for name, text in tables.items():
        if not args.quick:
            write_section("scale.md", f"bench.scale {name}", text)
        print(f"\n{name}\n\n{text}")


if __name__ == "__main__":
    main()
