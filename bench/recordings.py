"""Which test clips come from one recording, for the intervals of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auscult.corpus import AudioClip, Clip
from auscult.corpus.independent import with_independent_recordings
from auscult.spectrum import FrontEnd

_SOURCES: dict[str, str | None] = {}


def with_recordings(clips: Sequence[Clip]) -> list[Clip]:
    """The labelled clips of one machine with the recordings that they were likely cut from.

    Clips of which the names say nothing are read once.
    """
    front_end = FrontEnd()
    if any(clip.path not in _SOURCES for clip in clips):
        recordings = [AudioClip.from_file(clip, sample_rate=front_end.sample_rate) for clip in clips]
        for clip in with_independent_recordings(recordings, front_end):
            _SOURCES[clip.path] = clip.source_recording
    return [replace(clip, source_recording=_SOURCES[clip.path]) for clip in clips]
