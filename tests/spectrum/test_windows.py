"""Context windows, and the mean over windows for every frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.spectrum import FrontEnd, context_windows, log_mel, spread_over_frames


def random_frames(count: int, bands: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, bands)).astype(np.float32)


@given(count=st.integers(0, 12), bands=st.integers(1, 5), context=st.integers(1, 6))
def test_rows_are_consecutive_frames_oldest_first(count: int, bands: int, context: int) -> None:
    frames = random_frames(count, bands)
    rows = context_windows(frames, context)
    assert rows.shape == (max(0, count - context + 1), context * bands)
    for start, row in enumerate(rows):
        np.testing.assert_array_equal(row, frames[start : start + context].reshape(-1))


def test_windows_are_views() -> None:
    frames = random_frames(313, 128)
    rows = context_windows(frames, 5)
    assert np.shares_memory(rows, frames)
    assert rows.base is not None


def test_windows_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        context_windows(random_frames(9, 4), 5)[0, 0] = 1.0


@pytest.mark.parametrize(
    "frames", [random_frames(9, 8)[:, ::2], np.asfortranarray(random_frames(9, 4)), random_frames(18, 4)[::2]]
)
def test_frames_that_are_not_contiguous_are_copied(frames: np.ndarray) -> None:
    rows = context_windows(frames, 3)
    for start, row in enumerate(rows):
        np.testing.assert_array_equal(row, frames[start : start + 3].reshape(-1))


def test_number_of_windows_of_ten_seconds() -> None:
    assert context_windows(log_mel(np.zeros(160000), FrontEnd()), 5).shape == (309, 640)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_fewer_frames_than_one_window(count: int) -> None:
    assert context_windows(random_frames(count, 3), 5).shape == (0, 15)


@settings(max_examples=50)
@given(count=st.integers(1, 10), bands=st.integers(1, 4), context=st.integers(1, 5))
def test_spreading_is_the_mean_over_the_windows_of_a_frame(count: int, bands: int, context: int) -> None:
    rows = np.random.default_rng(count).standard_normal((count, context * bands))
    spread = spread_over_frames(rows, context)
    assert spread.shape == (count + context - 1, bands)
    for frame in range(len(spread)):
        for band in range(bands):
            values = [
                rows[window, (frame - window) * bands + band]
                for window in range(count)
                if 0 <= frame - window < context
            ]
            assert spread[frame, band] == pytest.approx(np.mean(values), abs=1e-12)


def test_spreading_is_the_inverse_of_windows() -> None:
    frames = random_frames(40, 6)
    np.testing.assert_allclose(spread_over_frames(context_windows(frames, 5), 5), frames, rtol=1e-6)


def test_spreading_keeps_the_dtype() -> None:
    assert spread_over_frames(context_windows(random_frames(9, 2), 3), 3).dtype == np.float32


def test_spreading_no_windows_gives_no_frames() -> None:
    assert spread_over_frames(context_windows(random_frames(3, 4), 5), 5).shape == (0, 4)
