"""Detectors that `auscult.fit` is given as instances: which options they state."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import soundfile
from sklearn.base import clone

import auscult
from auscult.detectors import Detector
from auscult.detectors.options import make_config, name_and_settings
from auscult.detectors.pooled.pooled_gaussian import PooledGaussian
from auscult.detectors.pooled.spectral_memory import SpectralMemory, SpectralMemoryConfig
from auscult.detectors.reconstruction.gamma_vae import GammaVAE, GammaVAEConfig
from auscult.errors import OptionError
from auscult.spectrum import FrontEnd

RATE = 8000
SMALL = {"n_mels": 16, "n_fft": 512, "hop": 256}
COPIES = [copy.copy, copy.deepcopy, partial(clone, safe=False), lambda d: pickle.loads(pickle.dumps(d))]


@pytest.fixture(scope="module")
def samples(machine_sound) -> np.ndarray:
    return np.stack([machine_sound(seed, 0.5) for seed in range(20)])


@pytest.mark.parametrize("copied", COPIES)
def test_copies_of_a_detector_keep_the_given_options(samples, copied):
    detector = copied(SpectralMemory(n_mels=16, n_fft=1024))
    assert detector.given_options == {"n_mels": 16, "n_fft": 1024}
    front_end = auscult.fit(samples, detector, sample_rate=RATE).detector.config.front_end
    assert (front_end.n_mels, front_end.n_fft) == (16, 1024)
    assert name_and_settings(copied(SpectralMemory())) == ("spectral_memory", {})


def test_a_configuration_and_a_fitted_detector_state_every_option(samples):
    config = SpectralMemoryConfig(front_end=FrontEnd(n_mels=16))
    fitted = auscult.fit(samples, SpectralMemory(config), sample_rate=RATE).detector
    assert fitted.config.front_end == FrontEnd(n_mels=16, sample_rate=RATE), "no shorter frames"
    short = samples[:, :2000]
    assert auscult.fit(short, fitted, sample_rate=RATE).detector.config == fitted.config
    name, options = name_and_settings(GammaVAE(GammaVAEConfig()))
    assert (name, options["epochs"], options["kl"]) == ("gamma_vae", 100, "exact")
    assert not {"sample_rate", "validation"} & options.keys(), "these follow from the recordings and the fit"


@pytest.mark.parametrize(
    "detector",
    [
        SpectralMemory(sample_rate=4000),
        SpectralMemory(make_config("spectral_memory", settings={"sample_rate": 4000})),
    ],
)
def test_a_detector_at_another_rate_is_refused(samples, detector):
    with pytest.raises(OptionError, match="sample_rate"):
        auscult.fit(samples, detector, sample_rate=RATE)


def test_a_fitted_detector_has_a_rate_and_the_same_rate_may_be_stated_twice(samples):
    fitted = auscult.fit(samples, SpectralMemory(sample_rate="8000", **SMALL), sample_rate=RATE)
    assert fitted.sample_rate == RATE
    with pytest.raises(OptionError, match="sample_rate"):
        auscult.fit(samples, fitted.detector, sample_rate=16000)


class WithoutConfig(SpectralMemory):
    name = "without_config"
    config_type = dict


@pytest.mark.parametrize("detector", [3, None, int, Detector, WithoutConfig])
def test_what_is_no_detector_is_refused(samples, detector):
    with pytest.raises(OptionError):
        auscult.fit(samples, detector, sample_rate=RATE)


@pytest.mark.parametrize(
    "options",
    [{"components": float("inf")}, {"components": True}, {"sample_rate": True}, {"config": 3}],
)
def test_what_is_no_option_of_a_detector_is_refused(options):
    with pytest.raises(OptionError):
        PooledGaussian(**options)


def test_numpy_integers_are_channels_and_booleans_are_no_numbers(samples, tmp_path):
    soundfile.write(tmp_path / "two.wav", np.stack([samples[:10].ravel(), samples[10:].ravel()], 1), RATE)
    options = {"window": 0.5, **SMALL}
    first, second = (auscult.fit(tmp_path, SpectralMemory, channel=c, **options) for c in (1, np.int64(1)))
    assert (first.channel, type(second.channel)) == (1, int)
    for given in ({"channel": True}, {"sample_rate": True}):
        with pytest.raises(OptionError):
            auscult.fit(samples, SpectralMemory, **{"sample_rate": RATE, **given})
