"""`AnomalyDetector`: scikit-learn's own checks, and recordings in its pipelines and searches."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import auscult
from auscult.corpus import Clip
from auscult.errors import AuscultWarning, NonFiniteAudio, OptionError
from auscult.sklearn import AnomalyDetector
from auscult.sound import Waveform

RATE = 8000
SMALL = {"n_mels": 16, "n_fft": 512, "hop": 256}


@parametrize_with_checks([AnomalyDetector(sample_rate=None)])
@pytest.mark.filterwarnings("ignore::auscult.errors.AuscultWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def waveforms(machine_sound) -> np.ndarray:
    return np.stack([machine_sound(i, 0.5) for i in range(20)]).astype(np.float32)


@pytest.fixture(scope="module")
def faults(machine_sound) -> np.ndarray:
    return np.stack([machine_sound(100 + i, 0.5, broken=True) for i in range(4)]).astype(np.float32)


@pytest.fixture(scope="module")
def detector(waveforms) -> AnomalyDetector:
    return AnomalyDetector("spectral_memory", sample_rate=RATE, options=SMALL).fit(waveforms)


def test_waveforms_are_scored_as_by_the_model(detector, waveforms, faults):
    model = auscult.fit(waveforms, "spectral_memory", sample_rate=RATE, **SMALL)
    expected = [-model.score(row, RATE).score for row in faults]
    np.testing.assert_allclose(detector.score_samples(faults), expected, rtol=1e-9)
    assert detector.offset_ == -model.threshold().value
    assert detector.predict(faults).tolist() == [-1] * 4
    np.testing.assert_array_equal(detector.decision_function(faults) < 0, detector.predict(faults) == -1)


def test_paths_clips_and_waveforms_of_any_length_are_accepted(detector, waveforms, faults, tmp_path):
    paths = []
    for i, row in enumerate(waveforms):
        paths.append(str(tmp_path / f"{i:02}.wav"))
        soundfile.write(paths[-1], row, RATE, subtype="FLOAT")
    expected = detector.score_samples(faults)
    same_rate = AnomalyDetector("spectral_memory", sample_rate=RATE, options=SMALL)
    of_files = AnomalyDetector("spectral_memory", options=SMALL)
    ragged = [*waveforms[:19], waveforms[19][:-1]]
    for estimator, recordings in (
        (of_files, paths),
        (of_files, np.array(paths, dtype=object)),
        (of_files, np.array(paths)),
        (of_files, [Clip(path) for path in paths]),
        (same_rate, [Waveform(row, RATE) for row in waveforms]),
        (same_rate, ragged),
    ):
        fitted = clone(estimator).fit(recordings)
        given = [Waveform(row, RATE) for row in faults]
        np.testing.assert_allclose(fitted.score_samples(given), expected, rtol=0.05)
    with pytest.raises(NonFiniteAudio):
        detector.score_samples([waveforms[0], np.full(RATE, np.nan, np.float32)[:100]])


def test_it_works_in_pipelines_and_searches(waveforms, faults):
    louder = FunctionTransformer(lambda rows: 2 * rows)
    pipeline = make_pipeline(louder, AnomalyDetector("spectral_memory", sample_rate=RATE, options=SMALL))
    assert pipeline.fit(waveforms).predict(faults).tolist() == [-1] * 4

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(100, 5)) * [1, 1, 1, 1, 50]
    changed = vectors + np.array([4, 0, 0, 0, 0])
    scaled = make_pipeline(StandardScaler(), AnomalyDetector()).fit(vectors)
    labels = [1] * 100 + [0] * 100
    assert roc_auc_score(labels, scaled.decision_function(np.concatenate([vectors, changed]))) > 0.95
    assert np.mean(scaled.predict(rng.normal(size=(1000, 5)) * [1, 1, 1, 1, 50]) == -1) < 0.09

    def share_normal(estimator, X, y=None):
        return np.mean(estimator.predict(X) == 1)

    search = GridSearchCV(AnomalyDetector(), {"false_alarms": [0.3, 0.05]}, scoring=share_normal)
    assert search.fit(vectors).best_params_ == {"false_alarms": 0.05}


def test_too_few_samples_give_the_largest_score_and_a_warning():
    vectors = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.warns(AuscultWarning, match="requires 19 calibration clips"):
        detector = AnomalyDetector().fit(vectors)
    assert detector.offset_ < 0
    assert AnomalyDetector(false_alarms=0.2).fit(vectors).offset_ > detector.offset_


def test_what_cannot_be_fitted_is_refused(waveforms):
    with pytest.raises(OptionError, match="gives no threshold"):
        AnomalyDetector("spectral_memory", sample_rate=RATE, options={"calibrate": "none", **SMALL}).fit(
            waveforms
        )
    with pytest.raises(OptionError, match="no detector named"):
        AnomalyDetector("nothing", sample_rate=RATE).fit(waveforms)
    with pytest.raises(NotFittedError):
        AnomalyDetector(sample_rate=RATE).score_samples(waveforms)


def test_integers_are_refused_since_their_scale_is_unknown(detector, waveforms):
    integers = (32767 * waveforms).astype(np.int16)
    for call in (detector.predict, clone(detector).fit):
        with pytest.raises(OptionError, match="divide 16-bit samples by 32768"):
            call(integers)


def test_waveforms_may_have_another_length(detector, waveforms):
    assert detector.score_samples(waveforms[:, :3900]).shape == (20,)
    assert detector.score_samples([waveforms[0][:3900]]).shape == (1,)


def test_copies_share_a_fold():
    """Otherwise each is scored by a density that was fitted on its copies."""
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(20):
        vectors, new = rng.normal(size=(40, 5)), rng.normal(size=(200, 5))
        rates.append(np.mean(AnomalyDetector().fit(np.repeat(vectors, 5, axis=0)).predict(new) == -1))
    assert np.mean(rates) < 0.06


def test_a_fit_forgets_the_earlier_one(waveforms):
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    fitted = AnomalyDetector("spectral_memory", sample_rate=RATE, options=SMALL).fit(waveforms)
    fitted.set_params(sample_rate=None).fit(vectors)
    assert not hasattr(fitted, "model_")
    with pytest.raises(OptionError, match="fitted on feature vectors"):
        fitted.predict(["a.wav"])
    for few in (vectors[:1], vectors[:2]):
        with pytest.raises(ValueError, match="minimum of 3 is required"):
            fitted.fit(few)
    with pytest.raises(OptionError, match="false-alarm rate"):
        AnomalyDetector(false_alarms=2).fit(vectors)


def test_after_a_fit_that_failed_it_is_not_fitted(waveforms):
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    detector = AnomalyDetector("spectral_memory", options={"calibrate": "none", **SMALL}).fit(vectors)
    for samples, rate in ((vectors[:1], None), (waveforms, RATE)):
        with pytest.raises(ValueError, match=r"minimum of 3 is required|gives no threshold"):
            detector.set_params(sample_rate=rate).fit(samples)
        with pytest.raises(NotFittedError):
            detector.predict(samples)
    assert not {"offset_", "density_"} & vars(detector).keys()
