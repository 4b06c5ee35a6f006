"""bench.detectors: it runs, resumes, and measures memory in a separate process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bench import detectors, footprint
from bench.markdown import DOCS

from auscult.benchmark import BenchResult
from auscult.benchmark.differences import Difference
from auscult.benchmark.ranking import ranking
from auscult.evaluation import Estimate, Result
from auscult.simulation import simulate


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the script on small simulated machines; return its standard output and standard error."""

    def main(*options: str) -> tuple[str, str]:
        small = "--only simulated --machines fan --clips 8 --test-clips 3 --seconds 2 --print"
        monkeypatch.setattr(sys, "argv", ["detectors", "-o", str(tmp_path), *small.split(), *options])
        detectors.main()
        captured = capsys.readouterr()
        return captured.out, captured.err

    return main


def rows_of(text: str) -> dict[str, list[list[str]]]:
    """The rows of each detector, by the name in their first cell."""
    rows: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.split("|")[1:-1]]
            rows.setdefault(cells[0].strip("`").partition(":")[0], []).append(cells)
    return rows


def result(machine: str, system: str, value: float) -> Result:
    detector, _, score = system.partition(":")
    return Result(machine, "00", detector, score, 0, value, value, value, value)


def test_default_scores_are_ranked_with_differences_and_by_machine():
    """A data set of one machine has no column by machine, since it would repeat the mean."""
    means = {"autoencoder:mse": 0.6, "new:a": 0.8, "new:b": 0.9}
    fleet = BenchResult(Path())
    fleet.results = [result(m, s, v) for m in ("fan", "pump") for s, v in means.items()]
    gain = Difference(None, "new:a", "autoencoder:mse", Estimate(0.2, 0.1, 0.3), (1, 1), {})
    fleet.ranking = ranking(fleet.results, [gain], ["autoencoder:mse", "new:a"])
    motor = BenchResult(Path(), results=[result("motor", "new:a", 0.7)])
    motor.ranking = ranking(motor.results, [], ["new:a"])
    benches = {"bldc": motor, "simulated": fleet}
    assert detectors.accuracy_header(benches)[1:] == [
        "bldc", "vs. `autoencoder:mse`", "simulated", "vs. `autoencoder:mse`", "fan", "pump"
    ]  # fmt: skip
    assert detectors.accuracy_rows(benches) == [
        ["`new:a`", "70.0", "–", "80.0", "+20.0 [+10.0, +30.0]", "80.0", "80.0"],
        ["`autoencoder:mse`", "–", "baseline", "60.0", "baseline", "60.0", "60.0"],
    ]


def test_the_script_runs_and_is_resumed(run, monkeypatch):
    out, err = run("--detectors", "spectral_memory")
    accuracy, cost = rows_of(out)["spectral_memory"]
    assert accuracy[0].startswith("`spectral_memory:")
    assert 0 <= float(accuracy[1]) <= 100
    assert float(cost[1]) > 0
    assert 20 < float(cost[4]) < 1000, "MB of a process without PyTorch"
    assert cost[-1] == "nothing"
    assert "1 seed on simulated machines" in out
    assert "8 training clips of 2 s and 12 test clips" in out
    assert "memory of spectral_memory" in err
    monkeypatch.setattr(detectors, "peak_megabytes", lambda *_: pytest.fail("measured again"))
    again, _ = run("--detectors", "spectral_memory")
    assert again == out


def test_peak_memory_of_a_child_does_not_include_the_parent():
    """With ru_maxrss it would on Linux."""
    ballast = np.ones(50_000_000)  # 400 MB
    code = "from bench.footprint import peak_of_this_process; print(peak_of_this_process())"
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=DOCS.parent
    )
    assert 1 < float(child.stdout) < 200 < ballast.nbytes / 1e6
    assert footprint.peak_of_this_process() > 400


def test_a_failing_process_is_an_error_with_the_output_of_the_process(tmp_path):
    simulate(tmp_path, machines=["fan"], clips=4, test_clips=1, seconds=2.0, sample_rate=8000)
    with pytest.raises(RuntimeError, match=r"(?s)autoencoder on fan: .*colour"):
        footprint.peak_megabytes(tmp_path, "fan", "autoencoder", {"colour": "red"})
