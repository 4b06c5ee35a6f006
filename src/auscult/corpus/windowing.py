"""Long recordings cut into windows for fitting."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auscult.corpus.clip import Clip
from auscult.corpus.files import clip_info
from auscult.corpus.findings import Finding
from auscult.errors import AudioError, OptionError
from auscult.sound import AudioInfo

_TOLERANCE = 1e-6  # seconds, for rounding
_MAX_NAMED = 3
#: Shorter windows are refused: no frame of any front end that `auscult.fit` chooses is shorter.
MIN_SAMPLES = 16


@dataclass(frozen=True)
class Windowing:
    """Result of `cut_into_windows`.

    Attributes:
        clips: a clip for each window; windows of one recording follow each other.
        findings: what was left out.
    """

    clips: list[Clip]
    findings: tuple[Finding, ...]


def cut_into_windows(clips: Sequence[Clip], seconds: float) -> Windowing:
    """Cut recordings into windows of equal length; the source of each window is its file, unless it is known.

    Recordings that are shorter than a window, or do not declare their length, are kept whole.

    Args:
        clips: the recordings; windows of the same ``source_recording`` follow each other.
        seconds: length of a window.

    Raises:
        OptionError: a window would have fewer than `MIN_SAMPLES` samples.
    """
    windows: dict[str, list[Clip]] = {}
    rests: list[tuple[str, float]] = []
    uncut: list[str] = []
    for clip in clips:
        source = clip.source_recording or clip.path
        info = _declared(clip)
        length = info.seconds if info else None
        if info and seconds * info.sample_rate < MIN_SAMPLES:
            raise OptionError(
                f"window={seconds:g}: a window of {os.path.basename(clip.path)} would have fewer than "
                f"{MIN_SAMPLES} samples at {info.sample_rate} Hz"
            )
        count = int((length + _TOLERANCE) / seconds) if length is not None else 0
        pieces = [
            replace(clip, window=(i * seconds, (i + 1) * seconds), source_recording=source)
            for i in range(count)
        ]
        windows.setdefault(source, []).extend(pieces or [clip])
        if not pieces:
            uncut.append(clip.path)
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
    if uncut:
        names = ", ".join(os.path.basename(path) for path in uncut[:_MAX_NAMED])
        more = f" and {len(uncut) - _MAX_NAMED} more" if len(uncut) > _MAX_NAMED else ""
        message = (
            f"{len(uncut)} recording{'' if len(uncut) == 1 else 's'} not divided, shorter than a window of "
            f"{seconds:g} s or without a declared length ({names}{more})"
        )
        findings.append(Finding("remainder", message, tuple(uncut)))
    return Windowing([clip for pieces in windows.values() for clip in pieces], tuple(findings))


def _declared(clip: Clip) -> AudioInfo | None:
    """What the header says; ``None`` if the file cannot be read, which inspection reports."""
    try:
        return clip_info(clip)
    except AudioError:
        return None
