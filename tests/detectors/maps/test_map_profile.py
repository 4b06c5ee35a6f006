"""Z-scores of maps: typical values of a band become 0, deviations stand out; and resampling of maps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from auscult.detectors.maps.map_profile import MapProfile, resized


def normal_maps(count: int = 8) -> list[np.ndarray]:
    """Raw maps with means from 1 to 100 over the bands and proportional noise, of several lengths."""
    rng = np.random.default_rng(0)
    means = np.geomspace(1, 100, 12)
    return [means * rng.gamma(4.0, 0.25, (40 + 5 * i, 12)) for i in range(count)]


def test_a_fault_in_a_quiet_band_stands_out_from_loud_bands():
    maps = normal_maps()
    profile = MapProfile.fit(maps[1:])
    fault = maps[0].copy()
    fault[20:24, 1:3] += 8.0  # much less than the usual values of the loud bands
    frame, band = np.unravel_index(profile.smoothed_zscore(fault).argmax(), fault.shape)
    assert 20 <= frame < 24
    assert 1 <= band < 3
    assert np.unravel_index(fault.argmax(), fault.shape)[1] > 8, "the raw map peaks in the loud bands"


def test_maps_of_normal_recordings_have_no_large_zscores():
    maps = normal_maps()
    profile = MapProfile.fit(maps[1:])
    map = profile.smoothed_zscore(maps[0])
    assert map.shape == maps[0].shape
    assert map.dtype == np.float32
    assert abs(map.mean()) < 0.2
    assert np.abs(map.mean(axis=0)).max() < 0.6, "no band stands out"
    assert map.max() < 3


def test_a_single_extreme_bin_stands_out_less_than_a_patch():
    maps = normal_maps()
    profile = MapProfile.fit(maps)
    map = np.tile(profile.centre, (60, 1))
    map[10, 5] += 6 * profile.spread[5]
    map[40:44, 8:11] += 4 * profile.spread[8:11]
    frame, band = np.unravel_index(profile.smoothed_zscore(map).argmax(), map.shape)
    assert 40 <= frame < 44
    assert 8 <= band < 11


@pytest.mark.parametrize("constant", [[3], range(12)], ids=["one band", "all bands"])
def test_constant_bands_give_finite_numbers(constant):
    maps = normal_maps()
    for map in maps:
        map[:, list(constant)] = 7.0
    profile = MapProfile.fit(maps)
    assert np.all(np.isfinite(profile.smoothed_zscore(maps[0] + 1.0)))


def test_round_trip_through_arrays():
    profile = MapProfile.fit(normal_maps())
    restored = MapProfile.from_arrays(profile.to_arrays())
    assert profile.to_arrays().shape == (2, 12)
    assert np.array_equal(restored.centre, profile.centre)
    assert np.array_equal(restored.spread, profile.spread)


def test_merged_profiles_of_single_recordings_equal_the_profile_of_all():
    maps = normal_maps()
    expected, merged = MapProfile.fit(maps), MapProfile.merge([MapProfile.fit([map]) for map in maps])
    np.testing.assert_allclose(merged.to_arrays(), expected.to_arrays())


def test_the_profile_is_mean_and_standard_deviation_over_frames():
    frames = [map[:40] for map in normal_maps()]
    profile = MapProfile.fit(iter(frames))
    np.testing.assert_allclose(profile.centre, np.concatenate(frames).mean(axis=0))
    np.testing.assert_allclose(profile.spread, np.concatenate(frames).std(axis=0))


@pytest.mark.parametrize("shape", [(13, 8), (39, 24), (5, 3), (13, 3), (40, 8), (29, 31), (1, 1), (7, 64)])
def test_each_bin_of_a_resized_map_is_the_mean_over_the_range_that_it_covers(shape):
    map = np.random.default_rng(1).normal(2, 1, (13, 8)).astype(np.float32)
    new = resized(map, shape)
    assert (new.shape, new.dtype) == (shape, np.float32)

    def covered(old: int, length: int) -> np.ndarray:
        """(length, old) overlap of each new bin with every old one, by brute force."""
        edges = np.arange(length + 1) * old / length
        overlaps = [[max(0.0, min(b, j + 1) - max(a, j)) for j in range(old)] for a, b in pairwise(edges)]
        return np.array(overlaps)

    rows, columns = covered(13, shape[0]), covered(8, shape[1])
    expected = (
        (rows / rows.sum(axis=1, keepdims=True)) @ map @ (columns / columns.sum(axis=1, keepdims=True)).T
    )
    np.testing.assert_allclose(new, expected, atol=1e-5)
    assert new.mean() == pytest.approx(map.mean(), rel=1e-5)  # mass is preserved


def test_resizing_to_the_same_shape_changes_nothing():
    map = np.random.default_rng(1).normal(size=(13, 8)).astype(np.float32)
    np.testing.assert_array_equal(resized(map, (13, 8)), map)


def test_resizing_to_a_finer_grid_and_back_changes_nothing():
    map = np.random.default_rng(1).normal(size=(13, 8)).astype(np.float32)
    np.testing.assert_allclose(resized(resized(map, (39, 32)), (13, 8)), map, atol=1e-5)


def test_a_peak_keeps_the_position_in_a_resized_map():
    fine = np.zeros((2501, 32), np.float32)
    fine[1250:1260, 8] = 1.0
    frame, band = np.unravel_index(resized(fine, (313, 128)).argmax(), (313, 128))
    assert frame in (156, 157)  # 156.4 to 157.7
    assert 32 <= band < 36
