"""The field's table: machines × detectors × seeds, each fitted, scored and compared; resumable."""

from auscult.benchmark.run import BenchResult, run_bench

__all__ = ["BenchResult", "run_bench"]
