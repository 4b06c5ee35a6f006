"""Keeping recordings that are not independent of each other in one fold, by their sound."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.findings import Finding
from auscult.corpus.inspection import Inspection
from auscult.corpus.sound_groups import SoundGroups, group_by_sound
from auscult.corpus.sound_print import SoundPrint
from auscult.corpus.time_blocks import MIN_RECORDINGS, time_blocks

#: Labels of a threshold whose false-alarm rate is promised with a limitation.
UNVERIFIED = "independence unverified"
WITHIN = "within these recordings"
_MAX_NAMED = 3


def keep_cuts_together(inspection: Inspection, *, copies_only: bool = False) -> Inspection:
    """Set the source recording of clips that are copies or pieces of one recording by their sound.

    Folds are then made of entire sources. Clips whose source is known keep it, unless one is a copy of a clip
    of another source. If there are fewer than `MIN_RECORDINGS` sources, those that were found by sound are
    divided into contiguous blocks of time.

    Args:
        inspection: of the recordings, with their sound prints.
        copies_only: whether the user states that the recordings are independent, so that only copies are
            kept together.

    Returns:
        The inspection with the sources in ``usable``, findings that say what was grouped, and the label of
        the threshold.
    """
    recordings, prints = inspection.usable, inspection.prints
    if len(prints) != len(recordings) or len(recordings) < 2:
        return inspection
    sources = [recording.clip.source_recording for recording in recordings]
    groups = group_by_sound(prints, sources, copies_only=copies_only)
    names = _source_names(groups, sources, prints)
    label = None if groups.decided else UNVERIFIED
    if groups.cut and len(set(groups.groups)) < MIN_RECORDINGS:
        names = _with_blocks(names, groups)
        label = WITHIN
    usable = tuple(
        recording if name == source else recording.with_source(name)
        for recording, name, source in zip(recordings, names, sources, strict=True)
    )
    findings = (*inspection.findings, *_findings(groups, recordings, inspection.findings, label))
    return replace(inspection, usable=usable, findings=findings, prints=(), threshold_label=label)


def _source_names(
    groups: SoundGroups, sources: Sequence[str | None], prints: Sequence[SoundPrint]
) -> list[str | None]:
    """The source of each recording: a known one of its group, or one named by the sound of its first member,
    so that names from different inspections differ. A recording that is alone in its group keeps its own."""
    names: dict[int, str] = {}
    for i, group in enumerate(groups.groups):
        if (source := sources[i]) is not None:
            names.setdefault(group, source)
    sizes = Counter(groups.groups)
    for i, group in enumerate(groups.groups):
        if group not in names and sizes[group] > 1:
            names[group] = (
                f"sound {hashlib.blake2b(prints[i].phase_codes.tobytes(), digest_size=6).hexdigest()}"
            )
    return [names.get(group) for group in groups.groups]


def _with_blocks(names: Sequence[str | None], groups: SoundGroups) -> list[str | None]:
    """The names of the sources, with the number of a block of time for recordings that were found to be cut.
    Copies stay in one block."""
    result = list(names)
    pieces: dict[int, list[int]] = {}  # group to the numbers of its pieces in the order of time
    for i in sorted(range(len(names)), key=lambda i: groups.order[i]):
        piece = pieces.setdefault(groups.groups[i], [])
        if groups.copy_of[i] not in piece:
            piece.append(groups.copy_of[i])
    blocks = time_blocks([len(piece) for piece in pieces.values()])
    block_of = {
        number: block
        for piece, piece_blocks in zip(pieces.values(), blocks, strict=True)
        for number, block in zip(piece, piece_blocks, strict=True)
    }
    cut_groups = {groups.groups[i] for i in groups.cut}
    for i, group in enumerate(groups.groups):
        if group in cut_groups:
            result[i] = f"{names[i]} block {block_of[groups.copy_of[i]]}"
    return result


def _findings(
    groups: SoundGroups,
    recordings: Sequence[AudioClip],
    earlier: Sequence[Finding],
    label: str | None,
) -> Iterator[Finding]:
    paths = [recording.clip.path for recording in recordings]
    reported = {path for finding in earlier if finding.kind == "duplicates" for path in finding.paths}
    if copied := [paths[i] for i in groups.copied if paths[i] not in reported]:
        yield Finding(
            "copies",
            f"{len(copied)} recordings are copies of others or overlap with them, also at another level or "
            f"sample rate ({_names(copied)}): they are kept in one fold; remove copies, they add nothing",
            tuple(copied),
        )
    if groups.cut:
        cut_groups = {groups.groups[i] for i in groups.cut}
        folds = (
            f"folds are blocks of time, and the false-alarm rate holds {WITHIN} only; record at least "
            f"{MIN_RECORDINGS} at different times"
            if label == WITHIN
            else "each is kept in one fold; if all clips were recorded independently, --group-by none "
            "(keep_likely_cuts_together=False) gives a sharper threshold"
        )
        cut = [paths[i] for i in groups.cut]
        number = f"{len(cut_groups)} longer recording{'' if len(cut_groups) == 1 else 's'}"
        yield Finding(
            "cuts", f"{len(cut)} clips sound as if cut from {number} ({_names(cut)}): {folds}", tuple(cut)
        )


def _names(paths: Sequence[str]) -> str:
    names = ", ".join(os.path.basename(path) for path in paths[:_MAX_NAMED])
    return names + (f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else "")
