"""What is kept of an anomalous recording: map, named regions and sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.errors import AuscultError
from auscult.monitor.watch.model_folder import MachineModel
from auscult.report.named_regions import score_regions
from auscult.report.nearest_file import nearest_file

#: Of a longer recording, the section with the strongest region is kept, seconds, with some before it.
MAX_SECONDS, SECONDS_BEFORE = 60.0, 5.0


@dataclass(frozen=True)
class Explained:
    """What is kept of an anomalous recording.

    Attributes:
        data: JSON-compatible, as the explanation of an `auscult.monitor.store.Event`.
        map: (T, n_mels) as in `auscult.Score`, of the section that is kept.
        end: where that section ends, seconds before the end of the recording.
        samples: (N, channels) its sound.
        sample_rate: in Hz.
        nearest: (N,) the most similar normal recording, if it can be read.
    """

    data: dict[str, Any]
    map: np.ndarray
    end: float
    samples: np.ndarray
    sample_rate: int
    nearest: np.ndarray | None


def explain(recording: AudioClip, model: MachineModel) -> Explained:
    """Explain a recording that was scored by the model."""
    score = model.model.score_recording(recording, threshold=model.threshold, explain=True)
    front_end = model.model.detector.config.front_end
    regions = score_regions(score, front_end)
    assert score.map is not None
    rate, step = front_end.sample_rate, front_end.hop / front_end.sample_rate
    channels = [axis.waveform().samples for axis in recording.axes or (recording,)]
    samples = np.stack(channels, axis=1)
    start, seconds = 0.0, len(samples) / rate
    if seconds > MAX_SECONDS:
        strongest = regions[0].start_seconds if regions else 0.0
        start = min(max(0.0, strongest - SECONDS_BEFORE), seconds - MAX_SECONDS)
        end = start + MAX_SECONDS
    else:
        end = seconds
    first, last = round(start * rate), round(end * rate)
    data = {
        "regions": [region.to_json() for region in regions],
        "nearest": nearest_file(score),
        "channel": score.axis_name,
        "window_seconds": (last - first) / rate,
        "section_start": start,
    }
    frames = slice(int(start / step), max(int(start / step) + 1, round(end / step)))
    nearest = score.audio.nearest if score.audio else None
    return Explained(
        data, score.map[frames], seconds - end, samples[first:last], rate, _sound_of(nearest, model)
    )


def _sound_of(clip: Clip | None, model: MachineModel) -> np.ndarray | None:
    """The beginning of a normal recording; ``None`` if it is not on this computer any more."""
    if clip is None:
        return None
    try:
        samples = model.model.audio_clip(clip).waveform().samples
    except (AuscultError, OSError):
        return None
    return samples[: round(MAX_SECONDS * model.model.sample_rate)]
