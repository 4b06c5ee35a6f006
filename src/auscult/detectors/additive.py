"""Base class of detectors that are fitted to statistics which add up over recordings.

Sums over recordings are such statistics: those of two sets of recordings add up to those of both, and those
of a fold subtracted from those of all recordings leave those of the other folds. So cross-fitting goes over
the recordings once, with any number of folds, and adapting a detector adds the statistics of new recordings.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.adaptable import Refittable
from auscult.detectors.base import Config, Progress
from auscult.detectors.crossfit import CrossFitting, TrainingSet
from auscult.runtime.parallel import blas_single_thread


class Additive(Protocol):
    """Statistics that add up over recordings."""

    def __add__(self, other: Any, /) -> Self: ...

    def __sub__(self, other: Any, /) -> Self: ...


S = TypeVar("S", bound=Additive)


class AdditiveDetector(CrossFitting, Refittable, Generic[S]):
    """A detector whose arrays are all computed from statistics that add up over recordings.

    A subclass defines `statistics`, `fit_statistics` and `stored_statistics`. A detector is the same, to
    rounding, whether its statistics were computed at once, added up or subtracted.
    """

    @classmethod
    def has_cheap_folds(cls, config: Config) -> bool:
        """As in `Detector`: true, since the statistics of a fold are subtracted."""
        return True

    @abstractmethod
    def statistics(self, recordings: Sequence[AudioClip], progress: Progress | None = None) -> S:
        """Compute the statistics of recordings; those of no recordings are zero.

        Raises:
            AudioError: a recording cannot be used.
        """

    @abstractmethod
    def fit_statistics(self, statistics: S) -> Mapping[str, np.ndarray]:
        """Compute all arrays, among them those of the statistics.

        Raises:
            FitError: there are too few recordings.
        """

    @abstractmethod
    def stored_statistics(self) -> S:
        """Return the statistics that the detector is fitted to, from its arrays."""

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        return self._fit_to(self.statistics(recordings, progress))

    @classmethod
    def crossfit(
        cls, config: Config, training: TrainingSet, progress: Progress | None = None
    ) -> tuple[Self, list[Self]]:
        """As in `CrossFitting`; the statistics of each fold are subtracted from those of all recordings."""
        total, of_folds = cls(config).statistics([]), []
        with blas_single_thread():
            for fold in range(training.fold_count):
                in_fold = [r for r, of in zip(training.recordings, training.folds, strict=True) if of == fold]
                of_folds.append(cls(config).statistics(in_fold))
                total = total + of_folds[-1]
                if progress:
                    progress("features", fold + 1, training.fold_count, {})
            final = cls(config)._fit_to(total)
            return final, [cls(config)._fit_to(total - of_fold) for of_fold in of_folds]

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`; equal to a detector fitted on the old recordings and the new ones."""
        self.require_recordings(recordings)
        statistics = self.stored_statistics() + self.statistics(recordings)
        count = f"{len(recordings)} recording{'' if len(recordings) == 1 else 's'}"
        other = type(self)(self.config)._fit_to(statistics)
        return other.with_adaptation(f"statistics of {count} added", after=self)

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`; equal to a detector fitted on these recordings."""
        return self._replaced(type(self)(self.config).fit(recordings), recordings)

    def cross_refitted(self, training: TrainingSet) -> tuple[Self, list[Self]]:
        """As in `Refittable`; equal to `crossfit` on these recordings."""
        final, fold_models = self.crossfit(self.config, training)
        recordings = training.recordings
        return self._replaced(final, recordings), [self._replaced(m, recordings) for m in fold_models]

    def _fit_to(self, statistics: S) -> Self:
        self.arrays, self.facts = dict(self.fit_statistics(statistics)), {"findings": []}
        return self

    def _replaced(self, other: Self, recordings: Sequence[AudioClip]) -> Self:
        line = f"statistics replaced by those of {len(recordings)} recordings"
        return other.with_adaptation(line, after=self)
