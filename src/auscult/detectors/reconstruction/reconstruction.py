"""Detectors whose network reconstructs its windows; the reconstruction error, the residual, gives the scores.

In addition to the baseline's scores of the residual there is the density of the time-pooled residual: the
reconstruction error differs by band, and where normal clips agree in that, an anomalous clip differs from
them even if its mean square is small. Harada et al., EUSIPCO 2023, for the covariances (see `residuals`);
Ledoit & Wolf, J. Multivariate Analysis 88 (2004), for the density.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.base import Evidence
from auscult.detectors.reconstruction.clip_densities import ClipDensityDetector, density_shapes
from auscult.detectors.reconstruction.network import WindowConfig
from auscult.detectors.reconstruction.residuals import (
    COVARIANCES,
    ResidualCovariance,
    ResidualMoments,
    pooled_residual,
    pooled_residual_map,
    precision_matrix,
    residual_covariances,
    residual_maps,
    residual_scores,
)
from auscult.errors import FitError
from auscult.runtime.option_fields import option
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

_DOMAINS = ("source", "target")
#: Weight, in clips, of the other domain's covariance in that of a domain that had no clips before adaptation.
_PRIOR_CLIPS = 2.0


@dataclass
class NetworkConfig(WindowConfig):
    """Options of a network that reconstructs its windows."""

    covariance: str = option(
        "auto",
        "Covariance of the residual for the Mahalanobis scores: float32 is that of the DCASE baseline, "
        "auto is exact, or ledoit_wolf if that is ill-conditioned.",
        choices=COVARIANCES,
    )


class NetworkDetector(ClipDensityDetector):
    """A network that reconstructs context windows, always with the frames of the baseline.

    The reconstruction is the network output named ``rebuilt``, of the shape of x.
    """

    config: NetworkConfig
    config_type = NetworkConfig
    scores: ClassVar[tuple[str, ...]] = ("mse", "mahalanobis", "mahalanobis_frames", "residual_gaussian")
    fits_frame_length = False
    batch_score = "mse"

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        windows = self._windows(recording)
        return self.residual_evidence(self.run(windows)["rebuilt"] - windows, explain=explain)

    def residual_evidence(self, residual: np.ndarray, *, explain: bool) -> Evidence:
        """Return the scores, and with ``explain`` the maps, of a residual (V, width)."""
        precisions = {d: self.arrays[f"precision_{d}"] for d in _DOMAINS}
        moments = ResidualMoments.from_residual(residual, self.config.front_end.n_mels)
        distance, shares, _ = self.density("residual").distance(pooled_residual(moments))
        scores = {**residual_scores(moments, precisions), "residual_gaussian": float(distance)}
        if not explain:
            return Evidence(scores)
        maps = residual_maps(residual, moments, precisions, self.config.context)
        pooled_map = pooled_residual_map(shares, residual, self.config.context)
        return Evidence(scores, {**maps, "residual_gaussian": pooled_map})

    def export(self, samples: Value) -> GraphEvidence:
        windows, network = self.run_in_graph(samples)
        return self.residual_evidence_in_graph(network("rebuilt") - windows)

    def residual_evidence_in_graph(self, residual: Value) -> GraphEvidence:
        """Compute `residual_evidence` of a residual (V, width) in an ONNX graph."""
        from auscult.detectors.reconstruction.residuals_onnx import residual_evidence

        precisions = {d: self.arrays[f"precision_{d}"] for d in _DOMAINS}
        return residual_evidence(residual, self.config.context, precisions, self.density("residual"))

    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the pooled residual of a clip, ``residual`` (2 · bands,)."""
        moments = ResidualMoments.from_residual(outputs["rebuilt"] - windows, self.config.front_end.n_mels)
        return {"residual": pooled_residual(moments)}

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        bands = self.config.front_end.n_mels
        square = (bands, bands)
        shapes = {"network": (None,), "precision_source": square, "precision_target": square}
        return {**shapes, **density_shapes("residual", 2 * bands)}

    def fit_window_statistics(
        self, frames: np.ndarray, starts: np.ndarray, target_frames: np.ndarray
    ) -> None:
        """Fit the covariances of the residual in one pass over the shuffled training windows, as the baseline
        does."""
        order = np.random.default_rng(self.config.seed).permutation(starts)
        windows, run = context_windows(frames, self.config.context), self.run_for_fitting()

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for first in range(0, len(order), self.config.batch_size):
                batch = order[first : first + self.config.batch_size]
                if len(batch) > 1:  # a batch of one vector is skipped, as in training
                    x = windows[batch]
                    yield run(x)["rebuilt"] - x, target_frames[batch]

        n_target = int(np.sum(target_frames[starts]))
        counts = {"source": len(starts) - n_target, "target": n_target}
        for domain, sums in residual_covariances(batches(), self.config.front_end.n_mels).items():
            precision, diagnostics = precision_matrix(sums, self.config.covariance)
            self.arrays[f"precision_{domain}"] = precision
            self.facts[f"covariance_{domain}"] = {**diagnostics, "vectors": counts[domain]}
            if diagnostics["shrinkage"] and self.config.covariance == "auto":
                self.facts["warnings"].append(
                    f"the {domain} covariance of the residuals is ill-conditioned (condition number "
                    f"{diagnostics['condition']:.1e}): shrunk by Ledoit-Wolf with weight "
                    f"{diagnostics['shrinkage']:.2g}, because its exact inverse is meaningless "
                    "(covariance=exact uses it nevertheless)"
                )

    def adapted(self, recordings: Sequence[AudioClip]) -> NetworkDetector:
        """Return a new detector that treats these recordings as normal too; see `Detector.adapted`.

        The network is unchanged, and so is ``mse``. The covariances of the residual and the densities of the
        pooled vectors are updated to include the new recordings. If a domain had no recordings before, its
        covariance is shrunk towards the other domain's, which has the weight of two recordings.

        Raises:
            FitError: there are no recordings.
        """
        if not recordings:
            raise FitError(f"{self.name}: no recordings to adapt to")
        other = self._copy()
        assert isinstance(other, NetworkDetector)
        clips = [self._windows(r) for r in recordings]
        run = self.run_for_fitting()
        outputs = [run(windows) for windows in clips]
        target = is_target(recordings)
        other.update_densities(zip(clips, outputs, strict=True), target)
        residuals = [o["rebuilt"] - w for w, o in zip(clips, outputs, strict=True)]
        for index, domain in enumerate(_DOMAINS):
            if new := [r for r, in_target in zip(residuals, target, strict=True) if in_target == bool(index)]:
                other._update_covariance(domain, new)
        for domain, other_domain in (_DOMAINS, _DOMAINS[::-1]):
            if not other.facts[f"covariance_{domain}"]["vectors"]:
                other.arrays[f"precision_{domain}"] = other.arrays[f"precision_{other_domain}"]
        other.facts.setdefault("adaptations", []).append(_describe_adaptation(self, other, recordings))
        return other

    def _update_covariance(self, domain: str, residuals: Sequence[np.ndarray]) -> None:
        """Update the covariance of a domain with the residuals of new clips, each (V, width)."""
        known = self.facts[f"covariance_{domain}"]
        sums = ResidualCovariance(np.zeros((self.config.front_end.n_mels,) * 2))
        vectors = np.concatenate(residuals)
        order = np.random.default_rng(self.config.seed).permutation(len(vectors))
        for first in range(0, len(order), self.config.batch_size):
            sums.add(vectors[order[first : first + self.config.batch_size]], self.config.front_end.n_mels)
        # If the domain had no vectors, its array holds the other domain's precision.
        weight = known["vectors"] - 1 if known["vectors"] else _PRIOR_CLIPS * len(vectors) / len(residuals)
        merged = sums.merged(self.arrays[f"precision_{domain}"], max(1.0, weight))
        # A shrunk covariance is not shrunk again.
        method = "float32" if self.config.covariance == "float32" else "exact"
        self.arrays[f"precision_{domain}"], diagnostics = precision_matrix(merged, method)
        self.facts[f"covariance_{domain}"] = {
            "condition": diagnostics["condition"],
            "shrinkage": known["shrinkage"] * weight / (weight + len(vectors)),
            "vectors": known["vectors"] + len(vectors),
        }


def _describe_adaptation(
    before: NetworkDetector, after: NetworkDetector, recordings: Sequence[AudioClip]
) -> str:
    """Return one line on what an adaptation changed."""
    windows = []
    for domain in dict.fromkeys("target" if r.clip.domain == "target" else "source" for r in recordings):
        old, new = (d.facts[f"covariance_{domain}"]["vectors"] for d in (before, after))
        windows.append(
            f"covariance of the residual from {old:,} to {new:,} windows"
            if old
            else f"a covariance of their own from {new:,} windows, shrunk towards the earlier one"
        )
    return (
        f"{len(recordings)} {'recording' if len(recordings) == 1 else 'recordings'} added: "
        f"{'; '.join(windows)}; means and covariance of the clip densities updated; network and mse unchanged"
    )
