"""Fits models on inspected recordings: detectors are cross-fitted, then each model is calibrated."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from auscult.corpus.inspection import UNUSABLE_KINDS
from auscult.detectors import Detector, Progress
from auscult.detectors.crossfit import crossfit_fleet, fit_error
from auscult.errors import AudioError, FitError
from auscult.model.calibrated_model import calibrated_model
from auscult.model.fit_provenance import fit_provenance
from auscult.model.fit_spec import InspectedFit
from auscult.model.model import Model
from auscult.runtime.parallel import blas_single_thread

_MAX_NAMED = 3  # recordings that were left out, in an error


@dataclass(frozen=True)
class CrossFitted:
    """The detectors of a fit.

    Attributes:
        final: the detector of the model.
        fold_models: one detector for each fold, fitted without that fold.
        seconds: the time that fitting took; of fits that were trained together, this one's share.
    """

    final: Detector
    fold_models: Sequence[Detector]
    seconds: float


@blas_single_thread()
def fit_models(
    fits: Sequence[InspectedFit], progress: Progress | None = None
) -> list[Model | FitError | AudioError]:
    """Fit and calibrate several models; detectors that can train together share one training loop.

    Args:
        fits: of one detector, with configurations that differ only in the seed.
        progress: called with the stages ``calibrate`` and those of the detector.

    Returns:
        For each fit, in order, its model, or the error that prevented it, preceded by what is wrong with
        recordings that were left out.

    Raises:
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    fits[0].spec.detector_class.check_can_fit()
    models: list[Model | FitError | AudioError] = []
    for fit, fitted in zip(fits, crossfit_fits(fits, progress), strict=True):
        try:
            model = calibrate(fit, fitted, progress) if isinstance(fitted, CrossFitted) else fitted
        except (FitError, AudioError) as error:
            model = error
        models.append(_with_left_out(model, fit) if type(model) is FitError else model)
    return models


def crossfit_fits(
    fits: Sequence[InspectedFit], progress: Progress | None = None
) -> list[CrossFitted | FitError | AudioError]:
    """Fit the final detector and the fold models of each fit.

    Returns:
        For each fit, in order, its detectors, or the error that prevented it: it has too few recordings for
        folds, fitting failed, or a recording has become unreadable since it was inspected.
    """
    errors = [fit_error(partial(getattr, fit, "training")) for fit in fits]
    outcomes = iter(_crossfit([f for f, error in zip(fits, errors, strict=True) if not error], progress))
    return [error or next(outcomes) for error in errors]


def _crossfit(
    fits: Sequence[InspectedFit], progress: Progress | None
) -> list[CrossFitted | FitError | AudioError]:
    """As `crossfit_fits`, of fits with enough recordings."""
    if not fits:
        return []
    started = time.perf_counter()
    jobs = [(fit.config, fit.training) for fit in fits]
    try:
        outcomes = crossfit_fleet(fits[0].spec.detector_class, jobs, progress)
    except AudioError as error:
        if len(fits) == 1:
            return [error]
        return [outcome for fit in fits for outcome in _crossfit([fit], progress)]
    seconds_each = (time.perf_counter() - started) / sum(fit.training.cost for fit in fits)
    return [
        _with_count(outcome, fit)
        if isinstance(outcome, FitError)
        else CrossFitted(*outcome, seconds_each * fit.training.cost)
        for outcome, fit in zip(outcomes, fits, strict=True)
    ]


def calibrate(fit: InspectedFit, fitted: CrossFitted, progress: Progress | None = None) -> Model:
    """Score the held-out recordings of a fit, each by a detector that was not fitted on it, and make the
    model.

    Raises:
        AudioError: a recording has become unreadable since it was inspected.
    """
    started = time.perf_counter()
    held_out = [
        (fitted.final if fold is None else fitted.fold_models[fold], recording)
        for fold, recording in fit.held_out
    ]
    model = calibrated_model(
        fitted.final,
        fit.recordings,
        held_out,
        method=fit.method,
        channel=fit.channel,
        progress=progress,
    )
    model.provenance |= fit_provenance(fit, model)
    model.provenance["fit_seconds"] = round(fitted.seconds + time.perf_counter() - started, 3)
    return model


def _with_count(error: FitError, fit: InspectedFit) -> FitError:
    """The error of a detector, with what helps if there are few recordings, since that is its reason."""
    few = [f.message for f in fit.inspection.findings if f.kind == "too_few_clips"]
    if type(error) is not FitError or not few:  # training that diverged has other reasons
        return error
    return FitError(f"{error}. There are {few[0]}")


def _with_left_out(error: FitError, fit: InspectedFit) -> FitError:
    """The error, which begins with the recordings that were left out, since they may be its reason."""
    left_out = [f.message for f in fit.inspection.findings if f.kind in UNUSABLE_KINDS]
    if not left_out:
        return error
    more = f"; and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
    return FitError(f"{'; '.join(left_out[:_MAX_NAMED])}{more}. {error}")
