"""What the provenance of an adapted model says: the recordings, what they changed, and warnings."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auscult.api.adapt_costs import adaptation_costs
from auscult.api.adapt_review import Review
from auscult.corpus import Clip
from auscult.corpus.folds import number_of_sources
from auscult.corpus.inspection import UNUSABLE_KINDS, Inspection
from auscult.corpus.training_checks import segment_findings
from auscult.detectors import Detector
from auscult.findings import Finding, findings_to_json
from auscult.model import Model
from auscult.model.fit_spec import alone_finding, calibrated_on
from auscult.model.normal_range import NormalRange
from auscult.runtime.versions import package_versions


def entry(
    before: Model, after: Model, inspection: Inspection, reviewed: Review, *, replaced: bool
) -> dict[str, Any]:
    """The entry of an adaptation in the provenance."""
    recordings = inspection.usable
    changes = [
        _detector_changes(old.detector, new.detector)
        for old, new in zip(before.axes or [before], after.axes or [after], strict=True)
    ]
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "clips": len(recordings),
        "domains": dict(Counter(r.clip.domain or "unknown" for r in recordings)),
        "replaced": before.provenance.get("clips", 0) if replaced else 0,
        "left_out": [path for f in inspection.findings if f.kind in UNUSABLE_KINDS for path in f.paths],
        "changes": list(dict.fromkeys(change for of_axis in changes for change in of_axis)),
        "review": reviewed.to_json(),
        "threshold_before": before.threshold().value,
        "threshold_after": after.threshold().value,
        "costs": adaptation_costs(before, after, recordings, replaced=replaced),
        "versions": package_versions(),
    }


def provenance(
    before: Model,
    after: Model,
    inspection: Inspection,
    reviewed: Review,
    of_adaptation: Mapping[str, Any],
    *,
    replaced: bool,
) -> dict[str, Any]:
    """The provenance of the old model, updated for the new recordings."""
    old, recordings = before.provenance, inspection.usable
    used = [True] * len(recordings)
    if replaced:
        used = calibrated_on(type(after.detector), after.detector.config, recordings)
    kept: Mapping[str, Any] = {} if replaced else old  # what describes the recordings in the model
    earlier, label = kept.get("clips", 0), inspection.threshold_label
    domains = Counter(of_adaptation["domains"])
    lengths = [seconds for seconds in (kept.get("seconds"), inspection.duration_range) if seconds]
    machines = {*old.get("machines", ()), *(r.clip.machine for r in recordings if r.clip.machine)}
    return {
        **old,
        **after.provenance,
        "clips": earlier + len(recordings),
        "calibration_recordings": _calibration_recordings(
            kept, [r.clip for r, is_used in zip(recordings, used, strict=True) if is_used]
        ),
        "domains": dict(Counter(kept.get("domains", {})) + domains),
        "machines": sorted(machines),
        "seconds": (min(low for low, _ in lengths), max(high for _, high in lengths)),
        "channels": max(kept.get("channels", 1), inspection.channels),
        "threshold_label": kept.get("threshold_label") if earlier > len(recordings) else label,  # of most
        "normal_range": _normal_range(before, inspection, replaced=replaced),
        "findings": [
            *kept.get("findings", ()),
            *findings_to_json(_findings(before, inspection, reviewed)),
            *findings_to_json(alone_finding(recordings, used)),
        ],
        "adaptations": [*old.get("adaptations", ()), of_adaptation],
        "alarm_policy": None,  # it was set for the scores of the model before
    }


def new_findings(before: Model, after: Model) -> tuple[Finding, ...]:
    """The findings of an adapted model that are about its last adaptation."""
    kept = 0 if after.provenance["adaptations"][-1]["replaced"] else len(before.warnings)
    return after.warnings[kept:]


def _calibration_recordings(kept: Mapping[str, Any], clips: Sequence[Clip]) -> int | None:
    """The number of independent recordings with a calibration score; ``None`` if that of the earlier ones is
    unknown, as for models of version 0.1.0."""
    earlier = kept.get("calibration_recordings", None if kept.get("clips") else 0)
    return None if earlier is None else earlier + number_of_sources(clips)


def _normal_range(before: Model, inspection: Inspection, *, replaced: bool) -> dict[str, Any] | None:
    """The range of the normal recordings in the adapted model, as plain data."""
    if not replaced and before.normal_range is None:
        return None  # that of the earlier recordings is unknown
    new = NormalRange.of(inspection.usable, inspection.measures, before.detector.config.front_end)
    merged = NormalRange.merged([new, None if replaced else before.normal_range])
    return merged.to_json() if merged else None


def _detector_changes(before: Detector, after: Detector) -> list[str]:
    """What the detector reports about this adaptation."""
    return list(after.facts.get("adaptations", ())[len(before.facts.get("adaptations", ())) :])


def _findings(before: Model, inspection: Inspection, reviewed: Review) -> Iterator[Finding]:
    """Findings about the new recordings, given the model before it is adapted."""
    yield from inspection.findings
    if before.alarm_policy:
        yield Finding(
            "alarm_policy",
            "the alarm policy was set for the model before it was adapted, and is left out: set it again "
            "(auscult calibrate)",
        )
    if reviewed.threshold.value is None:
        yield Finding("not_scored", f"the recordings were {reviewed.describe()}")
    for doubt in reviewed.doubts():
        yield Finding("doubtful", f"{doubt}; this is normal for the model from now on")
    clips = [recording.clip for recording in inspection.usable]
    if tests := [clip.path for clip in clips if clip.split == "test"]:
        yield Finding(
            "test_clips",
            f"test clips among the recordings added ({len(tests)} of {len(clips)}, {tests[0]}): the model "
            "is adapted to them and cannot be evaluated on them",
            tuple(tests),
        )
    shortest, longest = inspection.duration_range or (0.0, 0.0)
    if not (before.has_usual_length(shortest) and before.has_usual_length(longest)):
        yield Finding(
            "length",
            f"the recordings are {shortest:.3g} to {longest:.3g} s long, but the model was fitted on "
            f"recordings of {before.lengths}: the false-alarm rate holds only for recordings of one length",
        )
    if inspection.channels > before.expected_channels:
        yield Finding(
            "channels",
            f"the recordings have up to {inspection.channels} channels, those of the model "
            f"{before.expected_channels}: only channel {before.channel} (counted from 0) was used",
        )
    fitted_on = before.provenance.get("machines", ())
    unknown_machines = sorted({clip.machine for clip in clips if clip.machine} - set(fitted_on))
    if unknown_machines and fitted_on:
        yield Finding(
            "other_machine",
            f"a model of {', '.join(fitted_on)} is adapted to recordings of {', '.join(unknown_machines)}: "
            "is it the same machine?",
        )
    yield from segment_findings(inspection.usable)
