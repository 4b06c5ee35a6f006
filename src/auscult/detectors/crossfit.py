"""Cross-fitting: a final detector for each machine, and for each fold a detector fitted without that fold.

Every detector can be cross-fitted by fitting it several times. A detector that can do this with less work
says so by one of two base classes: `FleetDetector` fits several detectors together, and `CrossFitting`
derives the fold models in its own way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from auscult.corpus import AudioClip
from auscult.detectors.base import Config, Detector, Progress
from auscult.errors import FitError
from auscult.runtime.parallel import blas_single_thread, parallel_map, worker_count

#: The detector fitted on all recordings, and the fold models in the order of the folds.
FittedFolds = tuple[Any, list[Any]]


@dataclass(frozen=True)
class TrainingSet:
    """The normal recordings that a detector is fitted on.

    Attributes:
        recordings: normal recordings only.
        folds: the fold of each recording, numbered from 0 (see `auscult.corpus.folds_of`); empty if no fold
            models are needed.
        other_machines: normal recordings of other machines, for detectors that use them.
    """

    recordings: Sequence[AudioClip]
    folds: Sequence[int] = ()
    other_machines: Sequence[AudioClip] = ()

    @property
    def fold_count(self) -> int:
        """Number of folds."""
        return max(self.folds, default=-1) + 1

    @property
    def cost(self) -> int:
        """Number of recordings, summed over the final detector and the fold models: roughly proportional to
        the fitting time."""
        return len(self.recordings) * max(1, self.fold_count)

    def subsets(self) -> list[Sequence[AudioClip]]:
        """Return all recordings, then for each fold the recordings outside it."""
        outside_fold = (
            [r for r, r_fold in zip(self.recordings, self.folds, strict=True) if r_fold != fold]
            for fold in range(self.fold_count)
        )
        return [self.recordings, *outside_fold]


class FleetDetector(Detector):
    """Base class of detectors that share work when several are fitted, such as the fold models of a machine.

    A subclass implements `fit_fleet`; `fit` is the fleet of one detector.

    Class attributes:
        trains_together: whether the detectors of several machines are trained in the same steps too, which is
            faster than fitting one machine after the other.
    """

    trains_together: ClassVar[bool] = False

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        (error,) = self.fit_fleet([self], [recordings], other_machines=other_machines, progress=progress)
        if error:
            raise error
        return self

    @classmethod
    @abstractmethod
    def fit_fleet(
        cls,
        detectors: Sequence[Any],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit several detectors of this class, a fleet, each on its own training set.

        No detector uses the recordings of another, and if one cannot be fitted, the others still are.

        Args:
            detectors: the detectors to fit; their configurations differ only in the seed.
            training_sets: normal recordings for each detector.
            other_machines: as in `fit`, the same for all.
            progress: called after each step.

        Returns:
            For each detector, in order, the error that prevented fitting it, or ``None``.

        Raises:
            AudioError: a recording cannot be used.
        """


class CrossFitting(Detector):
    """Base class of detectors that derive their fold models with less work than fitting each of them."""

    @classmethod
    @abstractmethod
    def crossfit(cls, config: Any, training: TrainingSet, progress: Progress | None = None) -> FittedFolds:
        """Return the final detector and the fold models, as the function `crossfit` does."""


def crossfit(
    kind: type[Detector], config: Config, training: TrainingSet, progress: Progress | None = None
) -> FittedFolds:
    """Fit a detector on all recordings, and for each fold a fold model on all other folds.

    Args:
        kind: the detector class.
        config: the configuration of all of them.
        training: the recordings and their folds.
        progress: called after each step.

    Returns:
        The final detector, and the fold models in the order of the folds.

    Raises:
        FitError: one of them could not be fitted. The error of a fold model says how many recordings it had,
            since a fold was left out.
        AudioError: a recording cannot be used.
    """
    (result,) = crossfit_fleet(kind, [(config, training)], progress)
    if isinstance(result, FitError):
        raise result
    return result


def crossfit_fleet(
    kind: type[Detector], jobs: Sequence[tuple[Config, TrainingSet]], progress: Progress | None = None
) -> list[FittedFolds | FitError]:
    """Cross-fit the detectors of several machines: in one program if they train together, otherwise one
    machine after the other.

    Args:
        kind: the detector class.
        jobs: the configuration and the training set of each machine; configurations differ only in the seed.
        progress: called after each step.

    Returns:
        For each machine, in order, its final detector and fold models, or the error that prevented fitting
        one of them.

    Raises:
        AudioError: a recording cannot be used.
    """
    together = issubclass(kind, FleetDetector) and kind.trains_together
    if together and not any(training.other_machines for _, training in jobs):
        return _fit_subsets(kind, jobs, progress)
    return [_crossfit_one(kind, config, training, progress) for config, training in jobs]


def fit_all(
    detectors: Sequence[Detector],
    training_sets: Sequence[Sequence[AudioClip]],
    *,
    other_machines: Sequence[AudioClip] = (),
    progress: Progress | None = None,
) -> list[FitError | None]:
    """Fit several detectors of one class: as `FleetDetector.fit_fleet`, or one after the other."""
    kind = type(detectors[0])
    if issubclass(kind, FleetDetector):
        return kind.fit_fleet(detectors, training_sets, other_machines=other_machines, progress=progress)
    return [
        fit_error(partial(detector.fit, recordings, other_machines=other_machines, progress=progress))
        for detector, recordings in zip(detectors, training_sets, strict=True)
    ]


def fit_error(fit: Callable[[], object]) -> FitError | None:
    """Call ``fit`` and return the `FitError` that it raised, or ``None``."""
    try:
        fit()
    except FitError as error:
        return error
    return None


def _crossfit_one(
    kind: type[Detector], config: Config, training: TrainingSet, progress: Progress | None
) -> FittedFolds | FitError:
    if not training.folds or not issubclass(kind, CrossFitting):
        return _fit_subsets(kind, [(config, training)], progress)[0]
    try:
        return kind.crossfit(config, training, progress)
    except FitError as error:
        return error


def _fit_subsets(
    kind: type[Detector], jobs: Sequence[tuple[Config, TrainingSet]], progress: Progress | None
) -> list[FittedFolds | FitError]:
    """Fit the final detectors and fold models of all machines, with the other machines of the first."""
    subsets = [training.subsets() for _, training in jobs]
    fleet = [kind(config) for (config, _), sets in zip(jobs, subsets, strict=True) for _ in sets]
    all_sets = [recordings for sets in subsets for recordings in sets]
    outcomes = iter(_fit_in_workers(fleet, all_sets, jobs[0][1].other_machines, progress))
    results: list[FittedFolds | FitError] = []
    for sets in subsets:
        of_machine = [_of_fold(next(outcomes), len(recordings), len(sets[0])) for recordings in sets]
        errors = [outcome for outcome in of_machine if isinstance(outcome, FitError)]
        results.append(errors[0] if errors else (of_machine[0], of_machine[1:]))
    return results


def _of_fold(outcome: Detector | FitError, count: int, total: int) -> Detector | FitError:
    """The outcome; an error of a fold model says how many recordings it had."""
    if type(outcome) is not FitError or count == total:  # training that diverged has other reasons
        return outcome
    return FitError(
        f"{outcome} (cross-fitting leaves out the recordings of one fold: {count} of {total} are left)"
    )


def _fit_in_workers(
    fleet: Sequence[Detector],
    training_sets: Sequence[Sequence[AudioClip]],
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
) -> list[Detector | FitError]:
    """Fit a fleet, each worker process a share of it; a `FitError` replaces a detector that cannot be fitted.

    Detectors without a network are fitted in this process: sending them to a worker costs more than fitting.
    """
    shares = min(worker_count(), len(fleet)) if fleet[0].extra == "train" else 1
    if shares == 1:
        return _fit_share(other_machines, progress, (fleet, training_sets))
    work = [(fleet[k::shares], training_sets[k::shares]) for k in range(shares)]
    results: dict[int, Detector | FitError] = {}
    for share, outcomes in enumerate(parallel_map(partial(_fit_share, other_machines, None), work)):
        results |= zip(range(share, len(fleet), shares), outcomes, strict=True)
        if progress:
            progress("train", share + 1, shares, {})
    return [results[index] for index in range(len(fleet))]


@blas_single_thread()
def _fit_share(
    other_machines: Sequence[AudioClip],
    progress: Progress | None,
    share: tuple[Sequence[Detector], Sequence[Sequence[AudioClip]]],
) -> list[Detector | FitError]:
    """Fit detectors, each on its training set."""
    fleet, training_sets = share
    errors = fit_all(fleet, training_sets, other_machines=other_machines, progress=progress)
    return [error or detector for detector, error in zip(fleet, errors, strict=True)]
