"""Cards to listen to a typical normal clip and the most anomalous clip of a machine, with pictures."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.errors import AudioError, MissingExtraError
from auscult.model import Model, Score
from auscult.report.bench_data import StageData
from auscult.report.explanation import explanation
from auscult.report.fragments import MAX_SECONDS, common_gain, excerpt, wav_bytes
from auscult.report.pictures import compact_png, draw_explanation, verdict_text
from auscult.sound import Waveform, resample

MAX_RATE = 16000  # Hz; applies to playback only, not to scoring
_NO_GUARANTEE = "It does not guarantee a false-alarm rate, unlike the default threshold of `auscult score`."
#: Method of a benchmark's thresholds to their explanation.
THRESHOLD_NOTES = {
    "gamma_scipy": f"The threshold is set from scores of clips as in the DCASE baseline. {_NO_GUARANTEE}",
    "gamma": f"The threshold is a quantile of a gamma distribution of scores. {_NO_GUARANTEE}",
    "baseline": f"The threshold is set from training batches as in the DCASE baseline. {_NO_GUARANTEE}",
    "conformal": "The threshold is conformal. It keeps the accepted false-alarm rate, unless a warning says "
    "that it is from clips that the detector was fitted on.",
}


@dataclass
class AudioCard:
    """The sound of a clip with its picture and what the score says, or the reason why it cannot be read."""

    caption: str  # which clip it is, with its label, domain and attributes
    name: str  # of the file
    note: str = ""  # explanation of the threshold, or the reason
    verdict: str = ""
    sound: bytes = b""  # a WAV file
    playback: str = ""  # how the sound differs from the recording
    picture: bytes = b""  # a PNG file; empty if it cannot be drawn
    alt: str = ""  # description of the picture, or the reason why there is none


def chosen_clips(stage: StageData, score: str) -> list[tuple[str, int]]:
    """Return captions and indices of the normal clip with the median score and of the clip with the highest
    score.

    The normal clip is from the source domain if possible, as most training clips are.
    """
    values = stage.scores[score]
    normals = [i for i, clip in enumerate(stage.clips) if clip.condition == "normal"]
    source = [i for i in normals if stage.clips[i].domain == "source"]
    chosen = []
    if normals:
        candidates = source or normals
        median = sorted(candidates, key=lambda i: values[i])[(len(candidates) - 1) // 2]
        of = "the normal test clips of the source domain" if source else "the normal test clips"
        chosen.append((f"A typical normal clip (median score of {of})", median))
    if len(values):
        chosen.append(("The most anomalous clip", int(np.argmax(values))))
    return chosen


def audio_cards(stage: StageData, score: str, model: Model) -> list[AudioCard]:
    """Return a card for each chosen clip: the sound, its spectrogram, and where the score comes from.

    The card of a clip that cannot be read gives the reason.
    """
    model.detector.config.score = score
    threshold = stage.thresholds.get(score)
    cards = []
    scored: list[tuple[AudioCard, AudioClip, Score]] = []
    for choice, index in chosen_clips(stage, score):
        clip = stage.clips[index]
        cards.append(AudioCard(f"{choice}: {_describe_clip(clip)}", PurePath(clip.path).name))
        try:
            waveform = model.audio_clip(clip).waveform()
            recording = AudioClip(clip, lambda decoded=waveform: decoded)  # type: ignore[misc]
            result = model.score_recording(recording, threshold=threshold, explain=True)
            scored.append((cards[-1], recording, result))
        except AudioError as error:
            exists = os.path.exists(clip.path)
            reason = f"cannot be read: {error.reason}" if exists else f"is no longer at {clip.path}"
            cards[-1].note = f"The recording {reason}."
    gain = common_gain([recording.waveform() for _, recording, _ in scored])
    for card, recording, result in scored:
        card.verdict = verdict_text(result)
        card.note = THRESHOLD_NOTES[threshold.method] if threshold else ""
        _add_sound(card, recording.waveform(), result, gain)
        _add_picture(card, recording, result, model)
    return cards


def _add_sound(card: AudioCard, waveform: Waveform, score: Score, gain: float) -> None:
    assert score.map is not None  # computed with explain=True
    part, start = excerpt(waveform, np.maximum(score.map, 0).sum(axis=1))
    played = resample(part, min(MAX_RATE, part.sample_rate))
    card.sound = wav_bytes(played.samples * gain, played.sample_rate)
    notes = [f"gain {20 * np.log10(gain):+.0f} dB (the same for the clips of this machine)"]
    if len(part.samples) < len(waveform.samples):
        notes.append(f"{MAX_SECONDS:.0f} s starting at {start:.1f} s")
    if played.sample_rate < part.sample_rate:
        notes.append(f"frequencies up to {played.sample_rate // 2000} kHz only")
    card.playback = ", ".join(notes)


def _add_picture(card: AudioCard, recording: AudioClip, score: Score, model: Model) -> None:
    stream, front_end = io.BytesIO(), model.detector.config.front_end
    nearest = None if score.nearest is None else model.audio_clip(Clip(score.nearest))
    try:
        explained = explanation(score, front_end, recording, nearest)
    except AudioError:  # the nearest normal recording is no longer there
        explained = explanation(score, front_end, recording)
    try:
        draw_explanation(stream, explained, title=card.name, dots_per_inch=90)
    except MissingExtraError as error:
        card.alt = str(error)
        return
    card.picture = compact_png(stream.getvalue())
    where = "; ".join(explained.in_words())
    card.alt = f"Spectrogram and map of the deviation, {card.verdict}. Deviations: {where}."


def _describe_clip(clip: Clip) -> str:
    """The label, the domain and the attributes of a clip."""
    condition = {"normal": "labelled normal", "anomaly": "labelled anomalous", None: "without a label"}
    parts = [condition[clip.condition], f"{clip.domain} domain" if clip.domain else None]
    parts += [f"{key} {value}" for key, value in clip.attributes.items()]
    return ", ".join(part for part in parts if part)
