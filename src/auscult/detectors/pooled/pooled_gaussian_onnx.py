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
    gaussians: Sequence[Gaussian],
    mixtures: Sequence[Mixture],
    joint: Gaussian,
    sizes: np.ndarray,
    arrays: Mapping[str, np.ndarray],
) -> GraphEvidence:
    """Build the graph of every score and map.

    Args:
        frames: (T, B) float32 log-mel in dB.
        views: names of the V views.
        gaussians: one for each view.
        mixtures: one for each view.
        joint: Gaussian of all views together, in C coarse bands.
        sizes: (C,) number of bands in each coarse band.
        arrays: fitted arrays of the detector: ``usual`` (3, V, B), ``by_view`` (2, 2, V), ``by_joint`` (2,).
    """
    graph, first = frames.graph, np.array([0])
    clip = PooledFrames(frames)
    x = clip.views(views)  # V values of shape (B,)
    fine = np.repeat(np.eye(len(sizes)), sizes, axis=1)  # (C, B), 1 where a band is part of a coarse band
    coarse = [view @ (fine / sizes[:, None]).T for view in x]
    _, share, mean = distance(graph.Concat(*coarse, axis=0), joint)
    coarse_shares = share.reshape(len(x), len(sizes)) / sizes.astype(np.float64)

    shares_and_means = {
        "gaussian": [distance(*pair)[1:] for pair in zip(x, gaussians, strict=True)],
        "mixture": [negative_log_density(*pair) for pair in zip(x, mixtures, strict=True)],
    }

    def stacked(kind: str, part: int) -> Value:
        """Return the (V, B) shares, part 0, or means, part 1."""
        return graph.Concat(*(graph.Unsqueeze(pair[part], first) for pair in shares_and_means[kind]), axis=0)

    by_view, by_joint = (Standardizer.from_arrays(arrays[name]) for name in ("by_view", "by_joint"))
    normal_shares, sd = arrays["usual"], by_view.sd[..., None]
    gaussian = (stacked("gaussian", 0) - normal_shares[0]) / sd[0]  # (V, B)
    z = gaussian.sum(1)
    is_largest = graph.Equal(
        graph.ArgMax(z, axis=0, keepdims=0), np.arange(len(x))[:, None]
    ).double()  # (V, 1)
    parts = {
        "gaussian": (gaussian / float(len(x)), stacked("gaussian", 1)),
        "largest": (gaussian * is_largest, stacked("gaussian", 1)),
        "mixture": (
            (stacked("mixture", 0) - normal_shares[1]) / sd[1] / float(len(x)),
            stacked("mixture", 1),
        ),
        "joint": (
            (coarse_shares @ fine - normal_shares[2]) / np.float64(by_joint.sd),
            mean.reshape(len(x), len(sizes)) @ fine,
        ),
    }

    def map_of(shares: Value, means: Value) -> Value:
        view_maps = (
            clip.distribute_over_frames(
                graph.Gather(shares, np.array(v)), view, graph.Gather(means, np.array(v))
            )
            for v, view in enumerate(views)
        )
        return graph.Sum(*view_maps).float()

    return GraphEvidence(
        scores={name: part.sum() for name, (part, _) in parts.items()},
        maps={name: map_of(*part) for name, part in parts.items()},
    )
