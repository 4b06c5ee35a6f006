"""Nearest normal clips, separately for each view and group of bands.

Each of several pooled views of a clip (global weighted ranking pooling, Guan et al., ICASSP 2023; standard
deviation; level-free spectrum) is divided into groups of neighbouring bands. The nearest normal clip is found
for each group separately, so that a fault in few bands is not masked by the noise of the others. Distances
are made comparable by density or by domain (Wilkinghoff et al. 2025, see
`auscult.detectors.statistics.neighbours`), and standardised by leave-one-out scores of the normal clips. No
network is trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Evidence, Progress
from auscult.detectors.pooled.bank import BankConfig, BankDetector, NormalBank
from auscult.detectors.statistics.neighbours import Neighbours
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import OptionError
from auscult.runtime.option_fields import option
from auscult.runtime.sized_cache import SizedCache

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

OVER_GROUPS = ("max", "mean")


@dataclass
class SpectralMemoryConfig(BankConfig):
    """Options of `SpectralMemory`. In the literature K is 1 or 2, or 16 and 9 if domains differ much."""

    groups: int = option(8, "Number of groups of neighbouring bands; at most one for each band.")
    over_groups: str = option("max", "How the scores of a view's groups are combined.", choices=OVER_GROUPS)
    k_source: int = option(1, "Neighbours for the density around a normal recording of the source domain.")
    k_target: int = option(1, "Neighbours for that of the target domain; all of them if there are fewer.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.groups < 1:
            raise OptionError(f"groups must be at least 1, got {self.groups}")
        if min(self.k_source, self.k_target) < 1:
            raise OptionError(
                f"k_source and k_target must be at least 1, got {self.k_source} and {self.k_target}"
            )

    @property
    def edges(self) -> list[int]:
        """First band of each group, then the number of bands: G + 1 numbers for G groups."""
        count = self.group_count
        return [i * self.front_end.n_mels // count for i in range(count + 1)]

    @property
    def group_count(self) -> int:
        """Number of groups G, not more than bands."""
        return min(self.groups, self.front_end.n_mels)


class SpectralMemory(BankDetector):
    """Distance to the nearest normal clip, computed for each group of bands of each view.

    The distances of the groups are standardised and combined to a score of their view (see ``over_groups``).
    The view scores are standardised too, and their mean is the score. The scores differ in the distance: see
    `auscult.detectors.statistics.neighbours`.
    """

    name = "spectral_memory"
    config: SpectralMemoryConfig
    config_type = SpectralMemoryConfig
    scores = ("domain", "density", "variance", "nearest")

    def fit_bank(self, bank: NormalBank) -> Mapping[str, np.ndarray]:
        return self.fit_subsets(bank, [np.ones(len(bank), bool)])[0]

    def fit_subsets(
        self, bank: NormalBank, subsets: Sequence[np.ndarray], progress: Progress | None = None
    ) -> list[Mapping[str, np.ndarray]]:
        """As in `BankDetector`; distances are computed and sorted once for all subsets."""
        c, sizes = self.config, [int(subset.sum()) for subset in subsets]
        views, groups = len(c.view_names), c.group_count
        fitted = [
            {
                "density": np.empty((views, groups, size)),
                "alpha": np.empty((views, groups)),
                "scale": np.empty((views, groups, 2)),
            }
            for size in sizes
        ]
        leave_one_out = [np.empty((size, views, groups, len(self.scores))) for size in sizes]
        for g, bands in self._groups_of_equal_width():
            for v in range(views):
                of_subsets = Neighbours.fit_subsets(
                    _spaces(bank.vectors[:, v], bands),
                    bank.target,
                    subsets,
                    groups=bank.groups,
                    k_source=c.k_source,
                    k_target=c.k_target,
                    names=self.scores,
                )
                for arrays, held_out, (neighbours, scores) in zip(
                    fitted, leave_one_out, of_subsets, strict=True
                ):
                    for name, array in arrays.items():
                        array[v, g] = getattr(neighbours, name)
                    held_out[:, v, g] = np.stack([scores[name].T for name in self.scores], axis=-1)
                if progress:
                    progress("folds", v + 1, views, {})
        return [
            {**arrays, **self._standardizers(held_out)}
            for arrays, held_out in zip(fitted, leave_one_out, strict=True)
        ]

    def _standardizers(self, leave_one_out: np.ndarray) -> dict[str, np.ndarray]:
        """Return the arrays that (N, V, G, scores) leave-one-out scores of the groups are standardised by."""
        by_group = Standardizer.fit(leave_one_out)
        by_view = Standardizer.fit(self._combine_groups(by_group.z(leave_one_out)))
        return {"by_group": by_group.to_arrays(), "by_view": by_view.to_arrays()}

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`.

        The mean of a map over time, summed over bands, is the score plus the mean over views of M / S, a
        constant of the model; M and S are the mean and standard deviation by which a view is standardised.
        """
        self.check_fitted()
        x = self.view(recording)
        raw, nearest = self._group_scores(x)
        by_group = Standardizer.from_arrays(self.arrays["by_group"])
        by_view = Standardizer.from_arrays(self.arrays["by_view"])
        z = by_group.z(raw)  # (V, G, scores)
        values = by_view.z(self._combine_groups(z)).mean(axis=0)
        evidence = Evidence(dict(zip(self.scores, values.tolist(), strict=True)))
        if not explain:
            return evidence
        share = z * self._group_weights(z) / by_view.sd[:, None] / len(z)
        frames = recording.log_mel(self.config.front_end)
        maps = {
            name: self.map_of(frames, *self._distribute_over_bands(x, share[..., i], nearest[..., i]))
            for i, name in enumerate(self.scores)
        }
        return Evidence(evidence.scores, maps)

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.pooled.spectral_memory_onnx import memory_evidence

        c = self.config
        return memory_evidence(
            log_mel(samples, c.front_end),
            c.view_names,
            c.edges,
            c.over_groups,
            self.scores,
            self.bank.target,
            self.arrays,
        )

    def _group_scores(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute every score of every group, before standardisation, and the nearest clip of the bank.

        Args:
            x: (V, B) pooled views.

        Returns:
            Scores and indices into the bank, both (V, G, scores).
        """
        shape = (len(x), self.config.group_count, len(self.scores))
        raw, nearest = np.empty(shape), np.empty(shape, int)
        for g, bands, neighbours in _neighbours(_Fit(self)):
            results = neighbours.scores_and_nearest(x[:, bands], self.scores)
            for i, name in enumerate(self.scores):
                raw[:, g, i], nearest[:, g, i] = results[name]
        return raw, nearest

    def _combine_groups(self, z: np.ndarray) -> np.ndarray:
        """Combine the (..., G, scores) scores of groups into the (..., scores) scores of their view."""
        return z.max(axis=-2) if self.config.over_groups == "max" else z.mean(axis=-2)

    def _group_weights(self, z: np.ndarray) -> np.ndarray:
        """Return the (V, G, scores) weight of each group in the score of its view."""
        if self.config.over_groups == "mean":
            return np.full(z.shape, 1 / z.shape[1])
        return np.arange(z.shape[1])[:, None] == z.argmax(axis=1)[:, None]

    def _distribute_over_bands(
        self, x: np.ndarray, share: np.ndarray, nearest: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distribute the contribution of each group over its bands, in proportion to squared differences.

        Args:
            x: (V, B) pooled views.
            share: (V, G) contributions of the groups.
            nearest: (V, G) index of the nearest clip of the bank.

        Returns:
            The contributions of the bands, and the views of the nearest clips; both (V, B).
        """
        shares, references = np.empty_like(x), np.empty_like(x)
        for v, g, bands in self._view_groups():
            references[v, bands] = self.arrays["bank"][nearest[v, g], v, bands]
            squares = (x[v, bands] - references[v, bands]) ** 2
            total = squares.sum()
            shares[v, bands] = share[v, g] * (squares / total if total > 0 else 1 / len(squares))
        return shares, references

    def _groups_of_equal_width(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return indices (G',) of groups and their bands (G', W), together all groups; widths differ by one
        at most."""
        edges = np.array(self.config.edges)
        widths = np.diff(edges)
        return [
            (groups := np.flatnonzero(widths == width), edges[groups, None] + np.arange(width))
            for width in np.unique(widths)
        ]

    def _view_groups(self) -> list[tuple[int, int, slice]]:
        """Return index of the view, index of the group, and bands of every group of every view."""
        edges = self.config.edges
        return [
            (v, g, slice(edges[g], edges[g + 1]))
            for v in range(len(self.config.view_names))
            for g in range(self.config.group_count)
        ]

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        c = self.config
        views, scores = len(c.view_names), len(self.scores)
        return {
            "bank": (None, views, c.front_end.n_mels),
            "density": (views, c.group_count, None),
            "alpha": (views, c.group_count),
            "scale": (views, c.group_count, 2),
            "by_group": (2, views, c.group_count, scores),
            "by_view": (2, views, scores),
        }


#: Bytes of banks that are kept prepared, which takes most of the time of a score: enough for the members of a
#: hundred models of a hundred recordings, while those of all fold models would need much memory.
_PREPARED_BYTES = 128 << 20
#: Indices and bands of the groups of equal width, and the neighbours in each of their spaces.
_Prepared = list[tuple[np.ndarray, np.ndarray, Neighbours]]


class _Fit:
    """A fitted detector as a key: equal as long as its arrays are the same object."""

    def __init__(self, detector: SpectralMemory) -> None:
        self.detector, self.arrays = detector, detector.arrays

    def __hash__(self) -> int:
        return id(self.arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fit) and other.arrays is self.arrays


def _neighbours(fit: _Fit) -> _Prepared:
    return _PREPARED.get(fit, lambda: _prepare(fit))


def _size(prepared: _Prepared) -> int:
    return sum(neighbours.vectors.nbytes + neighbours.centred.vectors.nbytes for *_, neighbours in prepared)


_PREPARED: SizedCache[_Prepared] = SizedCache(_PREPARED_BYTES, _size)


def _prepare(fit: _Fit) -> _Prepared:
    a, target = fit.arrays, fit.detector.bank.target
    return [
        (
            g,
            bands,
            Neighbours(
                _spaces(a["bank"], bands), target, a["density"][:, g], a["alpha"][:, g], a["scale"][:, g]
            ),
        )
        for g, bands in fit.detector._groups_of_equal_width()
    ]


def _spaces(vectors: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Return the (..., G', N, W) vectors of groups of bands (G', W) in vectors (N, ..., B)."""
    return np.ascontiguousarray(np.moveaxis(vectors[..., bands], 0, -2))
