"""Adapts a model to more normal recordings without retraining its networks: `auscult.adapt`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.clip import Domain
from auscult.corpus.inspection import UNUSABLE_KINDS, Finding, Inspection, inspect_recordings
from auscult.corpus.training_checks import check_no_anomalies, segment_warnings
from auscult.detectors import Detector, Progress
from auscult.errors import FitError
from auscult.model import Calibration, Model
from auscult.model.fitting import FOLDS, package_versions
from auscult.runtime.parallel import blas_single_thread

#: The start of a warning that is repeated whenever the model is evaluated. Model files hold it, so it must
#: not change.
TEST_CLIPS_WARNING = "test clips among the recordings taken in"


@blas_single_thread()
def adapt(
    model: Model,
    clips: Iterable[Clip],
    *,
    domain: Domain | None = None,
    progress: Progress | None = None,
) -> Model:
    """Return a new model for which these recordings are normal too; the old model is not changed.

    Banks, statistics and densities are updated, networks are not. For the calibration, the new recordings are
    cross-fitted: each is scored by the old detector adapted to the other folds, or by the old detector itself
    if there is only one fold. Recordings that the model was fitted on are ignored.

    The old calibration scores are kept, which is conservative rather than exact: they come from detectors
    fitted on fewer normal recordings, so that on the whole they are no lower than scores of the new detector,
    and a threshold computed from them is not too low.

    Args:
        model: the model to adapt.
        clips: normal recordings of the same machine. Clips labelled as anomalies are refused; test clips add
            a warning to the model.
        domain: the domain of clips whose domain is unknown.
        progress: called with the stages ``inspect`` and ``calibrate``.

    Returns:
        A model whose ``provenance["adaptations"]`` has one more entry: the time, the number of recordings by
        domain, the files left out, what the detector changed, and the threshold at 5 % false alarms before
        and after.

    Raises:
        FitError: no recordings, anomalies among them, or none that is both usable and new.
        OptionError: the detector cannot be adapted and has to be fitted again.
    """
    clips = [replace(clip, domain=domain) if clip.domain is None else clip for clip in clips]
    check_no_anomalies(clips)
    recordings = [model.audio_clip(clip) for clip in clips]
    inspection = inspect_recordings(
        recordings,
        minimum_samples=model.detector.minimum_samples(),
        minimum_clips=1,
        front_ends=model.detector.front_ends(model.detector.config),
        progress=progress,
    )
    inspection = _without_duplicates(model, inspection)
    usable = inspection.usable
    if not usable:
        reasons = "; ".join(finding.message for finding in inspection.findings)
        raise FitError(f"no usable new recordings: {reasons}")
    detector = model.detector.adapted(usable)
    adapted = Model(
        detector,
        _extended_calibration(model, usable, progress),
        profiles=model.profiles,
        normals=model.normals.extended(usable, detector.config.front_end),
        channel=model.channel,
    )
    adapted.provenance = _provenance(model, adapted, inspection)
    return adapted


def _without_duplicates(model: Model, inspection: Inspection) -> Inspection:
    """Remove the recordings that the model was fitted on: they would count twice, and there is no detector
    that was not fitted on them to score them for the calibration."""
    front_end = model.detector.config.front_end
    in_model = [model.normals.contains(r, front_end) for r in inspection.usable]
    if not any(in_model):
        return inspection
    new = tuple(r for r, known in zip(inspection.usable, in_model, strict=True) if not known)
    paths = tuple(r.clip.path for r, known in zip(inspection.usable, in_model, strict=True) if known)
    message = (
        f"{len(paths)} of {len(inspection.usable)} recordings are already in the model ({paths[0]}) and are "
        "ignored"
    )
    return replace(inspection, usable=new, findings=(*inspection.findings, Finding("known", message, paths)))


def _extended_calibration(
    model: Model, recordings: Sequence[AudioClip], progress: Progress | None
) -> Calibration:
    """The old calibration scores, and those of the new recordings by detectors not adapted to them."""
    folds = folds_of(recordings, FOLDS, model.detector.config.seed)
    fold_models = [model.detector]
    if max(folds) > 0:
        training_sets = (
            [r for r, r_fold in zip(recordings, folds, strict=True) if r_fold != fold]
            for fold in range(max(folds) + 1)
        )
        fold_models = [model.detector.adapted(training_set) for training_set in training_sets]
    clip_scores = []
    for recording, fold in zip(recordings, folds, strict=True):
        clip_scores.append(fold_models[fold].score(recording).scores)
        if progress:
            progress("calibrate", len(clip_scores), len(recordings), {})
    old = model.calibration
    scores = {
        name: np.concatenate([old.scores.get(name, np.empty(0)), [s[name] for s in clip_scores]])
        for name in model.detector.scores
    }
    method = "crossfit" if old.method == "none" else old.method
    return Calibration(method, scores, [*old.domains, *(r.clip.domain for r in recordings)])


def _provenance(before: Model, after: Model, inspection: Inspection) -> dict[str, Any]:
    """The provenance of the old model, updated for the new recordings."""
    old, recordings = before.provenance, inspection.usable
    domains = Counter(r.clip.domain or "unknown" for r in recordings)
    lengths = [seconds for seconds in (old.get("seconds"), inspection.duration_range) if seconds]
    entry = {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "clips": len(recordings),
        "domains": dict(domains),
        "left_out": [path for f in inspection.findings if f.kind in UNUSABLE_KINDS for path in f.paths],
        "changes": _detector_changes(before.detector, after.detector),
        "threshold_before": before.threshold().value,
        "threshold_after": after.threshold().value,
        "versions": package_versions(),
    }
    machines = {*old.get("machines", ()), *(r.clip.machine for r in recordings if r.clip.machine)}
    return {
        **old,
        "clips": old.get("clips", 0) + len(recordings),
        "domains": dict(Counter(old.get("domains", {})) + domains),
        "machines": sorted(machines),
        "seconds": (min(low for low, _ in lengths), max(high for _, high in lengths)),
        "warnings": [*old.get("warnings", ()), *_warnings(old, inspection)],
        "adaptations": [*old.get("adaptations", ()), entry],
    }


def _detector_changes(before: Detector, after: Detector) -> list[str]:
    """What the detector reports about this adaptation."""
    return list(after.facts.get("adaptations", ())[len(before.facts.get("adaptations", ())) :])


def _warnings(provenance: Mapping[str, Any], inspection: Inspection) -> Iterator[str]:
    """Warnings about the new recordings, given the provenance of the old model."""
    yield from (finding.message for finding in inspection.findings)
    clips = [recording.clip for recording in inspection.usable]
    if tests := [clip.path for clip in clips if clip.split == "test"]:
        yield (
            f"{TEST_CLIPS_WARNING} ({len(tests)} of {len(clips)}, {tests[0]}): the model "
            "is adapted to them and cannot be evaluated on them"
        )
    fitted_on = provenance.get("machines", ())
    unknown_machines = sorted({clip.machine for clip in clips if clip.machine} - set(fitted_on))
    if unknown_machines and fitted_on:
        yield (
            f"a model of {', '.join(fitted_on)} is adapted to recordings of {', '.join(unknown_machines)}: "
            "is it the same machine?"
        )
    yield from segment_warnings(inspection.usable)
