"""Alarms of a machine that is monitored continuously: which scores raise one, and how many are false."""

from auscult.decision.alarms.budget import AlarmBudget, required_seconds, upper_rate
from auscult.decision.alarms.episodes import AlarmRule, AlarmTracker, Episode, find_episodes
from auscult.decision.alarms.observation import Observation, Session
from auscult.decision.alarms.policy import (
    AlarmPolicy,
    calibrate_alarms,
    verify_alarms,
    with_observed,
)
from auscult.decision.alarms.slow_baseline import BaselineTracker, SlowBaseline

__all__ = [
    "AlarmBudget",
    "AlarmPolicy",
    "AlarmRule",
    "AlarmTracker",
    "BaselineTracker",
    "Episode",
    "Observation",
    "Session",
    "SlowBaseline",
    "calibrate_alarms",
    "find_episodes",
    "required_seconds",
    "upper_rate",
    "verify_alarms",
    "with_observed",
]
