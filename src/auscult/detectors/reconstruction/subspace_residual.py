"""Reconstruction by principal subspaces: what an autoencoder learns, in closed form and without a network.

The context windows of the networks, five log-mel frames of 128 bands, are reconstructed by the principal
subspaces of normal windows (see `subspaces`). A linear autoencoder trained to convergence spans the same
subspace (Baldi & Hornik, Neural Networks 2, 1989). No single rank suits all machines, so one fit has several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.additive import AdditiveDetector
from auscult.detectors.base import Config, Evidence, Progress
from auscult.detectors.exportable import Exportable
from auscult.detectors.reconstruction.clip_windows import load_log_mels, windows_of
from auscult.detectors.reconstruction.subspaces import RANKS, Subspaces, SubspaceScores, scores_in_graph
from auscult.detectors.score_selection import ScoreSelection
from auscult.detectors.statistics.window_moments import WindowMoments
from auscult.errors import FitError, OptionError
from auscult.runtime.option_fields import option

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

_MIN_WINDOWS = 2
_ARRAYS_OF_SUBSPACES = ("mean", "axes", "noise", "dimensions")


@dataclass
class SubspaceResidualConfig(Config):
    """Options of `SubspaceResidual`."""

    ranks: str = option(
        "4,8,16",
        "Ranks that the first two scores average over, comma-separated: some of "
        f"{', '.join(map(str, RANKS))}.",
    )
    context: int = option(5, "Frames in one window.")
    all_scores: bool = option(
        True,
        "Compute all scores; false: only the one that is compared with the threshold, which is faster.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context < 1:
            raise OptionError(f"context must be at least 1, got {self.context}")
        known = ",".join(map(str, RANKS))
        names = [name.strip() for name in self.ranks.split(",")]
        if not set(names) <= set(known.split(",")) or len(set(names)) < len(names):
            raise OptionError(f"ranks={self.ranks!r} is not valid: use some of {known}, each at most once")

    @property
    def rank_values(self) -> tuple[int, ...]:
        """The ranks as numbers."""
        return tuple(map(int, self.ranks.split(",")))

    @property
    def width(self) -> int:
        """Number of elements of one window."""
        return self.context * self.front_end.n_mels


class SubspaceResidual(ScoreSelection, AdditiveDetector[WindowMoments], Exportable):
    """Residual of context windows after reconstruction by principal subspaces of several ranks.

    For the mean squared residual r_R of a clip, and r_Rb in band b, and the same of normal windows, ε_R and
    ψ_Rb, the scores are:

    - ``weighted``: the mean over ranks and bands of 10 log₁₀(r_Rb / ψ_Rb), in dB. Each band is measured
      relative to its own noise, and by the logarithm no single band decides. It is the difference in entropy,
      up to a factor, between Gaussian residuals of the two noises, and 0 for the noise of normal windows.
    - ``residual``: the mean over ranks of r_R / ε_R, 1 for normal windows.
    - ``residual_R``: r_R in dB², the mean square of an autoencoder with a bottleneck of R.

    The means over ranks are weighted by ν_R (see `subspaces`). ε, ψ and ν follow from the covariance of the
    windows. No scores of held-out recordings are needed, and everything that is fitted adds up over
    recordings.
    """

    name = "subspace_residual"
    config: SubspaceResidualConfig
    config_type = SubspaceResidualConfig
    scores = ("weighted", "residual", *(f"residual_{rank}" for rank in RANKS))
    fits_all_scores = True

    def statistics(self, recordings: Sequence[AudioClip], progress: Progress | None = None) -> WindowMoments:
        log_mels = load_log_mels(recordings, self.config.front_end, progress)
        clips = ((frames, recording.clip.domain == "target") for recording, frames in log_mels)
        return WindowMoments.of(clips, self.config.context, self.config.front_end.n_mels)

    def fit_statistics(self, statistics: WindowMoments) -> Mapping[str, np.ndarray]:
        windows = round(statistics.counts.sum())
        if windows < _MIN_WINDOWS:
            raise FitError(
                f"{self.name}: the recordings hold {windows} windows of {self.config.context} frames; at "
                f"least {_MIN_WINDOWS} are needed"
            )
        subspaces = Subspaces.fit(*statistics.mean_and_covariance(), windows)
        arrays = {name: getattr(subspaces, name) for name in _ARRAYS_OF_SUBSPACES}
        return {**vars(statistics), **arrays}

    def stored_statistics(self) -> WindowMoments:
        return WindowMoments(*(self.arrays[name] for name in ("counts", "sums", "products")))

    @property
    def subspaces(self) -> Subspaces:
        """The fitted subspaces."""
        mean, axes, noise, dimensions = (self.arrays[name] for name in _ARRAYS_OF_SUBSPACES)
        return Subspaces(mean, axes, noise, dimensions)

    @property
    def needed_ranks(self) -> tuple[int, ...]:
        """Those of `RANKS` that the scores need."""
        averaged = self.config.rank_values
        single = (int(name.removeprefix("residual_")) for name in self.scores if name.startswith("residual_"))
        return tuple(sorted({*averaged, *single}))

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`; the mean of a map over time, summed over bands, is the score, except at the ends
        of the clip."""
        self.check_fitted()
        subspaces = self.subspaces.of_ranks(self.needed_ranks)
        averaged, context = self.config.rank_values, self.config.context
        # Members of an ensemble that differ only in the score have the same.
        digest = self.derived("digest", self._fit_digest)
        mean_squares = recording.feature(
            ("mean squares", digest, self.config.front_end, context, subspaces.ranks),
            lambda: subspaces.mean_squares(self._windows(recording)),
        )
        computed = SubspaceScores(mean_squares, subspaces, averaged, context)
        scores = {name: computed.scores[name] for name in self.scores}
        if not explain:
            return Evidence(scores)
        maps = computed.maps(subspaces.residuals(self._windows(recording)))
        return Evidence(scores, {name: maps[name] for name in self.scores})

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.onnx_export.graph import GraphEvidence
        from auscult.detectors.onnx_export.windows import context_windows

        windows = context_windows(log_mel(samples, self.config.front_end), self.config.context)
        subspaces = self.subspaces.of_ranks(self.needed_ranks)
        evidence = scores_in_graph(windows, subspaces, self.config.rank_values, self.config.context)
        maps = {name: evidence.maps[name] for name in self.scores}
        return GraphEvidence({name: evidence.scores[name] for name in self.scores}, maps)

    def minimum_samples(self) -> int:
        return (self.config.context - 1) * self.config.front_end.hop or 1

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        width, ranks = self.config.width, len(RANKS)
        return {
            "counts": (2,),
            "sums": (2, width),
            "products": (width * (width + 1) // 2,),
            "mean": (width,),
            "axes": (None, width),
            "noise": (ranks, width),
            "dimensions": (ranks,),
        }

    def _fit_digest(self) -> bytes:
        """Return a digest of the mean and the axes of the subspaces."""
        values = (np.ascontiguousarray(self.arrays[name]) for name in ("mean", "axes"))
        return blake2b(b"".join(map(bytes, values))).digest()

    def _windows(self, recording: AudioClip) -> np.ndarray:
        return windows_of(recording, self.config.front_end, self.config.context, np.float64)
