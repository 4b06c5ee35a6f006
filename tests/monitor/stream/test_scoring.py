"""Scores of a stream equal those of recordings of the same samples."""

from __future__ import annotations

import numpy as np
import pytest

import auscult
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule
from auscult.decision.alarms.observation import Observation
from auscult.errors import OptionError
from auscult.monitor.stream.scoring import WindowScorer, score_period

RATE = 8000


def noise(seconds: float, seed: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (round(seconds * RATE), channels)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    clips = [noise(2, seed)[:, 0] for seed in range(20)]
    return auscult.fit(clips, "pooled_gaussian", sample_rate=RATE)


def blocks(samples, size, first=0):
    for start in range(0, len(samples), size):
        yield samples[start : start + size], first + start


@pytest.mark.parametrize("detector", ["auto", "pooled_gaussian", "spectral_memory", "subspace_residual"])
def test_scores_are_those_of_recordings(detector):
    clips = [noise(2, seed)[:, 0] for seed in range(20)]
    model = auscult.fit(clips, detector, sample_rate=RATE)
    stream = noise(7, 100)
    scorer = WindowScorer(model)
    windows = [w for block, first in blocks(stream, 777) for w in scorer.push(block, first)]
    assert [w.first for w in windows] == list(range(0, len(stream) - 2 * RATE + 1, scorer.step))
    for window in windows:
        expected = model.score(stream[window.first : window.last, 0], RATE).score
        assert window.score == pytest.approx(expected, rel=1e-6)


def test_windows_have_the_length_of_the_training_recordings(model):
    scorer = WindowScorer(model)
    assert scorer.length == 2 * RATE
    assert scorer.period == pytest.approx(1.0, abs=0.05)
    assert scorer.step % model.detector.config.front_end.hop == 0


def test_several_channels_are_scored_together():
    clips = [auscult.Waveform(noise(2, seed)[:, 0], RATE) for seed in range(20)]
    model = auscult.fit(clips, "pooled_gaussian", sample_rate=RATE)
    model.channel = 1
    scorer = WindowScorer(model)
    stream = noise(4, 5, channels=2)
    windows = list(scorer.push(stream, 0))
    assert len(windows) == 2
    expected = model.score(stream[: 2 * RATE, 1], RATE).score
    assert windows[0].score == pytest.approx(expected, rel=1e-6)
    with pytest.raises(OptionError):
        list(WindowScorer(model).push(stream[:, :1], 0))


def test_after_a_gap_and_a_skip_windows_begin_again(model):
    scorer = WindowScorer(model)
    stream = noise(9, 3)
    assert [w.first for w in scorer.push(stream[: 4 * RATE], 0)] == [0, scorer.step]
    assert [w.first for w in scorer.push(stream[: 2 * RATE], 50_000)] == [50_000]
    scorer.skip()
    assert list(scorer.push(stream[:RATE], 50_000 + 2 * RATE)) == []
    (window,) = scorer.push(stream[:RATE], 50_000 + 3 * RATE)
    assert window.first == 50_000 + 2 * RATE


def test_the_spectrum_is_that_of_the_last_step(model):
    scorer = WindowScorer(model)
    stream = noise(2, 4)
    stream[-scorer.step :] *= 10
    (window,) = scorer.push(stream, 0)
    clip_mean = window.clip.log_mel(model.detector.config.front_end).mean(axis=0)
    assert np.all(window.recent > clip_mean + 5)


def test_the_period_is_on_the_grid_of_frames_and_that_of_the_policy(model):
    assert score_period(model, None, None) == pytest.approx(1.024)
    assert score_period(model, None, 5) == pytest.approx(4.992)
    scorer = WindowScorer(model, period=5)
    assert scorer.period == pytest.approx(4.992)
    windows = list(scorer.push(noise(13, 6), 0))
    assert [w.first for w in windows] == [0, scorer.step, 2 * scorer.step]

    policy = AlarmPolicy(AlarmRule(1.0, 0.5), 4.992, AlarmBudget(1, "week"), "tail", 0.0, Observation())
    assert score_period(model, policy, None) == pytest.approx(4.992)
    assert score_period(model, policy, 5) == pytest.approx(4.992)
    with pytest.raises(OptionError, match="`every=1`"):
        score_period(model, policy, 1)
    for wrong in (0, -1, float("nan"), 1e9):
        with pytest.raises(OptionError):
            score_period(model, None, wrong)
