"""Inspections of several channels of the same recordings, made to agree before a model learns all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from auscult.corpus.audio_clip import AudioClip
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


def together(inspections: Sequence[Inspection], names: Sequence[str]) -> Inspection:
    """Return one inspection of recordings with all channels; see `AudioClip.of_axes`.

    Its measures and prints are those of the first channel.

    Args:
        inspections: of each channel, of the same recordings in the same order.
        names: names of the channels, for findings about some of them.
    """
    channels: dict[Finding, list[str]] = {}
    for inspection, name in zip(inspections, names, strict=True):
        for finding in dict.fromkeys(inspection.findings):
            channels.setdefault(finding, []).append(name)
    return replace(
        inspections[0],
        usable=tuple(
            AudioClip.of_axes(of_recording)
            for of_recording in zip(*(inspection.usable for inspection in inspections), strict=True)
        ),
        findings=tuple(
            f if len(of) == len(names) else replace(f, message=f"channel {', '.join(of)}: {f.message}")
            for f, of in channels.items()
        ),
    )


def of_axis(inspection: Inspection, axis: int, original: Inspection) -> Inspection:
    """Return the inspection of one channel of recordings that are left of those of `together`.

    Args:
        inspection: of the recordings with all channels.
        axis: number of the channel.
        original: the inspection of the channel that was given to `together`.
    """
    names = [recording.clip.name for recording in original.usable]
    measures = dict(zip(names, original.measures, strict=True))
    return replace(
        inspection,
        usable=tuple(recording.axes[axis] for recording in inspection.usable),
        measures=tuple(measures[recording.clip.name] for recording in inspection.usable),
        prints=(),
    )


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
