"""Long recordings cut into windows for fitting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auscult.corpus.clip import Clip
from auscult.corpus.findings import Finding
from auscult.corpus.grouping import WITHIN
from auscult.corpus.time_blocks import MIN_RECORDINGS, boundary_windows, time_blocks
from auscult.errors import AudioError
from auscult.sound import audio_info

_TOLERANCE = 1e-6  # seconds, for rounding


@dataclass(frozen=True)
class Windowing:
    """Result of `cut_into_windows`.

    Attributes:
        clips: a clip for each window; windows of one recording follow each other.
        findings: what was left out.
        threshold_label: limitation of the false-alarm rate, or ``None``.
    """

    clips: list[Clip]
    findings: tuple[Finding, ...]
    threshold_label: str | None


def cut_into_windows(clips: Sequence[Clip], seconds: float) -> Windowing:
    """Cut recordings into windows of equal length, of which those of one recording share a fold.

    With fewer than `MIN_RECORDINGS` recordings, each is divided into blocks of consecutive windows instead,
    with one window left out between two blocks, since neighbours sound alike. Recordings that are shorter
    than a window, or do not declare their length, are kept whole.

    Args:
        clips: the recordings; clips of the same ``source_recording`` count as one.
        seconds: length of a window.
    """
    windows: dict[str, list[Clip]] = {}
    rests: list[tuple[str, float]] = []
    for clip in clips:
        source = clip.source_recording or clip.path
        length = _declared_seconds(clip)
        count = int((length + _TOLERANCE) / seconds) if length is not None else 0
        pieces = [replace(clip, window=(i * seconds, (i + 1) * seconds)) for i in range(count)] or [clip]
        windows.setdefault(source, []).extend(replace(piece, source_recording=source) for piece in pieces)
        rest = length - count * seconds if length is not None and count else 0.0
        if rest > _TOLERANCE:
            rests.append((clip.path, rest))
    findings = []
    if rests:
        total, longest = sum(rest for _, rest in rests), max(rests, key=lambda item: item[1])
        message = (
            f"{total:.3g} s at the end of {len(rests)} recording{'' if len(rests) == 1 else 's'} left out, "
            f"since they are shorter than a window of {seconds:g} s (at most {longest[1]:.3g} s, "
            f"{os.path.basename(longest[0])})"
        )
        findings.append(Finding("remainder", message, tuple(path for path, _ in rests)))
    if len(windows) >= MIN_RECORDINGS:
        return Windowing([clip for pieces in windows.values() for clip in pieces], tuple(findings), None)
    kept: list[Clip] = []
    left_out = 0
    for (source, pieces), blocks in zip(
        windows.items(), time_blocks([len(pieces) for pieces in windows.values()]), strict=True
    ):
        boundaries = set(boundary_windows(blocks))
        left_out += len(boundaries)
        kept += [
            replace(piece, source_recording=f"{source} block {block}")
            for position, (piece, block) in enumerate(zip(pieces, blocks, strict=True))
            if position not in boundaries
        ]
    number = "1 recording" if len(windows) == 1 else f"{len(windows)} recordings"
    message = (
        f"{number} divided into windows of {seconds:g} s: folds are blocks of time, with "
        f"{left_out} window{'' if left_out == 1 else 's'} left out between them, and the false-alarm rate "
        f"holds {WITHIN} only; record at least {MIN_RECORDINGS} at different times"
    )
    return Windowing(kept, (*findings, Finding("cuts", message)), WITHIN)


def _declared_seconds(clip: Clip) -> float | None:
    """Length by the header; ``None`` if it is not declared or the file cannot be read, which inspection
    reports."""
    try:
        return audio_info(clip.path).seconds
    except AudioError:
        return None
