"""Findings about trainings that were too short, and about constant codes."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.detectors.reconstruction.training_warnings import collapse_findings, convergence_findings
from auscult.findings import Finding


def findings_about(*losses: float, key: str = "loss") -> list[Finding]:
    return convergence_findings([{key: loss} for loss in losses])


@pytest.mark.parametrize(
    ("losses", "parts"),
    [
        ([100.0, 60.0], ("40 %", "last epoch of 2", "epochs=100")),
        (np.linspace(2000, 1000, 10), ("last epoch of 10", "epochs=100")),  # by 10 % in the last one
        ([1.0] * 90 + [0.7] * 10, ("30 %", "last 10 epochs of 100", "epochs=300")),
        ([100.0], ("one epoch", "epochs=100")),
    ],
    ids=["two epochs", "one tenth is one epoch", "ten epochs", "one epoch"],
)
def test_training_that_has_not_converged_gives_a_warning(losses, parts):
    (finding,) = findings_about(*losses)
    assert finding.kind == "not_converged"
    assert all(part in finding.message for part in parts)


def test_training_that_has_converged_gives_none():
    assert findings_about(100.0, 99.0) == []
    assert findings_about(*np.linspace(1.0, 0.99, 10)) == []
    assert findings_about(*np.linspace(1.2, 1.0, 100)) == []


def test_the_reconstruction_decides_if_the_loss_has_further_terms():
    history = [{"loss": loss, "reconstruction": 5.0} for loss in (100.0, 10.0)]
    assert convergence_findings(history) == []


def test_collapse_is_that_of_the_last_epoch():
    history = [{"active_units": units, "kl": units / 8} for units in (4.0, 0.25)]
    assert collapse_findings(history[:1], "kl_weight=7") == []
    (finding,) = collapse_findings(history, "kl_weight=7")
    assert finding.kind == "collapsed"
    assert "0.03125 nats" in finding.message
    assert "kl_weight=7" in finding.message
