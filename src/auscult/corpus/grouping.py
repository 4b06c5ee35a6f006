"""Keeping recordings that are not independent of each other in one fold, by their sound."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auscult.corpus.clip import Clip
from auscult.corpus.findings import Finding
from auscult.corpus.inspection import Inspection
from auscult.corpus.sound_groups import Provenance, SoundGroups, group_by_sound, time_order
from auscult.corpus.sound_print import SoundPrint
from auscult.corpus.time_blocks import MIN_RECORDINGS, boundary_windows, time_blocks

#: Labels of a threshold whose false-alarm rate is promised with a limitation.
UNVERIFIED = "independence unverified"
WITHIN = "within these recordings"
#: What to do about clips that are taken as parts of one recording and are not.
IF_INDEPENDENT = (
    "If all were recorded independently, state it with `group_likely_segments=False`: the "
    "threshold may then be lower"
)
_MAX_NAMED = 3


def keep_cuts_together(
    inspection: Inspection, *, copies_only: bool = False, minimum: int = MIN_RECORDINGS
) -> Inspection:
    """Set the source recording of clips that are copies or pieces of one recording by their sound.

    Folds are then made of entire sources. Clips whose source is known keep it, unless one is a copy of a clip
    of another source. Windows of a file are kept together, and files that continue each other or are closer
    to each other than to the rest as well. If there are fewer than ``minimum`` sources, files in windows
    and pieces that were found by sound are divided into contiguous blocks of time, and one window is left out
    between two blocks of windows, since neighbours sound alike.

    Args:
        inspection: of the recordings, with their sound prints.
        copies_only: whether the user states that the recordings are independent, so that only copies and
            the windows of a file are kept together.
        minimum: the number of sources from which on folds are made of entire sources.

    Returns:
        The inspection with the sources in ``usable``, findings that say what was grouped, and the label of
        the threshold.
    """
    recordings, prints = inspection.usable, inspection.prints
    if len(prints) != len(recordings) or len(recordings) < 2:
        return inspection
    clips = [recording.clip for recording in recordings]
    sources = [clip.source_recording for clip in clips]
    windows = _windows_in_turn(clips)
    groups = group_by_sound(prints, _origins(clips, windows), copies_only=copies_only)
    names = _source_names(groups, sources, prints)
    label = None if groups.decided else UNVERIFIED
    left_out: set[int] = set()
    if (groups.cut or windows) and len(set(groups.groups)) < minimum:
        names, left_out = _with_blocks(names, groups, windows)
        label = WITHIN
    kept = [i for i in range(len(recordings)) if i not in left_out]
    usable = tuple(
        recordings[i] if names[i] == sources[i] else recordings[i].with_source(names[i]) for i in kept
    )
    findings = (
        *inspection.findings,
        *_copy_findings(groups, clips, inspection.findings),
        *_cut_findings(groups, clips, windows, len(left_out), label),
    )
    return replace(
        inspection,
        usable=usable,
        findings=findings,
        measures=tuple(inspection.measures[i] for i in kept),
        prints=(),
        threshold_label=label,
    )


def _windows_in_turn(clips: Sequence[Clip]) -> list[tuple[int, int]]:
    """Pairs of indices of the windows of one source that follow each other, in the order of the clips."""
    last: dict[str | None, int] = {}
    pairs = []
    for i, clip in enumerate(clips):
        if clip.window is not None:
            if clip.source_recording in last:
                pairs.append((last[clip.source_recording], i))
            last[clip.source_recording] = i
    return pairs


def _origins(clips: Sequence[Clip], windows: Sequence[tuple[int, int]]) -> list[Provenance]:
    """What is known of each clip; the windows of a file that the user named no source for have its path."""
    preceded = {second for _, second in windows}
    followed = {first for first, _ in windows}
    return [
        Provenance(
            clip.source_recording,
            stated=clip.window is None or clip.source_recording != clip.path,
            at_end=not (i in preceded and i in followed),
        )
        for i, clip in enumerate(clips)
    ]


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


def _with_blocks(
    names: Sequence[str | None], groups: SoundGroups, windows: Sequence[tuple[int, int]]
) -> tuple[list[str | None], set[int]]:
    """The names of the sources with the numbers of blocks of time, for windows and for recordings that were
    found to be cut; and the windows that are left out between blocks. Copies stay in one block."""
    order = time_order(len(names), [*windows, *groups.followers])
    windowed = {i for pair in windows for i in pair}
    pieces: dict[int, list[int]] = {}  # group to the numbers of its pieces in the order of time
    for i in sorted(range(len(names)), key=lambda i: order[i]):
        piece = pieces.setdefault(groups.groups[i], [])
        if groups.copy_of[i] not in piece:
            piece.append(groups.copy_of[i])
    blocks = time_blocks([len(piece) for piece in pieces.values()])
    block_of: dict[int, int] = {}  # piece to block
    boundaries: set[int] = set()  # pieces before another block
    for piece, piece_blocks in zip(pieces.values(), blocks, strict=True):
        block_of.update(zip(piece, piece_blocks, strict=True))
        boundaries.update(piece[position] for position in boundary_windows(piece_blocks))
    divided = {groups.groups[i] for i in (*groups.cut, *windowed)}
    result = [
        f"{name} block {block_of[piece]}" if group in divided else name
        for name, group, piece in zip(names, groups.groups, groups.copy_of, strict=True)
    ]
    return result, {i for i in windowed if groups.copy_of[i] in boundaries}


def _copy_findings(
    groups: SoundGroups, clips: Sequence[Clip], earlier: Sequence[Finding]
) -> Iterator[Finding]:
    reported = {path for finding in earlier if finding.kind == "duplicates" for path in finding.paths}
    if copied := [clips[i] for i in groups.copied if clips[i].path not in reported]:
        names = _names([clip.name for clip in copied])
        yield Finding(
            "copies",
            f"{len(copied)} recordings contain the same moments as others: copies at another level or "
            f"sample rate, overlapping cuts, or recordings by another microphone ({names}): they are kept "
            "together when the threshold is computed, and count as one recording",
            tuple(clip.path for clip in copied),
        )


def _cut_findings(
    groups: SoundGroups,
    clips: Sequence[Clip],
    windows: Sequence[tuple[int, int]],
    left_out: int,
    label: str | None,
) -> Iterator[Finding]:
    only = (
        f"and the false-alarm rate holds {WITHIN} only; record at least {MIN_RECORDINGS} at different times"
    )
    if groups.cut:
        cut_groups = {groups.groups[i] for i in groups.cut}
        together = f"none is judged by a model that learned another part of its recording. {IF_INDEPENDENT}"
        blocks = f"their parts are learned and judged in separate blocks of time, {only}"
        cut = list(dict.fromkeys(clips[i].path for i in groups.cut))
        number = f"{len(cut_groups)} longer recording{'' if len(cut_groups) == 1 else 's'}"
        what = "files" if windows else "clips"
        yield Finding(
            "cuts",
            f"{len(cut)} {what} sound as if cut from {number} ({_names(cut)}): "
            f"{blocks if label == WITHIN else together}",
            tuple(cut),
        )
    if windows and label == WITHIN:
        count = len(set(groups.groups))
        number = f"{count} recording{'' if count == 1 else 's'}"
        between = f"{left_out} window{'' if left_out == 1 else 's'} left out between them"
        yield Finding(
            "cuts",
            f"{number} divided into windows, which are learned and judged in separate blocks of time with "
            f"{between}, {only}",
        )


def _names(paths: Sequence[str]) -> str:
    names = ", ".join(os.path.basename(path) for path in paths[:_MAX_NAMED])
    return names + (f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else "")
