"""A bench over fleets and over workers: the same results, complete though a worker dies."""

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
PLAIN = ["pooled_gaussian", "spectral_memory"]


@pytest.fixture(scope="module")
def plain(root, tmp_path_factory):
    """A bench of detectors without a network, by one process."""
    return run_bench(root, detectors=PLAIN, seeds=[0, 1], output=tmp_path_factory.mktemp("plain"))


def metrics(result) -> dict[tuple, tuple]:
    return {
        (r.machine, r.section, r.column, r.seed): (r.auc_source, r.auc_target, r.pauc) for r in result.results
    }


def test_machines_and_seeds_train_together(root, tmp_path, monkeypatch):
    sizes = []
    real = Autoencoder.fit_fleet.__func__

    def counting(cls, detectors, fleets, **options):
        sizes.append(len(detectors))
        return real(cls, detectors, fleets, **options)

    monkeypatch.setattr(Autoencoder, "fit_fleet", classmethod(counting))
    together = run_bench(root, detectors=["autoencoder"], seeds=[0, 1], output=tmp_path / "a", settings=QUICK)
    assert sizes == [4]
    alone = [
        run_bench(root, detectors=["autoencoder"], seeds=[seed], machines=[machine],
                  output=tmp_path / machine, settings=QUICK)
        for machine in ("fan", "pump") for seed in (0, 1)
    ]  # fmt: skip
    assert sizes == [4, 1, 1, 1, 1]
    for one in alone:
        for key, values in metrics(one).items():
            assert metrics(together)[key] == pytest.approx(values, abs=1e-9)


def test_processes_give_the_same(root, tmp_path, plain):
    with workers(2):
        result = run_bench(root, detectors=PLAIN, seeds=[0, 1], output=tmp_path)
    assert result.failures == []
    assert metrics(result) == metrics(plain)


def test_a_cluster_gives_the_same_though_a_worker_is_killed(root, tmp_path, plain, dask_cluster):
    def kill_when_one_is_done() -> None:
        while not list(tmp_path.glob("stages/*/*/*/test.json")):
            time.sleep(0.01)
        dask_cluster.kill_one()

    killer = threading.Thread(target=kill_when_one_is_done)
    killer.start()
    with workers(cluster=dask_cluster.address):
        result = run_bench(root, detectors=PLAIN, seeds=[0, 1], output=tmp_path)
    killer.join()
    assert result.failures == []
    assert metrics(result) == metrics(plain)


def test_over_workers_it_goes_on_and_tells_how_far_it_is(root, tmp_path, plain):
    shutil.copytree(plain.output, tmp_path / "r")
    gone = tmp_path / "r" / "stages" / "fan" / "spectral_memory" / "seed1" / "test.json"
    kept = np.sort([path.stat().st_mtime_ns for path in tmp_path.glob("r/stages/*/*/*/test.json")])
    gone.unlink()
    told = []
    with workers(2):
        result = run_bench(
            root,
            detectors=PLAIN,
            seeds=[0, 1],
            output=tmp_path / "r",
            progress=lambda *what: told.append(what[:3]),
        )
    assert metrics(result) == metrics(plain)
    assert told[-1] == ("stages", 8, 8)
    now = np.sort([path.stat().st_mtime_ns for path in tmp_path.glob("r/stages/*/*/*/test.json")])
    assert (now[:-1] <= kept[-1]).all()
    assert now[-1] > kept[-1]


def test_over_workers_others_are_heard_and_failures_listed(root, tmp_path):
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
