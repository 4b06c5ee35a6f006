"""Resumable benchmarks: machines × detectors × seeds, each fitted, scored and compared."""

from auscult.benchmark.result import BenchResult
from auscult.benchmark.run import run_bench

__all__ = ["BenchResult", "run_bench"]
