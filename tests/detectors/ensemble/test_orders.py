"""The members of `auto` for the orders of a shaft."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auscult.corpus import AudioClip, Clip
from auscult.detectors.ensemble.auto import Auto
from auscult.detectors.ensemble.ensemble_maps import EnsembleMaps
from auscult.detectors.ensemble.member_maps import covered_bands, placed
from auscult.detectors.options import config_from_json, config_to_json, make_config
from auscult.errors import OptionError
from auscult.evaluation.metrics import auc
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, band_centres, order_front_end, shorter_frames

RATE, SECONDS = 20_000, 3.0
SHAFT_HZ = 18.0
#: Amplitude of the first order in normal recordings, and with imbalance.
NORMAL, IMBALANCE = 0.05, 0.15


def rotor(seed: int, first_order: float) -> AudioClip:
    """A simulated rotor: orders of the shaft, a line of the mains, and noise.

    All levels but that of the first order differ between recordings by several dB.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(round(RATE * SECONDS)) / RATE
    shaft = SHAFT_HZ * rng.uniform(0.99, 1.01)
    amplitudes = [first_order * rng.uniform(0.9, 1.1), *(0.05 * rng.uniform(0.5, 1.5, 4))]
    samples = 0.1 * rng.uniform(0.7, 1.4) * rng.standard_normal(len(time))
    for order, amplitude in enumerate(amplitudes, start=1):
        samples += amplitude * np.sin(2 * np.pi * (order * shaft * time + rng.random()))
    samples += rng.uniform(0.15, 0.45) * np.sin(2 * np.pi * (50 * time + rng.random()))
    waveform = Waveform(samples.astype(np.float32), RATE)
    return AudioClip(Clip(f"{seed}.wav"), lambda: waveform)


@pytest.fixture(scope="module")
def normals() -> list[AudioClip]:
    return [rotor(seed, NORMAL) for seed in range(16)]


def fitted(normals: list[AudioClip], **settings) -> Auto:
    return Auto(make_config("auto", settings={"sample_rate": RATE, **settings})).fit(normals)


@pytest.fixture(scope="module")
def both(normals) -> Auto:
    return fitted(normals, order_n_fft=8192)


@pytest.mark.slow
def test_imbalance_is_detected_that_the_default_front_end_does_not_resolve(normals, both):
    clips = [rotor(1000 + i, IMBALANCE if i % 2 else NORMAL) for i in range(40)]
    anomaly = np.arange(40) % 2 == 1
    areas = []
    for detector in (fitted(normals), both):
        scores = np.array([detector.score(clip).scores["mean"] for clip in clips])
        areas.append(auc(anomaly, scores))
    assert areas[0] < 0.7
    assert areas[1] > areas[0] + 0.15


def test_maps_of_members_for_orders_cover_the_bands_below_1_khz(both):
    clip = rotor(2001, 4 * IMBALANCE)
    front_end = both.config.front_end
    z = both.score(clip, explain=True)
    name = "order_levels"
    member = both.members[name]
    assert member.config.front_end == order_front_end(front_end, 8192)
    raw = member.score(clip, explain=True).maps[member.decisive_score]
    zscores = EnsembleMaps(both.arrays).profile(name).smoothed_zscore(raw)
    frames = clip.log_mel(front_end)
    map = placed(zscores, member.config.front_end, front_end, len(frames))
    assert map.shape == frames.shape == z.maps["mean"].shape
    centres = band_centres(front_end)
    assert not map[:, centres >= 1000].any()
    loudest = map.mean(axis=0).argmax()
    assert abs(centres[loudest] - SHAFT_HZ) < 40


def test_front_ends_of_one_range_cover_all_bands():
    front_end = FrontEnd(sample_rate=RATE)
    assert covered_bands(shorter_frames(front_end, 4), front_end) == 128
    narrow = replace(front_end, f_max=900.0)
    assert covered_bands(order_front_end(narrow, 8192), narrow) == 128
    assert covered_bands(order_front_end(front_end, 8192), front_end) < 64


def test_models_store_the_frames_for_orders_and_earlier_ones_have_none(both):
    stored = config_to_json(both.config)
    assert config_from_json("auto", stored) == both.config
    del stored["order_n_fft"]
    assert config_from_json("auto", stored) == replace(both.config, order_n_fft=None, fusion=stored["fusion"])


@pytest.mark.parametrize("n_fft", [3, 8191])
def test_bad_frames_for_orders_are_refused(n_fft):
    with pytest.raises(OptionError, match="n_fft must be even"):
        make_config("auto", settings={"order_n_fft": n_fft})
