"""Comparison of detectors on one machine without real anomalies: how well they detect pseudo-anomalies.

Every recording, altered or not, is scored by a fold model that was not fitted on it. Wilkinghoff & Tan (2026)
report that a detector selected in this way is about 3 points below the best one, compared with 8 points for
a random choice. The result is an indication, not a measurement of performance: the alterations are synthetic,
not faults of the machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Detector, Progress
from bench.pseudo_anomalies import ALTERATIONS, pseudo_anomaly

#: Number of bootstrap resamples for an interval.
RESAMPLES = 400


@dataclass(frozen=True)
class Trial:
    """The recordings on which detectors are compared.

    Attributes:
        recordings: the normal recordings.
        folds: the fold of each, numbered from 0; fold model k is not fitted on fold k.
        per_kind: number of pseudo-anomalies of each kind; reduced to the number of recordings.
        seed: determines which recordings are altered and how.
    """

    recordings: Sequence[AudioClip]
    folds: Sequence[int]
    per_kind: int
    seed: int

    @cached_property
    def pseudo_anomalies(self) -> list[tuple[str, int, AudioClip]]:
        """Kind, fold and audio of every pseudo-anomaly; the same clips each time, so features are reused."""
        count = min(self.per_kind, len(self.recordings))
        anomalies = []
        for number, kind in enumerate(ALTERATIONS):
            rng = np.random.default_rng([self.seed, 7, number])
            for i in rng.permutation(len(self.recordings))[:count].tolist():
                altered = pseudo_anomaly(
                    self.recordings[i], kind, self._second_clip(i, rng), (self.seed, number, i)
                )
                anomalies.append((kind, self.folds[i], altered))
        return anomalies

    def _second_clip(self, i: int, rng: np.random.Generator) -> AudioClip:
        """Return another recording of the same fold, on which the fold model is not fitted either.

        If there is none, return recording i itself.
        """
        same_fold = [j for j, fold in enumerate(self.folds) if fold == self.folds[i] and j != i]
        return self.recordings[rng.choice(same_fold) if same_fold else i]

    def normal_scores(
        self, fold_models: Sequence[Detector], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Return score name to the (N,) scores of the recordings, each by the model of its fold."""
        return _scores(fold_models, list(zip(self.folds, self.recordings, strict=True)), progress)

    def pseudo_anomaly_scores(
        self, fold_models: Sequence[Detector], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Return score name to the (A,) scores of ``pseudo_anomalies``, in that order."""
        return _scores(fold_models, [(fold, clip) for _, fold, clip in self.pseudo_anomalies], progress)

    def outcome(self, normal: np.ndarray, anomalous: np.ndarray) -> Outcome:
        """Compute how well a score separates pseudo-anomalies from normal recordings.

        Args:
            normal: (N,) as from `normal_scores`.
            anomalous: (A,) as from `pseudo_anomaly_scores`.
        """
        kinds = np.array([kind for kind, _, _ in self.pseudo_anomalies])
        by_kind = {
            kind: _fast_auc(normal, anomalous[kinds == kind]) for kind in ALTERATIONS if (kinds == kind).any()
        }
        rng = np.random.default_rng([self.seed, 8])
        draws = []
        for _ in range(RESAMPLES):
            resampled = normal[rng.integers(0, len(normal), len(normal))]
            draws.append(
                np.mean(
                    [
                        _fast_auc(resampled, rng.choice(anomalous[kinds == kind], np.sum(kinds == kind)))
                        for kind in by_kind
                    ]
                )
            )
        return Outcome(float(np.mean(list(by_kind.values()))), by_kind, np.array(draws))


@dataclass(frozen=True)
class Outcome:
    """Area under the ROC curve (AUC) of pseudo-anomalies against normal recordings.

    Attributes:
        value: mean over the kinds of pseudo-anomalies; 0.5 is chance.
        by_kind: kind to its AUC.
        draws: (R,) bootstrap values over clips. In all outcomes of one trial, draw r is of the same clips, so
            that outcomes can be compared draw by draw.
    """

    value: float
    by_kind: Mapping[str, float]
    draws: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval over clips."""
        low, high = np.quantile(self.draws, [0.025, 0.975])
        return float(low), float(high)


def _fast_auc(normal: np.ndarray, anomalous: np.ndarray) -> float:
    """Return the probability that an anomaly scores above a normal clip; ties count half (Mann & Whitney)."""
    # Equal to `auscult.evaluation.metrics.auc` to the last bit, but ten times as fast. The bootstrap calls it
    # 3,200 times per member, so that with the other function `auto` would take a second longer to fit.
    ascending = np.sort(normal)
    below = np.searchsorted(ascending, anomalous, side="left")
    not_above = np.searchsorted(ascending, anomalous, side="right")
    return float((below + not_above).sum() / (2 * len(normal) * len(anomalous)))


def _scores(
    fold_models: Sequence[Detector], clips: Sequence[tuple[int, AudioClip]], progress: Progress | None
) -> dict[str, np.ndarray]:
    """Return score name to (M,) scores of clips, given with their folds, each by the model of its fold."""
    rows = []
    for done, (fold, clip) in enumerate(clips, start=1):
        rows.append(fold_models[fold].score(clip).scores)
        if progress:
            progress("try", done, len(clips), {})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
