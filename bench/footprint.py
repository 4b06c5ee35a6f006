"""Peak memory of fitting and scoring one machine, measured in a separate process.

    python -m bench.footprint ROOT MACHINE DETECTOR FOLDER [KEY=VALUE …]

Prints megabytes. The process runs one stage of a benchmark, as `run_bench` does, and then reads its peak
resident memory, which includes Python and its libraries.
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
    """Peak memory of a new process that fits and scores one machine, in MB.

    The other machines of the root folder are available to the fit.

    Raises:
        RuntimeError: the process failed; the message includes its error output.
    """
    pairs = [f"{key}={value}" for key, value in settings.items()]
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.footprint", str(root), machine, detector, folder, *pairs]
        process = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if process.returncode:
        raise RuntimeError(f"{detector} on {machine}: {process.stderr.strip()}")
    return float(process.stdout.split()[-1])


def main(root: str, machine: str, detector: str, folder: str, *pairs: str) -> None:
    """Run one stage and print its peak memory."""
    from auscult.benchmark.detector_choices import choose_detectors
    from auscult.benchmark.machine import MachineData
    from auscult.benchmark.stage import run_stage
    from auscult.corpus import machine_folders
    from auscult.detectors.options import parse_settings

    settings = parse_settings(pairs)
    presets = choose_detectors([detector.partition("@")[0]], settings)[0]
    (choice,) = [preset for preset in presets if preset.name == detector]
    folders = machine_folders(root)
    data = MachineData(machine, folders[machine])
    if choice.uses_other_machines(settings):
        data.other_machines = [MachineData(name, home) for name, home in folders.items() if name != machine]
    run_stage(Path(folder), data, choice, 0, choice.applicable_settings(settings))
    print(f"\n{peak_of_this_process():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
