"""Compare `auto` with systems of another library, PyOD, on the real machines.

    python bench/pyod_scores.py DATA -o results/pyod      # with a Python that has PyOD, see there
    python -m bench.outside results/pyod -o results/outside

`auto` and the baseline are fitted without options, once for each seed. The scores of PyOD's detectors are
read from their score files, as by `auscult bench --scores`. All are compared on the same test clips. Finished
fits are reused. Writes its tables to docs/results/auto.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

os.environ.setdefault("OMP_NUM_THREADS", "1")

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.external_scores import folders_by_seed, read_external_scores
from auscult.benchmark.ranking import interval_text
from auscult.benchmark.stage import run_stage
from auscult.errors import AuscultError
from auscult.evaluation import labels_of
from auscult.evaluation.estimates import Measured, Run, difference, estimate
from auscult.evaluation.protocol import TERMS, mean_over
from bench.fusion_scores import SEEDS, Machine, real_data, real_machines
from bench.fusion_tables import joined, mean_of_machines
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings

#: Name in the table to detector and score; the others are compared with the first.
OURS = {"`auto`": "auto", "`autoencoder:mse`": "autoencoder"}
#: Name in the table to the folders of score files, and to the name in ``fits.json``.
THEIRS = {"PyOD `AudioAE`": ("audio_ae/seed*", "audio_ae"), "PyOD kNN": ("knn", "knn")}


@dataclass(frozen=True)
class Result:
    """A system on one machine.

    Attributes:
        runs: the metrics for each seed, each with one section.
        fit_seconds: mean time to fit.
    """

    runs: Sequence[Run]
    fit_seconds: float

    @property
    def mean(self) -> float:
        """Harmonic mean of the metrics, mean over the seeds."""
        return estimate(self.runs, TERMS, mean_over).value


#: System to machine to result.
Results = Mapping[str, Mapping[str, Result]]


def fitted(machine: Machine, detector: str, output: Path) -> Result:
    """The default score of a detector without options, fitted with each seed."""
    choice = DetectorChoice(detector)
    decisive = choice.detector_class(choice.config({})).decisive_score
    runs, seconds = [], []
    for seed in SEEDS:
        print(f"{machine.name}: {detector}, seed {seed}", file=sys.stderr, flush=True)
        stage = run_stage(output / machine.name / f"{detector}-{seed}", machine.data, choice, seed, {})
        runs.append([Measured.of(labels_of(with_recordings(stage.clips)), stage.scores[decisive])])
        seconds.append(stage.fit_seconds)
    return Result(runs, fmean(seconds))


def read(machine: Machine, folders: str, seconds: Sequence[float]) -> Result:
    """The scores of another system.

    Args:
        machine: the machine.
        folders: folder of score files, or a pattern of one for each seed.
        seconds: how long each fit took.
    """
    runs = []
    for folder in folders_by_seed(folders).values():
        external = read_external_scores(folder, machine.name, machine.data.test)
        runs.append([Measured.of(labels_of(with_recordings(external.clips)), external.scores)])
    return Result(runs, fmean(seconds))


def results_table(results: Results) -> str:
    """Harmonic means in percent and times to fit; one row for each system."""
    machines = list(next(iter(results.values())))
    rows = []
    for system, of_machine in results.items():
        means = [of_machine[machine].mean for machine in machines]
        seconds = fmean(result.fit_seconds for result in of_machine.values())
        rows.append([system, *(f"{100 * mean:.1f}" for mean in [*means, fmean(means)]), f"{seconds:.1f} s"])
    return table(["system", *machines, "mean", "fit"], rows)


def differences_table(results: Results) -> str:
    """What the first system is better by, with intervals; one row for each machine."""
    (first, ours), *others = results.items()
    rows = []
    for machine in ours:
        labels = ours[machine].runs[0][0].labels
        counts = f"{labels.recordings(~labels.anomaly)} + {labels.recordings(labels.anomaly)}"
        gains = [difference(ours[machine].runs, of[machine].runs, TERMS, mean_over) for _, of in others]
        rows.append([machine, counts, *map(interval_text, gains)])
    all_machines = [joined([result.runs for result in of.values()]) for of in results.values()]
    gains = [difference(all_machines[0], runs, TERMS, mean_of_machines) for runs in all_machines[1:]]
    rows.append(["mean", "", *map(interval_text, gains)])
    return table(["machine", "recordings", *(f"{first} − {name}" for name, _ in others)], rows)


def main() -> None:
    """Fit what is missing, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scores", type=Path, help="folder that bench/pyod_scores.py wrote")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/outside"))
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    results: dict[str, dict[str, Result]] = {name: {} for name in (*OURS, *THEIRS)}
    try:
        fits = json.loads((args.scores / "fits.json").read_text())
        for machine in real_machines(real_data(), args.output):
            for name, detector in OURS.items():
                results[name][machine.name] = fitted(machine, detector, args.output)
            for name, (folders, key) in THEIRS.items():
                seconds = fits["fit_seconds"][machine.name][key]
                results[name][machine.name] = read(machine, os.fspath(args.scores / folders), seconds)
            machine.clear()
    except (AuscultError, OSError) as error:
        sys.exit(str(error))
    note = (
        f"PyOD {fits['pyod']}. Harmonic mean of AUC source, AUC target and pAUC in percent, mean over "
        f"{len(SEEDS)} seeds (kNN has none); differences in percentage points with 95 % intervals over "
        "recordings and seeds, both systems on the same recordings; none where recordings are too few. "
        "Recordings: independent normal + anomalous ones. Fit: mean wall-clock time of a fit of one machine "
        "with other jobs running, so that only the order of magnitude counts; that of `auto` includes "
        f"calibration. Measured on {this_machine()}."
    )
    text = f"{results_table(results)}\n\n{differences_table(results)}\n\n{note}"
    if not args.only_print:
        write_section("results/auto.md", "bench.outside", text)
    print(text)


if __name__ == "__main__":
    main()
