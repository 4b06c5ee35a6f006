"""Measure the speed of `auscult` in comparison with a plain reference (`bench.plain`) on simulated clips.

    python -m bench.speed [--folder DIR] [--only features,training] [--again] [--quick]

The sides of a comparison run alternately, each run in a separate process. Each part is stored in
results/speed.json as soon as it is measured, so that an interrupted run can be continued; ``--again``
measures stored parts again. Writes its tables to docs/results/performance.md and the plot
docs/results/performance.png; with ``--quick``, whose numbers mean nothing, it only prints. Nothing else
should run on the machine at the same time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auscult.runtime.files import write_atomically
from bench.markdown import DOCS, this_machine, write_section
from bench.speed_clips import Clips
from bench.speed_page import provenance, sections
from bench.speed_parts import PARTS, QUICK, SpeedSize
from bench.speed_plot import draw

PACKAGES = ("numpy", "scipy", "torch", "onnxruntime", "librosa")


def measure(
    names: Sequence[str], size: SpeedSize, clips: Clips, output: Path, *, again: bool = False
) -> dict[str, Any]:
    """Measure the missing parts, and return all parts that are comparable.

    Args:
        names: parts, out of `PARTS`.
        output: JSON file with the stored parts; written after each part.
        again: measure stored parts again.

    Returns:
        The entry of each part: ``groups``, ``size``, ``seconds``, ``machine``, ``versions``, ``date`` and
        ``took``.
    """
    known: dict[str, Any] = json.loads(output.read_text()) if output.exists() else {}
    key = json.loads(json.dumps(_key(size, clips)))  # converts tuples to lists, as in the file
    for name in names:
        entry = known.get(name, {})
        if not again and all(entry.get(k) == value for k, value in key.items()):
            print(f"{name}: measured on {entry['date']}; --again measures it again", file=sys.stderr)
            continue
        print(f"{name} …", file=sys.stderr)
        started = time.perf_counter()
        groups = PARTS[name](clips, size)
        seconds = round(time.perf_counter() - started, 1)
        known[name] = {**key, "date": time.strftime("%Y-%m-%d"), "took": seconds, "groups": groups}
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, json.dumps(known, indent=1).encode())
    return {name: entry for name, entry in known.items() if all(entry.get(k) == v for k, v in key.items())}


def _key(size: SpeedSize, clips: Clips) -> dict[str, Any]:
    """The conditions that must be equal for two runs to be comparable."""
    versions = {"auscult": version("auscult"), **{name: version(name) for name in PACKAGES}}
    return {"size": asdict(size), "seconds": clips.seconds, "machine": this_machine(), "versions": versions}


def page(entries: dict[str, Any]) -> dict[str, str]:
    """The table of each part, and under ``about`` how they were measured."""
    first = next(iter(entries.values()))
    parts = {name: entry["groups"] for name, entry in entries.items()}
    dates = sorted(entry["date"] for entry in entries.values())
    tables = sections(parts, first["size"], first["seconds"])
    return {**tables, "about": provenance(first["machine"], first["versions"], dates)}


def main() -> None:
    """Measure, then write the tables and the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder", type=Path, help="folder for recordings and models, reused by the next run"
    )
    parser.add_argument("--only", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, help="runs per side; default: 5")
    parser.add_argument("--quick", action="store_true", help="measure little, to check that everything runs")
    parser.add_argument("--again", action="store_true", help="measure stored parts again")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/speed.json"))
    parser.add_argument("--print", action="store_true", dest="only_print", help="do not write to docs/")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]}: choose from {', '.join(PARTS)}")
    size = QUICK if args.quick else SpeedSize()
    if args.repeats is not None:
        size = replace(size, repeats=args.repeats)
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        # A separate folder for quick runs, since they use fewer recordings.
        clips = Clips(folder / "quick", 2.0, originals=4) if args.quick else Clips(folder)
        entries = measure(names, size, clips, args.output, again=args.again)
    texts = page(entries)
    for name, text in texts.items():
        if not (args.quick or args.only_print):
            write_section("results/performance.md", f"bench.speed {name}", text)
        print(f"\n{name}\n\n{text}")
    if not (args.quick or args.only_print):
        draw({name: entry["groups"] for name, entry in entries.items()}, DOCS / "results" / "performance.png")


if __name__ == "__main__":
    main()
