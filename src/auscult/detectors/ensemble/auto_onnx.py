"""Members, scores and maps of `auto` in one graph: ONNX counterpart of its ``score``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from auscult.detectors.base import Detector
from auscult.detectors.ensemble.member_maps import covered_bands
from auscult.detectors.exportable import export_graph
from auscult.detectors.maps.bin_residuals import BinResiduals
from auscult.detectors.maps.bin_residuals_onnx import bin_residuals, sharpened, smoothed
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.maps.map_profile_onnx import resized, smoothed_zscore
from auscult.detectors.onnx_export.front_end import log_mel
from auscult.detectors.onnx_export.graph import GraphEvidence, Value
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd


def ensemble_evidence(
    samples: Value,
    front_end: FrontEnd,
    members: Mapping[str, Detector],
    profiles: Mapping[str, MapProfile],
    standard: Standardizer,
    weights: np.ndarray,
    members_weight: float,
    bins: BinResiduals,
    *,
    compress: bool,
) -> GraphEvidence:
    """Build the graph of both scores and their maps.

    Args:
        samples: (N,) float32.
        front_end: the front end of the ensemble, with B bands.
        members: the K members by name.
        profiles: what the map of each member is standardised by, and that of the bin residuals as ``bins``.
        standard: standardises the members' scores.
        weights: (K,) of the members, with the sum 1.
        members_weight: weight of the members' maps, relative to the bin residuals.
        bins: regression of each bin on the bins around it.
        compress: whether the score is the mean of the arsinh of the standardised scores.

    Raises:
        OptionError: a member cannot be exported.
    """
    graph, frames = samples.graph, log_mel(samples, front_end)
    scores, maps = [], []
    for name, member in members.items():
        try:
            evidence = export_graph(member, samples)
        except OptionError as error:
            raise OptionError(f"auto cannot be exported with its member {name}: {error}") from None
        of_member = member.config.front_end
        scores.append(evidence.scores[member.decisive_score].reshape(1))
        zscore = smoothed_zscore(evidence.maps[member.decisive_score], profiles[name])
        covered = covered_bands(of_member, front_end)
        if (of_member.hop, of_member.n_mels) != (front_end.hop, covered):
            zscore = resized(zscore, frames.count(), (of_member.n_mels, covered))
        if covered < front_end.n_mels:
            zscore = graph.Pad(zscore, np.array([0, 0, 0, front_end.n_mels - covered]))
        maps.append(zscore)
    z = (graph.Concat(*scores, axis=0) - standard.mean) / standard.sd  # (K,)
    fused = (_arsinh(z) if compress else z) * weights
    of_members = [_arsinh(map) * np.float32(weight) for map, weight in zip(maps, weights, strict=True)]
    profile, residuals = profiles["bins"], bin_residuals(frames, bins)
    smooth = (smoothed(residuals, front_end.n_mels) - profile.centre) / profile.floored_spread
    mean_map = smooth + graph.Sum(*of_members).double() * members_weight
    stacked = graph.Concat(*(graph.Unsqueeze(map, np.array([0])) for map in maps), axis=0)  # (K, T, B)
    return GraphEvidence(
        scores={"mean": fused.sum(), "minimum": graph.ReduceMin(z, keepdims=0)},
        maps={
            "mean": sharpened(mean_map, residuals).float(),
            "minimum": graph.Gather(stacked, graph.ArgMin(z, axis=0, keepdims=0)),
        },
    )


def _arsinh(x: Value) -> Value:
    """Return the inverse hyperbolic sine; ONNX Runtime has this operator for float32 only."""
    graph, absolute = x.graph, x.graph.Abs(x)
    root = graph.Sqrt(x.square() + graph.CastLike(np.float32(1), x))
    return graph.Sign(x) * graph.Log(absolute + root)
