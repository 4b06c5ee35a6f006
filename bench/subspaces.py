"""Measure `subspace_residual`: its scores on real and simulated machines, and the choices of its defaults.

    python -m bench.subspaces -o results/subspaces [--seed 3] [--check-seed 5]

The real machines are those of ``AUSCULT_REAL_DATA``; simulated recordings are written to the output folder.
The measure of a machine is the harmonic mean of the AUC in the source domain, the AUC in the target domain,
and the pAUC. Writes its tables to docs/results/subspaces.md; with ``--print`` only to the terminal.

Each choice (`VARIANTS`) is compared with its alternatives over all sets of successive ranks. Each real
machine is left out in turn. The set of ranks is chosen by the mean over the other real machines plus the mean
over the simulated machines, so that both kinds have the same weight, and measured on the machine left out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from auscult.corpus import machine_folders
from auscult.detectors.reconstruction.subspace_residual import SubspaceResidualConfig
from auscult.detectors.reconstruction.subspaces import RANKS
from auscult.evaluation import evaluate_scores
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings
from bench.subspace_variants import VARIANTS, Machine

#: All sets of successive ranks.
RANK_SETS = [RANKS[i:j] for i in range(len(RANKS)) for j in range(i + 1, len(RANKS) + 1)]
DEFAULT_RANKS = SubspaceResidualConfig().rank_values


def name_of(ranks: Sequence[int]) -> str:
    """Return ``4–16`` for 4, 8, 16, and ``8`` for 8."""
    return f"{ranks[0]}–{ranks[-1]}" if len(ranks) > 1 else str(ranks[0])


def decision_rows(real: Sequence[Machine], simulated: Sequence[Machine]) -> list[list[str]]:
    """One row for each variant: the ranks chosen without each real machine, the mean over the machines left
    out, and the means with the default ranks."""
    rows = []
    for name, variant in VARIANTS.items():
        values = {
            ranks: np.array([m.harmonic_mean(variant(m, ranks)) for m in (*real, *simulated)])
            for ranks in RANK_SETS
        }
        chosen, left_out = [], []
        for index in range(len(real)):
            others = [i for i in range(len(real)) if i != index]
            best = max(RANK_SETS, key=lambda r: values[r][others].mean() + values[r][len(real) :].mean())
            chosen.append(best)
            left_out.append(values[best][index])
        default = values[DEFAULT_RANKS]
        rows.append(
            [
                name,
                ", ".join(map(name_of, chosen)),
                f"{np.mean(left_out):.1f}",
                f"{default[: len(real)].mean():.1f}",
                f"{default[len(real) :].mean():.1f}",
            ]
        )
        print(rows[-1], file=sys.stderr)
    return rows


def score_rows(machines: Mapping[str, Machine], groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """One row for each score of the detector: each machine, and the mean of each group of machines."""
    single = {
        f"`residual_{rank}`": (lambda m, k=k: m.by_domain.squares[:, k].mean(axis=1))
        for k, rank in enumerate(RANKS)
    }
    combined = {name: (lambda m, v=v: v(m, DEFAULT_RANKS)) for name, v in list(VARIANTS.items())[:2]}
    rows = []
    for name, score in {**combined, **single}.items():
        values = {machine: m.harmonic_mean(score(m)) for machine, m in machines.items()}
        means = [f"{np.mean([values[machine] for machine in group]):.1f}" for group in groups]
        rows.append([name, *(f"{values[machine]:.1f}" for machine in groups[0]), *means])
    return rows


def interval_row(machines: Mapping[str, Machine], group: Sequence[str]) -> list[str]:
    """The 95 % intervals of the default score, over independent recordings."""
    cells = []
    for name in group:
        machine = machines[name]
        scores = VARIANTS["`weighted`"](machine, DEFAULT_RANKS)
        mean = evaluate_scores(with_recordings(machine.clips), scores).overall.harmonic_mean
        cells.append(
            "–" if mean.low is None or mean.high is None else f"{100 * mean.low:.0f}–{100 * mean.high:.0f}"
        )
    return ["95 % interval of `weighted`", *cells, *["–"] * 3]


def simulated_machines(args: argparse.Namespace, seed: int) -> dict[str, str]:
    """Write simulated machines of a seed; return their folders by name."""
    root = Path(args.output) / f"recordings-{seed}"
    simulate(
        root,
        machines=args.machines,
        clips=args.clips,
        test_clips=args.test_clips,
        seconds=args.seconds,
        seed=seed,
    )
    return {f"{name} {seed}": folder for name, folder in machine_folders(root).items()}


def main() -> None:
    """Measure, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/subspaces", help="folder for simulated recordings")
    parser.add_argument("--machines", type=int, default=7, help="number of simulated machines")
    parser.add_argument("--clips", type=int, default=60, help="training clips per simulated machine")
    parser.add_argument("--test-clips", type=int, default=25, help="test clips per domain and condition")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the simulated clips")
    parser.add_argument("--seed", type=int, default=3, help="of the simulation that choices are made on")
    parser.add_argument("--check-seed", type=int, default=5, help="of a simulation that no choice depends on")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/ and real/")
    folders = [
        {**machine_folders(Path(root) / "bldc"), **machine_folders(Path(root) / "real")},
        simulated_machines(args, args.seed),
        simulated_machines(args, args.check_seed),
    ]
    machines = {}
    for name, folder in {k: v for group in folders for k, v in group.items()}.items():
        machines[name] = Machine.of(folder)
        print(name, file=sys.stderr)
    real, simulated, check = map(list, folders)
    decisions = decision_rows([machines[name] for name in real], [machines[name] for name in simulated])
    rows = score_rows(machines, [real, simulated, check])
    rows.insert(2, interval_row(machines, real))
    header = ["score", *real, "real", "simulated", "other simulation"]
    decision_header = ["variant", "ranks chosen without …", "left out", "real", "simulated"]
    note = (
        "Harmonic mean of AUC source, AUC target and pAUC in percent; intervals over independent "
        f"recordings. Means over the real machines, and over {args.machines} simulated machines with "
        f"{args.clips} training clips and {4 * args.test_clips} test clips of {args.seconds:g} s, of the "
        f"simulation seed {args.seed} that choices were made on and of the seed {args.check_seed}, which no "
        f"choice depends on. Measured on {this_machine()}."
    )
    decision_note = (
        "The set of successive ranks that is best without each of the real machines "
        f"({', '.join(real)}); the mean over these machines with the ranks chosen without them; and the "
        f"means with the ranks {name_of(DEFAULT_RANKS)}."
    )
    text = f"{table(header, rows)}\n\n{note}\n\n{table(decision_header, decisions)}\n\n{decision_note}"
    if not args.only_print:
        write_section("results/subspaces.md", "bench.subspaces", text)
    print(text)


if __name__ == "__main__":
    main()
