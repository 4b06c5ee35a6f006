"""Compare the members of `auto`, and combinations of them, on simulated machines.

    python -m bench.members -o results/members [--clips 100] [--seconds 10] [--seed 3]

Every member is cross-fitted on each machine's training clips as in `auto`, evaluated on pseudo-anomalies, and
then scores the test clips. Then combinations of members are compared. Each machine is also evaluated with the
combination that is best on all other machines, which estimates how well the choice generalises to a new
machine. Finished members are reused. Writes its tables to docs/detectors.md.
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
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.evaluation import evaluate_scores
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section

#: From the standardised scores (K, n) of K members and their AUCs on pseudo-anomalies (K,) to scores (n,).
Combination = Callable[[np.ndarray, np.ndarray], np.ndarray]


def evaluate_member(folder: str, name: str) -> dict[str, Any]:
    """Standardised scores of a machine's test clips by one member, and its AUC on pseudo-anomalies."""
    corpus = auscult.open_corpus(folder)
    recordings = [AudioClip.from_file(clip) for clip in corpus.for_training()]
    config = AutoConfig()
    trial = Trial(
        recordings, folds_of(recordings, config.folds, config.seed), config.pseudo_anomalies, config.seed
    )
    member = chosen_members(name)[name]
    member_config = member.config(config.seed, config.front_end)
    final, fold_models = detector_type(member.detector).crossfit(member_config, recordings, trial.folds)
    normals = trial.normal_scores(fold_models)[member.score]
    outcome = trial.outcome(normals, trial.pseudo_anomaly_scores(fold_models)[member.score])
    test_recordings = [AudioClip.from_file(clip) for clip in corpus.for_evaluation()]
    scores = np.array([final.score(recording).scores[member.score] for recording in test_recordings])
    z = Standardizer.fit(normals[:, None]).z(scores[:, None])[:, 0]
    return {"z": z.tolist(), "auc": outcome.value}


def cached(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result stored in a JSON file; computed and written first if the file does not exist."""
    if not path.exists():
        write_atomically(path, json.dumps(compute()).encode())
        print(path.stem, file=sys.stderr)
    return json.loads(path.read_text())


def _above_chance(z: np.ndarray, auc: np.ndarray) -> np.ndarray:
    weights = np.maximum(auc - 0.5, 0)
    return weights @ z / weights.sum()


def combinations(members: list[str]) -> dict[str, tuple[list[str], Combination]]:
    """Name of each combination to its members and its function."""
    gaussians = [name for name in members if "neighbours" not in name]
    neighbours = [name for name in members if "neighbours" in name]
    long = [name for name in members if not name.startswith("short")]
    short = [name for name in members if name.startswith("short")]
    return {
        "mean of all (`auto`)": (members, lambda z, _: z.mean(axis=0)),
        "mean of all, weighted by AUC above chance": (members, _above_chance),
        "maximum of all": (members, lambda z, _: z.max(axis=0)),
        "minimum of all": (members, lambda z, _: z.min(axis=0)),
        "mean of the four Gaussians": (gaussians, lambda z, _: z.mean(axis=0)),
        "mean of the two nearest-neighbour members": (neighbours, lambda z, _: z.mean(axis=0)),
        "mean of the members with default frames": (long, lambda z, _: z.mean(axis=0)),
        "mean of the members with short frames": (short, lambda z, _: z.mean(axis=0)),
    }


def harmonic_means(
    folders: Mapping[str, str], members: list[str], output: Path
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Harmonic means in percent of each member and of each combination, by name and machine."""
    single: dict[str, dict[str, float]] = {name: {} for name in members}
    combined: dict[str, dict[str, float]] = {name: {} for name in combinations(members)}
    for machine, folder in folders.items():
        clips = list(auscult.open_corpus(folder).for_evaluation())

        def harmonic_mean(scores: np.ndarray, clips: list = clips) -> float:
            overall = evaluate_scores(clips, scores, intervals=False).overall
            return 100 * overall.harmonic_mean.value

        results = {}
        for name in members:
            path = output / f"{machine}-{name}.json"
            results[name] = cached(path, lambda f=folder, n=name: evaluate_member(f, n))  # type: ignore[misc]
            single[name][machine] = harmonic_mean(np.array(results[name]["z"]))
        for name, (parts, combine) in combinations(members).items():
            z = np.array([results[member]["z"] for member in parts])
            auc = np.array([results[member]["auc"] for member in parts])
            combined[name][machine] = harmonic_mean(combine(z, auc))
    return single, combined


def leave_one_machine_out(
    combined: Mapping[str, Mapping[str, float]], machines: list[str]
) -> dict[str, tuple[str, float]]:
    """For each machine, the combination that is best on the other machines, and its result on this one."""
    chosen = {}
    for machine in machines:
        others = [m for m in machines if m != machine]
        best = max(combined, key=lambda name: float(np.mean([combined[name][m] for m in others])))
        chosen[machine] = best, combined[best][machine]
    return chosen


def main() -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/members", help="folder for recordings and scores")
    parser.add_argument("--members", default="untrained", help="members, as in the option of auto")
    parser.add_argument("--machines", default="7", help="number of simulated machines, or their names")
    parser.add_argument("--clips", type=int, default=100, help="training clips per machine")
    parser.add_argument("--test-clips", type=int, default=50, help="test clips per domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips")
    parser.add_argument("--seed", type=int, default=3, help="seed of the simulation")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
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
    single, combined = harmonic_means(folders, members, output)
    machines = list(folders)
    rows = [
        [name, *(f"{by_machine[m]:.1f}" for m in machines), f"{np.mean(list(by_machine.values())):.1f}"]
        for name, by_machine in {**{f"`{n}`": v for n, v in single.items()}, **combined}.items()
    ]
    chosen = leave_one_machine_out(combined, machines)
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
        f"other machines: for each machine the combination that is best on all others, which is "
        f"{' or '.join(names)}. Measured on {this_machine()}."
    )
    text = f"{table(['', *machines, 'mean'], rows)}\n\n{note}"
    if not args.only_print:
        write_section("detectors.md", f"bench.members {args.seconds:g} s", text)
    print(text)


if __name__ == "__main__":
    main()
