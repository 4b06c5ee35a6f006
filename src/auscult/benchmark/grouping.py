"""The source recordings of a machine's training clips, as `auscult.fit` sets them."""

from __future__ import annotations

from dataclasses import replace

from auscult.api.fit import group_likely_segments
from auscult.benchmark.machine import MachineData
from auscult.corpus import Inspection
from auscult.corpus.grouping import keep_cuts_together
from auscult.model.fitting import resolve_calibration

#: Kinds of finding about recordings that are not independent of each other.
GROUPING_KINDS = ("duplicates", "copies", "cuts")


def group_training_clips(machine: MachineData, inspection: Inspection, calibrate: str) -> Inspection:
    """Sets the source recording of clips that are not independent, by their attributes and by their sound.

    Args:
        machine: the machine; with an empty ``group_by``, only copies are grouped.
        inspection: of its training recordings.
        calibrate: how the model will be calibrated, as in `auscult.fit`; with ``none`` nothing is grouped.

    Returns:
        The inspection with the sources in ``usable``, and findings that say what was grouped.
    """
    if calibrate == "none":
        return inspection
    independent = machine.group_by is not None and not machine.group_by
    if not independent and resolve_calibration(calibrate, len(machine.train)) == "crossfit":
        clips, findings = group_likely_segments(machine.train)
        sources = {clip.path: clip.source_recording for clip in clips}
        inspection = replace(
            inspection,
            usable=tuple(r.with_source(sources[r.clip.path]) for r in inspection.usable),
            findings=(*inspection.findings, *findings),
        )
    return keep_cuts_together(inspection, copies_only=independent)
