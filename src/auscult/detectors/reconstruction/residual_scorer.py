"""Scores of the residual, the reconstruction error of a network.

In addition to the baseline's scores of the residual there is the density of the time-pooled residual: the
reconstruction error differs by band, and where normal clips agree in that, an anomalous clip differs from
them even if its mean square is small. Harada et al., EUSIPCO 2023, for the covariances; Ledoit & Wolf, J.
Multivariate Analysis 88 (2004), for the density.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.residual_covariance import (
    COVARIANCES,
    ResidualCovariance,
    precision_matrix,
    residual_covariances,
)
from auscult.detectors.reconstruction.residuals import SQUARE_FLOOR, Residual
from auscult.detectors.reconstruction.scorer import Outputs, Scorer
from auscult.detectors.reconstruction.window_network import NetworkConfig
from auscult.findings import Finding
from auscult.runtime.option_fields import option
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

_DOMAINS = ("source", "target")
#: Weight, in clips, of the other domain's covariance in that of a domain that had no clips before adaptation.
_PRIOR_CLIPS = 2.0


@dataclass
class ReconstructionConfig(NetworkConfig):
    """Options of a network that reconstructs its windows."""

    covariance: str = option(
        "auto",
        "Covariance of the residual for the Mahalanobis scores: float32 is that of the DCASE baseline, "
        "auto is exact, or ledoit_wolf if that is ill-conditioned.",
        choices=COVARIANCES,
    )


@dataclass(frozen=True)
class ResidualScorer(Scorer):
    """The baseline's scores of the residual, and the density of the pooled residual.

    The reconstruction is the network output named ``rebuilt``, of the shape of the windows. Covariances are
    those of batches whose mean is removed, as in the baseline.
    """

    scores = ("mse", "mahalanobis", "mahalanobis_frames", "residual_gaussian")
    vector = "residual"

    config: ReconstructionConfig

    def pooled(self, windows: np.ndarray, outputs: Outputs) -> np.ndarray:
        return Residual(outputs["rebuilt"] - windows, self.bands).pooled()

    def evidence(self, windows: np.ndarray, outputs: Outputs, *, explain: bool) -> Evidence:
        residual = Residual(outputs["rebuilt"] - windows, self.bands)
        distance, shares, _ = self.density.distance(residual.pooled())
        scores = {**residual.scores(self.precisions), "residual_gaussian": float(distance)}
        if not explain:
            return Evidence(scores)
        maps = {**residual.maps(self.precisions), "residual_gaussian": residual.pooled_map(shares)}
        return Evidence(scores, maps)

    def evidence_in_graph(self, windows: Value, output: Callable[[str], Value]) -> GraphEvidence:
        from auscult.detectors.onnx_export.graph import GraphEvidence
        from auscult.detectors.onnx_export.windows import spread_over_frames
        from auscult.detectors.statistics.densities_onnx import distance

        graph, bands, context = windows.graph, self.bands, self.config.context
        rows = (output("rebuilt") - windows).double().reshape(-1, bands)  # (V · context, bands)
        squares = rows.square()
        mean, mean_square = rows.mean(0), squares.mean(0)

        pooled = graph.Concat(mean, graph.Log(mean_square + SQUARE_FLOOR), axis=0)
        pooled_distance, pooled_shares, _ = distance(pooled, self.density)
        band_share = pooled_shares.reshape(2, bands).sum(0)

        stacked = np.stack(list(self.precisions.values()))  # (domains, bands, bands)
        precision_times_mean = stacked @ mean  # (domains, bands)
        mean_distances = (precision_times_mean * mean).sum(1)  # (domains,)
        nearest_to_mean = graph.Gather(precision_times_mean, graph.ArgMin(mean_distances, axis=0, keepdims=0))
        scatter = graph.Gemm(rows, rows, transA=1) / rows.count().double()  # (bands, bands)
        row_distances = (stacked * scatter).sum(2).sum(1)  # (domains,)
        nearest_to_rows = graph.Gather(stacked, graph.ArgMin(row_distances, axis=0, keepdims=0))

        shares = {
            "mse": squares / float(bands),
            "mahalanobis": rows * nearest_to_mean,
            "mahalanobis_frames": rows * (rows @ nearest_to_rows),
            "residual_gaussian": (squares + SQUARE_FLOOR) * (band_share / (mean_square + SQUARE_FLOOR)),
        }
        return GraphEvidence(
            scores={
                "mse": mean_square.mean(),
                "mahalanobis": graph.ReduceMin(mean_distances, keepdims=0),
                "mahalanobis_frames": graph.ReduceMin(row_distances, keepdims=0),
                "residual_gaussian": pooled_distance,
            },
            maps={
                name: spread_over_frames(share.reshape(-1, context * bands), context, bands).float()
                for name, share in shares.items()
            },
        )

    @property
    def precisions(self) -> dict[str, np.ndarray]:
        """The (bands, bands) inverse covariance of the residual in each domain."""
        return {domain: self.arrays[f"precision_{domain}"] for domain in _DOMAINS}

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        square = (self.bands, self.bands)
        return {"precision_source": square, "precision_target": square, **super().expected_shapes()}

    def fit_windows(
        self,
        run: Callable[[np.ndarray], Outputs],
        frames: np.ndarray,
        starts: np.ndarray,
        target_frames: np.ndarray,
    ) -> None:
        """Fit the covariances of the residual in one pass over the shuffled training windows, as the baseline
        does."""
        order = np.random.default_rng(self.config.seed).permutation(starts)
        windows = context_windows(frames, self.config.context)

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for first in range(0, len(order), self.config.batch_size):
                batch = order[first : first + self.config.batch_size]
                if len(batch) > 1:  # a batch of one vector is skipped, as in training
                    x = windows[batch]
                    yield run(x)["rebuilt"] - x, target_frames[batch]

        n_target = int(np.sum(target_frames[starts]))
        counts = {"source": len(starts) - n_target, "target": n_target}
        for domain, sums in residual_covariances(batches(), self.bands).items():
            precision, diagnostics = precision_matrix(sums, self.config.covariance)
            self.arrays[f"precision_{domain}"] = precision
            self.facts[f"covariance_{domain}"] = {**diagnostics, "vectors": counts[domain]}
            if diagnostics["shrinkage"] and self.config.covariance == "auto":
                finding = Finding(
                    "ill_conditioned",
                    f"the {domain} covariance of the residuals is ill-conditioned (condition number "
                    f"{diagnostics['condition']:.1e}): shrunk by Ledoit-Wolf with weight "
                    f"{diagnostics['shrinkage']:.2g}, because its exact inverse is meaningless "
                    "(`covariance='exact'` uses it nevertheless)",
                )
                self.facts["findings"].append(finding.to_json())

    def update(self, clips: Sequence[tuple[np.ndarray, Outputs]], target: np.ndarray) -> list[str]:
        """Update the density and the covariances; ``mse`` depends on neither.

        If a domain had no recordings before, its covariance is shrunk towards the other domain's, which has
        the weight of two recordings.
        """
        super().update(clips, target)
        residuals = [outputs["rebuilt"] - windows for windows, outputs in clips]
        notes = []
        for in_target in dict.fromkeys(target.tolist()):  # in the order of the recordings
            new = [r for r, is_target in zip(residuals, target, strict=True) if is_target == in_target]
            notes.append(self._update_covariance(_DOMAINS[in_target], new))
        for domain, other_domain in (_DOMAINS, _DOMAINS[::-1]):
            if not self.facts[f"covariance_{domain}"]["vectors"]:
                self.arrays[f"precision_{domain}"] = self.arrays[f"precision_{other_domain}"]
        return [*notes, "means and covariance of the clip densities updated", "network and mse unchanged"]

    def _update_covariance(self, domain: str, residuals: Sequence[np.ndarray]) -> str:
        """Update the covariance of a domain with the residuals of new clips, each (V, width); return what has
        changed."""
        known = self.facts[f"covariance_{domain}"]
        sums = ResidualCovariance(np.zeros((self.bands, self.bands)))
        vectors = np.concatenate(residuals)
        order = np.random.default_rng(self.config.seed).permutation(len(vectors))
        for first in range(0, len(order), self.config.batch_size):
            sums.add(vectors[order[first : first + self.config.batch_size]], self.bands)
        # If the domain had no vectors, its array holds the other domain's precision.
        weight = known["vectors"] - 1 if known["vectors"] else _PRIOR_CLIPS * len(vectors) / len(residuals)
        merged = sums.merged(self.arrays[f"precision_{domain}"], max(1.0, weight))
        # A shrunk covariance is not shrunk again.
        method = "float32" if self.config.covariance == "float32" else "exact"
        self.arrays[f"precision_{domain}"], diagnostics = precision_matrix(merged, method)
        count = known["vectors"] + len(vectors)
        self.facts[f"covariance_{domain}"] = {
            "condition": diagnostics["condition"],
            "shrinkage": known["shrinkage"] * weight / (weight + len(vectors)),
            "vectors": count,
        }
        if known["vectors"]:
            return f"covariance of the residual from {known['vectors']:,} to {count:,} windows"
        return f"a covariance of their own from {count:,} windows, shrunk towards the earlier one"
