"""Which recordings a model was fitted on, by their content.

Names and lossless formats do not matter. A normal recording is also known if it is a copy of a learned one
at another level or after a lossy conversion, since it is no new recording. One that is not called normal may
be a learned recording to which a fault was added; it has to be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.corpus import AudioClip
from auscult.model.model import Model
from auscult.model.normal_index import content_id

#: A recording that is longer than those that a model was fitted on by this factor is compared in parts too.
_LONGER = 1.5


def was_fitted_on(model: Model, recording: AudioClip) -> bool:
    """Whether a model was fitted on a recording, or on a window of it.

    Args:
        model: the model.
        recording: a recording at the model's sample rate.

    Raises:
        AudioError: the recording cannot be used.
    """
    front_end = model.detector.config.front_end
    if content_id(recording, front_end) is None:
        return False
    altered = recording.clip.condition == "normal"
    return model.normals.contains(recording, front_end, altered=altered) or any(
        model.normals.contains(part, front_end, altered=altered) for part in _windows(model, recording)
    )


def _windows(model: Model, recording: AudioClip) -> Iterator[AudioClip]:
    """The windows of a recording that have the length of those that the model was fitted on."""
    lengths = {round(window[1] - window[0], 6) for window in model.normals.windows if window}
    shortest, longest = model.provenance.get("seconds") or (0.0, 0.0)
    if shortest and longest < _LONGER * shortest:
        lengths.add(longest)
    front_end = model.detector.config.front_end
    frames = len(recording.log_mel(front_end))  # known already, unlike the waveform
    for seconds in lengths:
        if frames * front_end.hop < _LONGER * seconds * front_end.sample_rate:
            continue
        waveform = recording.waveform()
        for i in range(int(waveform.seconds / seconds + 1e-6)):
            first, last = (round(k * seconds * waveform.sample_rate) for k in (i, i + 1))
            yield AudioClip.from_waveform(replace(waveform, samples=waveform.samples[first:last]))
