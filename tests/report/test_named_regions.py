"""Named regions: steady bands, tones, knocks, bursts and events beyond what normal recordings show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auscult.detectors.maps.map_limits import MapLimits
from auscult.errors import OptionError
from auscult.model import Score
from auscult.report.named_regions import named_regions, score_regions, strongest_part, with_comparison
from auscult.report.regions import Region, band_edges, strongest_regions
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd, log_mel

FRONT_END = FrontEnd(n_mels=32, n_fft=512, hop=160)  # frames of 10 ms
LIMITS = MapLimits(steady=4.0, burst=2.0, spot=6.0)
EDGES = band_edges(FRONT_END)


def normal_map(seed: int = 0, frames: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.7, (frames, 32))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 300), st.floats(0, 1.5))
def test_a_map_within_the_limits_has_no_region(seed, frames, scale):
    map = scale * normal_map(seed, frames)
    limits = MapLimits.fit([map])
    assert named_regions(map, FRONT_END, limits) == []


def test_a_steady_band_is_one_region_over_all_frames():
    map = normal_map()
    map[:, 10:14] += 8.0
    map[90:110, 10:14] -= 8.0  # a pause does not split it
    (region,) = named_regions(map, FRONT_END, LIMITS)
    assert (region.kind, region.start_seconds) == ("steady band", 0.0)
    assert region.end_seconds == pytest.approx(1.995)
    assert (region.low_hz, region.high_hz) == (EDGES[10], EDGES[14])
    assert region.share > 0.9
    assert "steady band all the time" in str(region)


def test_a_large_deviation_is_named_without_faint_traces():
    map = normal_map()
    map[:, 4:28] += 6.0  # above the limit
    map[:, 10:12] += 200.0
    map[:, 20] += 60.0
    regions = named_regions(map, FRONT_END, LIMITS)
    assert [(r.kind, r.low_hz, r.high_hz) for r in regions] == [
        ("steady band", EDGES[10], EDGES[12]),
        ("steady band", EDGES[20], EDGES[21]),
    ]


def test_knocks_are_one_region_with_their_times():
    map = normal_map()
    for frame in (20, 70, 120, 170):
        map[frame : frame + 3, 8:30] += 9.0
    (region,) = named_regions(map, FRONT_END, LIMITS)
    assert region.kind == "knocks"
    assert region.times == pytest.approx((0.21, 0.71, 1.21, 1.71), abs=0.011)
    assert EDGES[6] <= region.low_hz < region.high_hz <= EDGES[31]
    assert "at 0." in region.moments


def test_knocks_that_ring_into_each_other_are_knocks():
    map = normal_map()
    map[10:190] += 3.0  # above the limit of bursts, but it is steady
    map[20:60] += 6.0
    for frame in (22, 32, 42, 52):
        map[frame : frame + 3] += 90.0
    knocks = [region for region in named_regions(map, FRONT_END, LIMITS) if region.kind == "knocks"]
    assert [region.times for region in knocks] == [pytest.approx((0.23, 0.33, 0.43, 0.53), abs=0.011)]


def test_a_long_burst_without_peaks_is_one():
    map = normal_map()
    map[20:60] += 4.0
    regions = named_regions(map, FRONT_END, LIMITS)
    assert [region.kind for region in regions] == ["burst"]
    assert regions[0].end_seconds - regions[0].start_seconds == pytest.approx(0.4, abs=0.05)


def test_two_bursts_are_two_regions_and_a_local_event_is_an_event():
    map = normal_map()
    map[20:24, :] += 9.0
    map[150:154, :] += 9.0
    assert [region.kind for region in named_regions(map, FRONT_END, LIMITS)] == ["burst", "burst"]
    map = normal_map()
    map[50:80, 20:23] += 9.0
    (region,) = named_regions(map, FRONT_END, LIMITS)
    assert region.kind == "event"
    assert region.start_seconds == pytest.approx(0.5, abs=0.02)
    assert region.end_seconds == pytest.approx(0.8, abs=0.02)


def test_shares_do_not_count_a_bin_twice_and_the_largest_comes_first():
    map = normal_map()
    map[:, 10:14] += 16.0
    for frame in (20, 70, 120, 170):
        map[frame : frame + 3] += 9.0
    regions = named_regions(map, FRONT_END, LIMITS)
    assert [region.kind for region in regions] == ["steady band", "knocks"]
    assert sum(region.share for region in regions) == pytest.approx(1.0)
    assert regions[0].share > regions[1].share
    assert [region.multiple for region in regions] == pytest.approx([4.0, 4.6], abs=0.4)


@pytest.mark.parametrize("level", [3.0, 5.0])
def test_what_is_between_knocks_is_not_part_of_them(level):
    """A band just below the limit is not named, and one above it is named beside the knocks."""
    map = normal_map(1)
    map[:, 10:14] += level
    for frame in (20, 70, 120, 170):
        map[frame : frame + 3] += 9.0
    above = np.maximum(LIMITS.relative(map) - 1.0, 0.0)
    named = {region.kind: region for region in named_regions(map, FRONT_END, LIMITS)}
    assert sum(region.share for region in named.values()) == pytest.approx(1.0)
    assert ("steady band" in named) == (level > LIMITS.steady)
    if "steady band" in named:
        assert (named["steady band"].low_hz, named["steady band"].high_hz) == (EDGES[10], EDGES[14])
        quiet = np.delete(above, np.r_[20:23, 70:73, 120:123, 170:173], axis=0)
        assert named["steady band"].share >= quiet.sum() / above.sum()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.lists(st.tuples(st.integers(0, 31), st.floats(3, 12)), max_size=3))
def test_all_that_exceeds_the_limit_in_the_picture_is_in_a_region(seed, bands):
    map = normal_map(seed)
    for band, level in bands:
        map[:, band : band + 2] += level
    map[50:53, 5:20] += 20.0
    regions = named_regions(map, FRONT_END, LIMITS, count=100)
    assert sum(region.share for region in regions) == pytest.approx(1.0, abs=0.03)


def test_the_number_of_regions_is_limited():
    map = normal_map()
    for band in range(0, 32, 6):
        map[:, band : band + 2] += 8.0
    assert len(named_regions(map, FRONT_END, LIMITS)) == 4


def test_a_map_of_contributions_is_not_named():
    map = np.maximum(normal_map(), 0)
    map[20:30, 5:8] += 5
    score = Score("a.wav", 1.0, None, None, map=map)
    assert score_regions(score, FRONT_END) == strongest_regions(map, FRONT_END)
    assert strongest_part(score, FRONT_END) == []
    with pytest.raises(OptionError, match="explain=True"):
        score_regions(Score("a.wav", 1.0, None, None), FRONT_END)
    with pytest.raises(OptionError, match="32"):
        named_regions(np.ones((5, 4)), FRONT_END, LIMITS)


def test_the_strongest_part_is_named_below_the_limits():
    map = normal_map()
    map[:, 10:14] += 3.5
    score = Score("a.wav", 3.0, 1.0, True, map=map, maps_are_zscores=True, map_limits=LIMITS)
    assert score_regions(score, FRONT_END) == []
    (region,) = strongest_part(score, FRONT_END)
    assert (region.kind, region.low_hz) == ("steady band", EDGES[10])
    assert 0.8 < region.multiple < 1.0


def test_levels_are_relative_to_the_nearest_normal_recording_and_a_narrow_band_is_a_tone():
    time = np.arange(32000) / 16000
    normal = np.random.default_rng(0).normal(0, 0.01, 32000)
    sound = np.random.default_rng(1).normal(0, 0.01, 32000) + 0.05 * np.sin(2 * np.pi * 1000 * time)
    waves = [Waveform(samples.astype(np.float32), 16000) for samples in (sound, normal)]
    mels = [log_mel(wave.samples, FRONT_END) for wave in waves]
    band = int(np.searchsorted(EDGES, 1000.0)) - 1
    narrow = Region(0.0, 2.0, EDGES[band], EDGES[band + 1], 0.5, "steady band")
    elsewhere = Region(0.5, 1.0, EDGES[20], EDGES[28], 0.5, "event")
    line, event = with_comparison([narrow, elsewhere], FRONT_END, waves[0], mels[0], (waves[1], mels[1]))
    assert (line.kind, round(line.hertz)) == ("tone", 1000)
    assert line.level_db > 15
    assert abs(event.level_db) < 2
    assert "1000 Hz, +" in str(line)
    (alone,) = with_comparison([elsewhere], FRONT_END, waves[0], mels[0], None)
    assert alone.level_db is None


def test_a_section_shifts_all_times():
    region = Region(0.5, 1.0, 100.0, 200.0, 0.5, "knocks", (0.5, 0.9)).shifted(840.0)
    assert (region.start_seconds, region.end_seconds, region.times) == (840.5, 841.0, (840.5, 840.9))
