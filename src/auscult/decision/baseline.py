"""The decision threshold of the DCASE baseline exactly as it is computed there: from batches, not from clips.

The baseline (Harada et al., EUSIPCO 2023) fits a gamma distribution to the losses of batches of shuffled
windows: those of the last training epoch, with the network in training mode, and those of the held-out
windows. Its 90th percentile is the threshold for scores of clips. A batch mixes the windows of many
recordings, so batches differ much less than clips, and the threshold does not keep a false-alarm rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from auscult.decision.gamma_fit import plain_gamma_fit
from auscult.decision.threshold import GAMMA_MINIMUM, Threshold
from auscult.errors import FitError, OptionError


def baseline_threshold(batch_scores: Sequence[float], rate: float = 0.1) -> Threshold:
    """Return the baseline's threshold for a score.

    Args:
        batch_scores: the score of each batch, as in ``detector.facts["batch_scores"]`` of a fitted model. For
            the baseline's numbers, fit with ``calibrate="none"``: it holds out a tenth of the windows.
        rate: 1 − the percentile; nominally the false-alarm rate.

    Returns:
        The threshold with method ``baseline``; without a value, and with a warning, if there are too few
        batches. Its ``calibration_count`` is the number of batches.

    Raises:
        OptionError: the rate is not between 0 and 1.
        FitError: the losses are not finite or all equal, or the fit fails.
    """
    if not 0 < rate < 1:
        raise OptionError(f"the false-alarm rate must lie between 0 and 1, both excluded, got {rate}")
    values = np.asarray(batch_scores, dtype=np.float64)
    count = len(values)
    if count < GAMMA_MINIMUM:
        warning = f"no threshold: a gamma fit requires {GAMMA_MINIMUM} batches, training had {count}"
        return Threshold(None, "baseline", rate, count, warning=warning)
    if not np.all(np.isfinite(values)) or np.ptp(values) == 0:
        raise FitError(f"cannot fit a gamma distribution to {count} batch losses: all equal, or not finite")
    value = plain_gamma_fit(values).quantile(1 - rate)
    if not math.isfinite(value):
        warning = f"no threshold: the gamma distribution of {count} batches has no finite quantile"
        return Threshold(None, "baseline", rate, count, warning=warning)
    return Threshold(value, "baseline", rate, count)
