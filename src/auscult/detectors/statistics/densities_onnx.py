"""Distances from Gaussians and mixtures as an ONNX graph; follows ``densities.py`` and ``mixture.py``."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture


def distance(x: Value, gaussian: Gaussian) -> tuple[Value, Value, Value]:
    """`Gaussian.distance` of x (D,): the distance, the share of each dimension in it, and the nearer mean."""
    graph, means = x.graph, gaussian.means[gaussian.counts > 0]  # (K, D)
    away = x - means
    shares = away * (away @ gaussian.precision)  # (K, D)
    distances = shares.sum(1)
    nearer = graph.ArgMin(distances, axis=0, keepdims=0)
    return graph.Gather(distances, nearer), graph.Gather(shares, nearer), graph.Gather(means, nearer)


def surprise(x: Value, mixture: Mixture) -> tuple[Value, Value]:
    """What `Mixture.surprise` of x (D,) shares out to each dimension (D,), and the mean (D,) between those of
    the components."""
    graph, there = x.graph, mixture.weights > 0
    away = x - mixture.means[there]  # (K, D)
    shares = away * (away @ mixture.precision) / 2.0
    log_joint = np.log(mixture.weights[there]) - shares.sum(1)  # (K,)
    highest = log_joint.max()
    value = -1.0 * (highest + graph.Log(graph.Exp(log_joint - highest).sum()))
    r = graph.Exp(log_joint + value)
    shares = r @ shares
    return shares + (value - shares.sum()) / float(len(mixture.precision)), r @ mixture.means[there]
