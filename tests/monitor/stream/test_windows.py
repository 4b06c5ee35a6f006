"""Windows of a stream: the same samples and log-mels as of a recording that is cut into windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.errors import OptionError
from auscult.monitor.stream.windows import WindowStream, step_samples
from auscult.spectrum import FrontEnd, log_mel

SMALL = FrontEnd(sample_rate=8000, n_fft=256, hop=128, n_mels=16)
SHORT = FrontEnd(sample_rate=8000, n_fft=64, hop=32, n_mels=8)
OVERLAPPING = FrontEnd(sample_rate=8000, n_fft=256, hop=64, n_mels=8)


def stream(samples, blocks, windows, first=0):
    """Windows of samples that arrive in blocks of the given lengths, repeated."""
    position, index = 0, 0
    while position < len(samples):
        size = blocks[index % len(blocks)]
        yield from windows.push(samples[position : position + size], first + position)
        position, index = position + size, index + 1


@given(
    st.lists(st.integers(20, 900), min_size=1, max_size=5),
    st.integers(100, 1500),
    st.integers(1, 12),
    st.integers(0, 10**9),
)
@settings(max_examples=30, deadline=None)
def test_log_mels_are_those_of_the_windows(blocks, length, steps, first):
    samples = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    front_ends, step = (SMALL, SHORT, OVERLAPPING), 128 * steps
    windows = list(stream(samples, blocks, WindowStream(front_ends, length, step), first))
    assert [w.first - first for w in windows] == list(range(0, len(samples) - length + 1, step))
    for window in windows:
        start = window.first - first
        np.testing.assert_array_equal(window.samples, samples[start : start + length])
        for front_end in front_ends:
            expected = log_mel(window.samples, front_end)
            np.testing.assert_allclose(window.log_mels[front_end], expected, rtol=1e-6, atol=1e-5)


def test_no_window_spans_a_gap():
    samples = np.random.default_rng(0).normal(0, 0.1, 3000).astype(np.float32)
    windows = WindowStream([SMALL], 1024, 256)
    before = list(windows.push(samples[:1500], 0))
    after = list(windows.push(samples[1600:], 1600))
    assert [w.first for w in before] == [0, 256]
    assert [w.first for w in after] == [1600, 1856]
    np.testing.assert_array_equal(after[0].samples, samples[1600:2624])


def test_little_is_held():
    windows = WindowStream([SMALL, SHORT], 1024, 256)
    for block in range(200):
        for _ in windows.push(np.zeros(500, np.float32), 500 * block):
            pass
    assert windows.waiting < 1024 + 500
    assert sum(len(samples) for samples in windows._blocks._blocks) < 1024 + 500 + 500


def test_the_audio_clip_has_the_log_mels():
    windows = WindowStream([SMALL], 1024, 256)
    (window,) = windows.push(np.random.default_rng(0).normal(size=1024), 0)
    clip = window.audio_clip(8000)
    assert clip.log_mel(SMALL) is window.log_mels[SMALL]
    np.testing.assert_array_equal(clip.waveform().samples, window.samples)
    assert clip.log_mel(SHORT).shape == (33, 8), "others are computed"
    bare = window.audio_clip(8000, with_log_mels=False)
    np.testing.assert_allclose(bare.log_mel(SMALL), window.log_mels[SMALL], rtol=1e-6)


@pytest.mark.parametrize(
    ("front_ends", "expected"),
    [((FrontEnd(),), 15872), ((FrontEnd(), FrontEnd(n_fft=256, hop=128)), 15872), ((SMALL, SHORT), 7936)],
)
def test_steps_are_about_a_second(front_ends, expected):
    assert step_samples(front_ends) == expected


def test_a_step_off_the_grid_is_refused():
    with pytest.raises(OptionError):
        WindowStream([SMALL], 1024, 200)
