"""The GammaVAE report's experiment as far as it goes without the DCASE data, and every reading around it.

    python -m bench.reproduction -o results/reproduction [--jobs 2] [--only bldc|simulated]

Both presets and one option changed at a time around each, against the autoencoder: five seeds on the real
motor (``AUSCULT_REAL_DATA``/bldc), three on simulated machines. Finished fits are not redone; at the end the
tables between the markers of docs/reproduction.md are written anew.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run side by side, one core each

import joblib
import numpy as np

from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import Stage, run_stage
from auscult.errors import FitError
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.readings import Task, variants
from bench.reproduction_tables import write_tables


def run_task(task: Task, output: Path) -> tuple[Task, Stage | str, dict[str, Any]]:
    """The stage of one fit and facts of its training, or the message of its failure."""
    place = task.variant.name.replace(", ", "+")
    folder = output / "stages" / task.data / task.machine / place / f"seed{task.seed}"
    settings = {"epochs": task.epochs, **task.variant.settings}
    try:
        stage = run_stage(
            folder, MachineData(task.machine, task.folder), task.variant.entry, task.seed, settings
        )
    except FitError as error:
        return task, str(error), {}
    facts_file = folder / "latents.json"
    if not facts_file.exists():
        write_atomically(facts_file, json.dumps(_latents(folder, task)).encode())
    return task, stage, json.loads(facts_file.read_text())


def _latents(folder: Path, task: Task) -> dict[str, Any]:
    """What the latents carry: training figures, and how well speed follows from them on normal test clips."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    from auscult.corpus import AudioClip, open_corpus
    from auscult.model.model_file import load_model

    model = load_model(folder / "model.auscult")
    last = model.detector.facts["history"][-1]
    facts = {k: last[k] for k in ("loss", "reconstruction", "kl", "active_units", "validation") if k in last}
    facts["collapsed"] = bool(model.detector.facts.get("collapsed"))
    clips = open_corpus(task.folder).where(split="test", condition="normal")
    key = next((k for k in ("spd", "vel", "speed") if all(k in c.attributes for c in clips)), None)
    if key and model.detector.has_codes and len({c.attributes[key] for c in clips}) > 2:
        rate = model.sample_rate
        heard = [AudioClip.from_file(c, sample_rate=rate) for c in clips]
        pooled = np.stack([model.detector.codes(r).mean(axis=0) for r in heard])
        speed = np.array([float(c.attributes[key]) for c in clips])
        folds = KFold(5, shuffle=True, random_state=0)  # every fold sees every speed
        guess = cross_val_predict(RidgeCV(np.logspace(-3, 3, 13)), pooled, speed, cv=folds)
        facts["speed_r2"] = float(1 - np.sum((guess - speed) ** 2) / np.sum((speed - speed.mean()) ** 2))
    return facts


def tasks(args: argparse.Namespace, output: Path) -> list[Task]:
    """Every fit that is asked for."""
    found = []
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that holds bldc/, or say --only simulated")
        folder = str(Path(root) / "bldc" / "BrushlessMotor")
        found += [
            Task("bldc", "BrushlessMotor", folder, v, seed, 100)
            for v in variants()
            for seed in range(args.seeds)
        ]
    if args.only in (None, "simulated"):
        fleet = output / "simulated"
        simulate(fleet, machines=args.machines.split(","), clips=60, seed=0, seconds=5.0)
        found += [
            Task("simulated", machine, str(fleet / machine), v, seed, 30)
            for machine in args.machines.split(",")
            for v in variants()
            for seed in range(3)
        ]
    return found


def main() -> None:
    """Runs what is missing, then writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/reproduction", help="folder for fits and scores")
    parser.add_argument("--jobs", type=int, default=2, help="fits at a time, one core each")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="one of the two data sets alone")
    parser.add_argument("--seeds", type=int, default=5, help="seeds on bldc")
    parser.add_argument("--machines", default="fan,gearbox,valve", help="simulated machines")
    args = parser.parse_args()
    output = Path(args.output)
    todo = tasks(args, output)
    parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    outcomes = []
    for outcome in parallel(joblib.delayed(run_task)(task, output) for task in todo):
        outcomes.append(outcome)
        task = outcome[0]
        told = outcome[1] if isinstance(outcome[1], str) else f"{outcome[1].fit_seconds:.0f} s"
        print(
            f"{len(outcomes)}/{len(todo)} {task.machine} {task.variant.name} seed {task.seed}: {told}",
            file=sys.stderr,
        )
    write_tables(outcomes)


if __name__ == "__main__":
    main()
