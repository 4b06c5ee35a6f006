"""What a few recordings of a new domain are worth: AUC-target with 0, 1, 5 and 10 of them.

    python -m bench.few_target -o results/few_target [--detector auto] [--only bldc|simulated] [--draws 5]

Two ways to use n target clips: fitting again with them, and `auscult.adapt` of a model that was fitted
without any. Simulated machines have ten target clips, the real motor (``AUSCULT_REAL_DATA``/bldc) five; where
n is less, several draws of which ones are averaged. What is done is not done again. Writes its tables into
docs/few-target.md; with ``--print`` to the terminal alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from auscult.api.fit import DEFAULT_DETECTOR
from auscult.benchmark.entries import Entry, entries
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import run_stage
from auscult.corpus import Clip, machine_folders
from auscult.detectors import Detector
from auscult.detectors.options import parse_settings
from auscult.errors import AuscultError
from auscult.simulation import simulate
from bench.few_target_tables import Scores, section
from bench.markdown import write_section

COUNTS = (0, 1, 5, 10)
SEED = 13711


@dataclass(frozen=True)
class Task:
    """One machine, so many of its target clips, and which draw of them."""

    machine: str
    count: int
    draw: int


def chosen(targets: Sequence[Clip], task: Task) -> list[Clip]:
    """The target clips of a task: a draw without replacement, in the order of the corpus."""
    rng = np.random.default_rng([task.draw, task.count])
    return [targets[i] for i in sorted(rng.permutation(len(targets))[: task.count])]


def tasks(machine: str, targets: int, draws: int) -> Iterator[Task]:
    """Every number of target clips that there is, several draws where there is a choice."""
    for count in COUNTS:
        if count <= targets:
            yield from (Task(machine, count, draw) for draw in range(draws if 0 < count < targets else 1))


def with_targets(machine: MachineData, targets: Sequence[Clip]) -> MachineData:
    """The same machine with its source clips and these target clips alone to learn from."""
    other = MachineData(machine.name, machine.folder, machine.channel, machine.other_machines)
    keep = {clip.path for clip in targets}
    other.train = [clip for clip in machine.train if clip.domain != "target" or clip.path in keep]
    return other


def refitted(
    machine: MachineData, targets: Sequence[Clip], entry: Entry, settings: dict[str, str], folder: Path
) -> Scores:
    """Scores of the test clips by a detector that learnt from the source clips and these."""
    stage = run_stage(folder, with_targets(machine, targets), entry, SEED, entry.settings(settings))
    return Scores(stage.clips, stage.scores[entry.kind(entry.config(settings)).decisive_score])


def adapted(machine: MachineData, targets: Sequence[Clip], fitted: Path) -> Scores:
    """Scores by the model that was fitted without target clips and then took these in."""
    from auscult.api.adapt import adapt
    from auscult.model.model_file import load_model

    model = adapt(load_model(fitted / "model.auscult"), targets)
    recordings = machine.testing(model.sample_rate)
    values = [
        model.detector.score(recording).scores[model.detector.decisive_score] for recording in recordings
    ]
    return Scores([recording.clip for recording in recordings], np.array(values))


def can_adapt(entry: Entry) -> bool:
    """Whether the detector takes more recordings in without being fitted again."""
    return entry.kind.adapted is not Detector.adapted


def scored(
    fleet: Sequence[MachineData], entry: Entry, settings: dict[str, str], draws: int, output: Path
) -> dict[tuple[str, int], dict[int, dict[str, Scores]]]:
    """(way, count) to draw to machine to scores; the ways are ``refit`` and ``adapt``."""
    found: dict[tuple[str, int], dict[int, dict[str, Scores]]] = {}
    for machine in fleet:
        targets = [clip for clip in machine.train if clip.domain == "target"]
        home = output / machine.name / entry.name
        for task in tasks(machine.name, len(targets), draws):
            print(f"{machine.name}: {task.count} target clips, draw {task.draw}", file=sys.stderr)
            few = chosen(targets, task)
            folder = home / f"{task.count}-{task.draw}"
            ways = {"refit": refitted(machine, few, entry, settings, folder)}
            if few and can_adapt(entry):
                ways["adapt"] = adapted(machine, few, home / "0-0")
            for way, scores in ways.items():
                found.setdefault((way, task.count), {}).setdefault(task.draw, {})[machine.name] = scores
        machine.forget()
    return found


def fleets(args: argparse.Namespace, output: Path) -> Iterator[tuple[str, list[MachineData]]]:
    """The data that are asked for: name and machines."""
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that holds bldc/, or say --only simulated")
        yield "bldc", [MachineData(*pair) for pair in machine_folders(Path(root) / "bldc").items()]
    if args.only in (None, "simulated"):
        homes = simulate(
            output / "recordings",
            machines=int(args.machines) if args.machines.isdecimal() else args.machines.split(","),
            clips=args.clips,
            target_clips=max(COUNTS),
            test_clips=args.test_clips,
            seconds=args.seconds,
            seed=0,
        )
        fleet = [MachineData(home.name, str(home)) for home in homes]
        for machine in fleet:
            machine.other_machines = [other for other in fleet if other is not machine]
        yield "simulated", fleet


def main() -> None:
    """Runs what is missing, then writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/few_target", help="folder for fits and recordings")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR, help="which, also with a preset: name@preset")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="one of the two data sets alone")
    parser.add_argument(
        "--draws", type=int, default=5, help="draws of the target clips where there is a choice"
    )
    parser.add_argument("--machines", default="7", help="how many simulated machines, or which")
    parser.add_argument(
        "--clips", type=int, default=110, help="training clips, ten of them of the target domain"
    )
    parser.add_argument("--test-clips", type=int, default=50, help="test clips of a domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a simulated clip")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--print", dest="only_print", action="store_true", help="write no documentation")
    args = parser.parse_args()
    output, settings = Path(args.output), parse_settings(args.settings)
    try:
        entry = entries([args.detector], settings)[0][0]
        for data, fleet in fleets(args, output):
            found = scored(fleet, entry, settings, args.draws, output / data)
            text = section(entry.name, found, fleet)
            if not args.only_print:
                write_section("few-target.md", f"bench.few_target {data}", text)
            print(text)
    except AuscultError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
