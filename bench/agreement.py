"""Compare our autoencoder with the official one: ten seeds of each on the real motor.

    python -m bench.agreement -o results/agreement [--jobs 2]

The official code's harmonic means (AUC source, AUC target, pAUC; 100 epochs; seeds 13711 and 1 to 9) were
measured once on the same clips (``AUSCULT_REAL_DATA``/bldc) and are constants below. The same seed means
different random numbers in the two programs. The difference of the two means has Welch's interval over seeds;
it is about other seeds on these clips. Writes its table to docs/results/reproduction.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import fmean, stdev

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run in parallel, one core each

import joblib
import numpy as np

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import run_stage
from auscult.evaluation import evaluate_scores
from bench.markdown import table, this_machine, write_section

SEEDS = (13711, 1, 2, 3, 4, 5, 6, 7, 8, 9)
OFFICIAL = {
    "mse": (0.747, 0.741, 0.900, 0.961, 0.730, 0.527, 0.747, 0.922, 0.914, 0.764),
    "mahalanobis": (0.682, 0.624, 0.721, 0.694, 0.687, 0.620, 0.667, 0.614, 0.614, 0.679),
}


def harmonic_means(folder: str, output: Path, seed: int) -> dict[str, float]:
    """The harmonic mean of each score, from one fit with the official settings."""
    machine = MachineData("BrushlessMotor", folder)
    stage = run_stage(output / f"seed{seed}", machine, DetectorChoice("autoencoder"), seed, {})
    return {
        name: evaluate_scores(stage.clips, stage.scores[name], intervals=False).overall.harmonic_mean.value
        for name in OFFICIAL
    }


def main() -> None:
    """Run the missing fits, compare, and write the table."""
    from scipy.stats import t, ttest_ind

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/agreement", help="folder for the fitted models")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel fits, one core each")
    args = parser.parse_args()
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/")
    folder = str(Path(root) / "bldc" / "BrushlessMotor")
    parallel = joblib.Parallel(n_jobs=args.jobs)
    ours = parallel(joblib.delayed(harmonic_means)(folder, Path(args.output), seed) for seed in SEEDS)
    rows = []
    for score, official in OFFICIAL.items():
        mine = [means[score] for means in ours]
        difference = fmean(mine) - fmean(official)
        welch = ttest_ind(mine, official, equal_var=False)
        variance = np.var(mine, ddof=1) / len(mine) + np.var(official, ddof=1) / len(official)
        half_width = t.ppf(0.975, welch.df) * float(np.sqrt(variance))
        low, high = 100 * (difference - half_width), 100 * (difference + half_width)
        rows.append(
            [
                score,
                f"{100 * fmean(official):.1f} ± {100 * stdev(official):.1f}",
                f"{100 * fmean(mine):.1f} ± {100 * stdev(mine):.1f}",
                f"{100 * difference:+.1f} [{low:+.1f}, {high:+.1f}]",
                " ".join(f"{v:.3f}" for v in mine),
            ]
        )
    header = ["score", "official", "ours", "difference", "our seeds 13711, 1–9"]
    text = f"{table(header, rows)}\n\nMeasured on {this_machine()}."
    write_section("results/reproduction.md", "bench.agreement", text)
    print(text)


if __name__ == "__main__":
    main()
