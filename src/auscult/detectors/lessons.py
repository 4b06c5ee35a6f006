"""What machines give to learn from, and how a fleet of detectors and their judges learns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from auscult.corpus import Recording
from auscult.errors import FitError
from auscult.parallel import each, one_thread, worker_count

if TYPE_CHECKING:
    from auscult.detectors.base import Config, Detector, Progress

    #: A detector that learnt from all recordings, and its judges.
    Learnt = tuple[Detector, list[Detector]]


@dataclass(frozen=True)
class Lesson:
    """What one machine gives to learn from.

    Attributes:
        config: of its detector.
        recordings: normal recordings alone.
        folds: the fold of each recording, counted from 0, if judges are wanted: for each fold one that learnt
            from the rest. Empty: the detector alone.
        others: normal recordings of other machines.
    """

    config: Config
    recordings: Sequence[Recording]
    folds: Sequence[int] = ()
    others: Sequence[Recording] = ()

    def parts(self) -> list[Sequence[Recording]]:
        """All recordings, then for each fold those outside it."""
        without = (
            [r for r, its_fold in zip(self.recordings, self.folds, strict=True) if its_fold != fold]
            for fold in range(max(self.folds, default=-1) + 1)
        )
        return [self.recordings, *without]


def learn_together(
    kind: type[Detector], lessons: Sequence[Lesson], progress: Progress | None
) -> list[Learnt | FitError]:
    """The detectors and judges of all machines as one fleet; ``others`` are those of the first.

    Returns:
        For every machine, in order, its detector and its judges, or why one of them could not be fitted.
    """
    parts = [lesson.parts() for lesson in lessons]
    fleet = [kind(lesson.config) for lesson, its in zip(lessons, parts, strict=True) for _ in its]
    heard = [recordings for its in parts for recordings in its]
    outcomes = iter(_shared_out(kind, fleet, heard, lessons[0].others, progress))
    found: list[Learnt | FitError] = []
    for its in parts:
        learnt: list[Detector] = []
        errors: list[FitError] = []
        for one in (next(outcomes) for _ in its):
            (errors if isinstance(one, FitError) else learnt).append(one)  # type: ignore[arg-type]
        found.append(errors[0] if errors else (learnt[0], learnt[1:]))
    return found


def _shared_out(
    kind: type[Detector],
    fleet: Sequence[Detector],
    heard: Sequence[Sequence[Recording]],
    others: Sequence[Recording],
    progress: Progress | None,
) -> list[Detector | FitError]:
    """Fits a fleet here, or a share of it in every worker; each detector once it is fitted, or why it is not.
    What trains no network is done sooner than sent."""
    shares = min(worker_count(), len(fleet)) if kind.extra == "train" else 1
    if shares == 1:
        return _fitted(kind, others, progress, (fleet, heard))
    dealt = [(fleet[k::shares], heard[k::shares]) for k in range(shares)]
    found: dict[int, Detector | FitError] = {}
    for share, learnt in enumerate(each(partial(_fitted, kind, others, None), dealt)):
        found |= zip(range(share, len(fleet), shares), learnt, strict=True)
        if progress:
            progress("train", share + 1, shares, {})
    return [found[place] for place in range(len(fleet))]


@one_thread()
def _fitted(
    kind: type[Detector],
    others: Sequence[Recording],
    progress: Progress | None,
    share: tuple[Sequence[Detector], Sequence[Sequence[Recording]]],
) -> list[Detector | FitError]:
    """Fits detectors, each on its recordings."""
    fleet, heard = share
    errors = kind.fit_fleet(fleet, heard, others=others, progress=progress)
    return [error or detector for detector, error in zip(fleet, errors, strict=True)]
