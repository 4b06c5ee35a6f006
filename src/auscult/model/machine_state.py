"""Whether a recording is of the machine that the model was fitted on, running.

A detector that looks for more than normal finds nothing in noise: white noise at the level of the machine can
score lower than the machine. So the spectrum is compared with those of the normal recordings in both
directions, and with noise.
"""

from __future__ import annotations

import numpy as np

from auscult.model.normal_range import NormalRange, SpectrumRange
from auscult.sound.measures import Measures
from auscult.spectrum import FrontEnd, spectral_detail

OFF_OR_OTHER = "machine off, or not this machine"
#: Of a recording above the threshold, since a severe fault can change the whole spectrum, too.
VERY_UNLIKE = "very unlike normal running: a severe fault, the machine off, or another machine"

#: RMS over the bands of how far the mean spectrum is outside the normal range, dB.
OUTSIDE_DB = 10.0
#: The same at the level where it is least, dB: a smaller limit, since a microphone that was moved changes the
#: level more than the shape of the spectrum. It is another machine if something is missing, too: a fault
#: only adds to the spectrum. The RMS over the bands of how far the spectrum is below the normal range, dB.
OUTSIDE_IN_SHAPE_DB, MISSING_DB = 3.5, 1.0
_LEVELS_DB = np.arange(-30.0, 30.5, 0.5)  # that are tried
#: Less than this fraction of the least detail or fluctuation of a normal recording is that of noise.
NOISE_FRACTION = 0.4
#: Normal recordings with less detail than this, dB, are noise themselves.
LEAST_DETAIL_DB = 0.8


def machine_state(
    frames: np.ndarray,
    measures: Measures,
    front_end: FrontEnd,
    spectra: SpectrumRange,
    normal: NormalRange | None,
    *,
    above: bool | None,
) -> str | None:
    """Return `VERY_UNLIKE` or `OFF_OR_OTHER` if a recording is unlike every normal recording, else ``None``.

    Args:
        frames: (T, n_mels) log-mel spectrogram of the recording, dB.
        measures: of the recording.
        front_end: the front end of the model.
        spectra: the range of the mean spectra of the normal recordings.
        normal: the range of the normal recordings; ``None`` if it is unknown, or if the recording has another
            length, since detail and fluctuation depend on it.
        above: whether the score is above the threshold, which gives `VERY_UNLIKE`; ``None`` without one.
    """
    if _is_unlike(frames, measures, front_end, spectra, normal):
        return VERY_UNLIKE if above else OFF_OR_OTHER
    return None


def _is_unlike(
    frames: np.ndarray,
    measures: Measures,
    front_end: FrontEnd,
    spectra: SpectrumRange,
    normal: NormalRange | None,
) -> bool:
    spectrum = frames.mean(axis=0)
    if _rms_outside(spectrum, spectra.low, spectra.high) > OUTSIDE_DB:
        return True
    in_shape = _rms_outside(spectrum + _LEVELS_DB[:, None], spectra.low, spectra.high).min()
    missing = _rms_outside(spectrum, spectra.low, np.inf)
    if in_shape > OUTSIDE_IN_SHAPE_DB and missing > MISSING_DB:
        return True
    if normal is None:
        return False
    smooth = normal.detail >= LEAST_DETAIL_DB and (
        spectral_detail(frames, front_end) < NOISE_FRACTION * normal.detail
    )
    steady = measures.sample_rate == normal.sample_rate and (
        measures.fluctuation < NOISE_FRACTION * normal.fluctuation
    )
    return smooth or steady


def _rms_outside(spectra: np.ndarray, low: np.ndarray, high: np.ndarray | float) -> np.ndarray:
    """(…) RMS over the bands of how far (…, n_mels) spectra are outside of a range, dB."""
    outside = np.maximum(0.0, np.maximum(spectra - high, low - spectra))
    return np.asarray(np.sqrt(np.mean(np.square(outside), axis=-1)))
