"""A model takes further normal recordings in without its networks being trained again: `auscult.adapt`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip, folds_of
from auscult.corpus.clip import Domain
from auscult.corpus.inspection import LEFT_OUT, Finding, Inspection, inspect_recordings
from auscult.corpus.training_checks import hint_of_cuts, refuse_anomalies
from auscult.detectors import Detector, Progress
from auscult.errors import FitError
from auscult.model import Calibration, Model
from auscult.model.fitting import FOLDS, versions
from auscult.runtime.parallel import one_thread

#: How the warning begins that whoever measures the model later has to be given again.
TEST_CLIPS_HEARD = "test clips among the recordings taken in"


@one_thread()
def adapt(
    model: Model,
    clips: Iterable[Clip],
    *,
    domain: Domain | None = None,
    progress: Progress | None = None,
) -> Model:
    """A new model that takes these recordings for normal too; the old one stays as it is.

    Banks, statistics and densities take the recordings in, networks stay. The new recordings are cross-fitted
    for the calibration: each is scored by the old detector adapted to the other folds, one alone by the old
    detector itself. Recordings that the model learnt from are not taken in again. Old calibration scores are
    kept. That is careful rather than exact: they come from
    detectors that knew less of what is normal, so that they are on the whole no lower than the
    new detector would give, and a threshold from them no lower than it has to be.

    Args:
        model: what to adapt.
        clips: recordings of normal running of the same machine; those labelled as anomalies are refused, and
            of test clips it warns.
        domain: of the recordings that do not say theirs.
        progress: told ``inspect`` and ``calibrate``.

    Returns:
        A model whose ``provenance["adaptations"]`` has one more entry: when, how many recordings of which
        domains, what was left out, what the detector changed, and the threshold at 5 % before and after.

    Raises:
        FitError: no recordings, anomalies among them, or none that can be used and is new.
        OptionError: a detector that cannot learn more without being fitted again.
    """
    clips = [replace(clip, domain=domain) if clip.domain is None else clip for clip in clips]
    refuse_anomalies(clips)
    recordings = [model.audio_clip(clip) for clip in clips]
    inspection = inspect_recordings(
        recordings,
        minimum_samples=model.detector.minimum_samples(),
        minimum_clips=1,
        front_ends=model.detector.front_ends(model.detector.config),
        progress=progress,
    )
    inspection = _without_known(model, inspection)
    usable = inspection.usable
    if not usable:
        reasons = "; ".join(finding.message for finding in inspection.findings)
        raise FitError(f"nothing to adapt to: {reasons}")
    detector = model.detector.adapted(usable)
    adapted = Model(
        detector,
        _calibration(model, usable, progress),
        profiles=model.profiles,
        normals=model.normals.with_more(usable, detector.config.front_end),
        channel=model.channel,
    )
    adapted.provenance = _provenance(model, adapted, inspection)
    return adapted


def _without_known(model: Model, inspection: Inspection) -> Inspection:
    """Without the recordings that the model has learnt from: no detector could judge them unlearnt, and they
    would count twice."""
    front_end = model.detector.config.front_end
    is_known = [model.normals.knows(r, front_end) for r in inspection.usable]
    if not any(is_known):
        return inspection
    new = tuple(r for r, old in zip(inspection.usable, is_known, strict=True) if not old)
    known = tuple(r.clip.path for r, old in zip(inspection.usable, is_known, strict=True) if old)
    message = (
        f"{len(known)} of {len(inspection.usable)} recordings are in the model already ({known[0]}) and are "
        "not taken in again"
    )
    return replace(inspection, usable=new, findings=(*inspection.findings, Finding("known", message, known)))


def _calibration(model: Model, recordings: Sequence[AudioClip], progress: Progress | None) -> Calibration:
    """The old scores, and those of the new recordings by detectors that have not learnt from them."""
    folds = folds_of(recordings, FOLDS, model.detector.config.seed)
    fold_models = [model.detector]
    if max(folds) > 0:
        parts = (
            [r for r, its_fold in zip(recordings, folds, strict=True) if its_fold != fold]
            for fold in range(max(folds) + 1)
        )
        fold_models = [model.detector.adapted(part) for part in parts]
    new = []
    for recording, fold in zip(recordings, folds, strict=True):
        new.append(fold_models[fold].score(recording).scores)
        if progress:
            progress("calibrate", len(new), len(recordings), {})
    old = model.calibration
    scores = {
        name: np.concatenate([old.scores.get(name, np.empty(0)), [its[name] for its in new]])
        for name in model.detector.scores
    }
    how = "crossfit" if old.how == "none" else old.how
    return Calibration(how, scores, [*old.domains, *(r.clip.domain for r in recordings)])


def _provenance(before: Model, after: Model, inspection: Inspection) -> dict[str, Any]:
    """Where the new model comes from: all that is known of the old one, and what was added."""
    known, recordings = before.provenance, inspection.usable
    domains = Counter(r.clip.domain or "unknown" for r in recordings)
    lengths = [pair for pair in (known.get("seconds"), inspection.seconds) if pair]
    entry = {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "clips": len(recordings),
        "domains": dict(domains),
        "left_out": [path for f in inspection.findings if f.kind in LEFT_OUT for path in f.paths],
        "changes": _new_lines(before.detector, after.detector),
        "threshold_before": before.threshold().value,
        "threshold_after": after.threshold().value,
        "versions": versions(),
    }
    machines = {*known.get("machines", ()), *(r.clip.machine for r in recordings if r.clip.machine)}
    return {
        **known,
        "clips": known.get("clips", 0) + len(recordings),
        "domains": dict(Counter(known.get("domains", {})) + domains),
        "machines": sorted(machines),
        "seconds": (min(low for low, _ in lengths), max(high for _, high in lengths)),
        "warnings": [*known.get("warnings", ()), *_warnings(known, inspection)],
        "adaptations": [*known.get("adaptations", ()), entry],
    }


def _new_lines(before: Detector, after: Detector) -> list[str]:
    """What the detector says of this adaptation."""
    return list(after.facts.get("adaptations", ())[len(before.facts.get("adaptations", ())) :])


def _warnings(known: Mapping[str, Any], inspection: Inspection) -> Iterator[str]:
    """What whoever adapts the model should know of the recordings."""
    yield from (finding.message for finding in inspection.findings)
    clips = [recording.clip for recording in inspection.usable]
    if tests := [clip.path for clip in clips if clip.split == "test"]:
        yield (
            f"{TEST_CLIPS_HEARD} ({len(tests)} of {len(clips)}, {tests[0]}): the model "
            "has heard them and cannot be judged on them"
        )
    unexpected = sorted({clip.machine for clip in clips if clip.machine} - set(known.get("machines", ())))
    if unexpected and known.get("machines"):
        yield (
            f"recordings of {', '.join(unexpected)} taken into a model of {', '.join(known['machines'])}: is it "
            "the same machine?"
        )
    yield from hint_of_cuts(inspection.usable)
