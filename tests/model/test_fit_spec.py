"""The number of folds of cross-fitting."""

from __future__ import annotations

import pytest

from auscult.corpus.folds import FOLDS
from auscult.detectors import DETECTORS, detector_type
from auscult.detectors.options import make_config
from auscult.model.fit_spec import MANY_FOLDS, crossfit_folds


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_detectors_that_train_no_network_have_many_folds(detector):
    required = dict.fromkeys(detector_type(detector).required_options, "encoder.onnx")
    config = make_config(detector, settings=required)
    expected = FOLDS if detector_type(detector).extra else MANY_FOLDS
    assert crossfit_folds(detector_type(detector), config) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [("levels,neighbours", MANY_FOLDS), ("levels,vae", FOLDS), ("classes", FOLDS)],
)
def test_an_ensemble_has_few_folds_if_a_member_is_a_network(members, expected):
    assert (
        crossfit_folds(detector_type("auto"), make_config("auto", settings={"members": members})) == expected
    )
