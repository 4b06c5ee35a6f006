"""Limits of maps: what normal recordings show, part by part."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auscult.detectors.maps.map_limits import MARGIN, MapLimits, MapParts


def noise(seed: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(0, 0.5, (100, 16))).astype(np.float32)


def test_a_steady_band_is_neither_a_burst_nor_a_spot():
    map = np.zeros((50, 16))
    map[:, 3:5] = 7.0
    parts = MapParts.of(map)
    assert parts.steady.tolist() == [0.0] * 3 + [7.0] * 2 + [0.0] * 11
    assert np.abs(parts.bursts).max() == np.abs(parts.spots).max() == 0


def test_a_few_knocks_are_bursts_and_not_steady():
    map = np.zeros((50, 16))
    map[[10, 20, 30]] = 8.0
    parts = MapParts.of(map)
    assert parts.steady.max() == 0
    assert np.flatnonzero(parts.bursts == 8.0).tolist() == [10, 20, 30]


def test_a_single_bin_counts_less_than_nine():
    map = np.zeros((50, 16))
    map[10, 5] = 9.0
    assert MapParts.of(map).spots.max() == pytest.approx(1.0)
    map[9:12, 4:7] = 9.0
    assert MapParts.of(map).spots.max() == pytest.approx(9.0)


def test_limits_are_the_largest_values_of_few_recordings():
    maps = [noise(i) for i in range(20)]
    maps[7][:, 2] += 5.0
    maps[8][40] += 4.0
    limits = MapLimits.fit(maps)
    assert 4.5 < limits.steady / MARGIN < 5.5
    assert 3.5 < limits.burst / MARGIN < 4.5
    assert limits.spot / MARGIN == pytest.approx(max(MapParts.of(map).spots.max() for map in maps))


def test_of_many_recordings_two_percent_may_exceed_a_limit():
    maps = [noise(i) for i in range(200)]
    for i in range(3):
        maps[i][:, 2] += 50.0
    assert MapLimits.fit(maps).steady < 5
    maps[3][:, 2] += 50.0
    assert MapLimits.fit(maps).steady > 40


def test_limits_are_never_zero():
    assert min(MapLimits.fit([np.zeros((10, 4))]).to_json().values()) > 0


def test_multiples_of_the_limits_show_steady_bands_bursts_and_spots():
    limits = MapLimits(steady=2.0, burst=1.0, spot=50.0)
    map = np.zeros((60, 16))
    map[:, 3] = 4.0  # twice the limit of a steady band
    map[20] += 3.0  # three times the limit of a burst
    map[40:45, 8:13] += 75.0  # 1.5 times the limit of a spot, and a burst
    multiples = limits.relative(map)
    assert multiples.shape == map.shape
    assert multiples[0, 3] == 2.0
    assert multiples[0, 5] == 0.0
    assert multiples[20, 14] > 1.0
    assert multiples[42, 10] > 1.0
    assert multiples[42, 0] < 1.0
    assert limits.relative(-map).min() == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_multiples_exceed_one_only_where_a_limit_is_exceeded(seed):
    map = noise(seed)
    limits = MapLimits.fit([map])
    assert limits.relative(map).max() <= 1 / MARGIN + 1e-9
    assert limits.relative(1.5 * map).max() > 1


def test_limits_survive_json_and_have_defaults():
    limits = MapLimits(1.0, 2.0, 3.0)
    assert MapLimits.from_json(json.loads(json.dumps(limits.to_json()))) == limits
    assert MapLimits.from_json(None) == MapLimits()
