"""Findings about the recordings of a fit: level, offset, notes, duplicates, mixtures and outliers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from auscult.corpus.audio_clip import AudioClip
from auscult.corpus.clip import Clip, Corpus
from auscult.corpus.files import describe_other_files
from auscult.corpus.sound_print import SoundPrint
from auscult.findings import Finding
from auscult.sound.level import SILENCE_DB, has_offset
from auscult.sound.measures import Measures

LENGTH_RATIO = 1.5  # longest to shortest recording that still counts as one length
OUTLIER_RATIO = 3.0  # an outlier is further away than this multiple of the median distance …
OUTLIER_DB = 6.0  # … and than this, dB
_NEIGHBOUR = 2  # the second-nearest, so that two segments of one stray recording are still outliers
_OUTLIER_CLIPS = 5  # with fewer recordings the median distance is not meaningful
_MAX_NAMED = 3  # files named in a message


@dataclass
class ClipSummary:
    """Everything that inspection needs to know of one recording, so that its waveform can be released."""

    recording: AudioClip
    path: str
    samples: int
    seconds: float
    file_rate: int  # sample rate of the file, Hz
    channels: int
    measures: Measures
    digest: bytes
    spectrum: np.ndarray = field(repr=False)  # (n_mels,) mean log-mel, dB
    print: SoundPrint = field(repr=False)
    rate: int = 0  # sample rate of the waveform, Hz
    notes: tuple[Finding, ...] = ()  # of reading the file
    channel_names: tuple[str, ...] = ()  # of a table


def level_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report silent, clipped and interrupted recordings."""
    limit = silence_limit(summaries)
    if limit < SILENCE_DB:
        description = (
            f"of very small values (below {SILENCE_DB:g} dB re 1): state a factor with "
            "`TableSettings(scale=X)`, so that quiet frequencies are not lost in the rounding of features"
        )
        yield make_finding("silence", summaries, description)
    elif silent := [summary for summary in summaries if summary.measures.level < SILENCE_DB]:
        description = (
            f"silent (below {SILENCE_DB:g} dB re 1): check microphone, cable and gain, and record again"
        )
        yield make_finding("silence", silent, description)
    if clipped := [summary for summary in summaries if summary.measures.clipped_share]:
        worst = 100.0 * max(summary.measures.clipped_share for summary in clipped)
        description = (
            f"clipped (up to {worst:.2g} % of samples in flat tops): lower the gain and record again"
        )
        yield make_finding("clipping", clipped, description)
    if held := [summary for summary in summaries if summary.measures.held_seconds]:
        longest = max(summary.measures.held_seconds for summary in held)
        description = (
            f"interrupted (up to {1000 * longest:.3g} ms without a change of the samples): check cable and "
            "recorder, and record again; gaps of this length are taken for normal from now on"
        )
        yield make_finding("gaps", held, description)


def silence_limit(summaries: Sequence[ClipSummary]) -> float:
    """The level in dB re 1 below which a recording is silent.

    There is none if all are tables with smaller values: their unit is a large one.
    """
    small_unit = bool(summaries) and all(
        summary.recording.clip.table is not None and summary.measures.level < SILENCE_DB
        for summary in summaries
    )
    return -np.inf if small_unit else SILENCE_DB


def offset_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report a DC offset that most recordings do not have; one that all have is learned as normal."""
    limit = silence_limit(summaries)
    audible = [summary for summary in summaries if summary.measures.level >= limit]
    usual = float(np.median([summary.measures.mean for summary in audible])) if audible else 0.0
    if different := [s for s in audible if has_offset(s.measures.mean, s.measures.level, (usual, usual))]:
        largest = max((summary.measures.mean for summary in different), key=lambda mean: abs(mean - usual))
        description = (
            f"shifted by a DC offset (up to {largest:.2g}, most have {usual:.2g}), which the model learns as "
            "normal: check the recorder, or remove it with a high-pass filter"
        )
        yield make_finding("dc_offset", different, description)


def note_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report what reading found out about files, once for each kind of note."""
    kinds: dict[str, list[tuple[Finding, ClipSummary]]] = {}
    for summary in summaries:
        for note in summary.notes:
            kinds.setdefault(note.kind, []).append((note, summary))
    for kind, notes in kinds.items():
        affected = [summary for _, summary in notes]
        yield make_finding(kind, affected, f"read with a note: {notes[0][0].message}")


def channel_findings(channels: int, channel: int) -> tuple[Finding, ...]:
    """Report that one channel of several is learned.

    Args:
        channels: the largest number of channels of the files.
        channel: the one that is read, from 0.
    """
    if channels == 1:
        return ()
    message = (
        f"recordings have {channels} channels: the model learns channel {channel} only; fit one model of all "
        "with `channel='all'`, or one for each with `channel=N`"
    )
    return (Finding("channels", message),)


def opening_findings(clips: Iterable[Clip]) -> tuple[Finding, ...]:
    """Report what opening a corpus left unused: files of other kinds, and columns of a manifest.

    Args:
        clips: the clips; other collections than a `Corpus` have no findings.
    """
    if not isinstance(clips, Corpus):
        return ()
    findings = []
    if message := describe_other_files(clips.other_files, "read"):
        findings.append(Finding("other_files", message))
    if columns := clips.unused_columns:
        example = ";".join(f"{name}={value}" for name, value in list(columns.items())[:_MAX_NAMED])
        message = (
            f"columns of the manifest not used: {', '.join(columns)}; attributes go into a column "
            f"'attributes', like {example}"
        )
        findings.append(Finding("unused_columns", message))
    return tuple(findings)


def duplicate_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report recordings with identical samples."""
    groups: dict[tuple[bytes, int], list[ClipSummary]] = {}
    for summary in summaries:
        if summary.measures.level > -np.inf:  # constant signals are all identical, and reported as silence
            groups.setdefault((summary.digest, summary.rate), []).append(summary)
    if copies := [summary for group in groups.values() if len(group) > 1 for summary in group]:
        description = (
            "identical to another recording: copies are kept in one fold; remove them, since they add nothing"
        )
        yield make_finding("duplicates", copies, description)


def mixture_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report recordings whose sample rate, number of channels or length differs from that of most."""
    rates = Counter(summary.file_rate for summary in summaries)
    if len(rates) > 1:
        common = rates.most_common(1)[0][0]
        different = [summary for summary in summaries if summary.file_rate != common]
        description = (
            f"sampled at {_other_values(rates, common)} Hz instead of {common} Hz like most: "
            "use one sample rate for all"
        )
        yield make_finding("mixed_sample_rates", different, description)
    channels = Counter(summary.channels for summary in summaries)
    if len(channels) > 1:
        common = channels.most_common(1)[0][0]
        different = [summary for summary in summaries if summary.channels != common]
        description = (
            f"stored with {_other_values(channels, common)} channels instead of {common} like most: "
            "make sure that the channel read is the same microphone in all files"
        )
        yield make_finding("mixed_channels", different, description)
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


def outlier_findings(summaries: Sequence[ClipSummary]) -> Iterable[Finding]:
    """Report recordings whose second-nearest neighbour is far away, compared with the median recording.

    The distance between two recordings is the RMS over mel bands of the difference of their mean log-mels,
    in dB. Ranking by the distance to the k-th neighbour is the outlier definition of S. Ramaswamy,
    R. Rastogi and K. Shim, "Efficient algorithms for mining outliers from large data sets", SIGMOD 2000.
    Unlike a distance from the centre, it does not report a second domain of three clips. Silent recordings
    are skipped, since they are reported already.
    """
    for rate in sorted({summary.rate for summary in summaries}):
        of_rate = [summary for summary in summaries if summary.rate == rate]
        group = [summary for summary in of_rate if summary.measures.level >= silence_limit(of_rate)]
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
                f"{summary.recording.clip.name}: mean spectrum differs by {distance:.1f} dB from the nearest "
                f"other recordings (median {median:.1f} dB): listen to it and check that it is this machine "
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


def make_finding(kind: str, summaries: Sequence[ClipSummary], description: str) -> Finding:
    """Return a finding that names the number and the first of some recordings, or of windows of these."""
    paths = tuple(dict.fromkeys(summary.path for summary in summaries))
    names = ", ".join(os.path.basename(path) for path in paths[:_MAX_NAMED])
    more = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    number = f"{len(paths)} recording{'' if len(paths) == 1 else 's'}"
    if any(summary.recording.clip.window for summary in summaries):
        number = f"{len(summaries)} window{'' if len(summaries) == 1 else 's'} of {number}"
    verb = "is" if len(summaries) == 1 else "are"
    return Finding(kind, f"{number} {verb} {description} ({names}{more})", paths)


def _other_values(counts: Counter[int], common: int) -> str:
    return ", ".join(str(value) for value in sorted(counts) if value != common)
