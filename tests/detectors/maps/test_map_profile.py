"""Maps that point: what is usual in a band says nothing, what is more than usual stands out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from auscult.detectors.maps.map_profile import MapProfile, resized


def normal_maps(count: int = 8) -> list[np.ndarray]:
    """Raw maps whose bands add from 1 to 100 with noise in proportion, of several lengths."""
    rng = np.random.default_rng(0)
    usual = np.geomspace(1, 100, 12)
    return [usual * rng.gamma(4.0, 0.25, (40 + 5 * i, 12)) for i in range(count)]


def test_a_quiet_bands_fault_is_found_beside_a_loud_band():
    maps = normal_maps()
    profile = MapProfile.fit(maps[1:])
    odd = maps[0].copy()
    odd[20:24, 1:3] += 8.0  # far less than what the loud bands always add
    frame, band = np.unravel_index(profile.pointing(odd).argmax(), odd.shape)
    assert 20 <= frame < 24
    assert 1 <= band < 3
    assert np.unravel_index(odd.argmax(), odd.shape)[1] > 8, "the raw map points at the loud bands"


def test_normal_running_lights_nothing_up():
    maps = normal_maps()
    profile = MapProfile.fit(maps[1:])
    map = profile.pointing(maps[0])
    assert map.shape == maps[0].shape
    assert map.dtype == np.float32
    assert abs(map.mean()) < 0.2
    assert np.abs(map.mean(axis=0)).max() < 0.6, "no band stands out by itself"
    assert map.max() < 3


def test_a_single_stray_bin_is_less_than_a_patch():
    maps = normal_maps()
    profile = MapProfile.fit(maps)
    quiet = np.tile(profile.centre, (60, 1))
    quiet[10, 5] += 6 * profile.spread[5]
    quiet[40:44, 8:11] += 4 * profile.spread[8:11]
    frame, band = np.unravel_index(profile.pointing(quiet).argmax(), quiet.shape)
    assert 40 <= frame < 44
    assert 8 <= band < 11


@pytest.mark.parametrize("constant", [[3], range(12)], ids=["one band", "all bands"])
def test_bands_that_never_vary_give_finite_numbers(constant):
    maps = normal_maps()
    for map in maps:
        map[:, list(constant)] = 7.0
    profile = MapProfile.fit(maps)
    assert np.all(np.isfinite(profile.pointing(maps[0] + 1.0)))


def test_as_an_array_and_back():
    profile = MapProfile.fit(normal_maps())
    again = MapProfile.from_array(profile.to_array())
    assert profile.to_array().shape == (2, 12)
    assert np.array_equal(again.centre, profile.centre)
    assert np.array_equal(again.spread, profile.spread)


def test_profiles_of_single_recordings_make_the_profile_of_all():
    maps = normal_maps()
    whole, parts = MapProfile.fit(maps), MapProfile.together([MapProfile.fit([map]) for map in maps])
    np.testing.assert_allclose(parts.to_array(), whole.to_array())
    frames = [map[:40] for map in maps]
    equal = MapProfile.fit(iter(frames))
    np.testing.assert_allclose(equal.centre, np.concatenate(frames).mean(axis=0))
    np.testing.assert_allclose(equal.spread, np.concatenate(frames).std(axis=0))


@pytest.mark.parametrize("shape", [(13, 8), (39, 24), (5, 3), (13, 3), (40, 8), (29, 31), (1, 1), (7, 64)])
def test_a_map_on_another_grid_is_what_each_new_bin_covers(shape):
    map = np.random.default_rng(1).normal(2, 1, (13, 8)).astype(np.float32)
    new = resized(map, shape)
    assert (new.shape, new.dtype) == (shape, np.float32)

    def covered(old: int, length: int) -> np.ndarray:
        """(length, old) how much of each old bin every new one covers, brute force."""
        edges = np.arange(length + 1) * old / length
        parts = [[max(0.0, min(b, j + 1) - max(a, j)) for j in range(old)] for a, b in pairwise(edges)]
        return np.array(parts)

    rows, columns = covered(13, shape[0]), covered(8, shape[1])
    expected = (
        (rows / rows.sum(axis=1, keepdims=True)) @ map @ (columns / columns.sum(axis=1, keepdims=True)).T
    )
    np.testing.assert_allclose(new, expected, atol=1e-5)
    assert new.mean() == pytest.approx(map.mean(), rel=1e-5)  # no mass is lost


def test_a_map_on_its_own_grid_stays():
    map = np.random.default_rng(1).normal(size=(13, 8)).astype(np.float32)
    np.testing.assert_array_equal(resized(map, (13, 8)), map)


def test_a_map_made_finer_and_coarser_again_is_the_same():
    map = np.random.default_rng(1).normal(size=(13, 8)).astype(np.float32)
    np.testing.assert_allclose(resized(resized(map, (39, 32)), (13, 8)), map, atol=1e-5)


def test_what_points_at_a_place_points_there_on_another_grid():
    fine = np.zeros((2501, 32), np.float32)
    fine[1250:1260, 8] = 1.0
    frame, band = np.unravel_index(resized(fine, (313, 128)).argmax(), (313, 128))
    assert frame in (156, 157)  # 156.4 to 157.7
    assert 32 <= band < 36
