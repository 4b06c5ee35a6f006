"""Shorter frames for short clips, and mel bands that contain no bin."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.findings import messages
from auscult.spectrum import (
    FrontEnd,
    band_centres,
    empty_band_findings,
    empty_bands,
    halved_for,
    log_mel,
    mel_filters,
    order_front_end,
    shorter_frames,
    vibration_front_end,
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
    assert not list(empty_band_findings([front_end]))
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
    (warning,) = messages(empty_band_findings([front_end, FrontEnd()]))
    assert f"{constant} of {front_end.n_mels} mel bands" in warning
    suggested = dict(part.split("=") for part in re.sub("[,`]", "", warning).split() if "=" in part)
    n_fft, hop, n_mels = (int(suggested[key]) for key in ("n_fft", "hop", "n_mels"))
    assert not len(empty_bands(replace(front_end, n_fft=n_fft, hop=hop)))
    assert not len(empty_bands(replace(front_end, n_mels=n_mels)))
    assert len(empty_bands(replace(front_end, n_fft=n_fft // 2, hop=1)))
    assert len(empty_bands(replace(front_end, n_mels=n_mels + 1)))
    assert without_empty_bands(front_end).n_mels == n_mels


@pytest.mark.parametrize(
    ("rate", "seconds", "expected"),
    [
        (20_000, 10.0, (8192, 2048, 128, 1000.0)),
        (12_000, None, (4096, 1024, 128, 1000.0)),
        (25_600, 1.0, (4096, 1024, 128, 1000.0)),
        (64_000, 0.5, (8192, 2048, 128, 1000.0)),
        (1_000, 60.0, (512, 128, 128, 500.0)),
    ],
)
def test_vibration_front_end(rate: int, seconds: float | None, expected: tuple) -> None:
    options = vibration_front_end(rate, seconds)
    assert tuple(options[name] for name in ("n_fft", "hop", "n_mels", "f_max")) == expected


@example(500, 0.5)
@given(st.integers(500, 384_000), st.floats(0.01, 100.0))
def test_vibration_front_ends_resolve_orders_without_empty_bands(rate: int, seconds: float) -> None:
    try:
        front_end = FrontEnd(sample_rate=rate, **vibration_front_end(rate, seconds))
    except OptionError as error:
        needed = float(str(error).split("at least ")[1].split(" s")[0])
        assert seconds < needed * 1.05
        assert vibration_front_end(rate, needed * 1.05)
        return
    assert rate / front_end.n_fft <= 10.0
    assert front_end.frames_in(round(seconds * rate)) >= 16
    assert not len(empty_bands(front_end))
    assert front_end.n_mels >= 62, "the fewest, with 64 samples at 500 Hz"


@pytest.mark.parametrize("rate", [500, 4000, 11025, 16000, 44100, 64000])
@pytest.mark.parametrize("divisor", [2, 4])
def test_shorter_frames_overlap_as_much_and_have_fewer_bands(rate, divisor):
    standard = FrontEnd(sample_rate=rate)
    shorter = shorter_frames(standard, divisor)
    assert (shorter.n_fft, shorter.hop) == (1024 // divisor, 512 // divisor)
    assert shorter.n_mels == 128 // divisor if rate >= 4000 else 1 <= shorter.n_mels <= 128 // divisor
    assert not len(empty_bands(shorter)), "every band contains a bin"
    for unchanged in ("sample_rate", "f_min", "f_max", "floor"):
        assert getattr(shorter, unchanged) == getattr(standard, unchanged)
    assert shorter_frames(standard, 1) == standard


def test_shorter_frames_of_very_short_frames_are_valid():
    assert shorter_frames(FrontEnd(n_fft=32, hop=16, n_mels=4), 4).n_fft == 16
    assert shorter_frames(FrontEnd(n_fft=1022, hop=511), 4).n_fft == 254


def test_shorter_frames_resolve_a_single_knock():
    """A knock of 4 ms raises the level of a frame of 16 ms much more than that of a frame of 64 ms."""
    noise = np.random.default_rng(0).normal(0, 1, 16000)
    with_knock = noise.copy()
    with_knock[8000:8064] *= 4
    long_rise, short_rise = (
        (log_mel(with_knock, f) - log_mel(noise, f)).mean(axis=1).max()
        for f in (FrontEnd(), shorter_frames(FrontEnd(), 4))
    )
    assert short_rise > long_rise + 2


def test_the_front_end_for_orders_changes_frames_and_the_highest_frequency_only():
    given = FrontEnd(sample_rate=20_000, f_min=5.0, floor=1e-12)
    orders = order_front_end(given, 8192)
    assert orders == replace(given, n_fft=8192, hop=2048, f_max=1000.0)
    assert order_front_end(replace(given, f_max=500.0), 8192).f_max == 500.0
    assert order_front_end(replace(given, sample_rate=1000), 512).f_max == 500.0
    assert not len(empty_bands(order_front_end(given, 1024)))
    for n_fft in (3, 8193):
        with pytest.raises(OptionError, match="n_fft must be even"):
            order_front_end(given, n_fft)
    with pytest.raises(OptionError, match="f_min"):
        order_front_end(replace(given, f_min=1000.0), 8192)
