"""A trial of detectors on one machine that needs no anomaly: who tells altered normals from normals?

Every recording, altered or not, is judged by a detector that has not learnt from it. Wilkinghoff & Tan
(2026) found the detector chosen in this way about 3 points below the best one, against 8 for one taken by
chance. It is a hint, no measurement: the alterations are ours, not the machine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.base import Detector, Progress
from auscult.detectors.ensemble.pseudo_anomalies import ALTERATIONS, pseudo_anomaly

#: Resamplings that an interval is made of.
RESAMPLES = 400


@dataclass(frozen=True)
class Trial:
    """What detectors are tried on.

    Attributes:
        recordings: the normals.
        folds: the fold of each, counted from 0; judge k has not learnt from fold k.
        per_kind: altered clips of each kind, or as many as there are normals.
        seed: decides which normals are altered and how.
    """

    recordings: Sequence[AudioClip]
    folds: Sequence[int]
    per_kind: int
    seed: int

    @cached_property
    def altered(self) -> list[tuple[str, int, AudioClip]]:
        """Kind, fold and recording of every pseudo-anomaly; each remembers its features."""
        count = min(self.per_kind, len(self.recordings))
        made = []
        for number, kind in enumerate(ALTERATIONS):
            rng = np.random.default_rng([self.seed, 7, number])
            for i in rng.permutation(len(self.recordings))[:count].tolist():
                altered = pseudo_anomaly(
                    self.recordings[i], kind, self._partner(i, rng), (self.seed, number, i)
                )
                made.append((kind, self.folds[i], altered))
        return made

    def _partner(self, i: int, rng: np.random.Generator) -> AudioClip:
        """Another recording of the same fold, for its judge must not have learnt from it either; recording i
        itself where it is alone there."""
        beside = [j for j, fold in enumerate(self.folds) if fold == self.folds[i] and j != i]
        return self.recordings[rng.choice(beside) if beside else i]

    def normal_scores(
        self, fold_models: Sequence[Detector], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Score name to (n,) scores of the normals, each by the judge of its fold."""
        judged = list(zip(self.folds, self.recordings, strict=True))
        return _scores(fold_models, judged, progress)

    def altered_scores(
        self, fold_models: Sequence[Detector], progress: Progress | None = None
    ) -> dict[str, np.ndarray]:
        """Score name to (a,) scores of the altered recordings, in the order of ``altered``."""
        return _scores(fold_models, [(fold, recording) for _, fold, recording in self.altered], progress)

    def outcome(self, normals: np.ndarray, altered: np.ndarray) -> Outcome:
        """How well one score told altered recordings from normals.

        Args:
            normals: (n,) as `normal_scores` gives.
            altered: (a,) as `altered_scores` gives.
        """
        kinds = np.array([kind for kind, _, _ in self.altered])
        by_kind = {
            kind: auc(normals, altered[kinds == kind]) for kind in ALTERATIONS if (kinds == kind).any()
        }
        rng = np.random.default_rng([self.seed, 8])
        draws = []
        for _ in range(RESAMPLES):
            again = normals[rng.integers(0, len(normals), len(normals))]
            draws.append(
                np.mean(
                    [
                        auc(again, rng.choice(altered[kinds == kind], np.sum(kinds == kind)))
                        for kind in by_kind
                    ]
                )
            )
        return Outcome(float(np.mean(list(by_kind.values()))), by_kind, np.array(draws))


@dataclass(frozen=True)
class Outcome:
    """Area under the curve of pseudo-anomalies against normals.

    Attributes:
        value: mean over the kinds of alteration; 0.5 is chance.
        by_kind: each kind's own.
        draws: (R,) values with the clips drawn anew, by bootstrap; of one trial every outcome has the same
            clips in the same draw, so that outcomes can be compared draw by draw.
    """

    value: float
    by_kind: Mapping[str, float]
    draws: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval over clips."""
        low, high = np.quantile(self.draws, [0.025, 0.975])
        return float(low), float(high)


def auc(normals: np.ndarray, anomalies: np.ndarray) -> float:
    """Probability that an anomaly scores above a normal, ties counted half (Mann & Whitney)."""
    ordered = np.sort(normals)
    below = np.searchsorted(ordered, anomalies, side="left")
    not_above = np.searchsorted(ordered, anomalies, side="right")
    return float((below + not_above).sum() / (2 * len(normals) * len(anomalies)))


def _scores(
    fold_models: Sequence[Detector], judged: Sequence[tuple[int, AudioClip]], progress: Progress | None
) -> dict[str, np.ndarray]:
    rows = []
    for done, (fold, recording) in enumerate(judged, start=1):
        rows.append(fold_models[fold].score(recording).scores)
        if progress:
            progress("try", done, len(judged), {})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
