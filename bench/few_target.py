"""Measure the gain from a few recordings of a new domain: AUC-target with 0, 1, 5 and 10 of them.

    python -m bench.few_target -o results/few_target [--detector auto] [--only bldc|simulated] [--draws 5]

There are two methods to use n target clips: fitting again with them, and `auscult.adapt` of a model that was
fitted without any. Simulated machines have ten target clips, the real motor (``AUSCULT_REAL_DATA``/bldc)
five; for smaller n the results of several random draws are averaged. Finished runs are reused. Writes its
tables to docs/results/few-target.md; with ``--print`` only to the terminal.
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
from auscult.benchmark.detector_choices import DetectorChoice, choose_detectors
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import run_stage
from auscult.corpus import Clip, machine_folders
from auscult.detectors.adaptable import Adaptable
from auscult.detectors.options import parse_settings
from auscult.errors import AuscultError
from auscult.simulation import simulate
from bench.few_target_tables import Scores, section
from bench.markdown import write_section

COUNTS = (0, 1, 5, 10)
SEED = 13711


@dataclass(frozen=True)
class TargetDraw:
    """A random draw of target clips of one machine."""

    machine: str
    count: int  # clips
    draw: int  # index among the draws of this count


def drawn_clips(targets: Sequence[Clip], draw: TargetDraw) -> list[Clip]:
    """The clips of a draw, without replacement, in the order of the corpus."""
    rng = np.random.default_rng([draw.draw, draw.count])
    return [targets[i] for i in sorted(rng.permutation(len(targets))[: draw.count])]


def all_draws(machine: str, targets: int, draws: int) -> Iterator[TargetDraw]:
    """Yield the draws of every possible count: several of them, or one if it has no or all target clips."""
    for count in COUNTS:
        if count <= targets:
            repeats = draws if 0 < count < targets else 1
            yield from (TargetDraw(machine, count, draw) for draw in range(repeats))


def with_targets(machine: MachineData, targets: Sequence[Clip]) -> MachineData:
    """The same machine with only its source clips and these target clips for training."""
    data = MachineData(machine.name, machine.folder, machine.channel, machine.other_machines)
    paths = {clip.path for clip in targets}
    data.train = [clip for clip in machine.train if clip.domain != "target" or clip.path in paths]
    return data


def refitted(
    machine: MachineData,
    targets: Sequence[Clip],
    choice: DetectorChoice,
    settings: dict[str, str],
    folder: Path,
) -> Scores:
    """Test scores of a detector fitted on the source clips and these target clips."""
    data, applicable = with_targets(machine, targets), choice.applicable_settings(settings)
    stage = run_stage(folder, data, choice, SEED, applicable)
    return Scores(stage.clips, stage.scores[choice.detector_class(choice.config(settings)).decisive_score])


def adapted(machine: MachineData, targets: Sequence[Clip], fitted: Path) -> Scores:
    """Test scores of the model in folder ``fitted``, fitted without target clips and adapted to these."""
    from auscult.api.adapt import adapt
    from auscult.model.model_file import load_model

    model = adapt(load_model(fitted / "model.auscult"), targets, accept=True)
    recordings = machine.test_audio(model.sample_rate)
    values = [
        model.detector.score(recording).scores[model.detector.decisive_score] for recording in recordings
    ]
    return Scores([recording.clip for recording in recordings], np.array(values))


def can_adapt(choice: DetectorChoice) -> bool:
    """Whether the detector can be adapted to more recordings without fitting it again."""
    return issubclass(choice.detector_class, Adaptable)


def scored(
    fleet: Sequence[MachineData], choice: DetectorChoice, settings: dict[str, str], draws: int, output: Path
) -> dict[tuple[str, int], dict[int, dict[str, Scores]]]:
    """Scores by (method, count), then draw, then machine; the methods are ``refit`` and ``adapt``."""
    results: dict[tuple[str, int], dict[int, dict[str, Scores]]] = {}
    for machine in fleet:
        targets = [clip for clip in machine.train if clip.domain == "target"]
        home = output / machine.name / choice.name
        for draw in all_draws(machine.name, len(targets), draws):
            print(f"{machine.name}: {draw.count} target clips, draw {draw.draw}", file=sys.stderr)
            few = drawn_clips(targets, draw)
            folder = home / f"{draw.count}-{draw.draw}"
            by_method = {"refit": refitted(machine, few, choice, settings, folder)}
            if few and can_adapt(choice):
                by_method["adapt"] = adapted(machine, few, home / "0-0")
            for method, scores in by_method.items():
                results.setdefault((method, draw.count), {}).setdefault(draw.draw, {})[machine.name] = scores
        machine.clear_cache()
    return results


def data_sets(args: argparse.Namespace, output: Path) -> Iterator[tuple[str, list[MachineData]]]:
    """Yield the name and the machines of each selected data set."""
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/, or give --only simulated")
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
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-o", "--output", default="results/few_target", help="folder for models and recordings"
    )
    parser.add_argument(
        "--detector", default=DEFAULT_DETECTOR, help="detector, also with a preset: name@preset"
    )
    parser.add_argument("--only", choices=["bldc", "simulated"], help="only one of the two data sets")
    parser.add_argument("--draws", type=int, default=5, help="number of draws of the target clips")
    parser.add_argument("--machines", default="7", help="number of simulated machines, or their names")
    parser.add_argument(
        "--clips",
        type=int,
        default=110,
        help="training clips per simulated machine, ten of them of the target domain",
    )
    parser.add_argument("--test-clips", type=int, default=50, help="test clips per domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the simulated clips")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    output, settings = Path(args.output), parse_settings(args.settings)
    try:
        choice = choose_detectors([args.detector], settings)[0][0]
        for data, fleet in data_sets(args, output):
            results = scored(fleet, choice, settings, args.draws, output / data)
            text = section(choice.name, results, fleet)
            if not args.only_print:
                write_section("results/few-target.md", f"bench.few_target {data}", text)
            print(text)
    except AuscultError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
