"""Scores and maps of principal subspaces in an ONNX graph; the counterpart of ``subspaces.py``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.onnx_export.windows import spread_over_frames
from auscult.detectors.reconstruction.subspaces import SQUARE_FLOOR, Subspaces


def subspace_evidence(
    windows: Value, subspaces: Subspaces, averaged: Sequence[int], context: int
) -> GraphEvidence:
    """Return the scores and maps of `SubspaceResidual` that the subspaces of some ranks are enough for.

    Args:
        windows: (V, context · bands) float32.
        subspaces: of R ranks.
        averaged: the ranks that the scores ``weighted`` and ``residual`` average.
        context: frames in one window.
    """
    graph, (largest, size) = windows.graph, subspaces.axes.shape
    bands = size // context
    axes = graph.Identity(subspaces.axes)  # (K, D), stored once for all ranks
    centred = windows.double() - subspaces.mean  # (V, D)
    components = graph.Gemm(centred, axes, transB=1)  # (V, K)
    count = windows.count().double()
    squares = centred.square().mean(0)  # (D,)
    cross = graph.Gemm(components, centred, transA=1) / count  # (K, D)
    gram = graph.Gemm(components, components, transA=1) / count

    weights = np.where(np.isin(subspaces.ranks, averaged), subspaces.dimensions, 0.0)
    weights /= weights.sum()
    normal = subspaces.noise.reshape(len(weights), context, bands).mean(axis=1) + SQUARE_FLOOR
    scores: dict[str, Value] = {}
    maps: dict[str, Value] = {}
    weighted, residual, weighted_shares, residual_shares = [], [], [], []
    for index, rank in enumerate(subspaces.ranks):
        left, of_windows = squares, centred
        if used := min(rank, largest):
            part = axes.slice(0, used)
            explained = gram.slice(0, used).slice(0, used, axis=1) @ part - cross.slice(0, used) * 2.0
            left = graph.Max(squares + (explained * part).sum(0), np.float64(0))
            of_windows = centred - components.slice(0, used, axis=1) @ part
        by_band = left.reshape(context, bands).mean(0)
        bins = of_windows.square().reshape(-1, bands)
        scores[f"residual_{rank}"] = by_band.mean()
        maps[f"residual_{rank}"] = bins / float(bands)
        if not weights[index]:
            continue
        floored, bins = by_band + SQUARE_FLOOR, bins + SQUARE_FLOOR
        decibels = graph.Log(floored / normal[index]) * (10 / math.log(10) * weights[index] / bands)
        factor = weights[index] / normal[index].mean()
        weighted.append(decibels.sum())
        weighted_shares.append(bins * (decibels / floored))
        residual.append(floored.mean() * factor)
        residual_shares.append(bins * (factor / bands))
    return GraphEvidence(
        scores={"weighted": graph.Sum(*weighted), "residual": graph.Sum(*residual), **scores},
        maps={
            name: spread_over_frames(share.reshape(-1, context * bands), context, bands).float()
            for name, share in {
                "weighted": graph.Sum(*weighted_shares),
                "residual": graph.Sum(*residual_shares),
                **maps,
            }.items()
        },
    )
