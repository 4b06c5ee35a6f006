"""The nearest normal recording of a score, as people find it."""

from __future__ import annotations

from auscult.corpus import Clip
from auscult.model import Score


def nearest_file(score: Score) -> str | None:
    """Return the file and the part of it: ``fan-normal/00003.flac (4–8 s)``.

    Args:
        score: of a recording.

    Returns:
        ``None`` if there is no normal recording, or if the model was fitted on arrays, which have no file.
    """
    if score.nearest is None or (score.nearest.startswith("<") and score.nearest.endswith(">")):
        return None
    return Clip(score.nearest, window=score.nearest_window).name
