"""The most memory that fitting and scoring one machine takes, measured in a process of its own.

    python -m bench.footprint ROOT MACHINE DETECTOR FOLDER [KEY=VALUE …]

Prints megabytes. The process does one stage of a benchmark, as `run_bench` would, and then asks what its
resident memory was at most. What Python and its libraries take by themselves is part of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.memory import peak_of_this_process

os.environ.setdefault("OMP_NUM_THREADS", "1")


def peak_megabytes(root: Path, machine: str, detector: str, settings: Mapping[str, Any]) -> float:
    """Of one fit and the scores of one machine, the others of its root at hand, by a fresh process.

    Raises:
        RuntimeError: the process failed; says what it said.
    """
    pairs = [f"{key}={value}" for key, value in settings.items()]
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.footprint", str(root), machine, detector, folder, *pairs]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if done.returncode:
        raise RuntimeError(f"{detector} on {machine}: {done.stderr.strip()}")
    return float(done.stdout.split()[-1])


def main(root: str, machine: str, detector: str, folder: str, *pairs: str) -> None:
    """Does one stage and prints its peak."""
    from auscult.benchmark.entries import entries
    from auscult.benchmark.machine import MachineData
    from auscult.benchmark.stage import run_stage
    from auscult.corpus import machine_folders
    from auscult.detectors.options import parse_settings

    settings = parse_settings(pairs)
    presets = entries([detector.partition("@")[0]], settings)[0]
    (entry,) = [entry for entry in presets if entry.name == detector]
    folders = machine_folders(root)
    mine = MachineData(machine, folders[machine])
    if entry.learns_from_others(settings):
        mine.other_machines = [MachineData(name, home) for name, home in folders.items() if name != machine]
    run_stage(Path(folder), mine, entry, 0, entry.settings(settings))
    print(f"\n{peak_of_this_process():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
