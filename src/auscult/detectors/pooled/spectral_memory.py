"""Nearest normal clips, view by view and by groups of bands.

Each of several pooled views of a clip (global weighted ranking pooling, Guan et al., ICASSP 2023; standard
deviation; level-free spectrum) is cut into groups of neighbouring bands, and each group has its own nearest
clip: a fault in few bands does not drown in the noise of the rest. Distances are made comparable by density
or by domain (Wilkinghoff et al. 2025, see `pooled.neighbours`), and every standardisation is by scores of
normals that were left out. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Evidence
from auscult.detectors.pooled.bank import Bank, BankConfig, BankDetector
from auscult.detectors.statistics.neighbours import Neighbours
from auscult.detectors.statistics.standardizer import Standard
from auscult.errors import OptionError

OVER_GROUPS = ("max", "mean")


@dataclass
class SpectralMemoryConfig(BankConfig):
    """Settings of `SpectralMemory`. In the literature K is 1 or 2, or 16 and 9 where domains differ much."""

    groups: int = 8  # groups of neighbouring bands, each with its own nearest clip
    over_groups: str = "max"  # max: the oddest group of a view counts; mean: all do
    k_source: int = 1  # neighbours that make up the density around a source clip
    k_target: int = 1  # and around a target clip; as many as there are, if fewer

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.groups <= self.front_end.n_mels:
            raise OptionError(f"groups={self.groups}: between 1 and the {self.front_end.n_mels} bands")
        if self.over_groups not in OVER_GROUPS:
            raise OptionError(f"over_groups={self.over_groups!r}: choose one of {', '.join(OVER_GROUPS)}")
        if min(self.k_source, self.k_target) < 1:
            raise OptionError("k_source and k_target must be 1 or more")

    @property
    def edges(self) -> list[int]:
        """The first band of each group, and the number of bands: groups + 1 numbers."""
        return [i * self.front_end.n_mels // self.groups for i in range(self.groups + 1)]


class SpectralMemory(BankDetector):
    """The distance to the nearest normal clip, standardised for each group of bands, the largest over the
    groups, standardised again for each view, the mean over views."""

    name = "spectral_memory"
    config: SpectralMemoryConfig
    config_type = SpectralMemoryConfig
    scores = ("domain", "density", "variance", "nearest")
    export_needs = "its bank of recordings in the file, and the search for the nearest of them"

    def learn(self, bank: Bank) -> Mapping[str, np.ndarray]:
        c = self.config
        views, groups = len(c.view_names), c.groups
        density = np.empty((views, groups, len(bank)))
        alpha, scale = np.empty((views, groups)), np.empty((views, groups, 2))
        left_out = np.empty((len(bank), views, groups, len(self.scores)))
        for v, g, bands in self._parts():
            neighbours, scores = Neighbours.fit_left_out(
                bank.vectors[:, v, bands],
                bank.target,
                groups=bank.groups,
                k_source=c.k_source,
                k_target=c.k_target,
            )
            density[v, g], alpha[v, g], scale[v, g] = neighbours.density, neighbours.alpha, neighbours.scale
            left_out[:, v, g] = np.stack([scores[name] for name in self.scores], axis=-1)
        by_group = Standard.fit(left_out)
        by_view = Standard.fit(self._over_groups(by_group.z(left_out)))
        return {
            "density": density,
            "alpha": alpha,
            "scale": scale,
            "by_group": by_group.array(),
            "by_view": by_view.array(),
        }

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`. A map's mean over time, summed over bands, is the score plus the mean over views
        of M / S, a constant of the model: M and S are mean and spread by which a view was standardised."""
        x = self.view(recording)
        raw, nearest = self._measure(x)
        by_group = Standard.from_array(self.arrays["by_group"])
        by_view = Standard.from_array(self.arrays["by_view"])
        z = by_group.z(raw)  # (V, G, scores)
        values = by_view.z(self._over_groups(z)).mean(axis=0)
        evidence = Evidence(dict(zip(self.scores, values.tolist(), strict=True)))
        if not explain:
            return evidence
        part = z * self._weight_of_groups(z) / by_view.sd[:, None] / len(z)
        frames = recording.log_mel(self.config.front_end)
        maps = {
            name: self.map_of(frames, *self._shares(x, part[..., i], nearest[..., i]))
            for i, name in enumerate(self.scores)
        }
        return Evidence(evidence.scores, maps)

    def _measure(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Every score of every group, and the clip of the bank it was measured against; both (V, G, scores).

        Args:
            x: (V, B).
        """
        shape = (len(x), self.config.groups, len(self.scores))
        raw, nearest = np.empty(shape), np.empty(shape, int)
        a, target = self.arrays, self.bank.target
        for v, g, bands in self._parts():
            neighbours = Neighbours(
                a["bank"][:, v, bands], target, a["density"][v, g], float(a["alpha"][v, g]), a["scale"][v, g]
            )
            judged = neighbours.judge(x[v, bands])
            raw[v, g], nearest[v, g] = zip(*(judged[name] for name in self.scores), strict=True)
        return raw, nearest

    def _over_groups(self, z: np.ndarray) -> np.ndarray:
        """(..., G, scores) of groups as (..., scores) of their view."""
        return z.max(axis=-2) if self.config.over_groups == "max" else z.mean(axis=-2)

    def _weight_of_groups(self, z: np.ndarray) -> np.ndarray:
        """(V, G, scores): how much each group counts in its view."""
        if self.config.over_groups == "mean":
            return np.full(z.shape, 1 / z.shape[1])
        return np.arange(z.shape[1])[:, None] == z.argmax(axis=1)[:, None]

    def _shares(self, x: np.ndarray, part: np.ndarray, nearest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part (V, G) of each group shared out by the squared difference of its bands, and what it was
        compared with; both (V, B)."""
        shares, compared = np.empty_like(x), np.empty_like(x)
        for v, g, bands in self._parts():
            compared[v, bands] = self.arrays["bank"][nearest[v, g], v, bands]
            squares = (x[v, bands] - compared[v, bands]) ** 2
            total = squares.sum()
            shares[v, bands] = part[v, g] * (squares / total if total > 0 else 1 / len(squares))
        return shares, compared

    def _parts(self) -> list[tuple[int, int, slice]]:
        """Every view, every group, and its bands."""
        edges = self.config.edges
        return [
            (v, g, slice(edges[g], edges[g + 1]))
            for v in range(len(self.config.view_names))
            for g in range(self.config.groups)
        ]

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        c = self.config
        views, scores = len(c.view_names), len(self.scores)
        return {
            "bank": (None, views, c.front_end.n_mels),
            "density": (views, c.groups, None),
            "alpha": (views, c.groups),
            "scale": (views, c.groups, 2),
            "by_group": (2, views, c.groups, scores),
            "by_view": (2, views, scores),
        }
