"""Scores and maps of `pooled_gaussian`: the twin of its ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance, surprise
from auscult.detectors.statistics.mixture import Mixture
from auscult.detectors.statistics.pooled_views_onnx import PooledFrames
from auscult.detectors.statistics.standardizer import Standard


def pooled_evidence(
    frames: Value,
    views: Sequence[str],
    gaussians: Sequence[Gaussian],
    mixtures: Sequence[Mixture],
    joint: Gaussian,
    sizes: np.ndarray,
    arrays: Mapping[str, np.ndarray],
) -> GraphEvidence:
    """Every score and map.

    Args:
        frames: (T, B) float32 log-mel.
        views: names of the V views.
        gaussians, mixtures: one for each view.
        joint: of all views side by side, in C coarse bands.
        sizes: (C,) how many bands make up each coarse one.
        arrays: ``usual`` (3, V, B), ``by_view`` (2, 2, V) and ``by_joint`` (2,), as the detector learnt them.
    """
    graph, first = frames.graph, np.array([0])
    clip = PooledFrames(frames)
    x = clip.views(views)  # V times (B,)
    fine = np.repeat(np.eye(len(sizes)), sizes, axis=1)  # (C, B), 1 where a band is part of a coarse one
    coarse = [view @ (fine / sizes[:, None]).T for view in x]
    _, share, mean = distance(graph.Concat(*coarse, axis=0), joint)
    by_coarse_band = share.reshape(len(x), len(sizes)) / sizes.astype(np.float64)

    looks = {
        "gaussian": [distance(*pair)[1:] for pair in zip(x, gaussians, strict=True)],
        "mixture": [surprise(*pair) for pair in zip(x, mixtures, strict=True)],
    }

    def stacked(kind: str, which: int) -> Value:
        return graph.Concat(*(graph.Unsqueeze(look[which], first) for look in looks[kind]), axis=0)

    by_view, by_joint = Standard.from_array(arrays["by_view"]), Standard.from_array(arrays["by_joint"])
    usual, sd = arrays["usual"], by_view.sd[..., None]
    of_views = (stacked("gaussian", 0) - usual[0]) / sd[0]  # (V, B)
    z = of_views.sum(1)
    is_oddest = graph.Equal(
        graph.ArgMax(z, axis=0, keepdims=0), np.arange(len(x))[:, None]
    ).double()  # (V, 1)
    parts = {
        "gaussian": (of_views / float(len(x)), stacked("gaussian", 1)),
        "largest": (of_views * is_oddest, stacked("gaussian", 1)),
        "mixture": ((stacked("mixture", 0) - usual[1]) / sd[1] / float(len(x)), stacked("mixture", 1)),
        "joint": (
            (by_coarse_band @ fine - usual[2]) / np.float64(by_joint.sd),
            mean.reshape(len(x), len(sizes)) @ fine,
        ),
    }

    def map_of(shares: Value, means: Value) -> Value:
        of_each = (
            clip.shared_out(graph.Gather(shares, np.array(v)), view, graph.Gather(means, np.array(v)))
            for v, view in enumerate(views)
        )
        return graph.Sum(*of_each).float()

    return GraphEvidence(
        scores={name: part.sum() for name, (part, _) in parts.items()},
        maps={name: map_of(*part) for name, part in parts.items()},
    )
