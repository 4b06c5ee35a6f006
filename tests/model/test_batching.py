"""Which machines are fitted together: by kind, by the device of the workers, and a share for each worker."""

from __future__ import annotations

import sys

import cloudpickle
import pytest

from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.model import batching as module
from auscult.model.batching import MACHINES_ON_GPU, NETWORKS_ON_CPU, fleets, most_together
from auscult.runtime.parallel import workers

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


def parted(members, most):
    return fleets(members, kind=lambda member: member[0], most=lambda _: most)


def test_members_of_a_kind_are_together_as_many_as_may_be():
    assert parted(["a1", "b1", "a2", "a3", "b2"], 2) == [["a1", "a2"], ["b1", "b2"], ["a3"]]
    assert parted(["a1", "b1", "a2"], 1) == [["a1"], ["b1"], ["a2"]]
    assert parted([], 4) == []


def test_each_worker_gets_about_as_many():
    with workers(2):
        assert parted(["a1", "a2", "a3", "a4", "b1", "b2", "b3"], 4) == [
            ["a1", "a2"], ["a3", "a4"], ["b1", "b2"], ["b3"],
        ]  # fmt: skip


def test_networks_that_train_together_are_counted_with_their_judges():
    config = make_config("autoencoder", settings={"device": "cpu"})
    assert most_together("autoencoder", config, networks=1) == NETWORKS_ON_CPU
    assert most_together("autoencoder", config, networks=6) == 1
    assert most_together("pooled_gaussian", make_config("pooled_gaussian"), networks=1) == 1


def test_it_is_the_device_of_the_workers_that_counts(monkeypatch):
    def elsewhere(name: str) -> str:
        return "cuda"

    monkeypatch.setattr(module, "_kind_of_device", elsewhere)  # as a worker with a GPU would answer
    config = make_config("autoencoder")
    with workers(2):
        assert most_together("autoencoder", config, networks=6) == MACHINES_ON_GPU


def test_a_device_that_no_worker_has_is_told():
    with workers(2), pytest.raises(OptionError, match="device="):
        most_together("autoencoder", make_config("autoencoder", settings={"device": "cuda:77"}), networks=1)
