"""How fast `auscult` is, against a plain reference (`bench.plain`), on simulated clips, in one command.

    python -m bench.speed [--folder DIR] [--only features,training] [--again] [--quick]

Sides take turns, each in a process of its own. Every part is kept in results/speed.json as soon as it is
measured, and a run that was stopped goes on behind it; ``--again`` measures anew. Writes its tables into
docs/performance.md and the picture docs/performance.png; a quick run, whose figures say nothing, only prints.
Nothing else should run on the machine meanwhile.
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
from bench.speed_page import sections, told
from bench.speed_parts import PARTS, QUICK, Size
from bench.speed_plot import draw

PACKAGES = ("numpy", "scipy", "torch", "onnxruntime", "librosa")


def measure(
    names: Sequence[str], size: Size, clips: Clips, output: Path, *, again: bool = False
) -> dict[str, Any]:
    """Measures what is missing and gives everything that is known.

    Args:
        names: parts, of `PARTS`.
        output: the JSON file with what was measured before; written after each part.
        again: measure also what is there.

    Returns:
        Part to its entry: ``groups``, and beside them ``size``, ``seconds``, ``machine``, ``versions`` and
        ``date``.
    """
    known: dict[str, Any] = json.loads(output.read_text()) if output.exists() else {}
    key = json.loads(json.dumps(_key(size, clips)))  # as JSON has it
    for name in names:
        entry = known.get(name, {})
        if not again and all(entry.get(k) == value for k, value in key.items()):
            print(f"{name}: measured on {entry['date']}; --again measures it anew", file=sys.stderr)
            continue
        print(f"{name} …", file=sys.stderr)
        started = time.perf_counter()
        groups = PARTS[name](clips, size)
        took = round(time.perf_counter() - started, 1)
        known[name] = {**key, "date": time.strftime("%Y-%m-%d"), "took": took, "groups": groups}
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(output, json.dumps(known, indent=1).encode())
    return {name: entry for name, entry in known.items() if all(entry.get(k) == v for k, v in key.items())}


def _key(size: Size, clips: Clips) -> dict[str, Any]:
    """What makes figures of two runs comparable."""
    versions = {"auscult": version("auscult"), **{name: version(name) for name in PACKAGES}}
    return {"size": asdict(size), "seconds": clips.seconds, "machine": this_machine(), "versions": versions}


def page(entries: dict[str, Any]) -> dict[str, str]:
    """Part to its table, and under ``about`` what all rest on."""
    first = next(iter(entries.values()))
    parts = {name: entry["groups"] for name, entry in entries.items()}
    dates = sorted(entry["date"] for entry in entries.values())
    tables = sections(parts, first["size"], first["seconds"])
    return {**tables, "about": told(first["machine"], first["versions"], dates)}


def main() -> None:
    """Measures, then writes the tables and the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="for recordings and models, kept for the next run")
    parser.add_argument("--only", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, help="runs of each side; 5 by default")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it runs")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/speed.json"))
    parser.add_argument("--print", action="store_true", dest="only_print", help="write no documentation")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"no part {unknown[0]}: choose among {', '.join(PARTS)}")
    size = QUICK if args.quick else Size()
    if args.repeats is not None:
        size = replace(size, repeats=args.repeats)
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        # Quick recordings have another place: there are fewer to a folder.
        clips = Clips(folder / "quick", 2.0, originals=4) if args.quick else Clips(folder)
        entries = measure(names, size, clips, args.output, again=args.again)
    texts = page(entries)
    for name, text in texts.items():
        if not (args.quick or args.only_print):
            write_section("performance.md", f"bench.speed {name}", text)
        print(f"\n{name}\n\n{text}")
    if not (args.quick or args.only_print):
        draw({name: entry["groups"] for name, entry in entries.items()}, DOCS / "performance.png")


if __name__ == "__main__":
    main()
