"""Which machines are fitted together: batches by key, by the workers' device, and a share for each worker."""

from __future__ import annotations

import sys

import cloudpickle
import pytest

from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.model import batching as module
from auscult.model.batching import MACHINES_ON_GPU, NETWORKS_ON_CPU, batches, max_batch
from auscult.runtime.parallel import workers

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


def group(items, max_size):
    return batches(items, key=lambda item: item[0], max_size=lambda _: max_size)


def test_items_with_equal_keys_share_batches_up_to_the_maximum_size():
    assert group(["a1", "b1", "a2", "a3", "b2"], 2) == [["a1", "a2"], ["b1", "b2"], ["a3"]]
    assert group(["a1", "b1", "a2"], 1) == [["a1"], ["b1"], ["a2"]]
    assert group([], 4) == []


def test_each_worker_gets_about_the_same_number():
    with workers(2):
        assert group(["a1", "a2", "a3", "a4", "b1", "b2", "b3"], 4) == [
            ["a1", "a2"], ["a3", "a4"], ["b1", "b2"], ["b3"],
        ]  # fmt: skip


def test_fold_models_count_as_networks():
    config = make_config("autoencoder", settings={"device": "cpu"})
    assert max_batch("autoencoder", config, detectors=1) == NETWORKS_ON_CPU
    assert max_batch("autoencoder", config, detectors=6) == 1
    assert max_batch("pooled_gaussian", make_config("pooled_gaussian"), detectors=1) == 1


def test_the_batch_size_depends_on_the_device_of_the_workers(monkeypatch):
    def gpu(name: str) -> str:
        return "cuda"

    monkeypatch.setattr(module, "_device_type", gpu)  # as a worker with a GPU would answer
    config = make_config("autoencoder")
    with workers(2):
        assert max_batch("autoencoder", config, detectors=6) == MACHINES_ON_GPU


def test_a_device_that_no_worker_has_is_an_error():
    with workers(2), pytest.raises(OptionError, match="device="):
        max_batch("autoencoder", make_config("autoencoder", settings={"device": "cuda:77"}), detectors=1)
