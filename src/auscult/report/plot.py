"""The picture of a score: `auscult.plot`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from auscult.corpus import AudioClip, Clip
from auscult.errors import OptionError
from auscult.model.score import Score, ScoredAudio
from auscult.report.explanation import explanation
from auscult.report.pictures import explanation_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(score: Score, path: str | os.PathLike[str] | None = None, *, title: str | None = None) -> Figure:
    """Draw where in time and frequency a score comes from, as ``auscult explain`` does.

    The spectrogram of the recording, that of the most similar normal recording if it is a file, and the map
    of the score share one axis of frequency. What deviates is boxed and named. The median of the map over
    time and its mean over the bands are drawn next to it.

    Args:
        score: a score with a map: of `Model.score` with ``explain=True``.
        path: a file to write, too; its extension sets the format (png, svg, pdf).
        title: default the path of the recording.

    Returns:
        The figure. It does not belong to ``pyplot``, so that it need not be closed.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OptionError: the score has no map, or the file cannot be written.
        AudioError: the nearest normal recording cannot be read any more.

    Example:
        >>> import auscult, numpy as np
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 16000))
        >>> model = auscult.fit(noise, "spectral_memory", sample_rate=16000)
        >>> figure = auscult.plot(model.score(noise[0], 16000, explain=True), title="first")
        >>> len(figure.axes) > 3
        True
    """
    if score.map is None or score.audio is None:
        raise OptionError(f"{score.path} was scored without a map: score it with explain=True")
    audio = score.audio
    recording = AudioClip(Clip(score.path), lambda: audio.waveform)
    explained = explanation(score, audio.front_end, recording, _nearest(audio))
    figure = explanation_figure(explained, title=score.path if title is None else title)
    if path is not None:
        save_figure(figure, path)
    return figure


def _nearest(audio: ScoredAudio) -> AudioClip | None:
    """The nearest normal recording; ``None`` if there is none, or it was in memory or has been moved."""
    if audio.nearest is None or not os.path.exists(audio.nearest.path):
        return None
    return AudioClip.from_file(audio.nearest, channel=audio.channel, sample_rate=audio.front_end.sample_rate)
