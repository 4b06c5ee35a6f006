import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auscult.errors import OptionError
from auscult.report.regions import (
    MIN_SHARE,
    STRONGEST_SHARE,
    band_edges,
    frame_edges,
    strongest_regions,
)
from auscult.spectrum import FrontEnd, band_centres

FRONT_END = FrontEnd(n_mels=8, n_fft=256, hop=160)


def regions_by_brute_force(map, front_end):
    """A reference implementation with loops: smooth, select the strongest bins, flood-fill."""
    positive = np.maximum(map.astype(float), 0)
    count, bands = positive.shape
    smooth = {}
    for t in range(count):
        for b in range(bands):
            neighbours = [
                positive[min(max(t + i, 0), count - 1), min(max(b + j, 0), bands - 1)]
                for i in (-1, 0, 1)
                for j in (-1, 0, 1)
            ]
            smooth[t, b] = sum(neighbours) / 9
    ordered, total, level = sorted(smooth.values(), reverse=True), 0.0, 0.0
    for level in ordered:
        total += level
        if total >= STRONGEST_SHARE * sum(ordered) * (1 - 1e-9):
            break
    unassigned = {bin for bin, value in smooth.items() if value >= level * (1 - 1e-9)}
    regions = []
    while unassigned:
        region, frontier = set(), [unassigned.pop()]
        while frontier:
            t, b = frontier.pop()
            region.add((t, b))
            neighbours = {(t + i, b + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & unassigned
            unassigned -= neighbours
            frontier += neighbours
        share = sum(positive[bin] for bin in region) / positive.sum()
        ts, bs = [t for t, _ in region], [b for _, b in region]
        seconds, hertz = frame_edges(count, front_end), band_edges(front_end)
        box = seconds[min(ts)], seconds[max(ts) + 1], hertz[min(bs)], hertz[max(bs) + 1]
        regions.append((share, *box))
    return sorted((region for region in regions if region[0] >= MIN_SHARE), reverse=True)


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(8)), elements=st.integers(-3, 9).map(float)))
def test_regions_equal_brute_force(map):
    regions = strongest_regions(map, FRONT_END, count=100)
    actual = [(r.share, r.start_seconds, r.end_seconds, r.low_hz, r.high_hz) for r in regions]
    expected = regions_by_brute_force(map, FRONT_END) if map.max() > 0 else []
    assert [a[0] for a in actual] == sorted((a[0] for a in actual), reverse=True)
    np.testing.assert_allclose(sorted(actual), sorted(expected), rtol=1e-9)


def test_two_bursts_are_two_regions():
    map = np.zeros((100, 8))
    map[20:30, 2:4] = 3.0
    map[60:64, 6:8] = 2.0
    strong, weak = strongest_regions(map, FRONT_END)
    frame, edges = 160 / 16000, band_edges(FRONT_END)
    assert 19 * frame <= strong.start_seconds <= 22 * frame
    assert 28 * frame <= strong.end_seconds <= 31 * frame
    assert edges[1] <= strong.low_hz <= edges[3]
    assert weak.high_hz == 8000.0
    assert 59 * frame <= weak.start_seconds < weak.end_seconds <= 65 * frame
    assert strong.share > weak.share
    assert strong.share + weak.share <= 1


def test_count_limits_the_number_of_regions():
    map = np.zeros((60, 8))
    map[5::20, 3] = 1.0
    assert len(strongest_regions(map, FRONT_END, count=2)) == 2
    assert len(strongest_regions(map, FRONT_END)) == 3


def test_values_below_the_floor_do_not_count():
    map = np.random.default_rng(0).uniform(0, 0.9, (100, 8))
    map[20:30, 2:4] = 3.0
    (region,) = strongest_regions(map, FRONT_END, floor=1.0)
    assert region.share > 0.6
    assert 0.19 <= region.start_seconds < region.end_seconds <= 0.31
    assert strongest_regions(map, FRONT_END)[0].share < 0.25


def test_a_map_without_positive_values_has_no_region():
    assert strongest_regions(np.full((10, 8), -1.0), FRONT_END) == []
    assert strongest_regions(np.zeros((10, 8)), FRONT_END) == []


def test_a_constant_map_is_a_single_region():
    (region,) = strongest_regions(np.ones((10, 8)), FRONT_END)
    assert region.share == pytest.approx(1.0)
    assert (region.start_seconds, region.low_hz, region.high_hz) == (0.0, 0.0, 8000.0)
    assert region.end_seconds == pytest.approx(9.5 * 160 / 16000)


def test_band_centres_are_between_band_edges():
    front_end = FrontEnd(f_min=100.0, f_max=6000.0)
    edges, centres = band_edges(front_end), band_centres(front_end)
    assert edges[0] == 100.0
    assert edges[-1] == 6000.0
    assert np.all(edges[:-1] < centres)
    assert np.all(centres < edges[1:])


@pytest.mark.parametrize("map", [np.ones((10, 7)), np.ones(8), np.ones((0, 8)), np.full((4, 8), np.nan)])
def test_a_map_with_the_wrong_shape_or_nan_is_refused(map):
    with pytest.raises(OptionError):
        strongest_regions(map, FRONT_END)


def test_a_region_as_text_has_units():
    map = np.zeros((100, 8))
    map[20:30, 2:4] = 3.0
    assert " s, " in str(strongest_regions(map, FRONT_END)[0])
    assert " kHz: " in str(strongest_regions(map, FRONT_END)[0])
