"""Thresholds and p-values from the scores of normal recordings."""

from auscult.decision.baseline import baseline_threshold
from auscult.decision.few_recordings import few_recordings_label, few_recordings_warning
from auscult.decision.threshold import (
    DEFAULT_RATE,
    THRESHOLD_METHODS,
    Threshold,
    conformal_threshold,
    fixed_threshold,
    gamma_threshold,
    p_value,
    parse_rate,
    required_count,
    threshold_by_name,
)

__all__ = [
    "DEFAULT_RATE",
    "THRESHOLD_METHODS",
    "Threshold",
    "baseline_threshold",
    "conformal_threshold",
    "few_recordings_label",
    "few_recordings_warning",
    "fixed_threshold",
    "gamma_threshold",
    "p_value",
    "parse_rate",
    "required_count",
    "threshold_by_name",
]
