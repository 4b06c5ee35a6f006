"""The source recordings of a machine's clips: of training clips as `auscult.fit` sets them, of test clips for
intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from auscult.api.plan import with_likely_sources
from auscult.benchmark.machine import MachineData
from auscult.corpus import Corpus, Inspection, attribute_groups
from auscult.corpus.fingerprints import content_key
from auscult.corpus.grouping import keep_cuts_together
from auscult.corpus.independent import with_independent_recordings
from auscult.model.fit_spec import resolve_calibration
from auscult.runtime.files import write_atomically
from auscult.spectrum import FrontEnd

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
        clips, findings = with_likely_sources(machine.train)
        sources = {clip.path: clip.source_recording for clip in clips}
        inspection = replace(
            inspection,
            usable=tuple(r.with_source(sources[r.clip.path]) for r in inspection.usable),
            findings=(*inspection.findings, *findings),
        )
    return keep_cuts_together(inspection, copies_only=independent)


def sources_of_test_clips(machine: MachineData, front_end: FrontEnd, path: Path) -> Mapping[str, str | None]:
    """Path of each labelled test clip to the recording that it was cut from; ``None`` if it is its own.

    Args:
        machine: the machine; with an empty ``group_by``, only sources that names give are used.
        front_end: of the log-mels by which clips are compared.
        path: a file that keeps the result, since comparing clips takes longer than scoring them.
    """
    labelled = [clip for clip in machine.test if clip.condition is not None]
    if machine.group_by is not None:
        if machine.group_by:  # with the training clips, which have the attributes
            corpus = attribute_groups(Corpus([*machine.train, *labelled]), machine.group_by)
            labelled = list(corpus)[len(machine.train) :]
        return {clip.path: clip.source_recording for clip in labelled}
    conditions = [clip.condition for clip in machine.test]
    key = content_key([repr(front_end), machine.channel, conditions, machine.fingerprints["test"]])
    with suppress(OSError, ValueError, KeyError):
        saved = json.loads(path.read_text())
        if saved["key"] == key:
            return dict(saved["sources"])
    recordings = [r for r in machine.test_audio(front_end.sample_rate) if r.clip.condition is not None]
    sources = {
        clip.path: clip.source_recording for clip in with_independent_recordings(recordings, front_end)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps({"key": key, "sources": sources}).encode())
    machine.clear_cache()
    return sources
