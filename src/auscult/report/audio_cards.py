"""Clips to listen to: for each machine a typical normal and the most anomalous one, with their pictures."""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.errors import AudioError, MissingExtraError
from auscult.model import Model, Score
from auscult.report.bench_data import StageData
from auscult.report.markup import Markup, data_uri, tag
from auscult.report.pictures import draw_explanation, verdict
from auscult.report.regions import score_regions
from auscult.sound import Waveform, resample

SECONDS = 10.0  # of one excerpt
RATE = 16000  # Hz, at most; what plays is not what is judged
_PEAK = 0.8  # of the louder clip of a pair
#: What a threshold of a benchmark is, and what it is not.
THRESHOLD_NOTE = (
    "Threshold as the DCASE baseline sets it, from training clips: not the promised rate of `auscult score`."
)


@dataclass(frozen=True)
class _Heard:
    clip: Clip
    recording: AudioClip
    score: Score


def chosen_clips(stage: StageData, score: str) -> list[tuple[str, int]]:
    """What to play and why: the normal clip of median score, and the clip with the highest.

    The normal one is of the source domain, which the model has mostly heard, where any is.
    """
    values = stage.scores[score]
    normals = [i for i, clip in enumerate(stage.clips) if clip.condition == "normal"]
    source = [i for i in normals if stage.clips[i].domain == "source"]
    chosen = []
    if normals:
        among = source or normals
        middle = sorted(among, key=lambda i: values[i])[(len(among) - 1) // 2]
        of = "the source domain’s normal test clips" if source else "the normal test clips"
        chosen.append((f"A typical normal clip (of median score among {of})", middle))
    if len(values):
        chosen.append(("The most anomalous clip", int(np.argmax(values))))
    return chosen


def listening_figures(stage: StageData, score: str, model: Model) -> list[Markup]:
    """A card for each chosen clip: sound, spectrogram, and where the score comes from.

    A clip that is gone, or cannot be read, has a card that says so.
    """
    model.detector.config.score = score
    cards: list[tuple[str, _Heard | AudioError, Clip]] = []
    for why, index in chosen_clips(stage, score):
        clip = stage.clips[index]
        try:
            waveform = model.audio_clip(clip).waveform()
            recording = AudioClip(clip, lambda kept=waveform: kept)  # type: ignore[misc]
            judged = model.score_recording(recording, threshold=stage.thresholds.get(score), explain=True)
            cards.append((why, _Heard(clip, recording, judged), clip))
        except AudioError as error:
            cards.append((why, error, clip))
    heard = [card for _, card, _ in cards if isinstance(card, _Heard)]
    gain = _gain([card.recording.waveform() for card in heard])
    return [
        _card(f"{why}: {_told(clip)}", card, gain, model)
        if isinstance(card, _Heard)
        else _gone(why, clip, card)
        for why, card, clip in cards
    ]


def wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """A 16-bit mono WAV of (N,) samples of full scale ±1; what is beyond is clipped."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return stream.getvalue()


def excerpt(waveform: Waveform, weight: np.ndarray) -> tuple[Waveform, float]:
    """At most `SECONDS` of a waveform, those in which the weight is greatest, and where they begin, s.

    Args:
        weight: (T,) of equal spans of the waveform.
    """
    length = round(SECONDS * waveform.sample_rate)
    if len(waveform.samples) <= length:
        return waveform, 0.0
    span = max(1, round(len(weight) * length / len(waveform.samples)))
    sums = np.convolve(np.maximum(weight, 0), np.ones(span), mode="valid")
    start = round(int(np.argmax(sums)) / len(weight) * len(waveform.samples))
    start = min(start, len(waveform.samples) - length)
    part = Waveform(waveform.samples[start : start + length], waveform.sample_rate, waveform.path)
    return part, start / waveform.sample_rate


def _card(caption: str, heard: _Heard, gain: float, model: Model) -> Markup:
    score = heard.score
    waveform = heard.recording.waveform()
    assert score.map is not None  # explain=True asked for it
    part, start = excerpt(waveform, np.maximum(score.map, 0).sum(axis=1))
    played = resample(part, min(RATE, part.sample_rate))
    name = PurePath(heard.clip.path).name
    sound = tag(
        "audio", controls=True, preload="metadata", aria_label=f"{caption}, {name}",
        src=data_uri(wav_bytes(played.samples * gain, played.sample_rate), "audio/wav"),
    )  # fmt: skip
    notes = [f"{20 * np.log10(gain):+.0f} dB, alike for this machine's clips"]
    if len(part.samples) < len(waveform.samples):
        notes.append(f"{SECONDS:.0f} s from {start:.1f} s")
    if played.sample_rate < part.sample_rate:
        notes.append(f"without what lies above {played.sample_rate // 2000} kHz")
    words = tag(
        "div",
        tag("figcaption", caption),
        tag("p", name, class_="file"),
        tag("p", verdict(score), class_="verdict"),
        tag("p", THRESHOLD_NOTE, class_="note") if score.threshold is not None else None,
        sound,
        tag("p", "Plays at " + ", ".join(notes) + ".", class_="note"),
    )
    return tag("figure", words, _picture(heard, model, f"{caption}: {name}"), class_="wide")


def _picture(heard: _Heard, model: Model, title: str) -> Markup:
    config, score = model.detector.config, heard.score
    stream = io.BytesIO()
    try:
        draw_explanation(
            stream,
            frames=heard.recording.log_mel(config.front_end),
            front_end=config.front_end,
            score=score,
            title=PurePath(heard.clip.path).name,
            dots_per_inch=100,
        )
    except MissingExtraError as error:
        return tag("p", str(error), class_="note")
    regions = score_regions(score, config.front_end)
    where = "; ".join(map(str, regions)) or "no region stands out"
    alt = f"{title}. Spectrogram and map of the score, {verdict(score)}. Strongest regions: {where}."
    return tag("img", src=data_uri(stream.getvalue(), "image/png"), alt=alt, loading="lazy")


def _gone(why: str, clip: Clip, error: AudioError) -> Markup:
    there = os.path.exists(clip.path)
    said = f"It cannot be read: {error.reason}." if there else f"The recording is no longer at {clip.path}."
    return tag(
        "figure", tag("figcaption", f"{why}: {_told(clip)}"), tag("p", said, class_="note"), class_="wide"
    )


def _told(clip: Clip) -> str:
    """What is known of a clip, in words."""
    condition = {"normal": "labelled normal", "anomaly": "labelled anomalous", None: "without a label"}
    parts = [condition[clip.condition], f"{clip.domain} domain" if clip.domain else None]
    parts += [f"{key} {value}" for key, value in clip.attributes.items()]
    return ", ".join(part for part in parts if part)


def _gain(waveforms: Sequence[Waveform]) -> float:
    """One factor for clips that are to be compared by ear."""
    peak = max((float(np.max(np.abs(w.samples))) for w in waveforms if len(w.samples)), default=0.0)
    return _PEAK / peak if peak > 0 else 1.0
