"""auscult as a scikit-learn estimator: `AnomalyDetector`.

It works wherever an outlier detector of scikit-learn does: in a `Pipeline`, with `GridSearchCV`, and with
``clone``. As there, higher scores are more normal.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from auscult.corpus import Clip
from auscult.corpus.folds import FOLDS
from auscult.corpus.sources import Recording
from auscult.decision import conformal_threshold, required_count
from auscult.detectors.statistics.densities import Gaussian
from auscult.errors import AudioError, AuscultWarning, OptionError
from auscult.sound import Waveform

#: The fewest feature vectors that leave two outside of each fold.
MIN_VECTORS = 3
#: What `AnomalyDetector.fit` sets; with feature vectors scikit-learn adds the names of columns.
_FITTED = ("model_", "density_", "offset_", "n_features_in_", "feature_names_in_")


class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Anomaly detector for recordings, or for feature vectors.

    With ``sample_rate=None`` and a numeric X the rows are feature vectors. Their score is the Mahalanobis
    distance from the training vectors, with a shrunk covariance (Ledoit & Wolf, J. Multivariate Analysis 88,
    2004). With a sample rate they are waveforms. Paths, clips and waveforms of different lengths are given as
    an array of objects or a list. Recordings are fitted by `auscult.fit`.

    Args:
        detector: as of `auscult.fit`; not used for feature vectors.
        sample_rate: of waveforms in X, Hz; ``None``: X holds feature vectors, or paths and clips.
        false_alarms: the accepted rate of false alarms, between 0 and 1.
        options: options of the detector, and other arguments of `auscult.fit`, as a dictionary:
            ``options={"groups": 4}``.

    Attributes:
        model_: the fitted `auscult.Model`, of recordings.
        density_: the fitted density, of feature vectors.
        offset_: minus the conformal threshold: `predict` is -1 below it. With too few training samples for
            the rate of false alarms it is minus the largest held-out score, and a warning says so.
        n_features_in_: number of columns of X, if these are features.

    Example:
        >>> import numpy as np
        >>> from auscult.sklearn import AnomalyDetector
        >>> noise = np.random.default_rng(0).normal(0, 0.1, (20, 8000))  # 20 recordings of 1 s
        >>> detector = AnomalyDetector("spectral_memory", sample_rate=8000).fit(noise)
        >>> detector.predict([2 * noise[0], noise[1]])
        array([-1,  1])
        >>> of_four = AnomalyDetector("spectral_memory", sample_rate=8000, options={"groups": 4}).fit(noise)
        >>> of_four.model_.detector.config.groups
        4
    """

    def __init__(
        self,
        detector: Any = "auto",
        *,
        sample_rate: int | None = None,
        false_alarms: float = 0.05,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.detector = detector
        self.sample_rate = sample_rate
        self.false_alarms = false_alarms
        self.options = options

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to normal samples.

        Args:
            X: (M, D) feature vectors or waveforms, or M recordings.
            y: ignored.

        Raises:
            ValueError: X is not valid; `auscult.OptionError` is one.
            AuscultError: as of `auscult.fit`.
        """
        required_count(self.false_alarms)  # checks the rate before anything is fitted
        for fitted in vars(self).keys() & set(_FITTED):
            delattr(self, fitted)
        if _holds_recordings(X):
            held_out = self._fit_recordings(list(X))
        elif self.sample_rate is not None:
            held_out = self._fit_recordings(_waveforms(X))
        else:
            rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=MIN_VECTORS)
            held_out = self._fit_vectors(rows)
        threshold = conformal_threshold(held_out, self.false_alarms)
        if threshold.value is None:
            message = f"{threshold.warning}; offset_ is that of the largest held-out score instead"
            warnings.warn(message, AuscultWarning, stacklevel=2)
        self.offset_ = -float(np.max(held_out) if threshold.value is None else threshold.value)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the (M,) scores of samples; lower is more anomalous.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: X is not valid.
            AudioError: a recording cannot be used.
        """
        check_is_fitted(self)
        of_vectors = "density_" in vars(self)
        if _holds_recordings(X) or not of_vectors:
            if of_vectors:
                raise OptionError("fitted on feature vectors, which recordings cannot be compared with")
            return self._score_recordings(list(X) if _holds_recordings(X) else _waveforms(X))
        return -self.density_.distance(validate_data(self, X, dtype=np.float64, reset=False))[0]

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the (M,) scores relative to the threshold: negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return (M,) 1 for normal samples and -1 for anomalies."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "offset_")  # `fit` sets it last

    def _fit_vectors(self, rows: np.ndarray) -> np.ndarray:
        """Fit the density; return the (M,) held-out distances of the training vectors."""
        source = np.zeros(len(rows), bool)
        _, copies = np.unique(rows, axis=0, return_inverse=True)  # equal vectors share a fold
        folds = copies.ravel() % FOLDS
        if min(np.sum(folds != fold) for fold in np.unique(folds)) < 2:  # nearly all are equal
            folds = np.arange(len(rows)) % FOLDS
        held_out = np.empty(len(rows))
        for fold in np.unique(folds):
            density = Gaussian.fit(rows[folds != fold], source[folds != fold])
            held_out[folds == fold] = density.distance(rows[folds == fold])[0]
        self.density_ = Gaussian.fit(rows, source)
        return held_out

    def _fit_recordings(self, recordings: Sequence[Recording] | np.ndarray) -> np.ndarray:
        """Fit a model; return its calibration scores."""
        from auscult.api.fit import fit

        options = {"sample_rate": self.sample_rate, **(self.options or {})}
        self.model_ = fit(recordings, self.detector, **options)
        scores = self.model_.calibration.scores.get(self.model_.detector.decisive_score)
        if scores is None:
            raise OptionError("calibrate=none gives no threshold: leave the option out")
        return scores

    def _score_recordings(self, recordings: Sequence[Recording] | np.ndarray) -> np.ndarray:
        scores = []
        for outcome in self.model_.score_many(recordings, self.sample_rate):
            if isinstance(outcome, AudioError):
                raise outcome
            scores.append(-outcome.score)
        return np.array(scores)


def _waveforms(samples: Any) -> np.ndarray:
    """The rows of a numeric array as waveforms; integers are refused, since their scale is unknown."""
    rows = np.asarray(samples)
    if rows.dtype.kind in "iu":
        raise OptionError(
            f"waveforms must be floating point with full scale ±1, got {rows.dtype}; divide 16-bit samples "
            "by 32768"
        )
    return check_array(rows, dtype=np.float64)


def _holds_recordings(samples: Any) -> bool:
    """Whether samples are paths, clips, waveforms or arrays of different lengths, and not a numeric table."""
    if isinstance(samples, np.ndarray) and (samples.ndim != 1 or samples.dtype.kind not in "OUS"):
        return False
    if not isinstance(samples, np.ndarray | list | tuple):
        return False
    if any(isinstance(sample, str | PathLike | Clip | Waveform) for sample in samples):
        return True
    lengths = {len(sample) for sample in samples if isinstance(sample, np.ndarray) and sample.ndim == 1}
    return len(lengths) > 1 or (bool(lengths) and isinstance(samples, np.ndarray))
