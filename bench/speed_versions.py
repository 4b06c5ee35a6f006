"""Compare the speed of `auto` in this version with that in another version, in one run.

    git worktree add CHECKOUT 6e415f7  # version 0.1.0
    python -m bench.speed_versions --old CHECKOUT [--folder DIR] [--only fit,score]

Each side runs `bench.speed_child` of its own checkout in a separate process, and the sides take turns. One
more side is this version with the members that are the nearest to those of version 0.1.0. Next to the time
that passed, the processor time of the process is measured, which depends less on what else runs on the
machine. Each round is stored in results/speed_versions.json, so that an interrupted run continues. Writes a
table to docs/results/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auscult.runtime.files import write_atomically
from bench.markdown import table, this_machine, write_section
from bench.speed_clips import Clips
from bench.speed_clock import ROOT, Record, Runs, environment, spread
from bench.speed_page import NONE, figure, per

OLD, NEW, SIX = "0.1.0", "this version", "this version, six members"
#: The members of version 0.1.0; the frames that are now the nearest to its short ones overlap less.
SIX_MEMBERS = "levels,modulation,neighbours,quarter_levels,quarter_modulation,quarter_neighbours"
CLIPS, SCORED, MANY_CLIPS = 200, 100, 1000
FIT, FIT_OF_MANY = f"fit of {CLIPS} clips", f"fit of {MANY_CLIPS} clips"


@dataclass(frozen=True)
class Side:
    """One version of auscult.

    Attributes:
        checkout: its working tree.
        model: where it stores the model that it fits.
        settings: options of `auto`.
    """

    checkout: Path
    model: Path
    settings: Mapping[str, Any]

    def task(self, name: str, **arguments: Any) -> Record:
        """Run a task of `bench.speed_child`, with the processor time as ``processor_seconds``."""
        return self.run("-m", "bench.speed_child", name, json.dumps({"model": str(self.model), **arguments}))

    def fit(self, folder: Path) -> Record:
        settings = {"settings": self.settings} if self.settings else {}
        return self.task("fit", folder=str(folder), detector="auto", epochs=1, **settings)

    def start(self, clip: Path) -> Record:
        """Score one clip from the command line."""
        return self.run("-m", "auscult", "score", str(self.model), str(clip))

    def run(self, *arguments: str) -> Record:
        """Run Python with the code of this version."""
        variables = {**environment(), "PYTHONPATH": str(self.checkout / "src")}
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        process = subprocess.run(
            [sys.executable, *arguments], cwd=self.checkout, env=variables, capture_output=True, text=True
        )
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode not in (0, 4):  # 4: the clip is anomalous
            raise RuntimeError(f"{arguments}: {process.stderr.strip()}")
        last = process.stdout.splitlines()[-1]
        return {
            "seconds": seconds,
            **(json.loads(last) if last.startswith("{") else {}),
            "processor_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        }


#: What a side runs.
Part = Callable[[Side], Record]


def parts_of(clips: Clips) -> dict[str, Part]:
    """The parts, by name."""
    folder, scored = clips.machine(CLIPS), clips.machine(SCORED)
    clip = sorted(scored.glob("*.wav"))[0]
    return {
        FIT: lambda side: side.fit(folder),
        **{
            f"score of {SCORED} clips on {name}": partial(
                Side.task, name="score", folder=str(clips.machine(SCORED)), cores=cores
            )
            for cores, name in ((1, "one core"), (2, "two cores"))
            if cores <= (os.cpu_count() or 1)
        },
        "`auscult score` of one clip": lambda side: side.start(clip),
        FIT_OF_MANY: lambda side: side.fit(clips.machine(MANY_CLIPS)),
    }


def measure(
    runs: Runs, part: Part, sides: Mapping[str, Side], rounds: int, store: Callable[[], None]
) -> None:
    """Measure the missing rounds of a part, in each of which the sides take turns.

    Args:
        runs: the runs of each side, to which those that are measured are added.
        part: what is measured.
        sides: by name.
        rounds: how many there are to be.
        store: called after each round.
    """
    while (done := min((len(runs.get(name, [])) for name in sides), default=rounds)) < rounds:
        of_round = {}
        for name, side in sides.items():
            print(f"    {name}, {done + 1} of {rounds}", file=sys.stderr)
            of_round[name] = part(side)
        for name, record in of_round.items():  # complete rounds only
            runs.setdefault(name, []).append(record)
        store()


def page(parts: Mapping[str, Runs], seconds: float) -> str:
    """The table of the measured parts."""
    rows = []
    for part, runs in parts.items():
        for side, records in runs.items():
            passed, processor = (spread(records, q) for q in ("seconds", "processor_seconds"))
            speed = NONE
            if part.startswith("score"):
                speed = figure(per(passed, SCORED * seconds), 0)
            factors = [_factor(runs, side, q) for q in ("seconds", "processor_seconds")]
            row = [part, side, figure(passed, 2), factors[0], figure(processor, 2), factors[1], speed]
            megabytes = figure(spread(records, "megabytes"), 0) if "megabytes" in records[0] else NONE
            rows.append([*row, megabytes])
    header = ["`auto`", "side", "s", "× 0.1.0", "processor, s", "× 0.1.0", "× real time", "peak, MB"]
    return table(header, rows)


def _factor(runs: Runs, side: str, quantity: str) -> str:
    """How many times less of a quantity a side takes than version 0.1.0: the median of the rounds."""
    if OLD not in runs:
        return NONE
    if side == OLD:
        return "1"
    ratios = [
        {quantity: old[quantity] / new[quantity]} for old, new in zip(runs[OLD], runs[side], strict=True)
    ]
    return f"{spread(ratios, quantity).median:.2f}"


def main() -> None:
    """Measure the missing parts, then write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", type=Path, required=True, help="working tree of version 0.1.0")
    parser.add_argument(
        "--folder", type=Path, help="folder for recordings and models, reused by the next run"
    )
    parser.add_argument("--only", help="parts whose names contain one of these words, separated by commas")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/speed_versions.json"))
    parser.add_argument("--print", action="store_true", dest="only_print", help="do not write to docs/")
    args = parser.parse_args()
    runs: dict[str, Runs] = json.loads(args.output.read_text()) if args.output.exists() else {}

    def store() -> None:
        write_atomically(args.output, json.dumps(runs, indent=1).encode())

    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        clips = Clips(folder.resolve())
        sides = {
            OLD: Side(args.old.resolve(), clips.folder / "old.auscult", {}),
            NEW: Side(ROOT, clips.folder / "new.auscult", {}),
            SIX: Side(ROOT, clips.folder / "six.auscult", {"members": SIX_MEMBERS}),
        }
        words = args.only.split(",") if args.only else [""]
        args.output.parent.mkdir(parents=True, exist_ok=True)
        for name, part in parts_of(clips).items():
            if any(word in name for word in words):
                print(f"{name} …", file=sys.stderr)
                of_part = {NEW: sides[NEW]} if name == FIT_OF_MANY else sides  # for the memory
                rounds = 1 if name == FIT_OF_MANY else args.repeats
                measure(runs.setdefault(name, {}), part, of_part, rounds, store)
    measured = {name: of_part for name, of_part in runs.items() if of_part}
    text = (
        f"{page(measured, clips.seconds)}\n\n{this_machine()}, {time.strftime('%Y-%m-%d')}. Median [minimum, "
        "maximum] of alternating rounds; × 0.1.0: the median over the rounds of the ratio within a round."
    )
    print(text)
    if not args.only_print:
        write_section("results/performance.md", "bench.speed_versions", text)


if __name__ == "__main__":
    main()
