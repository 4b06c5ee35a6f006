"""Benchmarks in batches and over workers give the same results, even if a worker dies."""

from __future__ import annotations

import shutil
import threading
import time

import numpy as np
import pytest

from auscult.benchmark import run_bench
from auscult.detectors.reconstruction.autoencoder import Autoencoder
from auscult.runtime.parallel import workers

QUICK = {"epochs": "2", "n_mels": "32"}
WITHOUT_NETWORK = ["pooled_gaussian", "spectral_memory"]


@pytest.fixture(scope="module")
def one_process(root, tmp_path_factory):
    """A benchmark of detectors without a network, run by one process."""
    output = tmp_path_factory.mktemp("one_process")
    return run_bench(root, detectors=WITHOUT_NETWORK, seeds=[0, 1], output=output)


def metrics(result) -> dict[tuple, tuple]:
    return {
        (r.machine, r.section, r.column, r.seed): (r.auc_source, r.auc_target, r.pauc) for r in result.results
    }


def test_machines_and_seeds_are_trained_together(root, tmp_path, monkeypatch):
    sizes = []
    real = Autoencoder.fit_fleet.__func__

    def counting(cls, detectors, fleets, **options):
        sizes.append(len(detectors))
        return real(cls, detectors, fleets, **options)

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(counting))
    together = run_bench(root, detectors=["autoencoder"], seeds=[0, 1], output=tmp_path / "a", settings=QUICK)
    assert sizes == [4]
    separate = [
        run_bench(root, detectors=["autoencoder"], seeds=[seed], machines=[machine],
                  output=tmp_path / machine, settings=QUICK)
        for machine in ("fan", "pump") for seed in (0, 1)
    ]  # fmt: skip
    assert sizes == [4, 1, 1, 1, 1]
    for result in separate:
        for key, values in metrics(result).items():
            assert metrics(together)[key] == pytest.approx(values, abs=1e-9)


@pytest.mark.slow
def test_processes_give_the_same_results(root, tmp_path, one_process):
    with workers(2):
        result = run_bench(root, detectors=WITHOUT_NETWORK, seeds=[0, 1], output=tmp_path)
    assert result.failures == []
    assert metrics(result) == metrics(one_process)


@pytest.mark.slow
def test_a_cluster_gives_the_same_results_even_if_a_worker_is_killed(
    root, tmp_path, one_process, dask_cluster
):
    def kill_worker_after_first_stage() -> None:
        while not list(tmp_path.glob("stages/*/*/*/test.json")):
            time.sleep(0.01)
        dask_cluster.kill_one()

    killer = threading.Thread(target=kill_worker_after_first_stage)
    killer.start()
    with workers(cluster=dask_cluster.address):
        result = run_bench(root, detectors=WITHOUT_NETWORK, seeds=[0, 1], output=tmp_path)
    killer.join()
    assert result.failures == []
    assert metrics(result) == metrics(one_process)


def test_workers_resume_a_benchmark_and_report_progress(root, tmp_path, one_process):
    shutil.copytree(one_process.output, tmp_path / "r")
    unfinished = tmp_path / "r" / "stages" / "fan" / "spectral_memory" / "seed1" / "test.json"
    before = np.sort([path.stat().st_mtime_ns for path in tmp_path.glob("r/stages/*/*/*/test.json")])
    unfinished.unlink()
    calls = []
    with workers(2):
        result = run_bench(
            root,
            detectors=WITHOUT_NETWORK,
            seeds=[0, 1],
            output=tmp_path / "r",
            progress=lambda *arguments: calls.append(arguments[:3]),
        )
    assert metrics(result) == metrics(one_process)
    assert calls[-1] == ("stages", 8, 8)
    after = np.sort([path.stat().st_mtime_ns for path in tmp_path.glob("r/stages/*/*/*/test.json")])
    assert (after[:-1] <= before[-1]).all()
    assert after[-1] > before[-1]


def test_workers_use_other_machines_and_list_failures(root, tmp_path):
    data = tmp_path / "root"
    shutil.copytree(root, data)
    for path in (data / "pump" / "train").iterdir():
        path.write_bytes(b"not a sound")
    settings = {"epochs": "1", "width": "4", "n_mels": "32"}
    with workers(2):
        result = run_bench(
            data, detectors=["discriminative"], seeds=[0], output=tmp_path / "r", settings=settings
        )
    assert [f["machine"] for f in result.failures] == ["pump"] * len({f["detector"] for f in result.failures})
    assert {row.machine for row in result.results} == {"fan"}
