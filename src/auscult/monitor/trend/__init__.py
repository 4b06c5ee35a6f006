"""Slow changes of monitored machines over hours to years: score, level and bands, and what to say of them."""

from auscult.monitor.trend.changes import SlowChange, find_change
from auscult.monitor.trend.series import TrendSeries, read_trend
from auscult.monitor.trend.words import describe_silence, describe_trend, no_data

__all__ = [
    "SlowChange",
    "TrendSeries",
    "describe_silence",
    "describe_trend",
    "find_change",
    "no_data",
    "read_trend",
]
