"""Cost of scoring on a small computer: exported files compared with auscult itself, on one core.

    python -m bench.edge [--rounds 5] [--times 21] [--clips 60] [--seconds 10] [--detectors auto] [--print]

Fits the detectors that can be exported on simulated clips (one epoch, since the weights of a network do not
affect its speed) and exports them. Separate processes then score a clip, alternately with the file and with
auscult. Writes its table between its markers in docs/results/edge.md; with ``--print`` only to the terminal.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import auscult
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.exportable import Exportable
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section

NONE = "–"


@dataclass(frozen=True)
class DetectorCost:
    """Sizes of a detector's files, and medians over the rounds.

    Attributes:
        detector: its name.
        exported_bytes: size of the exported file.
        model_bytes: size of the model file.
        start: seconds of processor time from the start of the process to the first score, with the file and
            with auscult.
        memory: peak memory in MB, with the file and with auscult.
        milliseconds: of processor time per clip, with the file (which includes the map), with auscult, and
            with auscult including the map.
        parity: largest relative difference between the scores of the file and the model.
    """

    detector: str
    exported_bytes: int
    model_bytes: int
    start: tuple[float, float]
    memory: tuple[float, float]
    milliseconds: tuple[float, float, float]
    parity: float


def exportable() -> list[str]:
    """The detectors that can be exported."""
    return [name for name in DETECTORS if issubclass(detector_type(name), Exportable)]


def measure(
    detector: str, folder: Path, home: Path, recording: Path, rounds: int, times: int
) -> DetectorCost:
    """Fit, export and time one detector."""
    settings: dict[str, Any] = {"epochs": 1} if detector_type(detector).extra == "train" else {}
    model = auscult.fit(auscult.open_corpus(home).for_training(), detector, calibrate="none", **settings)
    files = {"onnx": folder / f"{detector}.onnx", "auscult": folder / f"{detector}.auscult"}
    model.save(str(files["auscult"]))
    parity = auscult.export(model, files["onnx"])
    runs: dict[str, list[dict[str, Any]]] = {runtime: [] for runtime in files}
    for _ in range(rounds):
        for runtime, file in files.items():
            runs[runtime].append(_run_child(runtime, file, recording, times))

    def median(runtime: str, *keys: str) -> float:
        values: Sequence[Any] = runs[runtime]
        for key in keys:
            values = [value[key] for value in values]
        return statistics.median(values)

    return DetectorCost(
        detector,
        files["onnx"].stat().st_size,
        files["auscult"].stat().st_size,
        (median("onnx", "start"), median("auscult", "start")),
        (median("onnx", "megabytes"), median("auscult", "megabytes")),
        (
            median("onnx", "milliseconds", "map"),
            median("auscult", "milliseconds", "score"),
            median("auscult", "milliseconds", "map"),
        ),
        parity.score,
    )


def _run_child(runtime: str, model: Path, recording: Path, times: int) -> dict[str, Any]:
    """Score a recording in a new process, on one core where the system allows it.

    Returns:
        The output of `bench.edge_child`.
    """
    core = ["taskset", "-c", "0"] if sys.platform == "linux" else []
    process = subprocess.run(
        [*core, sys.executable, "-m", "bench.edge_child", runtime, str(model), str(recording), str(times)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if process.returncode:
        raise RuntimeError(f"{runtime} {model}: {process.stderr.strip()}")
    output: dict[str, Any] = json.loads(process.stdout)
    return output


def installed_megabytes(*packages: str) -> float | None:
    """Size on disk of packages and their dependencies, installed into an empty folder; ``None`` if they
    cannot be installed."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "site"
        process = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), *packages],
            capture_output=True,
        )
        if process.returncode:
            return None
        return sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) / 1e6


def as_page(costs: Sequence[DetectorCost], installed: float | None, clips: int, seconds: float) -> str:
    """The table and its notes, as Markdown."""
    header = [
        *("detector", "file, MB", "start, s", "memory, MB", "ms per clip", "relative score difference"),
        *("auscult: model, MB", "start, s", "memory, MB", "ms per clip", "with map"),
    ]
    rows = [
        [
            f"`{cost.detector}`",
            f"{cost.exported_bytes / 1e6:.2f}",
            f"{cost.start[0]:.2f}",
            f"{cost.memory[0]:.0f}",
            f"{cost.milliseconds[0]:.1f}",
            f"{cost.parity:.0e}",
            f"{cost.model_bytes / 1e6:.2f}",
            f"{cost.start[1]:.2f}",
            f"{cost.memory[1]:.0f}",
            f"{cost.milliseconds[1]:.1f}",
            f"{cost.milliseconds[2]:.1f}",
        ]
        for cost in costs
    ]
    size = NONE if installed is None else f"{installed:.0f} MB"
    return (
        f"Installed size of onnxruntime, numpy and their dependencies: {size}.\n\n{table(header, rows)}\n\n"
        f"Fitted on {clips} simulated clips. A clip is {seconds:g} s at 16 kHz, read from a WAV file each "
        "time. The exported file computes the score and the map, auscult the score and the nearest normal "
        "recording. Start: from the start of the process to the first score. All times are processor time "
        f"on one core of {this_machine()}; medians over alternating processes, of their medians."
    )


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="processes per runtime")
    parser.add_argument("--times", type=int, default=21, help="scores per process")
    parser.add_argument("--clips", type=int, default=60, help="training clips")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the clips")
    parser.add_argument("--detectors", default=",".join(exportable()), help="comma-separated names")
    parser.add_argument("--print", action="store_true", help="only print to the terminal")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        clips, seconds = arguments.clips, arguments.seconds
        (home,) = simulate(folder, machines=["fan"], clips=clips, test_clips=1, seconds=seconds)
        recording = min((home / "test").glob("*.wav"))
        costs = [
            measure(detector, folder, home, recording, arguments.rounds, arguments.times)
            for detector in arguments.detectors.split(",")
        ]
    page = as_page(costs, installed_megabytes("onnxruntime", "numpy"), clips, seconds)
    if arguments.print:
        print(page)
    else:
        write_section("results/edge.md", "edge", page)


if __name__ == "__main__":
    main()
