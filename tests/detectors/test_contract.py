"""The contract of `Detector`, checked for every registered detector; new ones are covered automatically."""

from __future__ import annotations

from dataclasses import fields

import pytest

from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.spectrum import FrontEnd
from auscult.testing import CheckedDetector, check_detector, yield_checks

#: Small networks and short training; a detector gets those of the options that it has.
SETTINGS = {
    "hidden": 16,
    "width": 4,
    "points": 256,
    "min_clips": 32,
    "epochs": 8,
    "batch_size": 32,
    "learning_rate": 2e-2,
    "device": "cpu",
}
#: Detectors whose state does not depend on a network or on other detectors.
STATISTICS = ("spectral_memory", "pooled_gaussian", "embedding_memory", "subspace_residual")


@pytest.fixture(scope="module")
def checked(encoder_file):
    """``checked(name)``: the detector with small settings, fitted only once."""
    cache: dict[str, CheckedDetector] = {}

    def of(name: str) -> CheckedDetector:
        if name not in cache:
            options = {f.name for f in (*fields(detector_type(name).config_type), *fields(FrontEnd))}
            settings = {**SETTINGS, "encoder": encoder_file()} if name != "auto" else SETTINGS
            cache[name] = CheckedDetector(name, {k: v for k, v in settings.items() if k in options})
        return cache[name]

    return of


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name in DETECTORS for check in yield_checks(detector_type(name))],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_contract(name, check, checked):
    check(checked(name))


def test_every_setting_is_an_option_of_a_detector():
    options = {f.name for name in DETECTORS for f in fields(detector_type(name).config_type)}
    assert SETTINGS.keys() <= options


@pytest.mark.parametrize("name", ["spectral_memory", "pooled_gaussian", "subspace_residual"])
def test_detectors_of_one_score_keep_the_contract(name):
    check_detector(name, {"all_scores": False, "score": detector_type(name).scores[1]})


@pytest.mark.parametrize("name", STATISTICS)
def test_a_refitted_detector_is_a_fitted_one(name, checked):
    """What does not depend on a network is the same as after fitting on the new recordings alone."""
    detector, unseen = checked(name).fitted, checked(name).unseen
    refitted, fitted = detector.refitted(unseen[:5]), checked(name).unfitted().fit(unseen[:5])
    for clip in unseen:
        assert refitted.score(clip).scores == pytest.approx(fitted.score(clip).scores, rel=1e-5)


@pytest.mark.parametrize("name", STATISTICS)
def test_fold_models_are_fits_without_the_fold(name, checked):
    """However few recordings a fold has, and whatever is computed once for all folds."""
    folds = [0, 0, *range(1, 9)]
    clips = [*checked(name).normals[:8], *checked(name).normals[-2:]]
    final, fold_models = crossfit(checked(name).kind, checked(name).fitted.config, TrainingSet(clips, folds))
    assert len(fold_models) == 9
    training_sets = [[c for c, f in zip(clips, folds, strict=True) if f != fold] for fold in range(9)]
    for model, training_set in zip((final, *fold_models), (clips, *training_sets), strict=True):
        fitted = checked(name).unfitted().fit(training_set)
        for clip in (*clips[:3], clips[-1]):
            assert model.score(clip).scores == pytest.approx(fitted.score(clip).scores, rel=1e-8, abs=1e-8)
