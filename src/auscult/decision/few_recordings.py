"""How far a false-alarm rate reaches if the calibration clips come from few independent recordings."""

from __future__ import annotations

from auscult.decision.threshold import Threshold, required_count


def few_recordings_label(recordings: int | None, threshold: Threshold) -> str | None:
    """Return the label of a conformal threshold from clips of too few recordings, or ``None``.

    There are too few if as many independent clips would give no threshold at this rate. The clips of one
    recording are alike, so that the scores say little about recordings of other units or conditions.

    Args:
        recordings: number of independent recordings; ``None`` if unknown.
        threshold: the threshold.
    """
    if recordings is None or threshold.value is None or threshold.rate is None:
        return None
    if recordings >= required_count(threshold.rate):
        return None
    return f"for units and conditions of {recordings} recordings"


def few_recordings_warning(recordings: int | None, threshold: Threshold) -> str | None:
    """Return in words what such a threshold promises and what helps, or ``None``; arguments as above."""
    if few_recordings_label(recordings, threshold) is None or threshold.rate is None:
        return None
    return (
        f"the {threshold.calibration_count} clips come from {recordings} independent recordings, and "
        f"{100 * threshold.rate:.3g} % false alarms need {required_count(threshold.rate)}: the rate holds at "
        "best for the same units under the same conditions, and all normal recordings of another unit or "
        "condition may be above the threshold. Record more units, conditions and days"
    )
