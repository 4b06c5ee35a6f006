"""Scores and maps of `spectral_memory`: ONNX counterpart of its ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.statistics.neighbours_onnx import scores_and_nearest
from auscult.detectors.statistics.pooled_views_onnx import PooledFrames
from auscult.detectors.statistics.standardizer import Standardizer


def memory_evidence(
    frames: Value,
    views: Sequence[str],
    edges: Sequence[int],
    over_groups: str,
    scores: Sequence[str],
    target: np.ndarray,
    arrays: Mapping[str, np.ndarray],
) -> GraphEvidence:
    """Build the graph of every score and map.

    Args:
        frames: (T, B) float32 log-mel in dB.
        views: names of the V views.
        edges: first band of each of G groups of bands, then B.
        over_groups: how the scores of a view's groups are combined: ``max`` or ``mean``.
        scores: names of the scores, in the order in which the arrays have them.
        target: (N,) bool, true for clips of the target domain.
        arrays: fitted arrays of the detector.
    """
    graph, clip = frames.graph, PooledFrames(frames)
    groups = np.arange(len(edges) - 1)
    group_of_band = np.repeat(groups, np.diff(edges))  # (B,)
    in_group = (group_of_band[:, None] == groups).astype(np.float64)  # (B, G), sums over the bands of a group
    bank = graph.Identity(arrays["bank"]).double()  # (N, V, B), stored as float32
    x = graph.Concat(*(graph.Unsqueeze(view, np.array([0])) for view in clip.views(views)), axis=0)  # (V, B)
    results = scores_and_nearest(
        (bank - x).square() @ in_group, target, arrays["density"], arrays["alpha"], arrays["scale"]
    )
    by_group, by_view = (Standardizer.from_arrays(arrays[name]) for name in ("by_group", "by_view"))
    values: dict[str, Value] = {}
    maps: dict[str, Value] = {}
    for i, name in enumerate(scores):
        raw, nearest = results[name]  # (V, G)
        z = (raw - by_group.mean[..., i]) / by_group.sd[..., i]
        if over_groups == "max":
            combined = z.max(1)
            weight = graph.Equal(graph.ArgMax(z, axis=1, keepdims=1), groups).double()
        else:
            combined = z.mean(1)
            weight = np.full((1, len(groups)), 1 / len(groups))
        values[name] = ((combined - by_view.mean[:, i]) / by_view.sd[:, i]).mean()
        share = z * weight / (by_view.sd[:, i, None] * len(views))  # (V, G)
        indices = graph.Gather(nearest, group_of_band, axis=1)  # (V, B)
        references = graph.Squeeze(
            graph.GatherElements(bank, graph.Unsqueeze(indices, np.array([0])), axis=0), np.array([0])
        )
        # The contribution of a group is distributed over its bands in proportion to squared differences.
        squares = (x - references).square()
        total = graph.Gather(squares @ in_group, group_of_band, axis=1)
        positive = graph.Greater(total, np.float64(0))
        of_band = graph.Where(
            positive,
            squares / graph.Where(positive, total, np.float64(1)),
            1 / in_group.sum(axis=0)[group_of_band],
        )
        shares = graph.Gather(share, group_of_band, axis=1) * of_band
        view_maps = (
            clip.distribute_over_frames(
                graph.Gather(shares, np.array(v)), view, graph.Gather(references, np.array(v))
            )
            for v, view in enumerate(views)
        )
        maps[name] = graph.Sum(*view_maps).float()
    return GraphEvidence(values, maps)
