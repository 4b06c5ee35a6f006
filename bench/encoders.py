"""Measure `embedding_memory` with pretrained encoders on the real machines, by back end and metric.

    python -m bench.encoders -o results/encoders yamnet.onnx mn04_as.onnx [--print]

Every encoder is fitted on the five real machines (``AUSCULT_REAL_DATA``) with the cosine and with the
Euclidean distance, next to detectors without an encoder. Nothing is trained, so scores do not depend on the
seed and there is one. Finished runs are reused. Also measures the time of a fit with an empty cache and of
the next fit with another metric. Writes its tables to docs/results/encoders.md, with ``--print`` only to the
terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a fit by a user

import auscult
from auscult.benchmark import run_bench
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.evaluation import Result
from auscult.evaluation.metrics import harmonic_mean
from bench.markdown import table, this_machine, write_section

METRICS = ("cosine", "euclidean")
#: Detectors without an encoder, with the score of each that is shown.
WITHOUT = {"pooled_gaussian": "gaussian", "spectral_memory": "domain"}
#: Machine whose fits are timed.
TIMED = "bldc/BrushlessMotor"
SEED = 13711


def run(data: Path, output: Path, detectors: Sequence[str], settings: dict[str, Any]) -> list[Result]:
    """The results of detectors on all machines."""
    results: list[Result] = []
    for part in ("bldc", "real"):
        bench = run_bench(
            data / part,
            detectors=detectors,
            seeds=[SEED],
            output=output / part,
            settings=settings,
            alone=True,
        )
        if bench.failures:
            raise SystemExit(f"failed: {bench.failures}")
        results += bench.results
    return results


def row(name: Sequence[str], results: Sequence[Result], machines: Sequence[str]) -> list[str]:
    """A row of the table: harmonic mean of each machine, and their mean, in per cent."""
    values = [harmonic_mean([r.harmonic_mean for r in results if r.machine == m]) for m in machines]
    return [*name, *(f"{100 * value:.1f}" for value in values), f"{100 * fmean(values):.1f}"]


def fit_seconds(folder: Path, encoder: str, metric: str) -> float:
    """The time of a fit with its calibration, and its log-mels and encodings in the cache or not."""
    started = time.perf_counter()
    clips = auscult.open_corpus(str(folder)).for_training()
    auscult.fit(clips, detector="embedding_memory", encoder=encoder, metric=metric)
    return time.perf_counter() - started


def time_rows(data: Path, encoders: Sequence[str]) -> list[list[str]]:
    """For each encoder the times of a first fit and of one with another metric, in seconds."""
    rows = []
    for encoder in encoders:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["AUSCULT_CACHE"] = folder
            first, second = (fit_seconds(data / TIMED, encoder, metric) for metric in METRICS)
        rows.append([f"`{Path(encoder).stem}`", f"{first:.1f}", f"{second:.1f}"])
    return rows


def parse_options(
    description: str | None, arguments: Sequence[str] | None, metavar: str = "FILE.onnx"
) -> argparse.Namespace:
    """Parse the arguments of a script about encoder files: ``encoders``, ``output`` and ``only_print``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("encoders", nargs="+", metavar=metavar)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--print", action="store_true", dest="only_print")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurements."""
    options = parse_options(__doc__, arguments)
    data = Path(os.environ["AUSCULT_REAL_DATA"])
    plain = run(data, options.output / "without", list(WITHOUT), {})
    machines = list(dict.fromkeys(r.machine for r in plain))
    rows = []
    for encoder in options.encoders:
        for metric in METRICS:
            name = Path(encoder).stem
            settings = {"encoder": encoder, "metric": metric}
            results = run(data, options.output / f"{name}-{metric}", ["embedding_memory"], settings)
            for score in EmbeddingMemory.scores:
                of_score = [r for r in results if r.score == score]
                rows.append(row([f"`{name}`", metric, f"`{score}`"], of_score, machines))
    for detector, score in WITHOUT.items():
        of_score = [r for r in plain if r.detector == detector and r.score == score]
        rows.append(row(["–", "–", f"`{detector}:{score}`"], of_score, machines))
    accuracy = table(["encoder", "metric", "score", *machines, "mean"], rows)
    times = table(
        ["encoder", "first fit, s", "fit with another metric, s"], time_rows(data, options.encoders)
    )
    text = f"{accuracy}\n\n{times}\n\nMeasured on {this_machine()}, one thread."
    print(text)
    if not options.only_print:
        write_section("results/encoders.md", "encoders", text)


if __name__ == "__main__":
    main(sys.argv[1:])
