"""A benchmark that is continued with other code does not show the results of the old code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import auscult
from auscult.evaluation import read_results

SIGN = ("return np.sqrt(np.maximum(squares, 0.0))", "return -np.sqrt(np.maximum(squares, 0.0))")


@pytest.mark.slow
def test_a_sign_flipped_in_a_detector_changes_the_next_bench(root, tmp_path):
    source = tmp_path / "src"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(auscult.__file__).parent, source / "auscult", ignore=ignored)
    script = (
        "import sys; from auscult.benchmark import run_bench; "
        "run_bench(sys.argv[1], detectors=['spectral_memory'], machines=['fan'], seeds=[0], "
        "output=sys.argv[2])"
    )

    def results():
        environment = {**os.environ, "PYTHONPATH": str(source)}
        command = [sys.executable, "-c", script, str(root), str(tmp_path / "results")]
        subprocess.run(command, env=environment, check=True)
        return read_results(tmp_path / "results" / "results.csv")

    before = results()
    file = source / "auscult" / "detectors" / "statistics" / "neighbours.py"
    text = file.read_text()
    assert text.count(SIGN[0]) == 1
    file.write_text(text.replace(*SIGN))
    after = results()
    assert [row.auc_source for row in after] != [row.auc_source for row in before]
