"""Detectors whose network rebuilds its windows: what it cannot rebuild, the residual, gives the scores.

Besides the baseline's scores of the residual there is one by a density on its time-pooled form: what a
network fails to rebuild differs by band, and where normal clips agree in that, an odd one stands out though
its mean square be small. Harada et al., EUSIPCO 2023, for the covariances (see `residuals`); Ledoit & Wolf,
J. Multivariate Analysis 88 (2004), for the density.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auscult.corpus import AudioClip, of_target
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
from auscult.errors import FitError, OptionError
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

_DOMAINS = ("source", "target")
#: Clips that the other domain's covariance weighs as much as in that of a domain whose first clips come.
_BORROWED_CLIPS = 2.0


@dataclass
class NetworkConfig(WindowConfig):
    """Settings of a network that rebuilds its windows."""

    covariance: str = "auto"  # auto, exact, float32 (the baseline's), ledoit_wolf

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.covariance not in COVARIANCES:
            raise OptionError(f"covariance={self.covariance!r}: choose one of {', '.join(COVARIANCES)}")


class NetworkDetector(ClipDensityDetector):
    """A network that rebuilds context windows: among its `outputs` is ``rebuilt``, of the shape of x."""

    config: NetworkConfig
    config_type = NetworkConfig
    scores: ClassVar[tuple[str, ...]] = ("mse", "mahalanobis", "mahalanobis_frames", "residual_gaussian")

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        windows = self._windows(recording)
        return self.residual_evidence(self.run(windows)["rebuilt"] - windows, explain=explain)

    def residual_evidence(self, residual: np.ndarray, *, explain: bool) -> Evidence:
        """The scores, and with ``explain`` the maps, that the residual (V, width) alone gives."""
        precisions = {d: self.arrays[f"precision_{d}"] for d in _DOMAINS}
        moments = ResidualMoments.of(residual, self.config.front_end.n_mels)
        distance, shares, _ = self.density("residual").distance(pooled_residual(moments))
        scores = {**residual_scores(moments, precisions), "residual_gaussian": distance}
        if not explain:
            return Evidence(scores)
        maps = residual_maps(residual, moments, precisions, self.config.context)
        pooled_map = pooled_residual_map(shares, residual, self.config.context)
        return Evidence(scores, {**maps, "residual_gaussian": pooled_map})

    def export(self, samples: Value) -> GraphEvidence:
        windows, network = self.run_in_graph(samples)
        return self.residual_in_graph(network("rebuilt") - windows)

    def residual_in_graph(self, residual: Value) -> GraphEvidence:
        """`residual_evidence` of a residual (V, width) in a graph."""
        from auscult.detectors.reconstruction.residuals_onnx import residual_evidence

        precisions = {d: self.arrays[f"precision_{d}"] for d in _DOMAINS}
        return residual_evidence(residual, self.config.context, precisions, self.density("residual"))

    def pooled(self, windows: np.ndarray, outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The pooled residual of a clip, (2 · bands,)."""
        moments = ResidualMoments.of(outputs["rebuilt"] - windows, self.config.front_end.n_mels)
        return {"residual": pooled_residual(moments)}

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        bands = self.config.front_end.n_mels
        square = (bands, bands)
        shapes = {"network": (None,), "precision_source": square, "precision_target": square}
        return {**shapes, **density_shapes("residual", 2 * bands)}

    def learn_from_windows(self, frames: np.ndarray, starts: np.ndarray, is_target: np.ndarray) -> None:
        """One more pass over the training vectors in shuffled batches, as the baseline does."""
        order = np.random.default_rng(self.config.seed).permutation(starts)
        windows = context_windows(frames, self.config.context)

        def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for cut in range(0, len(order), self.config.batch_size):
                part = order[cut : cut + self.config.batch_size]
                if len(part) > 1:  # a batch of one vector is skipped here as in training
                    x = windows[part]
                    yield self.run(x)["rebuilt"] - x, is_target[part]

        of_target = int(np.sum(is_target[starts]))
        known = {"source": len(starts) - of_target, "target": of_target}
        for domain, sums in residual_covariances(batches(), self.config.front_end.n_mels).items():
            precision, done = precision_matrix(sums, self.config.covariance)
            self.arrays[f"precision_{domain}"] = precision
            self.facts[f"covariance_{domain}"] = {**done, "vectors": known[domain]}
            if done["shrinkage"] and self.config.covariance == "auto":
                self.facts["warnings"].append(
                    f"the {domain} covariance of the residuals is ill-conditioned ({done['condition']:.1e}): "
                    f"shrunk by Ledoit-Wolf, weight {done['shrinkage']:.2g}; its exact inverse means nothing "
                    "(covariance=exact takes it all the same)"
                )

    def adapted(self, recordings: Sequence[AudioClip]) -> NetworkDetector:
        """A new detector that takes these recordings for normal too; see `Detector.adapted`.

        The network stays, and with it ``mse``; the covariances of the residual and the densities of the
        pooled vectors are those of all recordings. A domain that was not known has its covariance
        shrunk to the other domain's, which weighs as much as two recordings.
        """
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")
        other = self._copy()
        assert isinstance(other, NetworkDetector)
        clips = [self._windows(r) for r in recordings]
        outputs = [self.run(windows) for windows in clips]
        target = of_target(recordings)
        other.take_in(zip(clips, outputs, strict=True), target)
        residuals = [o["rebuilt"] - w for w, o in zip(clips, outputs, strict=True)]
        for is_target, domain in enumerate(_DOMAINS):
            if new := [r for r, its in zip(residuals, target, strict=True) if its == bool(is_target)]:
                other._join_covariance(domain, new)
        for domain, twin in (_DOMAINS, _DOMAINS[::-1]):
            if not other.facts[f"covariance_{domain}"]["vectors"]:
                other.arrays[f"precision_{domain}"] = other.arrays[f"precision_{twin}"]
        other.facts.setdefault("adaptations", []).append(_told(self, other, recordings))
        return other

    def _join_covariance(self, domain: str, residuals: Sequence[np.ndarray]) -> None:
        """Takes the residuals of new clips, each (V, width), into the covariance of their domain."""
        known = self.facts[f"covariance_{domain}"]
        sums = ResidualCovariance(np.zeros((self.config.front_end.n_mels,) * 2))
        vectors = np.concatenate(residuals)
        order = np.random.default_rng(self.config.seed).permutation(len(vectors))
        for cut in range(0, len(order), self.config.batch_size):
            sums.add(vectors[order[cut : cut + self.config.batch_size]], self.config.front_end.n_mels)
        # of a domain that was not known, the array holds the other's
        weight = known["vectors"] - 1 if known["vectors"] else _BORROWED_CLIPS * len(vectors) / len(residuals)
        joined = sums.joined(self.arrays[f"precision_{domain}"], max(1.0, weight))
        how = "float32" if self.config.covariance == "float32" else "exact"  # if shrunk, it is already
        self.arrays[f"precision_{domain}"], done = precision_matrix(joined, how)
        self.facts[f"covariance_{domain}"] = {
            "condition": done["condition"],
            "shrinkage": known["shrinkage"] * weight / (weight + len(vectors)),
            "vectors": known["vectors"] + len(vectors),
        }


def _told(before: NetworkDetector, after: NetworkDetector, recordings: Sequence[AudioClip]) -> str:
    """One line on what an adaptation changed."""
    counts = Counter("target" if r.clip.domain == "target" else "source" for r in recordings)
    windows = []
    for domain in counts:
        was, now = (d.facts[f"covariance_{domain}"]["vectors"] for d in (before, after))
        windows.append(
            f"{domain} covariance from {was:,} to {now:,} windows"
            if was
            else f"{domain} covariance from none to {now:,} windows, shrunk to the other domain's"
        )
    new = " and ".join(f"{number} {domain}" for domain, number in counts.items())
    return (
        f"{new} {'clip' if len(recordings) == 1 else 'clips'} taken in: {'; '.join(windows)}; means and "
        "spread of what clips are like on the whole; the network, and with it mse, as before"
    )
