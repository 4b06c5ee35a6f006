"""Alarm policies of models: scores normal running as the monitor does, and sets the alarm rule."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from auscult.api.training_clips import check_one_machine
from auscult.corpus import Clip, Corpus, Finding
from auscult.corpus.files import clip_info
from auscult.corpus.folders import open_corpora
from auscult.corpus.sources import Recordings, split_paths
from auscult.decision.alarms import AlarmBudget, Session, calibrate_alarms, verify_alarms
from auscult.detectors import Progress
from auscult.errors import AudioError, FitError
from auscult.findings import issue_warnings
from auscult.model import Model
from auscult.model.known_recordings import was_fitted_on
from auscult.monitor.repeated_sound import RepeatedSound
from auscult.monitor.stream.changes import Gap, Judgement
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.stream.machine import MachineMonitor
from auscult.monitor.stream.scoring import score_period
from auscult.sound.live import Block, Interruption, open_source

#: What a recording is that counts.
_NORMAL = "normal"
#: Longer recordings are known by their names only: their samples are not held in memory. Seconds.
_COMPARED_SECONDS = 600.0


def calibrate(
    model: Model,
    recordings: Recordings,
    budget: AlarmBudget | str,
    *,
    verify: Recordings | None = None,
    sample_rate: int | None = None,
    gate: GateSettings | None = None,
    every: float | None = None,
    progress: Progress | None = None,
) -> Model:
    """Return a model with an alarm policy that keeps a budget of false alarms in continuous monitoring.

    Args:
        model: a fitted model; it is not changed.
        recordings: recordings of normal running that the model was not fitted on, the longer the better: a
            folder, paths, clips, arrays or waveforms. Those of paths that are called anomalous are left out,
            with a warning. Each is one session, and is scored as the monitor does,
            a window about each second; what is not running or has a sensor fault does not count.
        budget: the largest accepted rate of false alarms, such as ``"1/week"``.
        verify: further normal recordings, later than the others, on which the alarms are counted. If there
            are more than the budget allows, the policy is refused.
        sample_rate: of arrays, Hz.
        gate: when the machine counts as running.
        every: seconds between scores, about; by default one. The alarms hold for this period only.
        progress: called with the stage ``calibrate`` or ``verify`` and the number of recordings done.

    Raises:
        FitError: a recording was used to fit the model, repeats another one, or the recordings are too short
            for a threshold, of several machines, or none of a path is normal.
        AudioError: a recording cannot be used.
        OptionError: the budget is invalid, or a recording lacks a channel that the model needs.

    Example:
        >>> import auscult, numpy as np
        >>> from auscult.monitor.calibrate import calibrate
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))  # 20 recordings of 1 s
        >>> model = auscult.fit(noise, "pooled_gaussian", sample_rate=8000)
        >>> running = np.random.default_rng(1).normal(0, 0.1, 8000 * 600)  # ten minutes
        >>> model = calibrate(model, running, "1/week", sample_rate=8000)
        >>> model.alarm_policy.state
        'probation'
    """
    budget = AlarmBudget.parse(budget) if isinstance(budget, str) else budget
    period = score_period(model, None, every)
    known = RepeatedSound()
    sessions = _sessions(model, recordings, "calibrate", sample_rate, gate, period, progress, known)
    policy = calibrate_alarms(sessions, budget, period)
    if verify is not None:
        later = _sessions(model, verify, "verify", sample_rate, gate, period, progress, known)
        policy = verify_alarms(policy, later)
    issue_warnings(policy.findings)
    return model.with_alarm_policy(policy)


def _sessions(
    model: Model,
    recordings: Recordings,
    stage: str,
    sample_rate: int | None,
    gate: GateSettings | None,
    period: float,
    progress: Progress | None,
    known: RepeatedSound,
) -> list[Session]:
    """Return the scores of each session, and raise `FitError` if one repeats another."""
    clips = list(_clips(recordings, sample_rate))
    sessions: list[Session] = []
    for done, clip in enumerate(clips, start=1):
        _check_unknown(model, clip)
        parts = running_scores(model, _items(clip), clip.path, gate, period)
        known.add(clip.path, parts)
        sessions += [Session(part, clip.path) for part in parts]
        if progress:
            progress(stage, done, len(clips), {})
    return sessions


def _clips(recordings: Recordings, sample_rate: int | None) -> Iterable[Clip]:
    if isinstance(recordings, Corpus):
        return recordings
    paths, clips = split_paths(recordings, sample_rate)
    return [*(_normal_clips(paths) if paths else ()), *clips]


def _normal_clips(paths: Sequence[str]) -> list[Clip]:
    """Return the clips of paths that are normal by their names, or by the user's word if these say nothing.

    Test clips are as good as others, if they are called normal: the model was not fitted on them. Of test
    clips whose names say nothing some are faults.
    """
    chosen: list[Clip] = []
    for path, corpus in zip(paths, open_corpora(paths), strict=True):
        known = Counter(map(_what_it_is, corpus))
        chosen += [clip for clip in corpus if _what_it_is(clip) == _NORMAL]
        left_out = "; ".join(f"{count:,} {what}" for what, count in known.items() if what != _NORMAL)
        if not known[_NORMAL]:
            raise FitError(
                f"{path}: no recording of normal running: {left_out}. Give recordings of normal running that "
                "the model was not fitted on"
            )
        if left_out:
            issue_warnings([Finding("left_out", f"{path}: left out: {left_out}")])
    check_one_machine(Corpus(chosen))
    return chosen


def _what_it_is(clip: Clip) -> str:
    if clip.condition == "anomaly":
        return "called anomalous"
    if clip.split == "supplemental":
        return "called supplemental"
    return "of a test, not called normal" if clip.split == "test" and clip.condition is None else _NORMAL


def _check_unknown(model: Model, clip: Clip) -> None:
    """Raise `FitError` if the model was fitted on a recording: the scores of these are too low."""
    seconds = clip_info(clip).seconds
    if clip.waveform is not None or (seconds is not None and seconds <= _COMPARED_SECONDS):
        known = was_fitted_on(model, model.audio_clip(replace(clip, condition=None)))
    else:
        known = os.path.basename(clip.path) in map(os.path.basename, model.normals.paths)
    if known:
        raise FitError(
            f"{clip.path}: the model was fitted on this recording, so that its scores are too low to set an "
            "alarm threshold: give recordings that it was not fitted on"
        )


def running_scores(
    model: Model,
    items: Iterable[tuple[Block | Interruption, int]],
    path: str,
    gate: GateSettings | None,
    period: float,
) -> list[np.ndarray]:
    """Return the scores of normal running that count, in parts without a gap.

    Args:
        model: a fitted model.
        items: what a source yields, each with its sample rate.
        path: of the recording, for errors.
        gate: when the machine counts as running.
        period: seconds between scores.

    Raises:
        AudioError: the recording cannot be read, or has no samples.
    """
    monitor: MachineMonitor | None = None
    parts: list[list[float]] = [[]]
    for item, rate in items:
        if isinstance(item, Interruption):
            if item.kind == "ended":
                break
            raise AudioError(path, item.reason)
        if monitor is None:
            channels = item.samples.shape[1]
            monitor = MachineMonitor(
                path, model, None, sample_rate=rate, channels=channels, gate=gate, period=period
            )
        for change in monitor.push(item):
            if isinstance(change, Gap) or (isinstance(change, Judgement) and not change.counts):
                parts.append([])
            elif isinstance(change, Judgement):
                parts[-1].append(change.score)
    if monitor is None:
        raise AudioError(path, "the recording has no samples")
    return [np.array(part) for part in parts if part]


def _items(clip: Clip) -> Iterator[tuple[Block | Interruption, int]]:
    """Yield the blocks of a recording with its sample rate."""
    if clip.waveform is not None:
        samples, rate = clip.waveform.samples[:, None], clip.waveform.sample_rate
        for first in range(0, len(samples), rate):  # as a stream, so that each second is checked
            yield Block(samples[first : first + rate], first, first / rate), rate
        return
    with open_source(clip.path, speed="max", start_time=0.0) as source:
        for item in source:
            yield item, source.sample_rate
