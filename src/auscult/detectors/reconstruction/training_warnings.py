"""Findings that follow from the history of a training: it was too short, or the code became constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auscult.findings import Finding

#: Training has not converged if the loss falls by a larger share than this over the last tenth of the epochs,
#: or would over `_LEAST_EPOCHS` at the same rate if a tenth is fewer.
MAX_CONVERGED_FALL = 0.2
_LEAST_EPOCHS = 10


def convergence_findings(history: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return a finding if training stopped early: anomalies can then score lower than normal clips.

    Args:
        history: the figures of every epoch.
    """
    tenth = max(1, len(history) // 10)
    if len(history) < 2 * tenth:
        return [
            Finding(
                "not_converged",
                "training has not converged: it has one epoch; train longer (`epochs=100`), otherwise "
                "anomalies can score lower than normal clips",
            )
        ]
    key = "reconstruction" if "reconstruction" in history[0] else "loss"
    before = np.mean([epoch[key] for epoch in history[-2 * tenth : -tenth]])
    fall = 1 - np.mean([epoch[key] for epoch in history[-tenth:]]) / before
    if not fall * max(1.0, _LEAST_EPOCHS / tenth) > MAX_CONVERGED_FALL:
        return []
    epochs = max(100, 3 * len(history))
    last = "epoch" if tenth == 1 else f"{tenth} epochs"
    return [
        Finding(
            "not_converged",
            f"training has not converged: the loss fell by {100 * fall:.0f} % over the last {last} of "
            f"{len(history)}; train longer (`epochs={epochs}`), otherwise anomalies can score lower than "
            "normal clips",
        )
    ]


def collapse_findings(history: Sequence[Mapping[str, Any]], variant: str) -> list[Finding]:
    """Return a finding if no latent of a variational autoencoder is active in the last epoch.

    Args:
        history: the figures of every epoch.
        variant: the options of the detector that decide it.
    """
    if not history[-1]["active_units"] < 0.5:
        return []
    return [
        Finding(
            "collapsed",
            "the posterior has collapsed: no latent carries information about the input (KL "
            f"{history[-1]['kl']:.4g} nats, {variant}); the detector expects one constant window, and its "
            "scores only measure how far a clip is from that window",
        )
    ]
