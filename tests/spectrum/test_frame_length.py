"""Shorter frames for short clips, and mel bands that contain no bin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.spectrum import (
    FrontEnd,
    band_centres,
    empty_band_warnings,
    empty_bands,
    halved_for,
    log_mel,
    mel_filters,
    without_empty_bands,
)


def frames(n_fft: int, samples: int) -> int:
    return len(log_mel(np.zeros(samples), FrontEnd(n_fft=n_fft, hop=n_fft // 2)))


@given(samples=st.integers(1, 20_000))
def test_frames_are_halved_no_more_often_than_needed_for_sixteen(samples: int) -> None:
    n_fft = halved_for(1024, samples)
    assert 1024 % n_fft == 0
    assert frames(n_fft, samples) >= 16 or n_fft == 16
    if n_fft < 1024:
        assert frames(2 * n_fft, samples) < 16


@pytest.mark.parametrize(
    ("samples", "n_fft"), [(160_000, 1024), (7680, 1024), (7679, 512), (2000, 256), (1, 16)]
)
def test_frame_lengths_for_some_clips(samples: int, n_fft: int) -> None:
    assert halved_for(1024, samples) == n_fft


@pytest.mark.parametrize("rate", [500, 1000, 3200, 8000, 16000, 25600, 44100, 48000, 64000])
def test_no_band_of_the_baseline_is_empty_up_to_64_khz(rate: int) -> None:
    front_end = FrontEnd(sample_rate=rate)
    assert not len(empty_bands(front_end))
    assert not list(empty_band_warnings([front_end]))
    assert without_empty_bands(front_end) == front_end


@pytest.mark.parametrize(
    "front_end",
    [
        FrontEnd(sample_rate=96000),
        FrontEnd(sample_rate=192000),
        FrontEnd(n_fft=256, hop=128),
        FrontEnd(n_mels=1000),
        FrontEnd(f_min=100.0, f_max=300.0),
    ],
)
def test_empty_bands_are_those_that_never_change_and_what_the_warning_suggests_leaves_none(
    front_end: FrontEnd,
) -> None:
    noise = np.random.default_rng(0).normal(size=front_end.sample_rate)
    assert np.array_equal(
        empty_bands(front_end), band_centres(front_end)[~mel_filters(front_end).any(axis=0)]
    )
    constant = (np.ptp(log_mel(noise, front_end), axis=0) == 0).sum()
    assert len(empty_bands(front_end)) == constant > 0
    (warning,) = empty_band_warnings([front_end, FrontEnd()])
    assert f"{constant} of {front_end.n_mels} mel bands" in warning
    suggested = dict(part.split("=") for part in warning.replace(",", "").split() if "=" in part)
    n_fft, hop, n_mels = (int(suggested[key]) for key in ("n_fft", "hop", "n_mels"))
    assert not len(empty_bands(replace(front_end, n_fft=n_fft, hop=hop)))
    assert not len(empty_bands(replace(front_end, n_mels=n_mels)))
    assert len(empty_bands(replace(front_end, n_fft=n_fft // 2, hop=1)))
    assert len(empty_bands(replace(front_end, n_mels=n_mels + 1)))
    assert without_empty_bands(front_end).n_mels == n_mels
