"""The recordings that a model is adapted to: those that can be read and judged, and are new to the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auscult.api.adapt_review import Judged, named
from auscult.corpus import AudioClip
from auscult.corpus.findings import Finding
from auscult.corpus.inspection import UNUSABLE_KINDS, Inspection, inspect_recordings
from auscult.corpus.several_channels import usable_in_all
from auscult.detectors import Progress
from auscult.model import Model
from auscult.runtime.number_ranges import with_ranges


def inspect_axes(
    model: Model, recordings: Sequence[AudioClip], progress: Progress | None
) -> list[Inspection]:
    """Inspect recordings for a model, each channel if there are several; all are then of the same ones."""
    inspections = [
        inspect_recordings(
            of_channel,
            minimum_samples=axis.detector.minimum_samples(),
            minimum_clips=1,
            front_ends=axis.detector.front_ends(axis.detector.config),
            progress=progress,
        )
        for axis, of_channel in zip(
            model.axes or [model],
            zip(*(recording.axes for recording in recordings), strict=True) if model.axes else [recordings],
            strict=True,
        )
    ]
    return usable_in_all(inspections) if model.axes else inspections


def without_duplicates(model: Model, inspection: Inspection) -> Inspection:
    """Remove the recordings that the model was fitted on: they would count twice, and there is no detector
    that was not fitted on them to score them for the calibration."""
    front_end = model.detector.config.front_end
    in_model = [model.normals.contains(r, front_end) for r in inspection.usable]
    if not any(in_model):
        return inspection
    paths = tuple(r.clip.path for r, known in zip(inspection.usable, in_model, strict=True) if known)
    message = (
        f"{len(paths)} of {len(inspection.usable)} recordings are already in the model ({paths[0]}) and are "
        "ignored"
    )
    return _without(inspection, in_model, [Finding("known", message, paths)])


def without_sensor_faults(
    inspection: Inspection, judged: Sequence[Judged]
) -> tuple[Inspection, tuple[Judged, ...]]:
    """Leave out the recordings that cannot be judged, with a finding for each kind of sensor fault."""
    faults: dict[str, list[tuple[str, str]]] = {}  # kind to path and message
    for recording in judged:
        if recording.unusable:
            fault = next(finding for finding in recording.findings if finding.effect == "unusable")
            faults.setdefault(fault.kind, []).append((recording.path, fault.message))
    findings = []
    for affected in faults.values():
        paths, messages = zip(*affected, strict=True)
        verb = "recording is" if len(paths) == 1 else "recordings are"
        reasons = "; ".join(with_ranges(messages))
        message = f"{len(paths)} {verb} left out because of a sensor fault: {reasons} ({named(paths)})"
        findings.append(Finding("sensor", message, paths))
    unusable = [recording.unusable for recording in judged]
    return _without(inspection, unusable, findings), tuple(j for j in judged if not j.unusable)


def _without(inspection: Inspection, left_out: Sequence[bool], findings: Sequence[Finding]) -> Inspection:
    """Remove usable recordings for which ``left_out`` is true, and what was found in these alone,
    and add findings that say why."""
    kept = [index for index, out in enumerate(left_out) if not out]
    paths = {recording.clip.path for recording, out in zip(inspection.usable, left_out, strict=True) if out}
    earlier = (
        f for f in inspection.findings if f.kind in UNUSABLE_KINDS or not f.paths or set(f.paths) - paths
    )
    return replace(
        inspection,
        usable=tuple(inspection.usable[index] for index in kept),
        measures=tuple(inspection.measures[index] for index in kept),
        prints=tuple(inspection.prints[index] for index in kept),
        findings=(*earlier, *findings),
    )
