"""From recordings of normal running to a model: look, learn, and find out what normal recordings score."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from auscult.corpus import Clip, Corpus, Finding, Recording, attribute_groups, folds_of
from auscult.corpus.inspection import LEFT_OUT, Inspection, inspect_recordings
from auscult.corpus.learnable import (
    LEAST_RECORDINGS,
    hint_of_cuts,
    likely_cuts,
    refuse_what_is_not_for_learning,
    usual_rate,
)
from auscult.detectors import Config, Detector, Progress, detector_type
from auscult.detectors.maps import MapProfile
from auscult.detectors.options import check_nothing_missing, make_config
from auscult.detectors.pooled.gallery import Gallery
from auscult.errors import FitError, OptionError
from auscult.model import Calibration, Model

CALIBRATIONS = ("auto", "crossfit", "holdout", "none")
FOLDS = 5
#: With fewer clips than this, ``auto`` fits five times more rather than keep a tenth of them out.
CROSSFIT_BELOW = 400
#: Recordings whose maps tell what normal maps look like; more would change little and cost time.
PROFILED = 100
DEFAULT_DETECTOR = "auto"
#: The preset that a detector takes when none is named.
FITTED_BY_DEFAULT = {"gamma_vae": "exact"}


def fit(
    clips: Iterable[Clip],
    detector: str = DEFAULT_DETECTOR,
    *,
    preset: str | None = None,
    calibrate: str = "auto",
    keep_likely_cuts_together: bool = True,
    others: Iterable[Clip] = (),
    channel: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Model:
    """Learns one machine's normal sound.

    Args:
        clips: recordings of normal running; those known as anomalous, or as test clips, are refused.
        detector: a name from `auscult.detectors.DETECTORS`.
        preset: a named set of options; the gamma VAE has ``exact`` (its default) and ``seed``.
        calibrate: where calibration scores come from. ``holdout`` keeps a tenth of the recordings of each
            domain out of fitting; ``crossfit`` scores each fifth of the recordings by a model of the
            other four, and the final model learns from all; ``auto`` cross-fits below 400 clips;
            ``none`` calibrates nothing and keeps the baseline's split of vectors.
        keep_likely_cuts_together: when cross-fitting, clips that share their attributes as cuts of a few
            longer recordings would are taken for such, and none is judged by what heard the others: a
            promise on false alarms that is kept too well rather than not at all. A warning says so.
        others: recordings of other machines running normally, for detectors that learn how machines
            differ; the rest do not read them.
        channel: the channel of files with several.
        progress: told what is being done.
        settings: the detector's options: ``epochs=30``, ``score="mahalanobis"``, ``n_mels=64``, …

    Raises:
        FitError: nothing to learn from, or learning diverged.
        OptionError: an unknown detector, preset, option or value, or an option without a default missing.
    """
    if calibrate not in CALIBRATIONS:
        raise OptionError(f"calibrate={calibrate!r}: choose one of {', '.join(CALIBRATIONS)}")
    clips = list(clips)
    others = list(others)
    for these in (clips, others) if others else (clips,):
        refuse_what_is_not_for_learning(these)
    if calibrate != "none" and "validation" in settings:
        raise OptionError(
            "validation keeps vectors out of training for the log alone, and calibrating keeps out whole "
            "recordings: give one of them, validation with calibrate=none"
        )
    check_nothing_missing(detector, settings)
    crossfits = calibrate == "crossfit" or (calibrate == "auto" and len(clips) < CROSSFIT_BELOW)
    cuts: tuple[Finding, ...] = ()
    if crossfits and keep_likely_cuts_together:
        clips, cuts = _as_cuts(clips)
    preset = preset or FITTED_BY_DEFAULT.get(detector)
    config = make_config(detector, preset=preset, settings={"sample_rate": usual_rate(clips), **settings})
    recordings, beside = (
        [Recording.from_file(c, channel=channel, sample_rate=config.front_end.sample_rate) for c in these]
        for these in (clips, others)
    )
    kind = detector_type(detector)
    kind.check_can_fit()
    needed = kind(config).minimum_samples()
    inspection = inspect_recordings(recordings, minimum_samples=needed, progress=progress)
    if not inspection.usable:
        reasons = "; ".join(f.message for f in inspection.findings)
        raise FitError(f"nothing to learn from: {reasons}")
    return fit_recordings(
        detector,
        config,
        replace(inspection, findings=(*inspection.findings, *cuts)),
        calibrate=calibrate,
        others=beside,
        channel=channel,
        preset=preset,
        progress=progress,
    )


def fit_recordings(
    detector: str,
    config: Config,
    inspection: Inspection,
    *,
    calibrate: str,
    others: Sequence[Recording] = (),
    channel: int = 0,
    preset: str | None = None,
    progress: Progress | None = None,
) -> Model:
    """`fit` for recordings that were looked at already and a configuration that is made.

    Args:
        inspection: what is usable, heard on ``channel`` and at the configuration's sample rate, and the
            findings to be kept among the model's warnings.
        others: recordings of other machines, for detectors that learn from them how machines differ.
    """
    from threadpoolctl import threadpool_limits

    recordings = inspection.usable
    started = time.perf_counter()
    if calibrate == "auto":
        calibrate = "crossfit" if len(recordings) < CROSSFIT_BELOW else "holdout"
    with threadpool_limits(1):  # two of small matrices spin where other work runs
        fitted, calibration, profiles = _fit_and_calibrate(
            detector, config, recordings, calibrate=calibrate, others=others, progress=progress
        )
    provenance = {
        "clips": len(recordings),
        "domains": dict(Counter(r.clip.domain or "unknown" for r in recordings)),
        "machines": sorted({r.clip.machine for r in recordings if r.clip.machine}),
        "seconds": inspection.seconds,
        "left_out": [path for f in inspection.findings if f.kind in LEFT_OUT for path in f.paths],
        "preset": preset,
        "warnings": [
            *(f.message for f in inspection.findings),
            *(hint_of_cuts(recordings) if calibrate == "crossfit" else ()),
            *fitted.facts.get("warnings", []),
        ],
        "fit_seconds": round(time.perf_counter() - started, 3),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": versions(),
    }
    return Model(
        fitted,
        calibration,
        profiles=profiles,
        normals=Gallery.of(recordings, config.front_end),
        channel=channel,
        provenance=provenance,
    )


def _fit_and_calibrate(
    detector: str,
    config: Config,
    recordings: Sequence[Recording],
    *,
    calibrate: str,
    others: Sequence[Recording] = (),
    progress: Progress | None = None,
) -> tuple[Detector, Calibration, dict[str, MapProfile]]:
    """Fits a detector on recordings known to be usable, scores normals that it was not fitted on, and looks
    at the maps of some of them; where all were learnt from, those maps alone are looked at."""
    kind = detector_type(detector)
    if calibrate == "none":
        alone = kind(config)
        alone.fit(recordings, others=others, progress=progress)
        shown = [] if alone.maps_point else _spread(recordings)
        _, profiles = _judge([(alone, recordings[i]) for i in shown], progress)
        return alone, Calibration(), profiles
    config = kind.learning_from_all(config)
    folds = folds_of(recordings, FOLDS if calibrate == "crossfit" else 10, config.seed)
    if max(folds) < 1:
        raise FitError(
            f"calibrate={calibrate} needs at least two recordings that are not cut from the same one; "
            "give more, or calibrate=none"
        )
    if calibrate == "crossfit":
        final, judges = kind.crossfit(config, recordings, folds, others=others, progress=progress)
    else:
        final = kind(config)
        learnt = [r for r, fold in zip(recordings, folds, strict=True) if fold != 0]
        final.fit(learnt, others=others, progress=progress)
        judges = [final]
    judged = [(judges[f], r) for f, r in zip(folds, recordings, strict=True) if f < len(judges)]
    evidence, profiles = _judge(judged, progress)
    scores = {name: np.array([e[name] for e in evidence]) for name in kind.scores}
    return final, Calibration(calibrate, scores, [r.clip.domain for _, r in judged]), profiles


def _judge(
    judged: Sequence[tuple[Detector, Recording]], progress: Progress | None
) -> tuple[list[Mapping[str, float]], dict[str, MapProfile]]:
    """The scores of each recording by its judge, and for every score the profile of some of their maps, where
    those do not point by themselves."""
    unknown = [recording for judge, recording in judged if not judge.maps_point]
    explained = set(_spread(unknown))
    scores: list[Mapping[str, float]] = []
    profiles: dict[str, list[MapProfile]] = {}
    for i, (judge, recording) in enumerate(judged):
        evidence = judge.score(recording, explain=i in explained)
        scores.append(evidence.scores)
        for name, map in evidence.maps.items():
            profiles.setdefault(name, []).append(MapProfile.fit([map]))
        if progress:
            progress("calibrate", i + 1, len(judged), {})
    return scores, {name: MapProfile.together(parts) for name, parts in profiles.items()}


def _as_cuts(clips: list[Clip]) -> tuple[list[Clip], tuple[Finding, ...]]:
    """The clips as cuts of longer recordings, if they look so, and what is to be said of it."""
    names, recordings = likely_cuts(clips)
    if not names or recordings < LEAST_RECORDINGS or not all(clip.attributes for clip in clips):
        return clips, ()
    told = (
        f"{len(clips)} clips share {recordings} sets of attributes ({', '.join(names)}): they are taken for "
        "cuts of that many recordings, and none is judged by what heard the others; if each was recorded by "
        "itself, --group-by none gives a sharper threshold"
    )
    return list(attribute_groups(Corpus(clips), names)), (Finding("cuts", told),)


def _spread(recordings: Sequence[Recording]) -> list[int]:
    """At most `PROFILED` of the recordings, as many of each domain as its share is, spread over all."""
    order = sorted(range(len(recordings)), key=lambda i: recordings[i].clip.domain or "")
    places = np.linspace(0, len(order) - 1, min(PROFILED, len(order))).round().astype(int)
    return [order[place] for place in places]


def versions() -> Mapping[str, str]:
    """Of what the numbers rest on, for provenance."""
    packages = {name: version(name) for name in ("auscult", "numpy", "scipy", "onnxruntime")}
    with suppress(PackageNotFoundError):  # scoring does without
        packages["torch"] = version("torch")
    return {**packages, "python": platform.python_version()}
