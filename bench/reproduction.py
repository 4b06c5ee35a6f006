"""Reproduce the experiment of the GammaVAE report without the DCASE data, in every reading of it.

    python -m bench.reproduction -o results/reproduction [--jobs 2] [--only bldc|simulated]

Compares all presets of the gamma VAE, each also with options changed, with the autoencoder, with five seeds
on the real motor (``AUSCULT_REAL_DATA``/bldc); on simulated machines only the readings of the report, unless
``--variants`` names others. The seeds of a variant are trained together. Finished fits are reused. Writes the
tables between the markers of docs/results/reproduction.md, or with ``--to FILE`` into a file.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run in parallel, one core each

import joblib
import numpy as np

from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import Stage, StageResult, run_stages
from auscult.decision import baseline_threshold
from auscult.errors import AuscultError, FitError
from auscult.simulation import simulate
from bench.reproduction_claims import write_claims
from bench.reproduction_tables import Outcome, write_tables
from bench.reproduction_variants import READINGS, VariantFit, variants


def run_fits(fits: Sequence[VariantFit], output: Path) -> list[Outcome]:
    """Fit and score one variant on one machine with all seeds.

    Returns:
        For each fit its stage or the message of its failure, and statistics of its training and latents.
    """
    stages = [_stage(fit, output) for fit in fits]
    outcomes: list[Outcome] = []
    for fit, stage, outcome in zip(fits, stages, run_stages(stages), strict=True):
        if isinstance(outcome, FitError):
            outcomes.append((fit, str(outcome), {}))
        elif isinstance(outcome, AuscultError):
            raise outcome
        else:
            outcomes.append((fit, outcome, _statistics(stage.folder, fit)))
    return outcomes


def _stage(fit: VariantFit, output: Path) -> Stage:
    name = fit.variant.name.replace(", ", "+")
    folder = output / "stages" / fit.data / fit.machine / name / f"seed{fit.seed}"
    settings = {"epochs": fit.epochs, **fit.variant.settings}
    return Stage(folder, MachineData(fit.machine, fit.folder), fit.variant.choice, fit.seed, settings)


def _statistics(folder: Path, fit: VariantFit) -> dict[str, Any]:
    """Metrics of training, the baseline's threshold for ``mse``, and R² of predicting the speed of normal
    test clips from their codes."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    from auscult.corpus import AudioClip, open_corpus
    from auscult.detectors.representable import LatentSpace
    from auscult.model.model_file import load_model

    model = load_model(folder / "model.auscult")
    last = model.detector.facts["history"][-1]
    facts = {k: last[k] for k in ("loss", "reconstruction", "kl", "active_units", "validation") if k in last}
    facts["collapsed"] = bool(model.detector.facts.get("collapsed"))
    facts["baseline_threshold"] = baseline_threshold(model.detector.facts["batch_scores"]["mse"]).value
    clips = open_corpus(fit.folder).where(split="test", condition="normal")
    key = next((k for k in ("spd", "vel", "speed") if all(k in c.attributes for c in clips)), None)
    if key and isinstance(model.detector, LatentSpace) and len({c.attributes[key] for c in clips}) > 2:
        rate = model.sample_rate
        recordings = [AudioClip.from_file(c, sample_rate=rate, cached=True) for c in clips]
        pooled = np.stack([model.detector.codes(r).mean(axis=0) for r in recordings])
        speed = np.array([float(c.attributes[key]) for c in clips])
        folds = KFold(5, shuffle=True, random_state=0)  # every speed occurs in every fold
        predicted = cross_val_predict(RidgeCV(np.logspace(-3, 3, 13)), pooled, speed, cv=folds)
        facts["speed_r2"] = float(1 - np.sum((predicted - speed) ** 2) / np.sum((speed - speed.mean()) ** 2))
    return facts


def planned_fits(args: argparse.Namespace, output: Path) -> list[list[VariantFit]]:
    """The fits on the selected data; those of each variant and machine together."""
    machines: list[tuple[str, str, str, int, tuple[str, ...]]] = []  # as in VariantFit
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/, or give --only simulated")
        folder = Path(root) / "bldc" / "BrushlessMotor"
        machines.append(
            ("bldc", "BrushlessMotor", str(folder), args.epochs or 100, ("motor", "spd", "fault"))
        )
    if args.only in (None, "simulated"):
        fleet, names = output / "simulated", args.machines.split(",")
        simulate(fleet, machines=names, clips=60, seed=0, seconds=5.0)
        machines += [("simulated", name, str(fleet / name), args.epochs or 30, ()) for name in names]
    return [
        [VariantFit(data, name, folder, variant, seed, epochs, group_by) for seed in range(args.seeds)]
        for data, name, folder, epochs, group_by in machines
        for variant in variants(args.variants)
        if data == "bldc" or args.variants or variant.name in ("autoencoder", *READINGS)
    ]


def main() -> None:
    """Run the missing fits, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/reproduction", help="folder for models and scores")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel fits, one core each")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="only one of the two data sets")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--epochs", type=int, help="number of epochs; default 100 on bldc, 30 simulated")
    parser.add_argument("--variants", default="", help="names of variants, separated by semicolons")
    parser.add_argument("--to", type=Path, help="write the tables into this file, not into the documentation")
    parser.add_argument(
        "--machines", default="fan,gearbox,valve", help="names of simulated machines, separated by commas"
    )
    args = parser.parse_args()
    output, started = Path(args.output), time.perf_counter()
    jobs = planned_fits(args, output)
    parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator_unordered")
    outcomes: list[Outcome] = []
    for done, group in enumerate(parallel(joblib.delayed(run_fits)(fits, output) for fits in jobs), start=1):
        outcomes += group
        fit = group[0][0]
        seconds = sum(stage.fit_seconds for _, stage, _ in group if isinstance(stage, StageResult))
        minutes = (time.perf_counter() - started) / 60
        print(
            f"{done}/{len(jobs)} {fit.machine} {fit.variant.name}: {seconds:.0f} s for {len(group)} seeds; "
            f"{minutes:.1f} min so far",
            file=sys.stderr,
        )
    write_tables(outcomes, args.to)
    write_claims(outcomes, args.to)


if __name__ == "__main__":
    main()
