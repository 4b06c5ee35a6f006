"""What tests of several folders use: sounds in memory, a model of them, a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import auscult
from auscult.corpus import AudioClip, Clip
from auscult.decision.alarms import AlarmBudget, AlarmPolicy, AlarmRule
from auscult.decision.alarms.observation import Observation
from auscult.model import Model
from auscult.sound import Waveform

RATE = 8000  # Hz


def noise(seconds: float, seed: int = 0, level: float = 0.1, rate: int = RATE) -> np.ndarray:
    """White noise, (N,) float32, with a root mean square of ``level``."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * rate)).astype(np.float32)


def recording(samples: np.ndarray, path: str = "x.wav", rate: int = RATE, **fields: Any) -> AudioClip:
    """A recording in memory; ``fields`` are those of its `Clip`."""
    waveform = Waveform(np.asarray(samples, np.float32), rate, path=path)
    return AudioClip(Clip(path, **fields), lambda: waveform)


def model_without_alarms(level: float = 0.1) -> Model:
    """A model of white noise."""
    clips = [noise(2, seed, level) for seed in range(20)]
    return auscult.fit(clips, "pooled_gaussian", all_scores=False, sample_rate=RATE)


def model_of_noise(level: float = 0.1) -> Model:
    """A model of white noise with an alarm rule of few seconds."""
    model = model_without_alarms(level)
    normal = [model.score(noise(2, seed, level), RATE).score for seed in range(50, 70)]
    rule = AlarmRule(max(normal) + 5, max(normal) + 3, k=3, n=4, cool_down=3.0)
    policy = AlarmPolicy(rule, 1.024, AlarmBudget(1, "week"), "tail", 0.0, Observation())
    return model.with_alarm_policy(policy)


def time_with_sleep(sleep: Callable[[float], object]) -> SimpleNamespace:
    """The module ``time`` with another ``sleep``, for one module: threads of other tests go on sleeping."""
    return SimpleNamespace(**{**vars(time), "sleep": sleep})
