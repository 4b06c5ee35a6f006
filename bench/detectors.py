"""Every detector on every machine: accuracy, time, memory, size, and what each of them needs.

    python -m bench.detectors -o results/detectors [--only bldc|simulated] [--set encoder=FILE] …

Runs `auscult bench --detectors all` on the real motor (``AUSCULT_REAL_DATA``/bldc) and on simulated machines;
what is done is not done again. Peak memory is that of one fit and its scores in a process of its own. Writes
the tables between its markers in docs/detectors.md; with ``--print`` to the terminal alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as a user's fit runs

from auscult.benchmark import BenchResult, run_bench
from auscult.benchmark.entries import Entry
from auscult.benchmark.ranking import Ranked, interval_text, ranking
from auscult.benchmark.result import BASELINE
from auscult.detectors.options import parse_settings
from auscult.errors import AuscultError
from auscult.runtime.files import write_atomically
from auscult.simulation import simulate
from bench.footprint import peak_megabytes
from bench.markdown import table, this_machine, write_section

NONE = "–"


def accuracy_rows(benches: Mapping[str, BenchResult]) -> list[list[str]]:
    """A row for each system that decides, the best first by the last of the data sets: of each data set the
    mean over its machines, the difference from the baseline, and every machine."""
    last = list(benches.values())[-1]
    rows = []
    for system in [r.system for r in last.ranking if r.decisive]:
        row = [f"`{system}`"]
        for bench in benches.values():
            machines = list(dict.fromkeys(r.machine for r in bench.results))
            row += _figures(_of(bench.ranking, system), system)
            if len(machines) > 1:
                for machine in machines:
                    part = ranking([r for r in bench.results if r.machine == machine], [], [])
                    row.append(_mean(_of(part, system)))
        rows.append(row)
    return rows


def accuracy_header(benches: Mapping[str, BenchResult]) -> list[str]:
    """The titles above `accuracy_rows`."""
    titles = ["detector"]
    for data, bench in benches.items():
        machines = list(dict.fromkeys(r.machine for r in bench.results))
        titles += [data, f"less `{BASELINE}`"]
        titles += machines if len(machines) > 1 else []
    return titles


def cost_rows(bench: BenchResult, peaks: Mapping[str, float | None]) -> list[list[str]]:
    """A row for each detector: time, memory, size, needs."""
    return [
        [
            f"`{cost.detector}`",
            f"{cost.fit_seconds:.1f}",
            f"{cost.score_milliseconds:.1f}",
            NONE if cost.real_time is None else f"{cost.real_time:.0f}",
            NONE if (peak := peaks.get(cost.detector)) is None else f"{peak:.0f}",
            f"{cost.model_bytes / 1e6:.2f}",
            ", ".join(cost.needs) or "nothing more",
        ]
        for cost in bench.costs
    ]


COST_HEADER = [
    "detector",
    "fit, s",
    "score, ms a clip",
    "× real time",
    "peak, MB",
    "model, MB",
    "needs to fit",
]


def peaks_of(
    bench: BenchResult, root: Path, settings: Mapping[str, Any], output: Path
) -> dict[str, float | None]:
    """Peak memory of each detector on the first machine; measured once for the same settings."""
    machine = bench.results[0].machine
    found: dict[str, float | None] = {}
    for cost in bench.costs:
        path = output / "footprints" / f"{cost.detector}.json"
        key = {"root": str(root), "machine": machine, "settings": {k: str(v) for k, v in settings.items()}}
        known = json.loads(path.read_text()) if path.exists() else {}
        if known.get("key") != key:
            print(f"memory of {cost.detector}", file=sys.stderr)
            known = {"key": key, "megabytes": _peak(root, machine, cost.detector, settings)}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(known).encode())
        found[cost.detector] = known["megabytes"]
    return found


def _peak(root: Path, machine: str, detector: str, settings: Mapping[str, Any]) -> float | None:
    mine = Entry(detector.partition("@")[0]).settings(settings)
    try:
        return peak_megabytes(root, machine, detector, mine)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return None


def _of(ranked: Sequence[Ranked], system: str) -> Ranked | None:
    return next((r for r in ranked if r.system == system), None)


def _mean(found: Ranked | None) -> str:
    if found is None or found.harmonic_mean is None:
        return NONE
    spread = "" if found.deviation is None else f" ± {100 * found.deviation:.1f}"
    return f"{100 * found.harmonic_mean:.1f}{spread}"


def _figures(found: Ranked | None, system: str) -> list[str]:
    if system == BASELINE:
        return [_mean(found), "baseline"]
    known = found.difference if found else None
    return [_mean(found), interval_text(known) if known else NONE]


def settings_of(args: argparse.Namespace) -> dict[str, str]:
    """Options for the detectors that have them."""
    epochs = {} if args.epochs is None else {"epochs": str(args.epochs)}
    return parse_settings(args.settings) | epochs


def roots_of(args: argparse.Namespace, output: Path) -> dict[str, Path]:
    """The recordings that are asked for, by the name of their data; simulated ones are made."""
    roots: dict[str, Path] = {}
    if args.only in (None, "bldc"):
        root = os.environ.get("AUSCULT_REAL_DATA")
        if not root:
            sys.exit("set AUSCULT_REAL_DATA to the folder that holds bldc/, or say --only simulated")
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


def benches_of(args: argparse.Namespace, output: Path) -> dict[str, BenchResult]:
    """The benchmarks, by the name of their data."""

    def progress(stage: str, done: int, jobs: int, _: Mapping[str, float]) -> None:
        if " " in stage:  # a job; single words are its stages
            print(f"{stage} ({done + 1} of {jobs})", file=sys.stderr)

    found = {}
    for data, root in roots_of(args, output).items():
        bench = run_bench(
            root,
            detectors=args.detectors.split(","),
            seeds=range(args.seeds if data == "bldc" else args.simulated_seeds),
            output=output / data,
            settings=settings_of(args),
            progress=progress,
        )
        for failure in bench.failures:
            print(f"failed: {failure}", file=sys.stderr)
        found[data] = bench
    return found


def section(benches: Mapping[str, BenchResult], peaks: Mapping[str, float | None], settings: str) -> str:
    """The tables and what they rest on, as Markdown."""
    last = list(benches.values())[-1]
    notes = [note for bench in benches.values() for note in bench.notes if "left out:" in note]
    failed = [
        f"{data}: {f['machine']} `{f['detector']}` seed {f['seed']}: {f['error']}"
        for data, bench in benches.items()
        for f in bench.failures
    ]
    parts = [
        table(accuracy_header(benches), accuracy_rows(benches)),
        "Harmonic mean of AUC-source, AUC-target and pAUC by the score that decides, in percent, mean ± "
        "standard deviation over seeds; differences in points with their paired 95 % interval over clips. "
        f"{settings}",
        table(COST_HEADER, cost_rows(last, peaks)),
        "Means over the machines of the last data set. Reading the files and their log-mel spectra count in "
        "the times, and cross-fitting where no network is trained. Peak: resident memory of one process that "
        f"fits and scores the first machine, with Python and its libraries. Measured on {this_machine()}.",
        "\n".join(f"- {line}" for line in dict.fromkeys([*notes, *failed])),
    ]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Runs what is missing, then writes the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", default="results/detectors", help="folder for fits and scores")
    parser.add_argument("--only", choices=["bldc", "simulated"], help="one of the two data sets alone")
    parser.add_argument("--detectors", default="all", help="which, separated by commas")
    parser.add_argument("--machines", default="7", help="how many simulated machines, or which")
    parser.add_argument("--clips", type=int, default=200, help="training clips of a simulated machine")
    parser.add_argument("--test-clips", type=int, default=50, help="test clips of a domain and condition")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a simulated clip")
    parser.add_argument("--seeds", type=int, default=5, help="seeds on the real motor, from 0")
    parser.add_argument("--simulated-seeds", type=int, default=1, help="seeds on each simulated machine")
    parser.add_argument("--epochs", type=int, help="of the detectors that train; their own by default")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--print", dest="only_print", action="store_true", help="write no documentation")
    args = parser.parse_args()
    output = Path(args.output)
    try:
        benches = benches_of(args, output)
    except AuscultError as error:
        sys.exit(str(error))
    data, last = list(benches.items())[-1]
    settings = settings_of(args)
    peaks = peaks_of(last, roots_of(args, output)[data], settings, output)
    said = []
    if "bldc" in benches:
        said.append(f"{args.seeds} seed{'s' if args.seeds > 1 else ''} on the real motor")
    if "simulated" in benches:
        said.append(
            f"{args.simulated_seeds} seed{'s' if args.simulated_seeds > 1 else ''} on simulated machines of "
            f"{args.clips} training clips of {args.seconds:g} s and {4 * args.test_clips} test clips"
        )
    said += [f"{key} {value}" for key, value in settings.items()]
    text = section(benches, peaks, f"{'; '.join(said).capitalize()}.")
    if not args.only_print:
        write_section("detectors.md", "bench.detectors", text)
    print(text)


if __name__ == "__main__":
    main()
