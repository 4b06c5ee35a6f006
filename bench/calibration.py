"""Measure the false-alarm rate on normal test clips, by domain, and compare it with the nominal rate.

    python -m bench.calibration -o results/calibration [--detectors auto] [--jobs 2]

Fits detectors with every calibration method on the real motor (``AUSCULT_REAL_DATA``/bldc) and on simulated
machines, sets the conformal threshold for 5, 10 and 20 %, and counts alarms on normal test clips. Existing
model files are not fitted again. Writes its table to docs/results/false-alarms.md, in a section for each list
of detectors.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the fits run in parallel, one core each

import joblib
import numpy as np

import auscult
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.corpus import attribute_groups
from auscult.evaluation.clip_labels import labels_of
from auscult.evaluation.decision_rates import clustered_rate
from auscult.model import Score
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section
from bench.recordings import with_recordings

RATES = (0.05, 0.10, 0.20)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class CalibrationFit:
    """One fit, calibrated with one method."""

    data: str
    folder: str
    detector: str
    calibrate: str
    group_by: tuple[str, ...]
    seed: int
    epochs: int

    @property
    def method(self) -> str:
        """Calibration method and grouping, as in the table."""
        return f"{self.calibrate} by {'recording' if self.group_by else 'clip'}"


@dataclass(frozen=True)
class Count:
    """The recordings of the normal test clips of one domain, and the false alarms at each nominal rate."""

    fit: CalibrationFit
    domain: str
    recordings: np.ndarray  # (N,) the number of each clip's recording
    alarms: dict[float, np.ndarray | None]  # by rate, (N,) bool; None: too few calibration clips


def run_fit(fit: CalibrationFit, output: Path) -> list[Count]:
    """Fit the model unless its file exists, and count false alarms."""
    corpus = auscult.open_corpus(fit.folder)
    name = f"{fit.data}-{fit.detector}-{fit.method.replace(' ', '-')}-{fit.epochs}-{fit.seed}.auscult"
    path = output / name
    if not path.exists():
        clips = corpus.for_training()
        clips = attribute_groups(clips, fit.group_by) if fit.group_by else clips
        settings = DetectorChoice(fit.detector).applicable_settings({"seed": fit.seed, "epochs": fit.epochs})
        model = auscult.fit(
            clips, fit.detector, calibrate=fit.calibrate, group_likely_segments=False, **settings
        )
        model.save(str(path))
    model = auscult.load(path)
    counts = []
    for domain in ("source", "target"):
        normals = corpus.where(split="test", condition="normal", domain=domain)
        scored = {s.path: s.score for s in model.score_many(normals) if isinstance(s, Score)}
        judged = with_recordings([clip for clip in normals if clip.path in scored])
        scores = np.array([scored[clip.path] for clip in judged])
        thresholds = {rate: model.threshold(rate).value for rate in RATES}
        alarms = {
            rate: None if threshold is None else scores > threshold for rate, threshold in thresholds.items()
        }
        counts.append(Count(fit, domain, labels_of(judged).recording_numbers, alarms))
    return counts


def planned_fits(output: Path, detectors: list[str]) -> list[CalibrationFit]:
    """All fits: three seeds on the real motor, one on each simulated machine."""
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/")
    motor = str(Path(root) / "bldc" / "BrushlessMotor")
    methods: list[tuple[str, tuple[str, ...]]] = [
        ("crossfit", ("motor", "spd")),
        ("crossfit", ()),
        ("holdout", ("motor", "spd")),
    ]
    motor_fits = [
        CalibrationFit("bldc", motor, detector, calibrate, group_by, seed, 100)
        for detector in detectors
        for calibrate, group_by in methods
        for seed in SEEDS
    ]
    machines = ("fan", "gearbox", "valve")
    simulate(output / "simulated", machines=machines, clips=100, seed=0, seconds=5.0)
    return motor_fits + [
        CalibrationFit(
            f"{machine} (simulated)", str(output / "simulated" / machine), detector, "crossfit", (), 0, 30
        )
        for machine in machines
        for detector in detectors
    ]


def rows_of(counts: list[Count]) -> list[list[str]]:
    """One row for each data set, detector, method and domain: the mean over seeds."""
    groups: dict[tuple[str, str, str, str], list[Count]] = {}
    for count in counts:
        key = (count.fit.data, count.fit.detector, count.fit.method, count.domain)
        groups.setdefault(key, []).append(count)
    rows = []
    for key, seeds in groups.items():
        cells = []
        for rate in RATES:
            alarms = [count.alarms[rate] for count in seeds]
            known = [flagged for flagged in alarms if flagged is not None]
            if len(known) < len(alarms):
                cells.append("no verdict")
                continue
            # All seeds score the same clips, so the interval counts each clip once, at the mean rate.
            value = clustered_rate(np.mean(known, axis=0), seeds[0].recordings)
            ends = "" if value.low is None else f" [{100 * value.low:.0f}, {100 * (value.high or 0):.0f}]"
            cells.append(f"{100 * value.value:.0f}{ends}")
        recordings = seeds[0].recordings
        rows.append([*key, f"{len(recordings)} of {len(np.unique(recordings))}", *cells])
    return rows


def main() -> None:
    """Run the missing fits, then write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/calibration", help="folder for the fitted models")
    parser.add_argument("--detectors", default="auto", help="detector names, separated by commas")
    parser.add_argument("--jobs", type=int, default=2, help="number of parallel fits, one core each")
    args = parser.parse_args()
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    fits = planned_fits(output, args.detectors.split(","))
    counts: list[Count] = []
    parallel = joblib.Parallel(n_jobs=args.jobs, return_as="generator")
    for done, part in enumerate(parallel(joblib.delayed(run_fit)(fit, output) for fit in fits), start=1):
        counts += part
        print(
            f"{done}/{len(fits)} {part[0].fit.data} {part[0].fit.detector} {part[0].fit.method}",
            file=sys.stderr,
        )
    header = [
        "data",
        "detector",
        "calibration",
        "domain",
        "normal clips of recordings",
        *(f"nominal {100 * r:.0f} %" for r in RATES),
    ]
    text = table(header, rows_of(counts))
    section = f"bench.calibration {args.detectors}"
    write_section("results/false-alarms.md", section, f"{text}\n\nMeasured on {this_machine()}.")
    print(text)


if __name__ == "__main__":
    main()
