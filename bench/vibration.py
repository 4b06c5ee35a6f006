"""Measure what the preset ``vibration`` gains on recordings of accelerometers.

    python -m bench.vibration -o results/vibration [--detectors auto,pooled_gaussian]

The machines are the accelerometers of ``AUSCULT_REAL_DATA``/real. Each detector is fitted and scored on each
machine with its default front end and with the preset; everything else is equal. Training clips are grouped
by the original recording (attribute ``rec``). The measure is the harmonic mean of the AUC in the source
domain, the AUC in the target domain, and the pAUC. Finished runs are reused. Writes its table to
docs/vibration.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.machine import MachineData
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import run_stage
from auscult.detectors.options import VIBRATION
from auscult.errors import AuscultError
from auscult.evaluation import labels_of
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over
from bench.front_end import machines_above_16_khz
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings

#: The machines that were recorded by an accelerometer, by name.
ACCELEROMETERS = ("FemtoBearing", "PaderbornBearing")
DETECTORS = ("auto", "pooled_gaussian", "spectral_memory", "subspace_residual")
SEED = 13711

#: Runs with the default front end, and with the preset.
Pair = tuple[Run, Run]


def run(machine: MachineData, detector: str, preset: str | None, output: Path) -> Run:
    """The metrics of a detector's default score on a machine."""
    print(f"{machine.name}: {detector}, preset {preset}", file=sys.stderr)
    choice = DetectorChoice(detector, preset)
    stage = run_stage(output / machine.name / detector / (preset or "default"), machine, choice, SEED, {})
    scores = stage.scores[choice.detector_class(choice.config({})).decisive_score]
    return [Measured.of(labels_of(with_recordings(stage.clips)), scores)]


def gains_table(machines: Sequence[MachineData], runs: Mapping[tuple[str, str], Pair]) -> str:
    """The table, with a row for each machine and detector.

    Args:
        machines: the machines.
        runs: (detector, machine) to the runs.
    """
    rows = []
    for machine in machines:
        for detector in dict.fromkeys(detector for detector, _ in runs):
            pair = runs[detector, machine.name]
            means = [100 * estimate([measured], TERMS, mean_over).value for measured in pair]
            gain = difference([pair[1]], [pair[0]], TERMS, mean_over)
            rate = f"{machine.format.sample_rate / 1000:g}"
            rows.append(
                [machine.name, rate, f"`{detector}`", *(f"{m:.1f}" for m in means), interval_text(gain)]
            )
    header = ["machine", "kHz", "detector", "default", "preset", "gain"]
    note = (
        "Harmonic mean of AUC source, AUC target and pAUC in percent, one seed; gains in percentage points "
        f"with 95 % intervals over recordings. Measured on {this_machine()}."
    )
    return f"{table(header, rows)}\n\n{note}"


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/vibration", help="folder for models and scores")
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains real/")
    try:
        machines = [m for m in machines_above_16_khz(Path(root) / "real") if m.name in ACCELEROMETERS]
        runs: dict[tuple[str, str], Pair] = {}
        for machine in machines:
            for detector in args.detectors.split(","):
                default, preset = (run(machine, detector, p, Path(args.output)) for p in (None, VIBRATION))
                runs[detector, machine.name] = default, preset
            machine.clear_cache()
        text = gains_table(machines, runs)
    except AuscultError as error:
        sys.exit(str(error))
    if not args.only_print:
        write_section("vibration.md", "bench.vibration", text)
    print(text)


if __name__ == "__main__":
    main()
