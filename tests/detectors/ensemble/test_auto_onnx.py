"""Export of `auto`: networks as members, members that cannot be exported, what members have in common."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from auscult.api.export import export
from auscult.corpus import AudioClip, Clip
from auscult.detectors.ensemble.auto import Auto
from auscult.detectors.ensemble.members import MEMBERS, Member
from auscult.detectors.options import make_config
from auscult.errors import OptionError
from auscult.model import Calibration, Model
from auscult.sound import Waveform

RATE = 8000
SMALL = {"sample_rate": RATE, "n_fft": 256, "hop": 128, "n_mels": 24, "folds": 2}
NETWORK = {"epochs": 2, "hidden": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def normals(machine_sound) -> list[AudioClip]:
    sounds = [Waveform(machine_sound(seed, 0.5), RATE) for seed in range(8)]
    return [AudioClip(Clip(f"{i}.wav"), lambda sound=sound: sound) for i, sound in enumerate(sounds)]


def fitted(normals, members: str, **settings) -> Model:
    config = make_config("auto", settings={**SMALL, "members": members, **settings})
    detector = Auto(config).fit(normals)
    scores = {name: np.zeros(len(normals)) for name in detector.scores}
    return Model(detector, Calibration("none", scores, [None] * len(normals)))


@pytest.mark.parametrize("score", ["mean", "minimum"])
@pytest.mark.parametrize("name", ["vae", "expectation"])
def test_networks_are_members(normals, monkeypatch, tmp_path, name, score):
    member = MEMBERS[name]
    monkeypatch.setitem(MEMBERS, name, replace(member, settings={**member.settings, **NETWORK}))
    monkeypatch.setitem(MEMBERS, "second", replace(MEMBERS[name], divisor=2))
    model = fitted(normals, f"levels,{name},second", score=score)
    assert len(model.detector.facts["members"]) == 3
    parity = export(model, tmp_path / "m.onnx")
    assert parity.sounds >= 20
    assert max(parity.score, parity.map) <= 1e-5


@pytest.mark.parametrize("score", ["mean", "minimum"])
def test_members_for_orders_can_be_exported(normals, tmp_path, score):
    settings = {"order_n_fft": 512, "score": score}
    model = fitted(normals, "levels,order_levels,order_neighbours", **settings)
    parity = export(model, tmp_path / "m.onnx")
    assert parity.sounds >= 20
    assert max(parity.score, parity.map) <= 1e-5


def test_a_member_that_cannot_be_exported_is_named(normals, monkeypatch, tmp_path):
    member = Member("discriminative", "density", {"epochs": 1, "width": 4, "device": "cpu"})
    monkeypatch.setitem(MEMBERS, "classes", member)
    with pytest.raises(OptionError, match="cannot be exported with its member classes: discriminative"):
        export(fitted(normals, "levels,classes"), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_what_members_have_in_common_is_computed_once(normals, tmp_path):
    """The frames are sorted once for each front end, not for each member."""
    names = ("levels", "neighbours", "modulation", "half_levels", "half_neighbours")
    export(fitted(normals, ",".join(names)), tmp_path / "m.onnx")
    nodes = onnx.load(tmp_path / "m.onnx").graph.node
    sorts = [n for n in nodes if n.op_type == "TopK" and all(a.name != "sorted" for a in n.attribute)]
    assert len(sorts) == 2
    requests = [(n.op_type, *n.input, *(a.SerializeToString() for a in n.attribute)) for n in nodes]
    assert len(set(requests)) == len(requests)


def test_onnx_runtime_1_17_can_run_the_graph(normals, tmp_path):
    """Before 1.21 it has no cosine in float64, no product with a transposed float64 matrix, which it makes of
    a transposition and a product, and refuses several nodes without names."""
    export(fitted(normals, "untrained"), tmp_path / "m.onnx")
    nodes = onnx.load(tmp_path / "m.onnx").graph.node[:-2]  # without those that name the outputs
    names = [node.name for node in nodes]
    assert all(names)
    assert len(set(names)) == len(names)
    assert "Cos" not in {node.op_type for node in nodes}
    transposed = {node.output[0] for node in nodes if node.op_type == "Transpose"}
    assert not transposed & {name for node in nodes if node.op_type == "MatMul" for name in node.input}


def test_only_the_arrays_that_scoring_needs_are_in_the_file(normals, tmp_path):
    """The recordings that the Gaussian was fitted on and the sums over all windows serve adaptation only."""
    model = fitted(normals, "modulation,neighbours,residual")
    export(model, tmp_path / "m.onnx")
    arrays = model.detector.arrays
    constants = [onnx.numpy_helper.to_array(c) for c in onnx.load(tmp_path / "m.onnx").graph.initializer]

    def is_stored(name: str) -> bool:
        return any(np.array_equal(constant, arrays[name]) for constant in constants)

    assert is_stored("neighbours/bank")
    assert not is_stored("residual/products")
    assert not is_stored("modulation/bank")
