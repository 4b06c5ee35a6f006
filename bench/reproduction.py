"""Reproduce the experiment of the GammaVAE report without the DCASE data, including its variants.

    python -m bench.reproduction -o results/reproduction [--jobs 2] [--only bldc|simulated]

Compares both presets of the gamma VAE, each also with single options changed, with the autoencoder: five
seeds on the real motor (``AUSCULT_REAL_DATA``/bldc), three on simulated machines. Finished fits are reused.
Writes the tables between the markers of docs/reproduction.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run in parallel, one core each

import joblib
import numpy as np

from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import StageResult, run_stage
from auscult.errors import FitError
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.reproduction_tables import write_tables
from bench.reproduction_variants import VariantFit, variants


def run_fit(fit: VariantFit, output: Path) -> tuple[VariantFit, StageResult | str, dict[str, Any]]:
    """Fit and score one variant.

    Returns:
        The fit, its stage or the message of its failure, and statistics of its training and latents.
    """
    name = fit.variant.name.replace(", ", "+")
    folder = output / "stages" / fit.data / fit.machine / name / f"seed{fit.seed}"
    settings = {"epochs": fit.epochs, **fit.variant.settings}
    try:
        stage = run_stage(
            folder, MachineData(fit.machine, fit.folder), fit.variant.choice, fit.seed, settings
        )
    except FitError as error:
        return fit, str(error), {}
    statistics_file = folder / "latents.json"
    if not statistics_file.exists():
        write_atomically(statistics_file, json.dumps(_latents(folder, fit)).encode())
    return fit, stage, json.loads(statistics_file.read_text())


def _latents(folder: Path, fit: VariantFit) -> dict[str, Any]:
    """Statistics of the latents: metrics of training, and R² of predicting the speed of normal test clips."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    from auscult.corpus import AudioClip, open_corpus
    from auscult.model.model_file import load_model

    model = load_model(folder / "model.auscult")
    last = model.detector.facts["history"][-1]
    facts = {k: last[k] for k in ("loss", "reconstruction", "kl", "active_units", "validation") if k in last}
    facts["collapsed"] = bool(model.detector.facts.get("collapsed"))
    clips = open_corpus(fit.folder).where(split="test", condition="normal")
    key = next((k for k in ("spd", "vel", "speed") if all(k in c.attributes for c in clips)), None)
    if key and model.detector.has_codes and len({c.attributes[key] for c in clips}) > 2:
        rate = model.sample_rate
        recordings = [AudioClip.from_file(c, sample_rate=rate) for c in clips]
        pooled = np.stack([model.detector.codes(r).mean(axis=0) for r in recordings])
        speed = np.array([float(c.attributes[key]) for c in clips])
        folds = KFold(5, shuffle=True, random_state=0)  # every speed occurs in every fold
        predicted = cross_val_predict(RidgeCV(np.logspace(-3, 3, 13)), pooled, speed, cv=folds)
        facts["speed_r2"] = float(1 - np.sum((predicted - speed) ** 2) / np.sum((speed - speed.mean()) ** 2))
    return facts


def planned_fits(args: argparse.Namespace, output: Path) -> list[VariantFit]:
    """All fits on the selected data."""
    fits = []
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/, or give --only simulated")
        folder = str(Path(root) / "bldc" / "BrushlessMotor")
        fits += [
            VariantFit("bldc", "BrushlessMotor", folder, v, seed, 100)
            for v in variants()
            for seed in range(args.seeds)
        ]
    if args.only in (None, "simulated"):
        fleet = output / "simulated"
        simulate(fleet, machines=args.machines.split(","), clips=60, seed=0, seconds=5.0)
        fits += [
            VariantFit("simulated", machine, str(fleet / machine), v, seed, 30)
            for machine in args.machines.split(",")
            for v in variants()
            for seed in range(3)
        ]
    return fits


def main() -> None:
    """Run the missing fits, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/reproduction", help="folder for models and scores")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel fits, one core each")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="only one of the two data sets")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds on bldc")
    parser.add_argument(
        "--machines", default="fan,gearbox,valve", help="names of simulated machines, separated by commas"
    )
    args = parser.parse_args()
    output = Path(args.output)
    fits = planned_fits(args, output)
    parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    outcomes = []
    for outcome in parallel(joblib.delayed(run_fit)(fit, output) for fit in fits):
        outcomes.append(outcome)
        fit, stage, _ = outcome
        result = stage if isinstance(stage, str) else f"{stage.fit_seconds:.0f} s"
        print(
            f"{len(outcomes)}/{len(fits)} {fit.machine} {fit.variant.name} seed {fit.seed}: {result}",
            file=sys.stderr,
        )
    write_tables(outcomes)


if __name__ == "__main__":
    main()
