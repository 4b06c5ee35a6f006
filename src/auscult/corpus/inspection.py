"""Inspection of recordings before fitting: which are unusable, and which look suspicious."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.prefetch import decode_with_features, prefetch
from auscult.errors import AudioError
from auscult.sound import Waveform, audio_info
from auscult.sound.level import SILENCE_DB, clipped_samples, level_db
from auscult.spectrum import FrontEnd, log_mel

Kind = Literal[
    "unreadable", "too_short", "too_few_clips", "silence", "clipping", "duplicates",
    "mixed_sample_rates", "mixed_channels", "mixed_lengths", "outlier", "known", "cuts",
]  # fmt: skip

#: Kinds of finding whose recordings are excluded from fitting.
UNUSABLE_KINDS = ("unreadable", "too_short")

LENGTH_RATIO = 1.5  # longest to shortest recording that still counts as one length
OUTLIER_RATIO = 3.0  # an outlier is further away than this multiple of the median distance …
OUTLIER_DB = 6.0  # … and than this, dB
_NEIGHBOUR = 2  # the second-nearest, so that two segments of one stray recording are still outliers
_OUTLIER_CLIPS = 5  # with fewer recordings the median distance is not meaningful
_MAX_NAMED = 3  # files named in a message


@dataclass(frozen=True)
class Finding:
    """A problem of the recordings that the user should know about.

    Attributes:
        kind: a fixed identifier, for programs.
        message: the problem and what to do about it, for people.
        paths: the affected recordings; empty if all are.
    """

    kind: Kind
    message: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """The result of `inspect_recordings`.

    Attributes:
        usable: the recordings that a model can be fitted on, in the original order.
        findings: all problems.
        duration_range: of the shortest and the longest usable recording, seconds; ``None`` if there are none.
    """

    usable: tuple[AudioClip, ...]
    findings: tuple[Finding, ...]
    duration_range: tuple[float, float] | None = None


@dataclass
class _ClipSummary:
    """Everything that inspection needs to know of one recording, so that its waveform can be released."""

    recording: AudioClip
    path: str
    samples: int
    seconds: float
    file_rate: int  # sample rate of the file, Hz
    channels: int
    level: float  # dB re full scale
    clipped: int  # samples in runs at full scale
    digest: bytes
    spectrum: np.ndarray = field(repr=False)  # (n_mels,) mean log-mel, dB
    rate: int = 0  # sample rate of the waveform, Hz


def inspect_recordings(
    recordings: Sequence[AudioClip],
    *,
    minimum_samples: int,
    minimum_clips: int = 20,
    front_ends: Sequence[FrontEnd] = (),
    progress: Callable[[str, int, int, Mapping[str, float]], None] | None = None,
) -> Inspection:
    """Read each recording once, with few waveforms in memory at a time, and report problems.

    Unreadable recordings and those shorter than one window are excluded; all others are usable, whatever
    is reported about them. No recording raises an error.

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
    short = [summary for summary in summaries if summary.samples < minimum_samples]
    summaries = [summary for summary in summaries if summary.samples >= minimum_samples]
    if short:
        window = minimum_samples / short[0].rate
        description = f"shorter than one window of {window:.3g} s and left out: record longer clips"
        findings.append(_finding("too_short", short, description))
    if len(summaries) < minimum_clips:
        message = (
            f"only {len(summaries)} usable recordings: record at least {minimum_clips}, "
            "covering all normal loads and speeds"
        )
        findings.append(Finding("too_few_clips", message))
    findings += [
        *_level_findings(summaries),
        *_duplicate_findings(summaries),
        *_mixture_findings(summaries),
        *_outlier_findings(summaries),
    ]
    durations = [summary.seconds for summary in summaries]
    duration_range = (min(durations), max(durations)) if durations else None
    return Inspection(tuple(summary.recording for summary in summaries), tuple(findings), duration_range)


def _summarize(recording: AudioClip, front_ends: Sequence[FrontEnd]) -> _ClipSummary:
    waveform = decode_with_features(recording, front_ends)
    path = recording.clip.path
    file_rate, channels = waveform.sample_rate, 1
    if os.path.isfile(path):
        info = audio_info(path)
        file_rate, channels = info.sample_rate, info.channels
    return _ClipSummary(
        recording=recording,
        path=path,
        samples=len(waveform.samples),
        seconds=waveform.seconds,
        file_rate=file_rate,
        channels=channels,
        level=level_db(waveform),
        clipped=clipped_samples(waveform),
        digest=hashlib.blake2b(waveform.samples.tobytes()).digest(),
        spectrum=_spectrum(recording, waveform, front_ends),
        rate=waveform.sample_rate,
    )


def _spectrum(recording: AudioClip, waveform: Waveform, front_ends: Sequence[FrontEnd]) -> np.ndarray:
    """Return the (n_mels,) mean log-mel of the default front end, dB; every second frame is enough."""
    default = FrontEnd(sample_rate=waveform.sample_rate)
    if default in front_ends:
        return recording.log_mel(default)[::2].mean(axis=0)
    return log_mel(waveform.samples, replace(default, hop=2 * default.hop)).mean(axis=0)


def _level_findings(summaries: Sequence[_ClipSummary]) -> Iterable[Finding]:
    if silent := [summary for summary in summaries if summary.level < SILENCE_DB]:
        description = (
            f"silent (below {SILENCE_DB:g} dB of full scale): check microphone, cable and gain, "
            "and record again"
        )
        yield _finding("silence", silent, description)
    if clipped := [summary for summary in summaries if summary.clipped]:
        worst = max(100.0 * summary.clipped / summary.samples for summary in clipped)
        description = (
            f"clipped (up to {worst:.2g} % of samples at full scale): lower the gain and record again"
        )
        yield _finding("clipping", clipped, description)


def _duplicate_findings(summaries: Sequence[_ClipSummary]) -> Iterable[Finding]:
    groups: dict[tuple[bytes, int], list[_ClipSummary]] = {}
    for summary in summaries:
        if summary.level > -np.inf:  # constant signals are all identical, and reported as silence
            groups.setdefault((summary.digest, summary.rate), []).append(summary)
    if copies := [summary for group in groups.values() if len(group) > 1 for summary in group]:
        description = "identical to another recording: remove duplicates, they make calibration overconfident"
        yield _finding("duplicates", copies, description)


def _mixture_findings(summaries: Sequence[_ClipSummary]) -> Iterable[Finding]:
    rates = Counter(summary.file_rate for summary in summaries)
    if len(rates) > 1:
        common = rates.most_common(1)[0][0]
        different = [summary for summary in summaries if summary.file_rate != common]
        description = (
            f"sampled at {_other_values(rates, common)} Hz instead of {common} Hz like most: "
            "use one sample rate for all"
        )
        yield _finding("mixed_sample_rates", different, description)
    channels = Counter(summary.channels for summary in summaries)
    if len(channels) > 1:
        common = channels.most_common(1)[0][0]
        different = [summary for summary in summaries if summary.channels != common]
        description = (
            f"stored with {_other_values(channels, common)} channels instead of {common} like most: "
            "make sure that the channel read is the same microphone in all files"
        )
        yield _finding("mixed_channels", different, description)
    if not summaries:
        return
    by_length = sorted(summaries, key=lambda summary: summary.seconds)
    shortest, longest = by_length[0], by_length[-1]
    if longest.seconds > LENGTH_RATIO * shortest.seconds:
        message = (
            f"recordings are {shortest.seconds:.3g} s ({os.path.basename(shortest.path)}) to "
            f"{longest.seconds:.3g} s ({os.path.basename(longest.path)}) long: cut them to one length, "
            "since scores of short recordings vary more"
        )
        yield Finding("mixed_lengths", message, (shortest.path, longest.path))


def _outlier_findings(summaries: Sequence[_ClipSummary]) -> Iterable[Finding]:
    """Report recordings whose second-nearest neighbour is far away, compared with the median recording.

    The distance between two recordings is the RMS over mel bands of the difference of their mean log-mels,
    in dB. Ranking by the distance to the k-th neighbour is the outlier definition of S. Ramaswamy,
    R. Rastogi and K. Shim, "Efficient algorithms for mining outliers from large data sets", SIGMOD 2000.
    Unlike a distance from the centre, it does not report a second domain of three clips. Silent recordings
    are skipped, since they are reported already.
    """
    for rate in sorted({summary.rate for summary in summaries}):
        group = [summary for summary in summaries if summary.rate == rate and summary.level >= SILENCE_DB]
        if len(group) < _OUTLIER_CLIPS:
            continue
        distances = _neighbour_distances(np.stack([summary.spectrum for summary in group]))
        median = float(np.median(distances))
        outliers = [
            (distance, summary)
            for distance, summary in zip(distances, group, strict=True)
            if distance > OUTLIER_RATIO * median and distance > OUTLIER_DB
        ]
        for distance, summary in outliers:
            message = (
                f"{summary.path}: mean spectrum differs by {distance:.1f} dB from the nearest other "
                f"recordings (median {median:.1f} dB): listen to it and check that it is this machine "
                "running normally"
            )
            yield Finding("outlier", message, (summary.path,))


def _neighbour_distances(spectra: np.ndarray) -> np.ndarray:
    """Return the (N,) RMS distances of (N, bands) spectra to their second-nearest neighbours.

    The distances are computed for 256 rows at a time, to limit memory.
    """
    spectra = spectra.astype(np.float64)
    squares = (spectra**2).mean(axis=1)
    out = np.empty(len(spectra))
    for start in range(0, len(spectra), 256):
        rows = slice(start, min(start + 256, len(spectra)))
        cross = spectra[rows] @ spectra.T / spectra.shape[1]  # (rows, N)
        squared = np.maximum(squares[rows, None] + squares - 2.0 * cross, 0.0)
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = 0.0
        out[rows] = np.sqrt(np.partition(squared, _NEIGHBOUR, axis=1)[:, _NEIGHBOUR])  # index 0 is itself
    return out


def _finding(kind: Kind, summaries: Sequence[_ClipSummary], description: str) -> Finding:
    paths = tuple(summary.path for summary in summaries)
    names = ", ".join(os.path.basename(path) for path in paths[:_MAX_NAMED])
    more = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    verb = "recording is" if len(paths) == 1 else "recordings are"
    return Finding(kind, f"{len(paths)} {verb} {description} ({names}{more})", paths)


def _other_values(counts: Counter[int], common: int) -> str:
    return ", ".join(str(value) for value in sorted(counts) if value != common)
