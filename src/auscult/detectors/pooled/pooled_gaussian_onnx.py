"""Scores and maps of `pooled_gaussian`: ONNX counterpart of its ``score``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.densities_onnx import distance, negative_log_density
from auscult.detectors.statistics.mixture import Mixture
from auscult.detectors.statistics.pooled_views_onnx import PooledFrames
from auscult.detectors.statistics.standardizer import Standardizer


def pooled_evidence(
    frames: Value,
    views: Sequence[str],
    gaussians: Sequence[Gaussian] | None,
    mixtures: Sequence[Mixture] | None,
    joint: Gaussian | None,
    sizes: np.ndarray,
    scores: Sequence[str],
    arrays: Mapping[str, np.ndarray],
) -> GraphEvidence:
    """Build the graph of the scores and maps.

    Args:
        frames: (T, B) float32 log-mel in dB.
        views: names of the V views.
        gaussians: one for each view, if a score needs them.
        mixtures: one for each view, if a score needs them.
        joint: Gaussian of all views together, in C coarse bands, if a score needs it.
        sizes: (C,) number of bands in each coarse band.
        scores: names of the scores.
        arrays: fitted arrays of the detector: ``usual`` (kinds, V, B), ``by_view`` (2, kinds of views, V),
            ``by_joint`` (2,).
    """
    graph, first = frames.graph, np.array([0])
    clip = PooledFrames(frames)
    x = clip.views(views)  # V values of shape (B,)
    usual = iter(arrays["usual"])
    sds = iter(Standardizer.from_arrays(arrays["by_view"]).sd[..., None] if gaussians or mixtures else ())
    parts: dict[str, tuple[Value, Value]] = {}

    def stacked(of_views: Sequence[Value]) -> Value:
        """Return (V, B) of the vectors of the views."""
        return graph.Concat(*(graph.Unsqueeze(value, first) for value in of_views), axis=0)

    if gaussians:
        _, of_views, means = zip(*map(distance, x, gaussians), strict=True)
        shares = (stacked(of_views) - next(usual)) / next(sds)
        is_largest = graph.Equal(
            graph.ArgMax(shares.sum(1), axis=0, keepdims=0), np.arange(len(x))[:, None]
        ).double()  # (V, 1)
        parts["gaussian"] = shares / float(len(x)), stacked(means)
        parts["largest"] = shares * is_largest, stacked(means)
    if mixtures:
        of_views, means = zip(*map(negative_log_density, x, mixtures), strict=True)
        parts["mixture"] = (stacked(of_views) - next(usual)) / next(sds) / float(len(x)), stacked(means)
    if joint:
        fine = np.repeat(np.eye(len(sizes)), sizes, axis=1)  # (C, B), 1 where a band is of a coarse band
        coarse = [view @ (fine / sizes[:, None]).T for view in x]
        _, share, mean = distance(graph.Concat(*coarse, axis=0), joint)
        coarse_shares = share.reshape(len(x), len(sizes)) / sizes.astype(np.float64)
        sd = np.float64(Standardizer.from_arrays(arrays["by_joint"]).sd)
        parts["joint"] = (coarse_shares @ fine - next(usual)) / sd, mean.reshape(len(x), len(sizes)) @ fine

    def map_of(shares: Value, means: Value) -> Value:
        view_maps = (
            clip.distribute_over_frames(
                graph.Gather(shares, np.array(v)), view, graph.Gather(means, np.array(v))
            )
            for v, view in enumerate(views)
        )
        return graph.Sum(*view_maps).float()

    return GraphEvidence(
        scores={name: parts[name][0].sum() for name in scores},
        maps={name: map_of(*parts[name]) for name in scores},
    )
