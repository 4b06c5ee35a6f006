"""Makes the model of a fitted detector: its calibration, and what its maps are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auscult.corpus import AudioClip
from auscult.decision import conformal_threshold
from auscult.detectors import Detector, Progress
from auscult.detectors.maps.map_limits import MapLimits
from auscult.detectors.maps.map_profile import MapProfile
from auscult.model.model import Calibration, Model
from auscult.model.normal_index import NormalIndex

#: Maximum number of recordings whose maps are used to estimate the map profiles of normal recordings.
MAX_PROFILE_CLIPS = 100
#: The same for the limits of maps, if no profiles are needed.
MAX_LIMIT_CLIPS = 40
#: Maps are kept in memory up to this size until their limits are computed; the first of each score always is.
MAX_MAP_BYTES = 200_000_000


def calibrated_model(
    detector: Detector,
    recordings: Sequence[AudioClip],
    held_out: Sequence[tuple[Detector, AudioClip]],
    *,
    method: str,
    channel: int,
    progress: Progress | None,
) -> Model:
    """Score held-out recordings, and make the model of a detector.

    Args:
        detector: the fitted detector.
        recordings: the normal recordings of the model.
        held_out: recordings, each with a detector that was not fitted on it. Without any, the model has no
            calibration, and its map profiles are those of recordings that the detector was fitted on.
        method: how the recordings were held out: ``crossfit``, ``holdout`` or ``none``.
        channel: the channel that was read.
        progress: called with the stage ``calibrate``.

    Raises:
        AudioError: a recording has become unreadable.
    """
    to_score = list(held_out)
    if not held_out and not detector.maps_are_zscores:
        to_score = [(detector, recordings[i]) for i in _spread(recordings, MAX_PROFILE_CLIPS)]
    clip_scores, profiles, limits = _scores_and_maps(to_score, progress)
    calibration = Calibration()
    if held_out:
        scores = {name: np.array([s[name] for s in clip_scores]) for name in detector.scores}
        calibration = Calibration(method, scores, [r.clip.domain for _, r in held_out])
    return Model(
        detector,
        calibration,
        profiles=profiles,
        normals=NormalIndex.from_clips(recordings, detector.config.front_end),
        channel=channel,
        provenance={"map_limits": {name: of_score.to_json() for name, of_score in limits.items()}},
    )


def _scores_and_maps(
    to_score: Sequence[tuple[Detector, AudioClip]], progress: Progress | None
) -> tuple[list[Mapping[str, float]], dict[str, MapProfile], dict[str, MapLimits]]:
    """Score each recording with its paired detector, and estimate map profiles and limits for each score.

    Profiles and limits come from a sample of the recordings; there are no profiles if the detector's maps are
    z-scores already.
    """
    zscores = any(detector.maps_are_zscores for detector, _ in to_score)
    count = MAX_LIMIT_CLIPS if zscores else MAX_PROFILE_CLIPS
    explained = set(_spread([recording for _, recording in to_score], count))
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


def _spread(recordings: Sequence[AudioClip], count: int) -> list[int]:
    """Indices of at most ``count`` recordings, evenly spaced and in proportion to the domains."""
    by_domain = sorted(range(len(recordings)), key=lambda i: recordings[i].clip.domain or "")
    positions = np.linspace(0, len(by_domain) - 1, min(count, len(by_domain))).round().astype(int)
    return [by_domain[position] for position in positions]
