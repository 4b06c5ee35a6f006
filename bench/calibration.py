"""Is the promised rate of false alarms kept? Counted on normal test clips, by domain.

    python -m bench.calibration -o results/calibration [--detectors auto] [--jobs 2]

Fits detectors with every way to calibrate on the real motor (``AUSCULT_REAL_DATA``/bldc) and on simulated
machines, sets the conformal threshold at 5, 10 and 20 %, and
counts alarms on test normals. A model file that is there already is not fitted again. Writes its table into
docs/decision.md, where each list of detectors has its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run side by side, one core each

import joblib

import auscult
from auscult.benchmark.entries import Entry
from auscult.corpus import attribute_groups
from auscult.evaluation import proportion_interval
from auscult.model import Score
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section

RATES = (0.05, 0.10, 0.20)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Task:
    """One fit and its count."""

    data: str
    folder: str
    detector: str
    calibrate: str
    group_by: tuple[str, ...]
    seed: int
    epochs: int

    @property
    def how(self) -> str:
        return f"{self.calibrate} by {'recording' if self.group_by else 'clip'}"


@dataclass(frozen=True)
class Count:
    """Normal test clips of one domain, and how many of them were called anomalous at each rate."""

    task: Task
    domain: str
    clips: int
    alarms: dict[float, int | None]  # None: too few calibration clips for that rate


def run_task(task: Task, output: Path) -> list[Count]:
    """Fits, or takes the model that is there, and counts."""
    corpus = auscult.open_corpus(task.folder)
    name = f"{task.data}-{task.detector}-{task.how.replace(' ', '-')}-{task.epochs}-{task.seed}.auscult"
    path = output / name
    if not path.exists():
        clips = corpus.for_training()
        clips = attribute_groups(clips, task.group_by) if task.group_by else clips
        settings = Entry(task.detector).settings({"seed": task.seed, "epochs": task.epochs})
        model = auscult.fit(
            clips, task.detector, calibrate=task.calibrate, keep_likely_cuts_together=False, **settings
        )
        model.save(str(path))
    model = auscult.load(path)
    counts = []
    for domain in ("source", "target"):
        normals = corpus.where(split="test", condition="normal", domain=domain)
        values = [s.score for s in model.score_clips(normals) if isinstance(s, Score)]
        limits = {rate: model.threshold(rate).value for rate in RATES}
        alarms = {r: None if limit is None else sum(v > limit for v in values) for r, limit in limits.items()}
        counts.append(Count(task, domain, len(values), alarms))
    return counts


def tasks(output: Path, detectors: list[str]) -> list[Task]:
    """Every fit: three seeds on the real motor, one on each simulated machine."""
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that holds bldc/")
    motor = str(Path(root) / "bldc" / "BrushlessMotor")
    ways: list[tuple[str, tuple[str, ...]]] = [
        ("crossfit", ("motor", "spd")),
        ("crossfit", ()),
        ("holdout", ("motor", "spd")),
    ]
    found = [
        Task("bldc", motor, detector, how, groups, seed, 100)
        for detector in detectors
        for how, groups in ways
        for seed in SEEDS
    ]
    machines = ("fan", "gearbox", "valve")
    simulate(output / "simulated", machines=machines, clips=100, seed=0, seconds=5.0)
    return found + [
        Task(f"{machine} (simulated)", str(output / "simulated" / machine), detector, "crossfit", (), 0, 30)
        for machine in machines
        for detector in detectors
    ]


def rows_of(counts: list[Count]) -> list[list[str]]:
    """A row for each data set, detector, way and domain; seeds added up."""
    groups: dict[tuple[str, str, str, str], list[Count]] = {}
    for count in counts:
        key = (count.task.data, count.task.detector, count.task.how, count.domain)
        groups.setdefault(key, []).append(count)
    rows = []
    for key, members in groups.items():
        cells = []
        for rate in RATES:
            known = [(c.alarms[rate], c.clips) for c in members]
            if any(alarms is None for alarms, _ in known):
                cells.append("no verdict")
                continue
            # Seeds judge the same clips, so the interval counts each clip once, at the mean rate.
            clips = members[0].clips
            mean = sum(a or 0 for a, _ in known) / len(known)
            interval = proportion_interval(round(mean), clips)
            low, high = 100 * (interval.low or 0.0), 100 * (interval.high or 0.0)
            cells.append(f"{100 * mean / clips:.0f} [{low:.0f}, {high:.0f}]")
        rows.append([*key, str(members[0].clips), *cells])
    return rows


def main() -> None:
    """Runs what is missing, then writes the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/calibration", help="folder for the fitted models")
    parser.add_argument("--detectors", default="auto", help="separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time, one core each")
    args = parser.parse_args()
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    todo = tasks(output, args.detectors.split(","))
    counts: list[Count] = []
    parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator")
    for done, part in enumerate(parallel(joblib.delayed(run_task)(task, output) for task in todo), start=1):
        counts += part
        print(
            f"{done}/{len(todo)} {part[0].task.data} {part[0].task.detector} {part[0].task.how}",
            file=sys.stderr,
        )
    header = [
        "data",
        "detector",
        "calibration",
        "domain",
        "normals",
        *(f"promised {100 * r:.0f} %" for r in RATES),
    ]
    text = table(header, rows_of(counts))
    section = f"bench.calibration {args.detectors}"
    write_section("decision.md", section, f"{text}\n\nMeasured on {this_machine()}.")
    print(text)


if __name__ == "__main__":
    main()
