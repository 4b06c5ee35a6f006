"""A look at recordings before anything is learnt from them: what cannot be used, and what is odd."""

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
from auscult.corpus.prefetch import hear, heard
from auscult.errors import AudioError
from auscult.sound import Waveform, audio_info
from auscult.sound.level import SILENCE_DB, clipped_samples, level_db
from auscult.spectrum import FrontEnd, log_mel

Kind = Literal[
    "unreadable", "too_short", "too_few_clips", "silence", "clipping", "duplicates",
    "mixed_sample_rates", "mixed_channels", "mixed_lengths", "outlier", "known", "cuts",
]  # fmt: skip

#: Kinds of finding whose recordings cannot be learnt from.
LEFT_OUT = ("unreadable", "too_short")

LENGTH_RATIO = 1.5  # longest to shortest recording that still counts as one length
OUTLIER_RATIO = 3.0  # times the usual distance …
OUTLIER_DB = 6.0  # … and at least this far, dB
_NEIGHBOUR = 2  # two cuts of one stray recording do not vouch for each other
_OUTLIER_CLIPS = 5  # fewer say nothing of what is usual
_NAMED = 3  # files named in a message


@dataclass(frozen=True)
class Finding:
    """One thing that whoever made the recordings should know.

    Attributes:
        kind: what it is, for programs.
        message: what it is and what to do, for people.
        paths: the recordings concerned; empty if it is about all of them.
    """

    kind: Kind
    message: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What came of looking: the recordings that can be learnt from, in their order, and all findings."""

    usable: tuple[AudioClip, ...]
    findings: tuple[Finding, ...]
    seconds: tuple[float, float] | None = None  # the shortest and the longest usable recording's length


@dataclass
class _Look:
    """What is kept of one recording once its waveform has gone."""

    recording: AudioClip
    path: str
    samples: int
    seconds: float
    file_rate: int  # as the file has it, Hz
    channels: int
    level: float  # dB re full scale
    clipped: int  # samples in runs at full scale
    digest: bytes
    spectrum: np.ndarray = field(repr=False)  # (n_mels,) mean log-mel, dB
    rate: int = 0  # as heard, Hz


def inspect_recordings(
    recordings: Sequence[AudioClip],
    *,
    minimum_samples: int,
    minimum_clips: int = 20,
    front_ends: Sequence[FrontEnd] = (),
    progress: Callable[[str, int, int, Mapping[str, float]], None] | None = None,
) -> Inspection:
    """Listens to each recording once, holding a few waveforms at a time, and says what is wrong or odd.

    Unreadable recordings and those shorter than one window cannot be used; all others can, whatever is
    said of them. No recording raises an error here.

    Args:
        minimum_samples: samples in one window of the detector, at the rate that recordings are heard at.
        minimum_clips: fewer usable recordings than this are called too few. To promise 5 % false alarms
            takes 19 that the model was not fitted on.
        front_ends: their log-mels are worked out on the way, for whoever asks the recordings for them next.
        progress: told ``("inspect", done, all, {})`` after each recording.
    """
    looks, findings = [], []
    look_at = partial(_look_at, front_ends=front_ends)
    for done, (recording, look) in enumerate(heard(recordings, look_at), start=1):
        if isinstance(look, AudioError):
            message = f"{look.path}: {look.reason}. It is left out"
            findings.append(Finding("unreadable", message, (recording.clip.path,)))
        else:
            looks.append(look)
        if progress:
            progress("inspect", done, len(recordings), {})
    short = [look for look in looks if look.samples < minimum_samples]
    looks = [look for look in looks if look.samples >= minimum_samples]
    if short:
        need = minimum_samples / short[0].rate
        findings.append(
            _finding(
                "too_short", short, f"shorter than one window of {need:.3g} s and left out; record longer"
            )
        )
    if len(looks) < minimum_clips:
        message = (
            f"{len(looks)} usable recordings are few to learn from: record at least {minimum_clips}, "
            "over all loads and speeds that are normal"
        )
        findings.append(Finding("too_few_clips", message))
    findings += [*_levels(looks), *_duplicates(looks), *_mixtures(looks), *_outliers(looks)]
    lengths = [look.seconds for look in looks]
    seconds = (min(lengths), max(lengths)) if lengths else None
    return Inspection(tuple(look.recording for look in looks), tuple(findings), seconds)


def _look_at(recording: AudioClip, front_ends: Sequence[FrontEnd]) -> _Look:
    waveform = hear(recording, front_ends)
    path = recording.clip.path
    file_rate, channels = waveform.sample_rate, 1
    if os.path.isfile(path):
        info = audio_info(path)
        file_rate, channels = info.sample_rate, info.channels
    return _Look(
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
    """(n_mels,) mean of every second frame of the default front end, dB: half of them are plenty."""
    usual = FrontEnd(sample_rate=waveform.sample_rate)
    if usual in front_ends:
        return recording.log_mel(usual)[::2].mean(axis=0)
    return log_mel(waveform.samples, replace(usual, hop=2 * usual.hop)).mean(axis=0)


def _levels(looks: Sequence[_Look]) -> Iterable[Finding]:
    if silent := [look for look in looks if look.level < SILENCE_DB]:
        what = (
            f"silent (below {SILENCE_DB:g} dB of full scale): check microphone, cable and gain, record anew"
        )
        yield _finding("silence", silent, what)
    if clipped := [look for look in looks if look.clipped]:
        worst = max(100.0 * look.clipped / look.samples for look in clipped)
        what = f"clipped (up to {worst:.2g} % of samples at full scale): lower the gain and record anew"
        yield _finding("clipping", clipped, what)


def _duplicates(looks: Sequence[_Look]) -> Iterable[Finding]:
    groups: dict[tuple[bytes, int], list[_Look]] = {}
    for look in looks:
        if look.level > -np.inf:  # constants are all alike, and found as silence
            groups.setdefault((look.digest, look.rate), []).append(look)
    if copies := [look for group in groups.values() if len(group) > 1 for look in group]:
        what = "the same, sample for sample, as another of them: keep one of each, for copies feign certainty"
        yield _finding("duplicates", copies, what)


def _mixtures(looks: Sequence[_Look]) -> Iterable[Finding]:
    rates = Counter(look.file_rate for look in looks)
    if len(rates) > 1:
        usual = rates.most_common(1)[0][0]
        odd = [look for look in looks if look.file_rate != usual]
        what = f"not at the {usual} Hz of most but at {_listed(rates, usual)} Hz: one rate for all is safer"
        yield _finding("mixed_sample_rates", odd, what)
    channels = Counter(look.channels for look in looks)
    if len(channels) > 1:
        usual = channels.most_common(1)[0][0]
        odd = [look for look in looks if look.channels != usual]
        what = (
            f"with {_listed(channels, usual)} channels where most have {usual}: make sure that the channel "
            "which is read is the same microphone in all"
        )
        yield _finding("mixed_channels", odd, what)
    lengths = sorted(looks, key=lambda look: look.seconds)
    if lengths and lengths[-1].seconds > LENGTH_RATIO * lengths[0].seconds:
        message = (
            f"recordings are from {lengths[0].seconds:.3g} s ({os.path.basename(lengths[0].path)}) to "
            f"{lengths[-1].seconds:.3g} s ({os.path.basename(lengths[-1].path)}) long: scores of short ones "
            "scatter more, so cut them to one length"
        )
        yield Finding("mixed_lengths", message, (lengths[0].path, lengths[-1].path))


def _outliers(looks: Sequence[_Look]) -> Iterable[Finding]:
    """Recordings whose second-nearest neighbour is far, compared with the median recording's.

    Distance between two recordings: RMS over mel bands of the difference of their mean log-mels, in dB.
    Ranking by the distance to the k-th neighbour is the outlier definition of S. Ramaswamy, R. Rastogi
    and K. Shim, "Efficient algorithms for mining outliers from large data sets", SIGMOD 2000. Unlike a
    distance from the centre it leaves alone a second domain of three clips. Silence is not judged again.
    """
    for rate in sorted({look.rate for look in looks}):
        group = [look for look in looks if look.rate == rate and look.level >= SILENCE_DB]
        if len(group) < _OUTLIER_CLIPS:
            continue
        distances = _neighbour_distances(np.stack([look.spectrum for look in group]))
        usual = float(np.median(distances))
        far = [
            (distance, look)
            for distance, look in zip(distances, group, strict=True)
            if distance > OUTLIER_RATIO * usual and distance > OUTLIER_DB
        ]
        for distance, look in far:
            message = (
                f"{look.path}: its mean spectrum is {distance:.1f} dB from the nearest others, where "
                f"{usual:.1f} dB is usual: listen whether it is this machine running normally"
            )
            yield Finding("outlier", message, (look.path,))


def _neighbour_distances(spectra: np.ndarray) -> np.ndarray:
    """(N, bands) to (N,): RMS distance to the second-nearest other row, a few rows at a time."""
    spectra = spectra.astype(np.float64)
    squares = (spectra**2).mean(axis=1)
    out = np.empty(len(spectra))
    for start in range(0, len(spectra), 256):
        rows = slice(start, min(start + 256, len(spectra)))
        cross = spectra[rows] @ spectra.T / spectra.shape[1]  # (rows, N)
        squared = np.maximum(squares[rows, None] + squares - 2.0 * cross, 0.0)
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = 0.0
        out[rows] = np.sqrt(np.partition(squared, _NEIGHBOUR, axis=1)[:, _NEIGHBOUR])  # place 0 is itself
    return out


def _finding(kind: Kind, looks: Sequence[_Look], what: str) -> Finding:
    paths = tuple(look.path for look in looks)
    names = ", ".join(os.path.basename(path) for path in paths[:_NAMED])
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    verb = "recording is" if len(paths) == 1 else "recordings are"
    return Finding(kind, f"{len(paths)} {verb} {what} ({names}{more})", paths)


def _listed(counts: Counter[int], usual: int) -> str:
    return ", ".join(str(value) for value in sorted(counts) if value != usual)
