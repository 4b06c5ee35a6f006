"""Cross-fitting: a final detector for each machine, and for each fold a detector fitted without that fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from auscult.corpus import AudioClip
from auscult.errors import FitError
from auscult.runtime.parallel import blas_single_thread, parallel_map, worker_count

#: The detector fitted on all recordings, and the detectors of the folds, each fitted on all other folds.
FittedFolds = tuple[Any, list[Any]]


@dataclass(frozen=True)
class FitJob:
    """The training data of one machine.

    Attributes:
        config: the detector's configuration.
        recordings: normal recordings only.
        folds: fold index of each recording, from 0; empty if no fold models are needed.
        other_machines: normal recordings of other machines.
    """

    config: Any
    recordings: Sequence[AudioClip]
    folds: Sequence[int] = ()
    other_machines: Sequence[AudioClip] = ()

    def training_sets(self) -> list[Sequence[AudioClip]]:
        """Return all recordings, then for each fold the recordings outside it."""
        outside_fold = (
            [r for r, r_fold in zip(self.recordings, self.folds, strict=True) if r_fold != fold]
            for fold in range(max(self.folds, default=-1) + 1)
        )
        return [self.recordings, *outside_fold]


def fit_jobs(kind: type[Any], jobs: Sequence[FitJob], progress: Any = None) -> list[FittedFolds | FitError]:
    """Fit the final detectors and fold models of all machines as one fleet.

    The error of a fold model says how many recordings it had, since a fold was left out.

    Args:
        kind: the detector class.
        jobs: one for each machine; the ``other_machines`` of the first are used for all.
        progress: an `auscult.detectors.Progress` callback, or ``None``.

    Returns:
        For each job, in order, its final detector and fold models, or the error of the first that failed.
    """
    training_sets = [job.training_sets() for job in jobs]
    fleet = [kind(job.config) for job, sets in zip(jobs, training_sets, strict=True) for _ in sets]
    all_sets = [recordings for sets in training_sets for recordings in sets]
    outcomes = iter(_fit_in_workers(kind, fleet, all_sets, jobs[0].other_machines, progress))
    results: list[FittedFolds | FitError] = []
    for sets in training_sets:
        fitted: list[Any] = []
        errors: list[FitError] = []
        for recordings, outcome in ((recordings, next(outcomes)) for recordings in sets):
            if isinstance(outcome, FitError):
                errors.append(outcome if recordings is sets[0] else _of_fold(outcome, recordings, sets[0]))
            else:
                fitted.append(outcome)
        results.append(errors[0] if errors else (fitted[0], fitted[1:]))
    return results


def _of_fold(error: FitError, recordings: Sequence[Any], all_recordings: Sequence[Any]) -> FitError:
    """The error of a fold model, with the number of recordings in the fold."""
    if type(error) is not FitError:  # training that diverged has other reasons
        return error
    return FitError(
        f"{error} (cross-fitting leaves out the recordings of one fold: {len(recordings)} of "
        f"{len(all_recordings)} are left)"
    )


def _fit_in_workers(
    kind: type[Any],
    fleet: Sequence[Any],
    training_sets: Sequence[Sequence[AudioClip]],
    other_machines: Sequence[AudioClip],
    progress: Any,
) -> list[Any]:
    """Fit a fleet, each worker process a share of it; a `FitError` replaces a detector that cannot be fitted.

    Detectors without a network are fitted in this process: sending them to a worker costs more than fitting.
    """
    shares = min(worker_count(), len(fleet)) if kind.extra == "train" else 1
    if shares == 1:
        return _fit_share(kind, other_machines, progress, (fleet, training_sets))
    work = [(fleet[k::shares], training_sets[k::shares]) for k in range(shares)]
    results: dict[int, Any] = {}
    for share, outcomes in enumerate(parallel_map(partial(_fit_share, kind, other_machines, None), work)):
        results |= zip(range(share, len(fleet), shares), outcomes, strict=True)
        if progress:
            progress("train", share + 1, shares, {})
    return [results[index] for index in range(len(fleet))]


@blas_single_thread()
def _fit_share(
    kind: type[Any],
    other_machines: Sequence[AudioClip],
    progress: Any,
    share: tuple[Sequence[Any], Sequence[Sequence[AudioClip]]],
) -> list[Any]:
    """Fit detectors, each on its training set."""
    fleet, training_sets = share
    errors = kind.fit_fleet(fleet, training_sets, other_machines=other_machines, progress=progress)
    return [error or detector for detector, error in zip(fleet, errors, strict=True)]
