"""The system that a benchmark compares with."""

import pytest

from auscult.benchmark.baseline import choose_baseline
from auscult.benchmark.detector_choices import choose_detectors
from auscult.errors import OptionError


def baseline(named, *detectors, others=(), **settings):
    choices, _ = choose_detectors(detectors, settings)
    return choose_baseline(named, choices, settings, others)


def test_the_default_is_the_autoencoder_or_the_first_detector():
    assert baseline(None, "auto", "autoencoder") == "autoencoder:mse"
    assert baseline(None, "pooled_gaussian", "spectral_memory").startswith("pooled_gaussian:")


def test_a_system_a_detector_or_score_files_can_be_named():
    detectors = ("spectral_memory", "autoencoder")
    assert baseline("autoencoder:mahalanobis", *detectors) == "autoencoder:mahalanobis"
    assert baseline("autoencoder", *detectors) == "autoencoder:mse"
    assert baseline("autoencoder", *detectors, score="mahalanobis") == "autoencoder:mahalanobis"
    assert baseline("official", *detectors, others=["official"]) == "official"
    with pytest.raises(OptionError, match=r"'auto' is not among .*: choose one of .*autoencoder:mse"):
        baseline("auto", *detectors)
