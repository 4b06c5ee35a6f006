"""Compare front ends on recordings of accelerometers: the default one, and one for the orders of a shaft.

    python -m bench.vibration -o results/vibration

The front end for orders is `auscult.spectrum.vibration_front_end`. `auto` is fitted with its default front
end ("default"), with the one for orders instead ("orders"), and with members of both ("both"). The other
detectors, which have a single front end, are compared with either on the accelerometers. Everything else is
equal. The members of `auto` for orders have as much weight as all its others, which was not chosen on data.
Training clips are grouped by the original recording (attribute ``rec``). The measure is the harmonic
mean of the AUC in the source domain, the AUC in the target domain, and the pAUC.

Decision, written before the comparison of the three was run: with `auto`, "both" is what the preset
``vibration`` means, and the default for tables of signals, if its mean over the two accelerometers is at most
1 point below that of "default". Otherwise the preset remains "orders". The machines that were recorded by
microphones are a guard: they are reported, by one seed, but nothing is decided on them.

Finished runs are reused. Writes its tables to docs/results/vibration.md; with ``--print`` only to the
terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.machine import MachineData
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import run_stage
from auscult.errors import AuscultError
from auscult.evaluation import labels_of
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over
from auscult.spectrum import vibration_front_end
from bench.front_end import machines_below
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings

#: The machines that were recorded by an accelerometer, by name.
ACCELEROMETERS = ("FemtoBearing", "PaderbornBearing")
SINGLE_DETECTORS = ("pooled_gaussian", "spectral_memory", "subspace_residual")
SEEDS = (13711, 1, 2)
#: By how much "both" may be below "default", as a share of 1.
TOLERANCE = 0.01

#: Front end ("default", "orders" or "both") to the runs of all seeds.
Compared = Mapping[str, Sequence[Run]]


def front_end_settings(machine: MachineData) -> dict[str, dict[str, Any]]:
    """The settings of each front end for a machine; "both" are settings of `auto`."""
    orders = vibration_front_end(machine.format.sample_rate, machine.format.seconds)
    return {"default": {}, "orders": orders, "both": {"order_n_fft": orders["n_fft"]}}


def seeds_of(machine: MachineData) -> tuple[int, ...]:
    """The seeds for a machine; results of other seeds hardly differ."""
    return SEEDS if machine.name in ACCELEROMETERS else SEEDS[:1]


def compared(machine: MachineData, detector: str, output: Path) -> Compared:
    """The metrics of a detector's default score on a machine with each front end that it can have."""
    choice = DetectorChoice(detector)
    runs: dict[str, list[Run]] = {}
    for name, settings in front_end_settings(machine).items():
        if name == "both" and detector != "auto":
            continue
        runs[name] = []
        for seed in seeds_of(machine):
            print(f"{machine.name}: {detector}, {name}, seed {seed}", file=sys.stderr)
            folder = output / machine.name / detector / f"{name}-{seed}"
            stage = run_stage(folder, machine, choice, seed, settings)
            scores = stage.scores[choice.detector_class(choice.config(settings)).decisive_score]
            runs[name].append([Measured.of(labels_of(with_recordings(stage.clips)), scores)])
    return runs


def comparison_table(runs: Mapping[tuple[str, str], Compared]) -> str:
    """A table with a row for each machine and detector.

    Args:
        runs: (machine, detector) to the runs; all with the same front ends.
    """
    names = list(next(iter(runs.values())))
    rows = []
    for (machine, detector), compared in runs.items():
        means = [f"{100 * _mean(compared[name]):.1f}" for name in names]
        gains = [
            interval_text(difference(compared[name], compared["default"], TERMS, mean_over))
            for name in names[1:]
        ]
        rows.append([machine, f"`{detector}`", *means, *gains])
    return table(["machine", "detector", *names, *(f"gain of {name}" for name in names[1:])], rows)


def decision(runs: Sequence[Compared]) -> str:
    """Apply the rule to the runs of `auto` on the accelerometers; a sentence with the means.

    Args:
        runs: of each machine, with all three front ends.
    """
    default, orders, both = (
        fmean(_mean(compared[name]) for compared in runs) for name in ("default", "orders", "both")
    )
    accepted = both >= default - TOLERANCE
    return (
        f"Mean of `auto` over the accelerometers: default {100 * default:.1f}, orders {100 * orders:.1f}, "
        f"both {100 * both:.1f}. By the rule in the script, the preset of `auto` and its default for tables "
        f"of signals {'is' if accepted else 'is not'} both."
    )


def _mean(runs: Sequence[Run]) -> float:
    return estimate(runs, TERMS, mean_over).value


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/vibration", help="folder for models and scores")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/ and real/")
    output = Path(args.output)
    try:
        machines = [*machines_below(Path(root) / "real"), *machines_below(Path(root) / "bldc")]
        machines.sort(key=lambda machine: machine.name not in ACCELEROMETERS)
        auto: dict[tuple[str, str], Compared] = {}
        single: dict[tuple[str, str], Compared] = {}
        for machine in machines:
            auto[machine.name, "auto"] = compared(machine, "auto", output)
            for detector in SINGLE_DETECTORS if machine.name in ACCELEROMETERS else ():
                single[machine.name, detector] = compared(machine, detector, output)
            machine.clear_cache()
        rule = decision([auto[name, "auto"] for name in ACCELEROMETERS])
        note = (
            f"Harmonic mean of AUC source, AUC target and pAUC in percent, mean over {len(SEEDS)} seeds, on "
            f"machines other than {' and '.join(ACCELEROMETERS)} of one seed; gains over the default in "
            f"percentage points with 95 % intervals over recordings and seeds. Measured on {this_machine()}."
        )
        text = f"{comparison_table(auto)}\n\n{rule}\n\n{comparison_table(single)}\n\n{note}"
    except AuscultError as error:
        sys.exit(str(error))
    if not args.only_print:
        write_section("results/vibration.md", "bench.vibration", text)
    print(text)


if __name__ == "__main__":
    main()
