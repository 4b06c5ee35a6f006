"""Alarms in stored scores relative to a slow baseline; the same as those of scores that arrive one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from auscult.decision.alarms.episodes import (
    AlarmRule,
    Episode,
    find_episodes,
    persistent_scores,
    released_scores,
)
from auscult.decision.alarms.slow_baseline import BaselineTracker, SlowBaseline


def find_followed(
    scores: np.ndarray,
    period: float,
    rule: AlarmRule,
    tracker: BaselineTracker,
    updated: Callable[[int], None] | None = None,
) -> list[Episode]:
    """Return the alarms in successive scores, and have the baseline follow these.

    Args:
        scores: (N,) finite scores without a gap.
        period: seconds between them.
        rule: the rule; peaks of the alarms are relative to the baseline, like its threshold.
        tracker: the baseline, which is updated.
        updated: called after each update of the baseline, with the number of scores until then.
    """
    if tracker.settings.reach is not None:
        shifts = _shifts(scores, tracker, updated)
        persistent = persistent_scores(scores - shifts, rule.k, rule.n)
        return [
            replace(episode, shift=float(shifts[round(episode.peak_time / period)]))
            for episode in find_episodes(persistent, period, rule)
        ]
    episodes: list[Episode] = []
    recent = np.empty(0)  # the scores before the position that persistent ones depend on, shifted
    position = 0
    while position < len(scores):
        # Without an alarm the shift is the same until the tracker has a block of scores.
        part = scores[position : position + tracker.missing]
        persistent, shifted = _persistent(recent, part - tracker.shift, rule)
        starts = np.flatnonzero(persistent > rule.threshold)
        if not len(starts):
            changed = tracker.push(*part)
            position += len(part)
            if changed and updated:
                updated(position)
        else:
            # During an alarm the shift is the same until it ends.
            tracker.discard()
            begin = position + int(starts[0])
            before = shifted[: len(recent) + int(starts[0])][-(rule.n - 1) :] if rule.n > 1 else recent
            episode, ended, shifted = _alarm(scores[begin:] - tracker.shift, before, period, rule)
            time = begin * period
            episodes.append(
                replace(
                    episode,
                    start=time,
                    end=episode.end + time,
                    peak_time=episode.peak_time + time,
                    shift=tracker.shift,
                )
            )
            position = begin + ended
        recent = shifted[-(rule.n - 1) :] if rule.n > 1 else recent
    return episodes


def calibration_shifts(
    sessions: Sequence[np.ndarray], period: float, settings: SlowBaseline
) -> tuple[list[np.ndarray], BaselineTracker]:
    """Return the shift of each score of normal running, none of which counts as an alarm.

    Args:
        sessions: (N,) scores of each session, in the order of time.
        period: seconds between scores.
        settings: of the baseline.

    Returns:
        (N,) shifts of each session, and the baseline at the end.
    """
    tracker = BaselineTracker(settings, period)
    return [_shifts(scores, tracker) for scores in sessions], tracker


def _shifts(
    scores: np.ndarray, tracker: BaselineTracker, updated: Callable[[int], None] | None = None
) -> np.ndarray:
    """Return the shift of each score if all of them count, and have the baseline follow these."""
    shifts, position = np.empty(len(scores)), 0
    while position < len(scores):
        part = scores[position : position + tracker.missing]
        shifts[position : position + len(part)] = tracker.shift
        position += len(part)
        if tracker.push(*part) and updated:
            updated(position)
    return shifts


def _alarm(
    scores: np.ndarray, before: np.ndarray, period: float, rule: AlarmRule
) -> tuple[Episode, int, np.ndarray]:
    """Return an alarm that starts at the first score.

    Returns:
        The alarm, how many scores precede the one that ends it, and these and those before.
    """
    released = released_scores(rule, period)
    length = 4 * (released + rule.n)
    while True:
        persistent, shifted = _persistent(before, scores[:length], rule)
        episode = find_episodes(persistent, period, rule)[0]
        ended = round(episode.end / period) + released
        if ended < len(persistent) or len(persistent) == len(scores):
            ended = min(ended, len(scores))
            return episode, ended, shifted[: len(before) + ended]
        length *= 4


def _persistent(before: np.ndarray, scores: np.ndarray, rule: AlarmRule) -> tuple[np.ndarray, np.ndarray]:
    """Return the persistent scores of scores that follow others, and both scores together."""
    together = np.concatenate([before, scores])
    return persistent_scores(together, rule.k, rule.n)[len(before) :], together
