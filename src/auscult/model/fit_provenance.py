"""What the provenance of a fitted model says: the recordings, the settings, and findings."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from auscult.corpus.folds import number_of_sources
from auscult.corpus.inspection import UNUSABLE_KINDS, Inspection
from auscult.corpus.training_checks import segment_findings
from auscult.decision import conformal_threshold, few_recordings_warning
from auscult.detectors import package_of
from auscult.findings import Finding, findings_to_json
from auscult.model.code_state import code_provenance
from auscult.model.fit_spec import InspectedFit, alone_finding
from auscult.model.model import Model
from auscult.model.normal_range import NormalRange
from auscult.model.threshold_origin import ThresholdOrigin, threshold_origin
from auscult.runtime.versions import package_versions
from auscult.spectrum import empty_band_findings

_EQUAL_SCORES = Finding(
    "equal_scores",
    "the scores of all normal recordings are equal: the detector does not distinguish recordings with these "
    "settings, so that its verdicts mean nothing",
)


def fit_provenance(fit: InspectedFit, model: Model) -> dict[str, Any]:
    """Return the provenance of a fitted model, except the time that fitting took."""
    inspection, clips = fit.inspection, [recording.clip for recording in fit.recordings]
    held_out = [recording.clip for _, recording in fit.held_out]
    sources = number_of_sources(held_out) if held_out else None
    decisive = model.calibration.scores.get(model.detector.decisive_score, np.empty(0))
    origin = threshold_origin(decisive, held_out)
    normal_range = NormalRange.of(fit.recordings, inspection.measures, fit.config.front_end)
    return {
        "clips": len(clips),
        "calibration_recordings": sources,
        "domains": dict(Counter(clip.domain or "unknown" for clip in clips)),
        "machines": sorted({clip.machine for clip in clips if clip.machine}),
        "seconds": inspection.duration_range,
        "channels": inspection.channels,
        **_table_provenance(inspection),
        "normal_range": normal_range.to_json() if normal_range else None,
        "left_out": [path for f in inspection.findings if f.kind in UNUSABLE_KINDS for path in f.paths],
        "preset": fit.spec.preset,
        "findings": findings_to_json(_findings(fit, model, decisive, sources, origin)),
        "threshold_label": inspection.threshold_label if fit.method != "none" else None,
        "threshold_set_by": origin.group if origin else None,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": package_versions(),
        **({"detector_package": package} if (package := package_of(model.detector.name)) else {}),
        **code_provenance(type(model.detector)),
    }


def _findings(
    fit: InspectedFit,
    model: Model,
    decisive: np.ndarray,
    sources: int | None,
    origin: ThresholdOrigin | None,
) -> Iterator[Finding]:
    """Findings about the recordings, the detector and its calibration.

    Args:
        fit: what the model was fitted for.
        model: the model.
        decisive: its calibration scores.
        sources: the number of independent recordings that these are of; ``None`` without a calibration.
        origin: the recordings that set its threshold, if they are alike.
    """
    yield from fit.inspection.findings
    if fit.method == "crossfit":
        yield from segment_findings(fit.recordings)
        yield from alone_finding(fit.recordings, fit.calibrated_on)
    yield from empty_band_findings(type(model.detector).front_ends(model.detector.config))
    yield from model.detector.findings
    if origin:
        yield origin.finding
    few = few_recordings_warning(sources, conformal_threshold(decisive))
    if few and fit.inspection.threshold_label is None:
        yield Finding("few_recordings", few)
    if len(decisive) > 1 and np.ptp(decisive) == 0:
        yield _EQUAL_SCORES


def _table_provenance(inspection: Inspection) -> dict[str, Any]:
    """How the recordings were read if they are tables: what holds for all of them."""
    settings = [r.clip.table for r in inspection.usable if r.clip.table is not None]
    if not settings:
        return {}
    common = replace(settings[0].agreeing(settings), names=inspection.channel_names)
    return {"table": common.to_json()}
