"""Inspections of several channels of the same recordings, made to agree before a model is fitted on all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from auscult.corpus.clip import Clip
from auscult.corpus.files import clip_info
from auscult.corpus.findings import Finding
from auscult.corpus.inspection import Inspection
from auscult.errors import AudioError, FitError


def common_channels(clips: Sequence[Clip]) -> int:
    """Return the number of channels that most files have.

    Raises:
        FitError: no file can be read.
    """
    counts: Counter[int] = Counter()
    errors = []
    for clip in clips:
        try:
            counts[clip_info(clip).channels] += 1
        except AudioError as error:
            errors.append(error)
    if not counts:
        raise FitError(f"no usable training recordings: none of {len(clips):,} can be read: {errors[0]}")
    return counts.most_common(1)[0][0]


def usable_in_all(inspections: Sequence[Inspection]) -> list[Inspection]:
    """Leave out the recordings that are not usable in every channel; all inspections are then of the same.

    Args:
        inspections: of each channel, of the same recordings in the same order.
    """
    names = [{r.clip.name for r in inspection.usable} for inspection in inspections]
    common = set.intersection(*names)
    return [_only(inspection, common) for inspection in inspections]


def grouped_alike(inspections: Sequence[Inspection]) -> list[Inspection]:
    """Let the recordings of all channels share the folds of the first: cut from the same longer recordings.

    Args:
        inspections: of each channel, of the same recordings in the same order; the first one is grouped.
    """
    first = inspections[0]
    sources = [recording.clip.source_recording for recording in first.usable]
    return [
        replace(
            inspection,
            usable=tuple(
                recording.with_source(source)
                for recording, source in zip(inspection.usable, sources, strict=True)
            ),
            threshold_label=first.threshold_label,
            prints=(),
        )
        for inspection in inspections
    ]


def _only(inspection: Inspection, names: set[str]) -> Inspection:
    kept = [i for i, recording in enumerate(inspection.usable) if recording.clip.name in names]
    if len(kept) == len(inspection.usable):
        return inspection
    left_out = [r.clip.path for r in inspection.usable if r.clip.name not in names]
    message = f"{len(left_out)} recordings are left out, since another of their channels cannot be used"
    return replace(
        inspection,
        usable=tuple(inspection.usable[i] for i in kept),
        measures=tuple(inspection.measures[i] for i in kept),
        prints=tuple(inspection.prints[i] for i in kept),
        findings=(*inspection.findings, Finding("left_out", message, tuple(left_out))),
    )
