"""Compare all detectors: accuracy, time, memory, model size, and requirements.

    python -m bench.detectors -o results/detectors [--only bldc|simulated] [--set encoder=FILE] …

Runs `auscult bench --detectors all` on the real motor (``AUSCULT_REAL_DATA``/bldc) and on simulated machines;
finished runs are reused. Peak memory is that of one fit and its scores in a separate process. Writes the
tables between its markers in docs/results/detectors.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a fit by a user

from auscult.benchmark import BenchResult, run_bench
from auscult.benchmark.baseline import BASELINE
from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.ranking import RankedSystem, interval_text, ranking
from auscult.detectors.options import parse_settings
from auscult.errors import AuscultError
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.footprint import peak_megabytes
from bench.markdown import table, this_machine, write_section

NONE = "–"


def accuracy_rows(benches: Mapping[str, BenchResult]) -> list[list[str]]:
    """One row for each detector with its default score, best first on the last data set.

    For each data set: the mean over its machines, the difference from the baseline, and each machine.
    """
    last = list(benches.values())[-1]
    rows = []
    for system in [r.system for r in last.ranking if r.decisive]:
        row = [f"`{system}`"]
        for bench in benches.values():
            machines = list(dict.fromkeys(r.machine for r in bench.results))
            row += _mean_and_difference(_find(bench.ranking, system), system)
            if len(machines) > 1:
                for machine in machines:
                    part = ranking([r for r in bench.results if r.machine == machine], [], [])
                    row.append(_mean(_find(part, system)))
        rows.append(row)
    return rows


def accuracy_header(benches: Mapping[str, BenchResult]) -> list[str]:
    """The column titles of `accuracy_rows`."""
    titles = ["detector"]
    for data, bench in benches.items():
        machines = list(dict.fromkeys(r.machine for r in bench.results))
        titles += [data, f"vs. `{BASELINE}`"]
        titles += machines if len(machines) > 1 else []
    return titles


def cost_rows(bench: BenchResult, peaks: Mapping[str, float | None]) -> list[list[str]]:
    """One row for each detector: time, memory, model size, requirements."""
    return [
        [
            f"`{cost.detector}`",
            f"{cost.fit_seconds:.1f}",
            f"{cost.score_milliseconds:.1f}",
            NONE if cost.real_time is None else f"{cost.real_time:.0f}",
            NONE if (peak := peaks.get(cost.detector)) is None else f"{peak:.0f}",
            f"{cost.model_bytes / 1e6:.2f}",
            ", ".join(cost.needs) or "nothing",
        ]
        for cost in bench.costs
    ]


COST_HEADER = [
    "detector",
    "fit, s",
    "score, ms per clip",
    "× real time",
    "peak, MB",
    "model, MB",
    "required to fit",
]


def measure_peaks(
    bench: BenchResult, root: Path, settings: Mapping[str, Any], output: Path
) -> dict[str, float | None]:
    """Peak memory of each detector on the first machine, MB; stored values for equal settings are reused."""
    machine = bench.results[0].machine
    peaks: dict[str, float | None] = {}
    for cost in bench.costs:
        path = output / "footprints" / f"{cost.detector}.json"
        key = {"root": str(root), "machine": machine, "settings": {k: str(v) for k, v in settings.items()}}
        stored = json.loads(path.read_text()) if path.exists() else {}
        if stored.get("key") != key:
            print(f"memory of {cost.detector}", file=sys.stderr)
            stored = {"key": key, "megabytes": _peak(root, machine, cost.detector, settings)}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(stored).encode())
        peaks[cost.detector] = stored["megabytes"]
    return peaks


def _peak(root: Path, machine: str, detector: str, settings: Mapping[str, Any]) -> float | None:
    applicable = DetectorChoice(detector.partition("@")[0]).applicable_settings(settings)
    try:
        return peak_megabytes(root, machine, detector, applicable)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return None


def _find(ranked: Sequence[RankedSystem], system: str) -> RankedSystem | None:
    return next((r for r in ranked if r.system == system), None)


def _mean(ranked: RankedSystem | None) -> str:
    if ranked is None or ranked.harmonic_mean is None:
        return NONE
    deviation = "" if ranked.deviation is None else f" ± {100 * ranked.deviation:.1f}"
    return f"{100 * ranked.harmonic_mean:.1f}{deviation}"


def _mean_and_difference(ranked: RankedSystem | None, system: str) -> list[str]:
    if system == BASELINE:
        return [_mean(ranked), "baseline"]
    difference = ranked.difference if ranked else None
    return [_mean(ranked), interval_text(difference) if difference else NONE]


def settings_from(args: argparse.Namespace) -> dict[str, str]:
    """The settings for the detectors that have them."""
    epochs = {} if args.epochs is None else {"epochs": str(args.epochs)}
    return parse_settings(args.settings) | epochs


def data_folders(args: argparse.Namespace, output: Path) -> dict[str, Path]:
    """Name of each selected data set to its folder; simulated recordings are written first."""
    roots: dict[str, Path] = {}
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/, or give --only simulated")
        roots["bldc"] = Path(root) / "bldc"
    if args.only in (None, "simulated"):
        roots["simulated"] = output / "recordings"
        simulate(
            roots["simulated"],
            machines=int(args.machines) if args.machines.isdecimal() else args.machines.split(","),
            clips=args.clips,
            test_clips=args.test_clips,
            seconds=args.seconds,
            seed=0,
        )
    return roots


def run_benches(args: argparse.Namespace, output: Path) -> dict[str, BenchResult]:
    """Name of each data set to its benchmark."""

    def progress(stage: str, done: int, jobs: int, _: Mapping[str, float]) -> None:
        if " " in stage:  # the name of a job; names without a space are stages of a job
            print(f"{stage} ({done + 1} of {jobs})", file=sys.stderr)

    benches = {}
    for data, root in data_folders(args, output).items():
        bench = run_bench(
            root,
            detectors=args.detectors.split(","),
            seeds=range(args.seeds if data == "bldc" else args.simulated_seeds),
            output=output / data,
            settings=settings_from(args),
            progress=progress,
        )
        for failure in bench.failures:
            print(f"failed: {failure}", file=sys.stderr)
        benches[data] = bench
    return benches


def section(benches: Mapping[str, BenchResult], peaks: Mapping[str, float | None], settings: str) -> str:
    """The tables and notes, as Markdown."""
    last = list(benches.values())[-1]
    notes = [note for bench in benches.values() for note in bench.notes if "left out:" in note]
    failed = [
        f"{data}: {f['machine']} `{f['detector']}` seed {f['seed']}: {f['error']}"
        for data, bench in benches.items()
        for f in bench.failures
    ]
    parts = [
        table(accuracy_header(benches), accuracy_rows(benches)),
        "Harmonic mean of AUC-source, AUC-target and pAUC of the default score, in percent, mean ± standard "
        "deviation over seeds; differences in percentage points with 95 % intervals over recordings and "
        "seeds. "
        f"{settings}",
        table(COST_HEADER, cost_rows(last, peaks)),
        "Means over the machines of the last data set. Times include reading the files, computing log-mels, "
        "and cross-fitting for detectors that train no network. Peak: resident memory of a process that fits "
        f"and scores the first machine, including Python and its libraries. Measured on {this_machine()}.",
        "\n".join(f"- {line}" for line in dict.fromkeys([*notes, *failed])),
    ]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/detectors", help="folder for models and scores")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="only one of the two data sets")
    parser.add_argument("--detectors", default="all", help="detector names, separated by commas")
    parser.add_argument("--machines", default="7", help="number of simulated machines, or their names")
    parser.add_argument("--clips", type=int, default=200, help="training clips per simulated machine")
    parser.add_argument("--test-clips", type=int, default=50, help="test clips per domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the simulated clips")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds on the real motor, from 0")
    parser.add_argument(
        "--simulated-seeds", type=int, default=1, help="number of seeds on the simulated machines"
    )
    parser.add_argument(
        "--epochs", type=int, help="epochs of the detectors that train a network; default: as configured"
    )
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write to docs/")
    args = parser.parse_args()
    output = Path(args.output)
    try:
        benches = run_benches(args, output)
    except AuscultError as error:
        sys.exit(str(error))
    data, last = list(benches.items())[-1]
    settings = settings_from(args)
    peaks = measure_peaks(last, data_folders(args, output)[data], settings, output)
    details = []
    if "bldc" in benches:
        details.append(f"{args.seeds} seed{'s' if args.seeds > 1 else ''} on the real motor")
    if "simulated" in benches:
        details.append(
            f"{args.simulated_seeds} seed{'s' if args.simulated_seeds > 1 else ''} on simulated machines "
            f"with {args.clips} training clips of {args.seconds:g} s and {4 * args.test_clips} test clips"
        )
    details += [f"{key} {value}" for key, value in settings.items()]
    text = section(benches, peaks, f"{'; '.join(details).capitalize()}.")
    if not args.only_print:
        write_section("results/detectors.md", "bench.detectors", text)
    print(text)


if __name__ == "__main__":
    main()
