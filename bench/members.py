"""What `auto` is made of: its members alone and together, on simulated machines, and left out one by one.

    python -m bench.members -o results/members [--clips 100] [--seconds 10] [--seed 3]

Every member is cross-fitted on each machine's training clips as in `auto`, put to the trial on altered
normals, and scores the test clips. Then ways of putting members together are compared, and each machine gets
the way that does best on all others, which says what the choice is worth on a machine that it did not see.
Members that are done are not done again. Writes its tables into docs/detectors.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import auscult
from auscult.corpus import AudioClip, folds_of, machine_folders
from auscult.detectors import detector_type
from auscult.detectors.ensemble.auto import AutoConfig
from auscult.detectors.ensemble.members import chosen_members
from auscult.detectors.ensemble.trial import Trial
from auscult.detectors.statistics.standardizer import Standard
from auscult.evaluation import evaluate_scores
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section

#: What ways of putting members together are given: standardised scores (K, n), areas of the trial (K,).
Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


def member_on(folder: str, name: str) -> dict[str, Any]:
    """One member's standardised scores of a machine's test clips, and its area in the trial."""
    corpus = auscult.open_corpus(folder)
    recordings = [AudioClip.from_file(clip) for clip in corpus.for_training()]
    config = AutoConfig()
    trial = Trial(
        recordings, folds_of(recordings, config.folds, config.seed), config.pseudo_anomalies, config.seed
    )
    member = chosen_members(name)[name]
    its_config = member.config(config.seed, config.front_end)
    final, fold_models = detector_type(member.detector).crossfit(its_config, recordings, trial.folds)
    normals = trial.normal_scores(fold_models)[member.score]
    outcome = trial.outcome(normals, trial.altered_scores(fold_models)[member.score])
    tested = [AudioClip.from_file(clip) for clip in corpus.for_evaluation()]
    scores = np.array([final.score(recording).scores[member.score] for recording in tested])
    z = Standard.fit(normals[:, None]).z(scores[:, None])[:, 0]
    return {"z": z.tolist(), "auc": outcome.value}


def remembered(path: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was worked out before, or now."""
    if not path.exists():
        write_atomically(path, json.dumps(work()).encode())
        print(path.stem, file=sys.stderr)
    return json.loads(path.read_text())


def _above_chance(z: np.ndarray, auc: np.ndarray) -> np.ndarray:
    weights = np.maximum(auc - 0.5, 0)
    return weights @ z / weights.sum()


def ways(members: list[str]) -> dict[str, tuple[list[str], Way]]:
    """Ways of putting members together, by name: which members, and how."""
    gaussians = [name for name in members if "neighbours" not in name]
    neighbours = [name for name in members if "neighbours" in name]
    usual = [name for name in members if not name.startswith("short")]
    short = [name for name in members if name.startswith("short")]
    return {
        "mean of all (`auto`)": (members, lambda z, _: z.mean(axis=0)),
        "mean of all, weighted by area above chance": (members, _above_chance),
        "largest of all": (members, lambda z, _: z.max(axis=0)),
        "smallest of all": (members, lambda z, _: z.min(axis=0)),
        "mean of the four Gaussians": (gaussians, lambda z, _: z.mean(axis=0)),
        "mean of the two neighbours": (neighbours, lambda z, _: z.mean(axis=0)),
        "mean of the usual frames": (usual, lambda z, _: z.mean(axis=0)),
        "mean of the short frames": (short, lambda z, _: z.mean(axis=0)),
    }


def measured(
    folders: Mapping[str, str], members: list[str], output: Path
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Harmonic mean of each member and of each way, by machine."""
    alone: dict[str, dict[str, float]] = {name: {} for name in members}
    together: dict[str, dict[str, float]] = {name: {} for name in ways(members)}
    for machine, folder in folders.items():
        clips = list(auscult.open_corpus(folder).for_evaluation())

        def accuracy(scores: np.ndarray, clips: list = clips) -> float:
            return 100 * float(evaluate_scores(clips, scores, resamples=0).overall.harmonic_mean.value or 0)

        known = {}
        for name in members:
            path = output / f"{machine}-{name}.json"
            known[name] = remembered(path, lambda f=folder, n=name: member_on(f, n))  # type: ignore[misc]
            alone[name][machine] = accuracy(np.array(known[name]["z"]))
        for name, (those, way) in ways(members).items():
            z = np.array([known[member]["z"] for member in those])
            together[name][machine] = accuracy(way(z, np.array([known[member]["auc"] for member in those])))
    return alone, together


def left_out(
    together: Mapping[str, Mapping[str, float]], machines: list[str]
) -> dict[str, tuple[str, float]]:
    """For each machine the way that does best on the others, and what it reaches there."""
    chosen = {}
    for machine in machines:
        others = [m for m in machines if m != machine]
        best = max(together, key=lambda name: float(np.mean([together[name][m] for m in others])))
        chosen[machine] = best, together[best][machine]
    return chosen


def main() -> None:
    """Runs what is missing, then writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/members", help="folder for recordings and scores")
    parser.add_argument("--members", default="untrained", help="which, as of auto's option")
    parser.add_argument("--machines", default="7", help="how many simulated machines, or which")
    parser.add_argument("--clips", type=int, default=100, help="training clips of a machine")
    parser.add_argument("--test-clips", type=int, default=50, help="test clips of a domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a clip")
    parser.add_argument("--seed", type=int, default=3, help="of the simulation")
    parser.add_argument("--print", dest="only_print", action="store_true", help="write no documentation")
    args = parser.parse_args()
    output = Path(args.output)
    simulate(
        output / "recordings",
        machines=int(args.machines) if args.machines.isdecimal() else args.machines.split(","),
        clips=args.clips,
        test_clips=args.test_clips,
        seconds=args.seconds,
        seed=args.seed,
    )
    folders, members = machine_folders(output / "recordings"), list(chosen_members(args.members))
    alone, together = measured(folders, members, output)
    machines = list(folders)
    rows = [
        [name, *(f"{by_machine[m]:.1f}" for m in machines), f"{np.mean(list(by_machine.values())):.1f}"]
        for name, by_machine in {**{f"`{n}`": v for n, v in alone.items()}, **together}.items()
    ]
    chosen = left_out(together, machines)
    names = dict.fromkeys(name for name, _ in chosen.values())
    rows.append(
        [
            "chosen on the other machines",
            *(f"{chosen[m][1]:.1f}" for m in machines),
            f"{np.mean([value for _, value in chosen.values()]):.1f}",
        ]
    )
    note = (
        f"Harmonic mean of AUC-source, AUC-target and pAUC in percent; {args.clips} training clips of "
        f"{args.seconds:g} s, {4 * args.test_clips} test clips, simulation seed {args.seed}. Chosen on the "
        f"other machines: for each machine the way that does best on the rest, which is "
        f"{' or '.join(names)}. Measured on {this_machine()}."
    )
    text = f"{table(['', *machines, 'mean'], rows)}\n\n{note}"
    if not args.only_print:
        write_section("detectors.md", f"bench.members {args.seconds:g} s", text)
    print(text)


if __name__ == "__main__":
    main()
