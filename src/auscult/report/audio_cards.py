"""Cards to listen to a typical normal clip and the most anomalous clip of a machine, with pictures."""

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
from auscult.report.pictures import draw_explanation, verdict_text
from auscult.report.regions import score_regions
from auscult.sound import Waveform, resample

MAX_SECONDS = 10.0  # of an excerpt
MAX_RATE = 16000  # Hz; applies to playback only, not to scoring
_PEAK = 0.8  # of the loudest clip of a machine
#: Explains the thresholds of a benchmark.
THRESHOLD_NOTE = (
    "The threshold is set from training clips as in the DCASE baseline. It does not guarantee a false-alarm "
    "rate, unlike the threshold of `auscult score`."
)


@dataclass(frozen=True)
class _ScoredClip:
    clip: Clip
    recording: AudioClip
    score: Score


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


def audio_cards(stage: StageData, score: str, model: Model) -> list[Markup]:
    """Return a card for each chosen clip: the sound, its spectrogram, and where the score comes from.

    The card of a clip that cannot be read gives the reason.
    """
    model.detector.config.score = score
    outcomes: list[tuple[str, _ScoredClip | AudioError, Clip]] = []
    for caption, index in chosen_clips(stage, score):
        clip = stage.clips[index]
        try:
            waveform = model.audio_clip(clip).waveform()
            recording = AudioClip(clip, lambda decoded=waveform: decoded)  # type: ignore[misc]
            result = model.score_recording(recording, threshold=stage.thresholds.get(score), explain=True)
            outcomes.append((caption, _ScoredClip(clip, recording, result), clip))
        except AudioError as error:
            outcomes.append((caption, error, clip))
    scored = [outcome for _, outcome, _ in outcomes if isinstance(outcome, _ScoredClip)]
    gain = _gain([outcome.recording.waveform() for outcome in scored])
    return [
        _card(f"{caption}: {_describe_clip(clip)}", outcome, gain, model)
        if isinstance(outcome, _ScoredClip)
        else _unavailable_card(caption, clip, outcome)
        for caption, outcome, clip in outcomes
    ]


def wav_bytes(samples: np.ndarray, sample_rate: int) -> bytes:
    """Return a 16-bit mono WAV of (N,) samples with full scale ±1; values beyond are clipped."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).round().astype("<i2").tobytes())
    return stream.getvalue()


def excerpt(waveform: Waveform, weight: np.ndarray) -> tuple[Waveform, float]:
    """Return at most `MAX_SECONDS` of a waveform, where the weight is largest, and the start in seconds.

    Args:
        waveform: the waveform.
        weight: (T,) weights of equal parts of the waveform.
    """
    length = round(MAX_SECONDS * waveform.sample_rate)
    if len(waveform.samples) <= length:
        return waveform, 0.0
    span = max(1, round(len(weight) * length / len(waveform.samples)))
    sums = np.convolve(np.maximum(weight, 0), np.ones(span), mode="valid")
    start = round(int(np.argmax(sums)) / len(weight) * len(waveform.samples))
    start = min(start, len(waveform.samples) - length)
    part = Waveform(waveform.samples[start : start + length], waveform.sample_rate, waveform.path)
    return part, start / waveform.sample_rate


def _card(caption: str, scored: _ScoredClip, gain: float, model: Model) -> Markup:
    score = scored.score
    waveform = scored.recording.waveform()
    assert score.map is not None  # computed with explain=True
    part, start = excerpt(waveform, np.maximum(score.map, 0).sum(axis=1))
    played = resample(part, min(MAX_RATE, part.sample_rate))
    name = PurePath(scored.clip.path).name
    sound = tag(
        "audio", controls=True, preload="metadata", aria_label=f"{caption}, {name}",
        src=data_uri(wav_bytes(played.samples * gain, played.sample_rate), "audio/wav"),
    )  # fmt: skip
    notes = [f"gain {20 * np.log10(gain):+.0f} dB (the same for the clips of this machine)"]
    if len(part.samples) < len(waveform.samples):
        notes.append(f"{MAX_SECONDS:.0f} s starting at {start:.1f} s")
    if played.sample_rate < part.sample_rate:
        notes.append(f"frequencies up to {played.sample_rate // 2000} kHz only")
    text = tag(
        "div",
        tag("figcaption", caption),
        tag("p", name, class_="file"),
        tag("p", verdict_text(score), class_="verdict"),
        tag("p", THRESHOLD_NOTE, class_="note") if score.threshold is not None else None,
        sound,
        tag("p", "Playback: " + ", ".join(notes) + ".", class_="note"),
    )
    return tag("figure", text, _picture(scored, model, f"{caption}: {name}"), class_="wide")


def _picture(scored: _ScoredClip, model: Model, title: str) -> Markup:
    config, score = model.detector.config, scored.score
    stream = io.BytesIO()
    try:
        draw_explanation(
            stream,
            frames=scored.recording.log_mel(config.front_end),
            front_end=config.front_end,
            score=score,
            title=PurePath(scored.clip.path).name,
            dots_per_inch=100,
        )
    except MissingExtraError as error:
        return tag("p", str(error), class_="note")
    regions = score_regions(score, config.front_end)
    where = "; ".join(map(str, regions)) or "no region stands out"
    alt = f"{title}. Spectrogram and map of the score, {verdict_text(score)}. Strongest regions: {where}."
    return tag("img", src=data_uri(stream.getvalue(), "image/png"), alt=alt, loading="lazy")


def _unavailable_card(caption: str, clip: Clip, error: AudioError) -> Markup:
    if os.path.exists(clip.path):
        reason = f"The recording cannot be read: {error.reason}."
    else:
        reason = f"The recording is no longer at {clip.path}."
    return tag(
        "figure",
        tag("figcaption", f"{caption}: {_describe_clip(clip)}"),
        tag("p", reason, class_="note"),
        class_="wide",
    )


def _describe_clip(clip: Clip) -> str:
    """The label, the domain and the attributes of a clip."""
    condition = {"normal": "labelled normal", "anomaly": "labelled anomalous", None: "without a label"}
    parts = [condition[clip.condition], f"{clip.domain} domain" if clip.domain else None]
    parts += [f"{key} {value}" for key, value in clip.attributes.items()]
    return ", ".join(part for part in parts if part)


def _gain(waveforms: Sequence[Waveform]) -> float:
    """The gain that all clips are played with, so that they can be compared by ear."""
    peak = max((float(np.max(np.abs(w.samples))) for w in waveforms if len(w.samples)), default=0.0)
    return _PEAK / peak if peak > 0 else 1.0
