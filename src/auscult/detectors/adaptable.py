"""Detectors that can be adapted to more normal recordings without being fitted again."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

from auscult.corpus import AudioClip
from auscult.detectors.base import Detector
from auscult.detectors.crossfit import FittedFolds, TrainingSet
from auscult.errors import FitError, OptionError


class Adaptable(Detector):
    """Base class of detectors for which further recordings can become normal.

    Networks are not trained again; banks, statistics and densities are updated.
    """

    @abstractmethod
    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """Return a new detector for which these recordings are normal too; this one is not changed.

        Each call appends a line to ``facts["adaptations"]``, see `with_adaptation`.

        Args:
            recordings: normal recordings; those of a new domain are marked by ``clip.domain``.

        Raises:
            FitError: there are no recordings.
            OptionError: this detector has to be fitted again instead.
            AudioError: a recording cannot be used.
        """

    def require_recordings(self, recordings: Sequence[AudioClip]) -> None:
        """Raise `FitError` if there are no recordings to adapt to."""
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")

    def copied(self) -> Self:
        """Return a copy whose ``arrays`` and ``facts`` can be changed without changing this detector's."""
        other = copy.copy(self)
        other.arrays, other.facts = dict(self.arrays), copy.deepcopy(self.facts)
        return other

    def with_adaptation(self, line: str, *, after: Detector | None = None) -> Self:
        """Add a line on what has changed to ``facts["adaptations"]``; return this detector.

        Args:
            line: what has changed.
            after: the detector before the adaptation, whose lines come first; default this one.
        """
        self.facts["adaptations"] = [*(after or self).facts.get("adaptations", []), line]
        return self


class Refittable(Adaptable):
    """Base class of adaptable detectors that can also forget the recordings that they were fitted on."""

    @abstractmethod
    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """Return a new detector for which only these recordings are normal; this one is not changed.

        Networks are not trained again; banks, statistics and densities are fitted on these recordings alone.
        Each call appends a line to ``facts["adaptations"]``.

        Args:
            recordings: normal recordings.

        Raises:
            FitError: there are too few recordings.
            AudioError: a recording cannot be used.
        """

    def cross_refitted(self, training: TrainingSet) -> FittedFolds:
        """Return this detector `refitted` on all recordings, and for each fold on all other folds."""
        final, *fold_models = map(self.refitted, training.subsets())
        return final, fold_models


def adaptable(detector: Detector, *, replace: bool = False) -> Any:
    """Return a detector that is `Adaptable`, or with ``replace`` `Refittable`.

    Raises:
        OptionError: it is not.
    """
    if not isinstance(detector, Adaptable):
        raise OptionError(
            f"{detector.name} cannot be adapted to more recordings: fit it again with all of them"
        )
    if replace and not isinstance(detector, Refittable):
        raise OptionError(
            f"{detector.name} cannot forget the recordings that it was fitted on: fit it again on the new "
            "ones"
        )
    return detector
