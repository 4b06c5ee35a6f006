"""Scorers alone, on made-up outputs of a network: fits, scores, maps, ONNX graphs and updates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from auscult.detectors.onnx_export.graph import Graph, Value
from auscult.detectors.reconstruction.deviance_scorer import DevianceScorer
from auscult.detectors.reconstruction.latent_scorer import LatentScorer
from auscult.detectors.reconstruction.residual_scorer import ReconstructionConfig, ResidualScorer
from auscult.detectors.reconstruction.scorer import Scorer
from auscult.spectrum import FrontEnd, context_windows

BANDS, CONTEXT, LATENTS = 4, 2, 3
CONFIG = ReconstructionConfig(front_end=FrontEnd(n_mels=BANDS), context=CONTEXT, batch_size=16)
KINDS = {
    "residual": lambda: ResidualScorer(CONFIG, {}, {"findings": []}),
    "latent": lambda: LatentScorer(CONFIG, {}, {"findings": []}, LATENTS),
    "deviance": lambda: DevianceScorer(CONFIG, {}, {"findings": []}, 0.25),
}
TARGET = np.arange(12) % 4 == 3


def outputs_of(windows: np.ndarray, seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = (scale * rng.standard_normal(windows.shape)).astype(np.float32)
    codes = rng.gamma(4.0, scale, (2, len(windows), LATENTS)).astype(np.float32)
    return {
        "rebuilt": windows + noise,
        "shape": codes[0],
        "scale": codes[1],
        "log_ratio": noise,
        "deviance": noise**2,
    }


def clip(seed: int, scale: float = 1.0, frames: int = 31) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Windows and outputs for one recording."""
    rng = np.random.default_rng([seed, 1])
    windows = context_windows(rng.standard_normal((frames, BANDS)).astype(np.float32), CONTEXT)
    return windows, outputs_of(windows, seed, scale)


def fitted(kind: str) -> Scorer:
    scorer = KINDS[kind]()
    frames = np.random.default_rng(0).standard_normal((200, BANDS)).astype(np.float32)
    scorer.fit_windows(lambda x: outputs_of(x, 7), frames, np.arange(199), np.arange(200) >= 150)
    scorer.fit([scorer.pooled(*clip(seed)) for seed in range(12)], TARGET)
    return scorer


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_have_the_expected_shapes(kind):
    scorer = fitted(kind)
    assert {name: array.shape for name, array in scorer.arrays.items()} == scorer.expected_shapes()
    assert scorer.arrays[f"{scorer.vector}_counts"].tolist() == [9, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_larger_deviations_have_larger_scores_and_maps_average_to_them(kind):
    scorer = fitted(kind)
    normal, loud = (scorer.evidence(*clip(50, scale), explain=True) for scale in (1.0, 4.0))
    assert tuple(normal.scores) == scorer.scores == tuple(normal.maps)
    for name in scorer.scores:
        assert loud.scores[name] > 3 * normal.scores[name], name
        assert loud.maps[name].shape == (31, BANDS)
        # The frames at both ends are in fewer windows.
        assert loud.maps[name].sum(axis=1).mean() == pytest.approx(loud.scores[name], rel=0.2), name
    assert scorer.evidence(*clip(50), explain=False).maps == {}


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_computes_the_same(kind):
    scorer, (windows, outputs) = fitted(kind), clip(51, 2.0)
    graph = Graph()
    inputs: dict[str, Value] = {
        name: graph.input(name, np.float32, ("windows", array.shape[1]))
        for name, array in {"windows": windows, **outputs}.items()
    }
    output: Callable[[str], Value] = inputs.__getitem__
    evidence = scorer.evidence_in_graph(inputs["windows"], output)
    scores = {f"score {name}": (value, np.float64, ()) for name, value in evidence.scores.items()}
    maps = {f"map {name}": (value, np.float32, ("frames", BANDS)) for name, value in evidence.maps.items()}
    session = onnxruntime.InferenceSession(
        graph.to_bytes({**scores, **maps}, {}), providers=["CPUExecutionProvider"]
    )
    feeds = {i.name: {"windows": windows, **outputs}[i.name] for i in session.get_inputs()}
    results = dict(zip([*scores, *maps], session.run([*scores, *maps], feeds), strict=True))
    expected = scorer.evidence(windows, outputs, explain=True)
    for name, score in expected.scores.items():
        assert float(results[f"score {name}"]) == pytest.approx(score, rel=1e-9), name
        np.testing.assert_allclose(results[f"map {name}"], expected.maps[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_an_update_makes_new_clips_normal(kind):
    scorer = fitted(kind)
    name = scorer.scores[-1]  # that of the density
    before = scorer.evidence(*clip(60, 3.0), explain=False).scores
    notes = scorer.update([clip(seed, 3.0) for seed in range(61, 73)], np.zeros(12, bool))
    after = scorer.evidence(*clip(60, 3.0), explain=False).scores
    assert after[name] < before[name] / 2
    assert scorer.arrays[f"{scorer.vector}_counts"].tolist() == [21, 3]
    assert bool(notes) == (kind != "latent")
    for score in ("mse", "deviance", "deviance_top"):
        assert after.get(score) == before.get(score)
