"""Inspection of recordings before fitting: which are unusable, and which look suspicious."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.findings import (
    ClipSummary,
    Finding,
    duplicate_findings,
    level_findings,
    make_finding,
    mixture_findings,
    note_findings,
    offset_findings,
    outlier_findings,
)
from auscult.corpus.prefetch import decode_with_features, prefetch
from auscult.corpus.sound_print import SoundPrint, sound_print
from auscult.errors import AudioError
from auscult.sound import Waveform
from auscult.sound.defects import measure
from auscult.sound.measures import Measures
from auscult.spectrum import FrontEnd, log_mel

#: Kinds of finding whose recordings are excluded from fitting.
UNUSABLE_KINDS = ("unreadable", "too_short", "constant", "sensor")


#: Seconds of the windows that long recordings may be cut into, since clips of this length are customary.
_CUT_SECONDS = 10
#: Recordings shorter than this fraction of the length that three of four recordings reach are left out: their
#: scores vary so much more that a single one can determine the threshold.
MIN_LENGTH_RATIO = 1 / 3


@dataclass(frozen=True)
class Inspection:
    """The result of `inspect_recordings`.

    Attributes:
        usable: the recordings that a model can be fitted on, in the original order.
        findings: all problems.
        duration_range: of the shortest and the longest usable recording, seconds; ``None`` if there are none.
        channels: largest number of channels of the files of the usable recordings.
        channel_names: names of the channels, if they are the same in all tables; empty for audio.
        measures: of each usable recording, what shows a sensor fault.
        prints: of each usable recording, its sound print, until `grouping.keep_cuts_together` has used them.
        threshold_label: limitation of the false-alarm rate that can be promised, or ``None``.
    """

    usable: tuple[AudioClip, ...]
    findings: tuple[Finding, ...]
    duration_range: tuple[float, float] | None = None
    channels: int = 1
    channel_names: tuple[str, ...] = ()
    measures: tuple[Measures, ...] = ()
    prints: tuple[SoundPrint, ...] = ()
    threshold_label: str | None = None


def inspect_recordings(
    recordings: Sequence[AudioClip],
    *,
    minimum_samples: int,
    minimum_clips: int = 20,
    front_ends: Sequence[FrontEnd] = (),
    progress: Callable[[str, int, int, Mapping[str, float]], None] | None = None,
) -> Inspection:
    """Read each recording once, with few waveforms in memory at a time, and report problems.

    Unreadable and constant recordings and those shorter than one window, or much shorter than the others, are
    excluded; all others are usable, regardless of what is reported about them. No recording raises an error.

    Args:
        recordings: the recordings to inspect.
        minimum_samples: length of one window of the detector, in samples of the waveforms.
        minimum_clips: with fewer usable recordings than this, ``too_few_clips`` is reported. A false-alarm
            rate of 5 % requires 19 recordings that the model was not fitted on.
        front_ends: their log-mels are computed in the same pass and kept by the recordings for later use.
        progress: called with ``("inspect", done, total, {})`` after each recording.
    """
    summaries, findings = [], []
    summarize = partial(_summarize, front_ends=front_ends)
    for done, (recording, outcome) in enumerate(prefetch(recordings, summarize), start=1):
        if isinstance(outcome, AudioError):
            message = f"{outcome.path}: {outcome.reason}; the recording is left out"
            findings.append(Finding("unreadable", message, (recording.clip.path,)))
        else:
            summaries.append(outcome)
        if progress:
            progress("inspect", done, len(recordings), {})
    findings = list(dict.fromkeys(findings))  # windows of one file have the same error
    short = [summary for summary in summaries if summary.samples < minimum_samples]
    summaries = [summary for summary in summaries if summary.samples >= minimum_samples]
    if short:
        window = minimum_samples / short[0].rate
        description = f"shorter than one window of {window:.3g} s and left out: record longer clips"
        findings.append(make_finding("too_short", short, description))
    usual = _usual_length(summaries)
    if brief := [summary for summary in summaries if summary.seconds < MIN_LENGTH_RATIO * usual]:
        description = (
            f"much shorter than most ({min(s.seconds for s in brief):.3g} s instead of {usual:.3g} s) and "
            "left out, since scores of short recordings vary more and would raise the threshold: record "
            "clips of one length"
        )
        findings.append(make_finding("too_short", brief, description))
        summaries = [summary for summary in summaries if summary.seconds >= MIN_LENGTH_RATIO * usual]
    constant = [summary for summary in summaries if summary.measures.constant is not None]
    summaries = [summary for summary in summaries if summary.measures.constant is None]
    if constant:
        description = "without a signal (all samples are equal) and left out: check sensor and cable"
        findings.append(make_finding("constant", constant, description))
    if len(summaries) < minimum_clips:
        findings.append(_too_few(summaries, minimum_clips))
    findings += [
        *level_findings(summaries),
        *offset_findings(summaries),
        *note_findings(summaries),
        *duplicate_findings(summaries),
        *mixture_findings(summaries),
        *outlier_findings(summaries),
    ]
    durations = [summary.seconds for summary in summaries]
    names = {summary.channel_names for summary in summaries}
    duration_range = (min(durations), max(durations)) if durations else None
    return Inspection(
        usable=tuple(summary.recording for summary in summaries),
        findings=tuple(findings),
        duration_range=duration_range,
        channels=max((summary.channels for summary in summaries), default=1),
        channel_names=names.pop() if len(names) == 1 else (),
        measures=tuple(summary.measures for summary in summaries),
        prints=tuple(summary.print for summary in summaries),
    )


def _too_few(summaries: Sequence[ClipSummary], needed: int) -> Finding:
    message = (
        f"only {len(summaries)} usable recordings: record at least {needed}, covering all normal loads and "
        "speeds"
    )
    if _usual_length(summaries) >= 2 * _CUT_SECONDS and not any(s.recording.clip.window for s in summaries):
        message += f", or cut these long ones into windows with `window={_CUT_SECONDS}`"
    return Finding("too_few_clips", message)


def _usual_length(summaries: Sequence[ClipSummary]) -> float:
    """The length in seconds that three of four recordings reach."""
    lengths = sorted(summary.seconds for summary in summaries)
    return lengths[len(lengths) // 4] if lengths else 0.0


def _summarize(recording: AudioClip, front_ends: Sequence[FrontEnd]) -> ClipSummary:
    """Summarize a recording."""
    waveform = decode_with_features(recording, front_ends)
    path = recording.clip.path
    file_rate = waveform.file_rate or waveform.sample_rate
    frames = _frames(recording, waveform, front_ends)
    return ClipSummary(
        recording=recording,
        path=path,
        samples=len(waveform.samples),
        seconds=waveform.seconds,
        file_rate=file_rate,
        channels=waveform.channels,
        channel_names=waveform.channel_names,
        measures=measure(waveform),
        digest=hashlib.blake2b(waveform.samples.tobytes()).digest(),
        spectrum=frames.mean(axis=0),
        print=sound_print(waveform.samples, frames),
        rate=waveform.sample_rate,
        notes=tuple(note for note in waveform.notes if note.kind != "resampled"),
    )


def _frames(recording: AudioClip, waveform: Waveform, front_ends: Sequence[FrontEnd]) -> np.ndarray:
    """Return every second frame of the log-mel of the default front end, (T, n_mels) in dB."""
    default = FrontEnd(sample_rate=waveform.sample_rate)
    if default in front_ends:
        return recording.log_mel(default)[::2]
    return log_mel(waveform.samples, replace(default, hop=2 * default.hop))
