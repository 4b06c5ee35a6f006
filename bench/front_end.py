"""Measure which frames fit recordings above 16 kHz: 1024 samples as in the baseline, or about 64 ms.

    python -m bench.front_end -o results/front_end [--detectors auto,spectral_memory] [--seeds 3]

The machines are all those of ``AUSCULT_REAL_DATA``/real whose sample rate is above 16 kHz. Each detector is
fitted and scored on each machine with frames of 1024 samples (hop 512) and with frames of the power of two
nearest to 64 ms (hop of half a frame). Everything else is equal: recordings, seeds, and for cross-fitting the
groups by the original recording (attribute ``rec``). The measure of a machine is the harmonic mean of the AUC
in the source domain, the AUC in the target domain, and the pAUC; its gain is the difference between the two
front ends, mean over the seeds. Finished runs are reused. Writes its tables to docs/results/front-end.md;
with ``--print`` only to the terminal.

The decision rule was fixed before the first run. It is applied to ``auto``, and separately to the mean gain
of the other detectors that are not the baseline's (``autoencoder`` and ``gamma_vae`` always keep 1024
samples):

1. Leave each machine out in turn. Choose the frames of about 64 ms if the mean gain on the other machines is
   positive, else 1024 samples.
2. Frames of about 64 ms are used if they are chosen whichever machine is left out, and if the mean gain over
   the machines left out, under that choice, is positive.
3. Otherwise 1024 samples are kept at every rate, and `fit` only warns if a band has no bin.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.machine import MachineData
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import run_stage
from auscult.corpus import Corpus, attribute_groups, machine_folders
from auscult.errors import AuscultError
from auscult.evaluation import labels_of
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over
from auscult.spectrum import FrontEnd
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings

#: The length of the baseline's frames at 16 kHz, seconds.
FRAME_SECONDS = 0.064
#: The first is judged alone, the others together. (`discriminative` would take an hour on two cores.)
DETECTORS = ("auto", "pooled_gaussian", "spectral_memory", "gamma_observation")
SEEDS = (13711, 1, 2, 3, 4)
#: The attribute that names the recording that a clip was cut from.
GROUP_BY = "rec"

#: The runs of a detector on a machine, one for each seed, with each of the two front ends.
Runs = tuple[Sequence[Run], Sequence[Run]]


def machines_below(root: Path) -> list[MachineData]:
    """The machines below a folder, with training clips grouped by the original recording if it is known."""
    machines = [MachineData(*pair) for pair in machine_folders(root).items()]
    for machine in machines:
        if all(GROUP_BY in clip.attributes for clip in machine.train):
            machine.train = list(attribute_groups(Corpus(machine.train), [GROUP_BY]))
    return machines


def machines_above_16_khz(root: Path) -> list[MachineData]:
    """Those of `machines_below` that are sampled faster than the baseline's 16 kHz."""
    return [m for m in machines_below(root) if m.format.sample_rate > FrontEnd().sample_rate]


def frame_lengths(machine: MachineData) -> tuple[int, int]:
    """The two frame lengths that are compared on a machine, in samples: the second has the power of two
    with the smallest ratio to 64 ms."""
    return FrontEnd().n_fft, int(2 ** np.round(np.log2(FRAME_SECONDS * machine.format.sample_rate)))


def run(machine: MachineData, detector: str, n_fft: int, seed: int, output: Path) -> Run:
    """The metrics of a detector's default score on a machine."""
    settings = {"n_fft": n_fft, "hop": n_fft // 2}
    folder = output / machine.name / detector / f"{n_fft}-{seed}"
    print(f"{machine.name}: {detector}, {n_fft} samples, seed {seed}", file=sys.stderr)
    choice = DetectorChoice(detector)
    stage = run_stage(folder, machine, choice, seed, settings)
    scores = stage.scores[choice.detector_class(choice.config(settings)).decisive_score]
    return [Measured.of(labels_of(with_recordings(stage.clips)), scores)]


def chooses_longer_frames(gains: Sequence[float]) -> tuple[list[bool], float, bool]:
    """Apply the decision rule to the gains of the machines.

    Returns:
        The choice with each machine left out, the mean gain over the machines left out under these choices,
        and the decision.
    """
    choices = [fmean(gain for j, gain in enumerate(gains) if j != i) > 0 for i in range(len(gains))]
    left_out = fmean(gain if longer else 0.0 for gain, longer in zip(gains, choices, strict=True))
    return choices, left_out, all(choices) and left_out > 0


def decision_row(name: str, gains: Mapping[str, float]) -> list[str]:
    """The row of one group of detectors, with its gain on each machine, in the table of decisions."""
    choices, left_out, longer = chooses_longer_frames(list(gains.values()))
    chosen = ", ".join(
        f"{machine}: {'64 ms' if choice else '1024'}" for machine, choice in zip(gains, choices, strict=True)
    )
    decision = "about 64 ms" if longer else "1024 samples"
    return [name, f"{100 * fmean(gains.values()):+.1f}", chosen, f"{100 * left_out:+.1f}", decision]


def tables(machines: Sequence[MachineData], values: Mapping[tuple[str, str], Runs], seeds: int) -> str:
    """Both tables: harmonic means, and decisions.

    Args:
        machines: the machines.
        values: (detector, machine) to the runs with both front ends.
        seeds: number of seeds.
    """
    detectors = list(dict.fromkeys(detector for detector, _ in values))
    rows = []
    gains: dict[str, dict[str, float]] = {}
    for machine in machines:
        for detector in detectors:
            short, longer = values[detector, machine.name]
            means = [estimate(runs, TERMS, mean_over).value for runs in (short, longer)]
            gain = difference(longer, short, TERMS, mean_over)
            gains.setdefault(detector, {})[machine.name] = gain.value
            length = frame_lengths(machine)[1]
            row = [machine.name, f"{machine.format.sample_rate / 1000:g}", str(length), f"`{detector}`"]
            rows.append([*row, *(f"{100 * mean:.1f}" for mean in means), interval_text(gain)])
    header = ["machine", "kHz", "64 ms in samples", "detector", "1024 samples", "64 ms", "gain"]
    decisions = [decision_row(f"`{detectors[0]}`", gains[detectors[0]])]
    if others := detectors[1:]:
        mean_gains = {m.name: fmean(gains[d][m.name] for d in others) for m in machines}
        decisions.append(decision_row("mean of the others", mean_gains))
    decision_header = ["detector", "mean gain", "choice without …", "gain left out", "decision"]
    note = (
        f"Harmonic mean of AUC source, AUC target and pAUC in percent, mean over {seeds} seeds; gains in "
        "percentage points with 95 % intervals over recordings and seeds. Training clips are grouped by "
        f"original recording. Measured on {this_machine()}."
    )
    return f"{table(header, rows)}\n\n{table(decision_header, decisions)}\n\n{note}"


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/front_end", help="folder for models and scores")
    parser.add_argument(
        "--detectors", default=",".join(DETECTORS), help="detectors; the first is judged alone"
    )
    parser.add_argument("--seeds", type=int, default=3, choices=range(1, len(SEEDS) + 1))
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains real/")
    output = Path(args.output)
    try:
        machines = machines_above_16_khz(Path(root) / "real")
        values: dict[tuple[str, str], Runs] = {}
        for machine in machines:
            for detector in args.detectors.split(","):
                short, longer = (
                    [run(machine, detector, n_fft, seed, output) for seed in SEEDS[: args.seeds]]
                    for n_fft in frame_lengths(machine)
                )
                values[detector, machine.name] = (short, longer)
            machine.clear_cache()
        text = tables(machines, values, args.seeds)
    except AuscultError as error:
        sys.exit(str(error))
    if not args.only_print:
        write_section("results/front-end.md", "bench.front_end", text)
    print(text)


if __name__ == "__main__":
    main()
