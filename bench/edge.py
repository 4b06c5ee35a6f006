"""What scoring costs on a small computer: exported files beside auscult itself, on one core.

    python -m bench.edge [--rounds 5] [--times 21] [--print]

Fits the detectors that can be exported on simulated clips (one epoch: what a network has learnt does not
change its speed), exports them, and lets processes of their own score a clip of 10 s, in turns by the file
and by auscult. Writes its table between its markers in docs/edge.md; with ``--print`` to the terminal alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import auscult
from auscult.detectors import DETECTORS, Detector, detector_type
from auscult.simulation import simulate
from bench.markdown import table, this_machine, write_section

NONE = "–"


@dataclass(frozen=True)
class Measured:
    """One detector: bytes of its files, and medians over the rounds.

    Attributes:
        start: seconds from starting the process to the first score, by the file and by auscult.
        memory: megabytes at most, likewise.
        milliseconds: of a clip: by the file with its map; by auscult; by auscult with a map.
        parity: largest difference of a score from the model's, as a share of it.
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
    return [name for name in DETECTORS if detector_type(name).export is not Detector.export]


def measure(detector: str, folder: Path, home: Path, recording: Path, rounds: int, times: int) -> Measured:
    """Fits, exports and scores."""
    settings: dict[str, Any] = {"epochs": 1} if detector_type(detector).extra == "train" else {}
    model = auscult.fit(auscult.open_corpus(home).for_training(), detector, calibrate="none", **settings)
    files = {"onnx": folder / f"{detector}.onnx", "auscult": folder / f"{detector}.auscult"}
    model.save(str(files["auscult"]))
    parity = auscult.export(model, files["onnx"])
    found: dict[str, list[dict[str, Any]]] = {how: [] for how in files}
    for _ in range(rounds):
        for how, file in files.items():
            found[how].append(_child(how, file, recording, times))

    def median(how: str, *keys: str) -> float:
        values: Sequence[Any] = found[how]
        for key in keys:
            values = [value[key] for value in values]
        return statistics.median(values)

    return Measured(
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


def _child(how: str, model: Path, recording: Path, times: int) -> dict[str, Any]:
    """What a process says that scores a recording, and how long its start took; on one core where that can
    be asked for."""
    core = ["taskset", "-c", "0"] if sys.platform == "linux" else []
    started = time.time()
    done = subprocess.run(
        [*core, sys.executable, "-m", "bench.edge_child", how, str(model), str(recording), str(times)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if done.returncode:
        raise RuntimeError(f"{how} {model}: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    return {**told, "start": told["first"] - started}


def installed_megabytes(*packages: str) -> float | None:
    """What packages and all that they need take on disk in an environment of their own, without pip; ``None``
    where they cannot be had."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "site"
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), *packages],
            capture_output=True,
        )
        if done.returncode:
            return None
        return sum(file.stat().st_size for file in target.rglob("*") if file.is_file()) / 1e6


def as_page(measured: Sequence[Measured], installed: float | None) -> str:
    """The table and what it says."""
    header = [
        *("detector", "file, MB", "start, s", "memory, MB", "ms a clip", "difference of the score"),
        *("auscult: model, MB", "start, s", "memory, MB", "ms a clip", "with map"),
    ]
    rows = [
        [
            f"`{m.detector}`",
            f"{m.exported_bytes / 1e6:.2f}",
            f"{m.start[0]:.2f}",
            f"{m.memory[0]:.0f}",
            f"{m.milliseconds[0]:.1f}",
            f"{m.parity:.0e}",
            f"{m.model_bytes / 1e6:.2f}",
            f"{m.start[1]:.2f}",
            f"{m.memory[1]:.0f}",
            f"{m.milliseconds[1]:.1f}",
            f"{m.milliseconds[2]:.1f}",
        ]
        for m in measured
    ]
    size = NONE if installed is None else f"{installed:.0f} MB"
    return (
        f"Installed size of onnxruntime, numpy and what they need: {size}.\n\n{table(header, rows)}\n\n"
        "A clip is 10 s at 16 kHz, read from a WAV file each time; the file gives score and map, auscult the "
        "score, and its nearest normal recording too. Start: from starting the process to the first score. "
        f"One core of {this_machine()}; medians over processes that took turns, of medians."
    )


def main() -> None:
    """Measures, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each kind")
    parser.add_argument("--times", type=int, default=21, help="scores in each process")
    parser.add_argument("--clips", type=int, default=60, help="that models are fitted on")
    parser.add_argument("--print", action="store_true", help="to the terminal alone")
    arguments = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (home,) = simulate(folder, machines=["fan"], clips=arguments.clips, test_clips=1)
        recording = min((home / "test").glob("*.wav"))
        measured = [
            measure(detector, folder, home, recording, arguments.rounds, arguments.times)
            for detector in exportable()
        ]
    page = as_page(measured, installed_megabytes("onnxruntime", "numpy"))
    if arguments.print:
        print(page)
    else:
        write_section("edge.md", "edge", page)


if __name__ == "__main__":
    main()
