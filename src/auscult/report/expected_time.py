"""How long the report of a benchmark will take, from the time to draw one picture."""

from __future__ import annotations

import io
import time
from contextlib import suppress

import numpy as np

from auscult.corpus import AudioClip
from auscult.errors import MissingExtraError
from auscult.model import Score
from auscult.report.explanation import explanation
from auscult.report.pictures import draw_explanation
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

#: Pictures of clips for each machine, which take nearly all of the time.
_PICTURES = 2


def expected_report_seconds(machines: int) -> float:
    """Return the expected time to write the report of so many machines; 0 if it cannot draw pictures."""
    seconds = 0.0
    with suppress(MissingExtraError):
        for _ in range(2):  # the first one also imports what draws
            started = time.perf_counter()
            _draw()
            seconds = time.perf_counter() - started
    return seconds * _PICTURES * machines


def _draw() -> None:
    """Draw the picture of a clip of noise with the map of a score."""
    front_end, rng = FrontEnd(), np.random.default_rng(0)
    samples = rng.standard_normal(2 * front_end.sample_rate).astype(np.float32) / 10
    recording = AudioClip.from_waveform(Waveform(samples, front_end.sample_rate))
    frames = recording.log_mel(front_end)
    zscores = rng.standard_normal(frames.shape)
    score = Score("noise", 1.0, 0.5, True, map=zscores, maps_are_zscores=True, seconds=2.0)
    explained = explanation(score, front_end, recording, recording)
    draw_explanation(io.BytesIO(), explained, title="noise", dots_per_inch=90)
