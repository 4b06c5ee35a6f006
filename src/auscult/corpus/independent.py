"""Which labelled clips come from one recording, so that an evaluation counts independent recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip
from auscult.corpus.prefetch import prefetch
from auscult.corpus.sound_groups import Provenance, group_by_sound
from auscult.corpus.sound_print import SoundPrint, sound_print
from auscult.corpus.time_blocks import MIN_RECORDINGS
from auscult.corpus.training_checks import likely_segments
from auscult.errors import AudioError
from auscult.spectrum import FrontEnd


def with_independent_recordings(recordings: Sequence[AudioClip], front_end: FrontEnd) -> list[Clip]:
    """Set the source recording of clips that were likely cut from one recording.

    A source that is known stays. Otherwise clips with equal attributes, domain and condition are taken for
    pieces of one recording under the conditions of `likely_segments`, as when a model is fitted, if there are
    at least `MIN_RECORDINGS` such sets of each condition; fewer sets may be loads or speeds of the machine.
    Where names say nothing, clips of one section and condition are compared by their sound.

    Args:
        recordings: labelled clips; those of which the names say nothing are read.
        front_end: of the log-mels for the comparison.
    """
    clips = [recording.clip for recording in recordings]
    sources = [clip.source_recording for clip in clips]
    unknown = [i for i, source in enumerate(sources) if source is None]
    names, _ = likely_segments([clips[i] for i in unknown])
    sets = {i: _set_of_attributes(clips[i], names) for i in unknown if names and clips[i].attributes}
    counts = Counter(clips[i].condition for i in {values: i for i, values in sets.items()}.values())
    if sets and all(counts[clip.condition] >= MIN_RECORDINGS for clip in clips):
        for i, values in sets.items():
            sources[i] = values
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for i, clip in enumerate(clips):
        if sources[i] is None:
            groups.setdefault((clip.machine, clip.section, clip.condition), []).append(i)
    for indices in groups.values():
        prints = _sound_prints([recordings[i] for i in indices], front_end)
        known = {i: sound for i, sound in zip(indices, prints, strict=True) if sound is not None}
        if len(known) < 2:
            continue
        by_sound = group_by_sound(list(known.values()), [Provenance()] * len(known), copies_only=False).groups
        first: dict[int, int] = {}
        sizes = Counter(by_sound)
        for i, group in zip(known, by_sound, strict=True):
            if sizes[group] > 1:
                sources[i] = f"like {clips[first.setdefault(group, i)].name}"
    return [
        clip if clip.source_recording == source else replace(clip, source_recording=source)
        for clip, source in zip(clips, sources, strict=True)
    ]


def _set_of_attributes(clip: Clip, names: Sequence[str]) -> str:
    values = [f"{name}={clip.attributes.get(name, '')}" for name in names]
    return " ".join([*values, f"{clip.domain or ''} {clip.condition or ''}"])


def _sound_prints(recordings: Sequence[AudioClip], front_end: FrontEnd) -> list[SoundPrint | None]:
    """The sound print of each recording; ``None`` for those that cannot be read."""

    def print_of(recording: AudioClip) -> SoundPrint:
        waveform = recording.waveform()  # kept while the log-mel is computed from it
        return sound_print(waveform.samples, recording.log_mel(front_end))

    outcomes = (outcome for _, outcome in prefetch(recordings, print_of))
    return [None if isinstance(outcome, AudioError) else outcome for outcome in outcomes]
