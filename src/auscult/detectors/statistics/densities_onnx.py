"""Gaussians and mixtures: ONNX counterpart of ``densities.py`` and ``mixture.py``."""

from __future__ import annotations

import numpy as np

from auscult.detectors.onnx_export.graph import Value
from auscult.detectors.statistics.densities import Gaussian
from auscult.detectors.statistics.mixture import Mixture


def distance(x: Value, gaussian: Gaussian) -> tuple[Value, Value, Value]:
    """`Gaussian.distance` of x (D,): squared distance, its contributions (D,), and the nearer mean (D,)."""
    graph, means = x.graph, gaussian.means[gaussian.counts > 0]  # (K, D)
    difference = x - means
    shares = difference * (difference @ gaussian.precision)  # (K, D)
    distances = shares.sum(1)
    nearer = graph.ArgMin(distances, axis=0, keepdims=0)
    return graph.Gather(distances, nearer), graph.Gather(shares, nearer), graph.Gather(means, nearer)


def negative_log_density(x: Value, mixture: Mixture) -> tuple[Value, Value]:
    """`Mixture.negative_log_density` of x (D,): its contributions (D,), and the mean (D,)."""
    graph, used = x.graph, mixture.weights > 0
    difference = x - mixture.means[used]  # (K, D)
    shares = difference * (difference @ mixture.precision) / 2.0
    log_joint = np.log(mixture.weights[used]) - shares.sum(1)  # (K,)
    highest = log_joint.max()
    value = -1.0 * (highest + graph.Log(graph.Exp(log_joint - highest).sum()))
    posterior = graph.Exp(log_joint + value)
    shares = posterior @ shares
    return shares + (value - shares.sum()) / float(len(mixture.precision)), posterior @ mixture.means[used]
