"""Fits several models at once from inspected recordings and calibrates them on held-out recordings."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.inspection import UNUSABLE_KINDS, Inspection
from auscult.corpus.training_checks import segment_findings
from auscult.decision import conformal_threshold, few_recordings_warning
from auscult.detectors import Detector, Progress, detector_type, package_of
from auscult.detectors.crossfit import FitJob
from auscult.detectors.maps.map_limits import MapLimits
from auscult.detectors.maps.map_profile import MapProfile
from auscult.errors import AudioError, FitError
from auscult.findings import Finding, findings_to_json
from auscult.model.calibration_plan import (
    CalibrationPlan,
    PreparedFit,
    alone_finding,
    calibration_plan,
    number_of_sources,
    profile_sample,
)
from auscult.model.code_state import code_provenance
from auscult.model.model import Calibration, Model
from auscult.model.normal_index import NormalIndex
from auscult.model.normal_range import NormalRange
from auscult.model.threshold_origin import threshold_origin
from auscult.runtime.parallel import blas_single_thread
from auscult.runtime.versions import package_versions
from auscult.spectrum import empty_band_findings

#: Maximum number of recordings whose maps are used to estimate the map profiles of normal recordings.
MAX_PROFILE_CLIPS = 100
#: The same for the limits of maps, if no profiles are needed.
MAX_LIMIT_CLIPS = 40
#: Maps are kept in memory up to this size until their limits are computed; the first of each score always is.
MAX_MAP_BYTES = 200_000_000
_MAX_NAMED = 3  # recordings that were left out, in an error
_EQUAL_SCORES = Finding(
    "equal_scores",
    "the scores of all normal recordings are equal: the detector does not distinguish recordings with these "
    "settings, so that its verdicts mean nothing",
)


@blas_single_thread()
def fit_models(
    fits: Sequence[PreparedFit], progress: Progress | None = None
) -> list[Model | FitError | AudioError]:
    """Fits and calibrates several models; detectors that can train together share one training loop.

    Args:
        fits: of one detector, with configurations that differ only in the seed.
        progress: called with the stages ``calibrate`` and those of the detector.

    Returns:
        For each fit, in order, its model, or the error that prevented it, preceded by what is wrong with
        recordings that were left out.

    Raises:
        MissingExtraError: fitting needs an optional part that is not installed.
    """
    kind = detector_type(fits[0].detector)
    kind.check_can_fit()
    results: dict[int, Model | FitError | AudioError] = {}
    plans: dict[int, CalibrationPlan] = {}
    for index, fit in enumerate(fits):
        try:
            plans[index] = calibration_plan(fit, MAX_PROFILE_CLIPS)
        except FitError as error:
            results[index] = error
    started = time.perf_counter()
    jobs = [plan.job for plan in plans.values()]
    outcomes = _crossfit(kind, jobs, progress) if jobs else []
    seconds = time.perf_counter() - started
    total_cost = sum(plan.cost for plan in plans.values())
    for (index, plan), outcome in zip(plans.items(), outcomes, strict=True):
        if not isinstance(outcome, tuple):
            results[index] = outcome
            continue
        share = seconds * plan.cost / total_cost
        try:
            results[index] = _calibrated_model(fits[index], plan, *outcome, share, progress)
        except (FitError, AudioError) as error:
            results[index] = error
    return [_with_left_out(results[index], fit.inspection) for index, fit in enumerate(fits)]


def _with_left_out(
    result: Model | FitError | AudioError, inspection: Inspection
) -> Model | FitError | AudioError:
    """The result; an error begins with the recordings that were left out, since they may be its reason."""
    left_out = [f.message for f in inspection.findings if f.kind in UNUSABLE_KINDS]
    if type(result) is not FitError or not left_out:
        return result
    more = f"; and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
    return FitError(f"{'; '.join(left_out[:_MAX_NAMED])}{more}. {result}")


def _crossfit(
    kind: type[Detector], jobs: Sequence[FitJob], progress: Progress | None
) -> list[tuple[Detector, list[Detector]] | FitError | AudioError]:
    """For each job its final detector and fold models. If a recording has become unreadable since it was
    inspected, only the job that it belongs to fails."""
    try:
        return [*kind.crossfit_fleet(jobs, progress=progress)]
    except AudioError as error:
        if len(jobs) == 1:
            return [error]
    return [outcome for job in jobs for outcome in _crossfit(kind, [job], progress)]


def _calibrated_model(
    fit: PreparedFit,
    plan: CalibrationPlan,
    final: Detector,
    fold_models: Sequence[Detector],
    fit_seconds: float,
    progress: Progress | None,
) -> Model:
    """Scores the recordings of the plan and makes the model.

    Args:
        fit: what the model is made for.
        plan: which recordings to score, and with which fold model.
        final: the fitted detector.
        fold_models: one detector for each fold, fitted without that fold.
        fit_seconds: the time that fitting took.
        progress: called with the stage ``calibrate``.
    """
    started = time.perf_counter()
    recordings = fit.inspection.usable
    to_score = [(final if fold is None else fold_models[fold], r) for fold, r in plan.to_score]
    clip_scores, profiles, limits = scores_and_profiles(to_score, progress)
    calibration = Calibration()
    if plan.method != "none":
        scores = {name: np.array([s[name] for s in clip_scores]) for name in final.scores}
        calibration = Calibration(plan.method, scores, [r.clip.domain for _, r in to_score])
    decisive = calibration.scores.get(final.decisive_score, ())
    origin = threshold_origin(decisive, [r.clip for _, r in to_score])
    sources = number_of_sources([r for _, r in to_score]) if calibration.scores else None
    few = few_recordings_warning(sources, conformal_threshold(decisive))
    normal_range = NormalRange.of(recordings, fit.inspection.measures, fit.config.front_end)
    provenance = {
        "clips": len(recordings),
        "calibration_recordings": sources,
        "domains": dict(Counter(r.clip.domain or "unknown" for r in recordings)),
        "machines": sorted({r.clip.machine for r in recordings if r.clip.machine}),
        "seconds": fit.inspection.duration_range,
        "channels": fit.inspection.channels,
        **_table_provenance(fit.inspection),
        "normal_range": normal_range.to_json() if normal_range else None,
        "map_limits": {name: of_score.to_json() for name, of_score in limits.items()},
        "left_out": [path for f in fit.inspection.findings if f.kind in UNUSABLE_KINDS for path in f.paths],
        "preset": fit.preset,
        "findings": findings_to_json(
            [
                *fit.inspection.findings,
                *(segment_findings(recordings) if plan.method == "crossfit" else ()),
                *([alone_finding(plan.alone)] if plan.alone else []),
                *empty_band_findings(type(final).front_ends(final.config)),
                *final.findings,
                *([origin.finding] if origin else []),
                *([Finding("few_recordings", few)] if few and fit.inspection.threshold_label is None else []),
                *([_EQUAL_SCORES] if len(decisive) > 1 and np.ptp(decisive) == 0 else []),
            ]
        ),
        "threshold_label": fit.inspection.threshold_label if plan.method != "none" else None,
        "threshold_set_by": origin.group if origin else None,
        "fit_seconds": round(fit_seconds + time.perf_counter() - started, 3),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": package_versions(),
        **code_provenance(type(final)),
        **({"detector_package": package} if (package := package_of(final.name)) else {}),
    }
    return Model(
        final,
        calibration,
        profiles=profiles,
        normals=NormalIndex.from_clips(recordings, fit.config.front_end),
        channel=fit.channel,
        provenance=provenance,
    )


def _table_provenance(inspection: Inspection) -> dict[str, Any]:
    """How the recordings were read if they are tables: what holds for all of them."""
    settings = [r.clip.table for r in inspection.usable if r.clip.table is not None]
    if not settings:
        return {}
    common = replace(settings[0].agreeing(settings), names=inspection.channel_names)
    return {"table": common.to_json()}


def scores_and_profiles(
    to_score: Sequence[tuple[Detector, AudioClip]], progress: Progress | None
) -> tuple[list[Mapping[str, float]], dict[str, MapProfile], dict[str, MapLimits]]:
    """Score each recording with its paired detector, and estimate map profiles and limits for each score.

    Profiles and limits come from a sample of the recordings; there are no profiles if the detector's maps are
    z-scores already.
    """
    zscores = any(detector.maps_are_zscores for detector, _ in to_score)
    count = MAX_LIMIT_CLIPS if zscores else MAX_PROFILE_CLIPS
    explained = set(profile_sample([recording for _, recording in to_score], count))
    scores: list[Mapping[str, float]] = []
    parts: dict[str, list[MapProfile]] = {}
    maps: dict[str, list[np.ndarray]] = {}
    detectors = list(dict.fromkeys(id(detector) for detector, _ in to_score))
    folds: list[int] = []  # of the recordings with maps
    room = MAX_MAP_BYTES
    for i, (detector, recording) in enumerate(to_score):
        evidence = detector.score(recording, explain=i in explained)
        scores.append(evidence.scores)
        if i in explained:
            folds.append(detectors.index(id(detector)))
        for name, map in evidence.maps.items():
            if not zscores:
                parts.setdefault(name, []).append(MapProfile.fit([map]))
            if room > 0 or name not in maps:
                maps.setdefault(name, []).append(map)
                room -= map.nbytes
        if progress:
            progress("calibrate", i + 1, len(to_score), {})
    merged = {name: MapProfile.cross_merged(of_score, folds) for name, of_score in parts.items()}
    limits = {}
    for name, of_score in maps.items():
        judged_normal = _judged_normal([s[name] for s in scores], sorted(explained)[: len(of_score)])
        limits[name] = MapLimits.fit(
            map if zscores else merged[name][fold + 1].smoothed_zscore(map)
            for fold, map, normal in zip(folds, of_score, judged_normal, strict=False)
            if normal
        )
    return scores, {name: of_score[0] for name, of_score in merged.items()}, limits


def _judged_normal(scores: Sequence[float], indices: Sequence[int]) -> list[bool]:
    """Whether recordings are normal at the default threshold of all scores; if none is, all are."""
    threshold = conformal_threshold(scores).value
    normal = [threshold is None or scores[i] <= threshold for i in indices]
    return normal if any(normal) else [True] * len(normal)
