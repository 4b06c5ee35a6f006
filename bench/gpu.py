"""Training on an NVIDIA GPU: agreement with the CPU, and the time of a step by what makes it fast.

    python -m bench.gpu [--quick] [--work FOLDER] [-o FILE.json]      # measure
    python -m bench.gpu --write FILE.json                             # docs/results/performance.md

Measures, for each network and size of fleet, the time of a step and machine with and without a captured
graph, and in float32, TF32 and bfloat16. All variants of a row are measured in turns, `REPEATS` times, and
the median is taken; the CPU once. Also compares the losses of the CPU and of the GPU, and the time of whole
fits on both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import auscult
from auscult.corpus import AudioClip, open_corpus
from auscult.detectors import detector_type
from auscult.detectors.crossfit import fit_all
from auscult.detectors.options import make_config
from auscult.detectors.training.step import FleetStep
from bench.markdown import table, write_section
from bench.speed_child import steps_per_epoch
from bench.speed_clips import Clips

NETWORKS = ("autoencoder", "gamma_vae", "gamma_observation")
REPEATS = 3
#: Columns of the table: a captured graph or plain steps, and the precision of matrix products.
VARIANTS = [
    ("graph", "float32"),
    ("plain", "float32"),
    ("graph", "tf32"),
    ("plain", "tf32"),
    ("graph", "bf16"),
    ("plain", "bf16"),
]


class _TrainingDone(Exception):
    """Raised by a progress callback after the last epoch."""


@contextlib.contextmanager
def variant(kind: str, precision: str) -> Iterator[str]:
    """Capture no graph for ``plain``, allow TF32 for ``tf32``; gives the option ``precision``."""
    plain = patch.object(FleetStep, "_warm_up_or_capture", FleetStep.step)
    tf32 = patch.object(torch.backends.cuda.matmul, "allow_tf32", precision == "tf32")
    with plain if kind == "plain" else contextlib.nullcontext(), tf32:
        yield "float32" if precision == "tf32" else precision


def trained(
    name: str, sets: list[list[AudioClip]], epochs: int, seconds: float, **options: Any
) -> tuple[float, list[float]]:
    """Train a fleet; return milliseconds for each step and machine after the first epoch, and the losses."""
    detector_class = detector_type(name)
    settings = {"epochs": epochs, "validation": 0.0, **options}
    fleet = [
        detector_class(make_config(name, settings={**settings, "seed": seed})) for seed in range(len(sets))
    ]
    ends: dict[int, float] = {}
    losses: list[float] = []

    def progress(stage: str, done: int, total: int, metrics: Any) -> None:
        if stage == "train":
            ends[done] = time.perf_counter()
            losses.append(float(metrics["loss"]))
            if done == epochs:
                raise _TrainingDone

    with contextlib.suppress(_TrainingDone):
        fit_all(fleet, sets, progress=progress)
    steps = (epochs - 1) * steps_per_epoch(len(sets[0]), seconds)
    return 1e3 * (ends[epochs] - ends[1]) / steps / len(sets), losses


def step_times(sets: list[list[AudioClip]], sizes: list[int], epochs: int, seconds: float) -> list[dict]:
    """One row for each network and size of fleet; the CPU only for the smaller fleets, and once."""
    rows = []
    for name in NETWORKS:
        for machines in sizes:
            fleet = [sets[i % len(sets)] for i in range(machines)]
            times: dict[str, list[float]] = {}
            for repeat in range(REPEATS):
                for kind, precision in VARIANTS:
                    with variant(kind, precision) as option:
                        step, _ = trained(name, fleet, epochs, seconds, device="cuda", precision=option)
                    times.setdefault(f"{kind} {precision}", []).append(step)
                if machines <= 7 and not repeat:
                    step, _ = trained(name, fleet, 2, seconds, device="cpu")
                    times.setdefault("CPU float32", []).append(step)
            row = {"network": name, "machines": machines}
            row |= {variant: statistics.median(values) for variant, values in times.items()}
            print(row, flush=True)
            rows.append(row)
    return rows


def agreement(recordings: list[AudioClip], epochs: int, seconds: float) -> list[dict]:
    """Losses of the last epoch on the CPU and on the GPU, with and without a graph."""
    rows = []
    for name in NETWORKS:
        _, cpu = trained(name, [recordings], epochs, seconds, device="cpu")
        losses = {"CPU": cpu[-1]}
        for kind in ("graph", "plain"):
            with variant(kind, "float32"):
                _, gpu = trained(name, [recordings], epochs, seconds, device="cuda")
            losses[kind] = gpu[-1]
        rows.append({"network": name, **losses})
        print(rows[-1], flush=True)
    return rows


def fit_times(folder: Path, epochs: int) -> list[dict]:
    """Time of `auscult.fit` with calibration (a fleet of six), and how much the scores differ by device."""
    rows = []
    for name in ("autoencoder", "gamma_vae"):
        row: dict[str, Any] = {"network": name, "epochs": epochs}
        scores = {}
        for device in ("cuda", "cpu"):
            started = time.perf_counter()
            model = auscult.fit(open_corpus(folder), name, epochs=epochs, device=device)
            row[f"{device}, seconds"] = time.perf_counter() - started
            clips = list(open_corpus(folder))[:10]
            scores[device] = [model.score_recording(model.audio_clip(clip)).score for clip in clips]
        row["largest relative difference of scores"] = max(
            abs(a - b) / abs(b) for a, b in zip(scores["cuda"], scores["cpu"], strict=True)
        )
        print(row, flush=True)
        rows.append(row)
    return rows


def page(result: dict[str, Any]) -> str:
    """The section of docs/results/performance.md, from the results of a run."""
    columns = [*(f"{kind} {precision}" for kind, precision in VARIANTS), "CPU float32"]
    rows = [
        [f"`{row['network']}`", str(row["machines"])]
        + [f"{row[column]:.3f}" if column in row else "–" for column in columns]
        + [f"{row['plain float32'] / row['graph float32']:.1f}"]
        for row in result["steps"]
    ]
    header = ["network", "machines", *columns, "plain ÷ graph"]
    losses = [
        [f"`{row['network']}`", *(f"{row[kind]:.4g}" for kind in ("CPU", "graph", "plain"))]
        for row in result["agreement"]
    ]
    fits = [
        [
            f"`{row['network']}`",
            str(row["epochs"]),
            f"{row['cuda, seconds']:.0f}",
            f"{row['cpu, seconds']:.0f}",
        ]
        for row in result["fits"]
    ]
    return "\n\n".join(
        [
            "Milliseconds for each step and machine (42 clips of 10 s each, batches of 256), median of "
            f"{REPEATS} alternating runs; the CPU column is one thread, one run:",
            table(header, rows),
            "Loss of the fourth epoch of one machine. The CPU and the GPU add in another order and draw "
            "other random numbers:",
            table(["network", "CPU", "GPU, graph", "GPU, plain steps"], losses),
            "A whole fit with calibration (six networks), seconds:",
            table(["network", "epochs", "GPU", "CPU"], fits),
            f"Measured on {result['device']}, {result['cores']} CPU cores, PyTorch {result['torch']}.",
        ]
    )


def measure(work: Path, *, quick: bool) -> dict[str, Any]:
    """All measurements, as values for JSON."""
    clips = Clips(work)
    count, epochs, sizes = (8, 2, [1, 2]) if quick else (42, 4, [1, 7, 50])
    folders = clips.fleet(min(sizes[-1], 7), count)
    sets = [[AudioClip.from_file(clip) for clip in open_corpus(folder)] for folder in folders]
    return {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(),
        "cores": os.cpu_count(),
        "agreement": agreement(sets[0], epochs, clips.seconds),
        "steps": step_times(sets, sizes, epochs, clips.seconds),
        "fits": fit_times(folders[0], 3 if quick else 10),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small: to see that everything runs")
    parser.add_argument("--work", type=Path, help="folder of the simulated recordings; default: temporary")
    parser.add_argument("-o", "--output", type=Path, default=Path("gpu.json"), help="results as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page from these results")
    options = parser.parse_args()
    if options.write:
        write_section("results/performance.md", "bench.gpu", page(json.loads(options.write.read_text())))
        return
    if not torch.cuda.is_available():
        parser.error("PyTorch finds no NVIDIA GPU on this machine")
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(options.work or Path(temporary), quick=options.quick)
    options.output.write_text(json.dumps(result, indent=1))
    print(page(result))


if __name__ == "__main__":
    main()
