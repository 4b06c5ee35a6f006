"""ONNX counterparts of maps: resizing, smoothing, and bin residuals give the values of NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from auscult.detectors.maps.bin_residuals import BinResiduals, WindowSums, sharpened
from auscult.detectors.maps.bin_residuals_onnx import bin_residuals, smoothed
from auscult.detectors.maps.bin_residuals_onnx import sharpened as sharpened_in_graph
from auscult.detectors.maps.map_profile import MapProfile, resized
from auscult.detectors.maps.map_profile_onnx import resized as resized_in_graph
from auscult.detectors.maps.map_profile_onnx import smoothed_zscore
from auscult.detectors.onnx_export.graph import Graph, Value


def random_map(frames: int, bands: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(-40, 10, (frames, bands)).astype(np.float32)


def run(build: Callable[[Value], Value], map: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    graph = Graph()
    result = build(graph.input("x", np.float32, ("T", map.shape[1])))
    file = graph.to_bytes({"y": (result, dtype, (None, None))}, {})
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": map})[0]


@pytest.mark.parametrize("shape", [(313, 128), (31, 12), (7, 40), (1, 1), (5, 12), (12, 5)])
@pytest.mark.parametrize("frames", [1, 2, 5, 40, 1251])
def test_maps_on_another_grid(frames, shape):
    map = random_map(frames, 12)
    result = run(lambda x: resized_in_graph(x, x.graph.Identity(np.array(shape[0])), (12, shape[1])), map)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, resized(map, shape), atol=2e-5)


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 50])
def test_smoothed_zscores(frames):
    profile = MapProfile.fit(random_map(40, 12, seed) for seed in range(3))
    map = random_map(frames, 12, 9)
    result = run(lambda x: smoothed_zscore(x, profile), map)
    np.testing.assert_allclose(result, profile.smoothed_zscore(map), atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 10, 51])
@pytest.mark.parametrize("bands", [1, 2, 12, 13])
def test_bin_residuals(frames, bands):
    """The median is of an even and of an odd number of values, and clips have another level."""
    bins = BinResiduals.fit(WindowSums.of(random_map(40, bands, seed) for seed in range(4)))
    map = random_map(frames, bands, 9) + 20.0
    result = run(lambda x: bin_residuals(x, bins), map, np.float64)
    np.testing.assert_allclose(result, bins.residuals(map), atol=1e-5)
    result = run(lambda x: smoothed(bin_residuals(x, bins), bands), map, np.float64)
    np.testing.assert_allclose(result, bins.map(map), atol=1e-5)
    map -= map.mean()
    result = run(lambda x: sharpened_in_graph(x.double(), bin_residuals(x, bins)), map, np.float64)
    np.testing.assert_allclose(result, sharpened(map, bins.residuals(map)), atol=1e-4)
