"""Cards to listen to a typical normal clip and the most anomalous clip of a machine, with pictures."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.decision import Threshold
from auscult.errors import AudioError, MissingExtraError
from auscult.model import Model, Score
from auscult.report.bench_data import StageData
from auscult.report.explanation import explanation
from auscult.report.fragments import MAX_SECONDS, common_gain, excerpt, wav_bytes
from auscult.report.markup import Markup, data_uri, tag
from auscult.report.pictures import compact_png, draw_explanation, verdict_text
from auscult.sound import resample

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
    threshold = stage.thresholds.get(score)
    outcomes: list[tuple[str, _ScoredClip | AudioError, Clip]] = []
    for caption, index in chosen_clips(stage, score):
        clip = stage.clips[index]
        try:
            waveform = model.audio_clip(clip).waveform()
            recording = AudioClip(clip, lambda decoded=waveform: decoded)  # type: ignore[misc]
            result = model.score_recording(recording, threshold=threshold, explain=True)
            outcomes.append((caption, _ScoredClip(clip, recording, result), clip))
        except AudioError as error:
            outcomes.append((caption, error, clip))
    scored = [outcome for _, outcome, _ in outcomes if isinstance(outcome, _ScoredClip)]
    gain = common_gain([outcome.recording.waveform() for outcome in scored])
    return [
        _card(f"{caption}: {_describe_clip(clip)}", outcome, gain, model, threshold)
        if isinstance(outcome, _ScoredClip)
        else _unavailable_card(caption, clip, outcome)
        for caption, outcome, clip in outcomes
    ]


def _card(
    caption: str, scored: _ScoredClip, gain: float, model: Model, threshold: Threshold | None
) -> Markup:
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
        tag("p", THRESHOLD_NOTES[threshold.method], class_="note") if threshold else None,
        sound,
        tag("p", "Playback: " + ", ".join(notes) + ".", class_="note"),
    )
    return tag("figure", text, _picture(scored, model, f"{caption}: {name}"), class_="wide")


def _picture(scored: _ScoredClip, model: Model, title: str) -> Markup:
    stream, front_end = io.BytesIO(), model.detector.config.front_end
    nearest = None if scored.score.nearest is None else model.audio_clip(Clip(scored.score.nearest))
    try:
        explained = explanation(scored.score, front_end, scored.recording, nearest)
    except AudioError:  # the nearest normal recording is no longer there
        explained = explanation(scored.score, front_end, scored.recording)
    try:
        draw_explanation(stream, explained, title=PurePath(scored.clip.path).name, dots_per_inch=90)
    except MissingExtraError as error:
        return tag("p", str(error), class_="note")
    where = "; ".join(explained.in_words())
    alt = f"{title}. Spectrogram and map of the deviation, {verdict_text(scored.score)}. Deviations: {where}."
    return tag("img", src=data_uri(compact_png(stream.getvalue()), "image/png"), alt=alt, loading="lazy")


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
