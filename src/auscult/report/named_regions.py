"""Names what a z-score map shows beyond normal recordings: steady bands, tones, knocks and single events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.maps.map_limits import MapLimits, MapParts
from auscult.errors import OptionError
from auscult.report.impacts import tone
from auscult.report.regions import (
    MIN_SHARE,
    ZSCORE_FLOOR,
    Region,
    band_edges,
    check_map,
    frame_edges,
    strongest_regions,
)
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from auscult.model import Score

#: A band reaches as far as the map is above this share of the limit.
EXTENT = 0.6
#: A band or a long burst also exceeds this share of its largest value, which cuts off faint traces.
PEAK_EXTENT = 0.1
#: Bands that may be missing in the middle of a steady band, and seconds in the middle of a knock.
BAND_GAP, GAP_SECONDS = 2, 0.1
#: At least so many bursts up to this length are knocks, seconds.
MIN_KNOCKS, KNOCK_SECONDS = 3, 0.3
#: The frequency range of knocks holds this share of their deviation, in the middle.
KNOCK_SHARE = 0.8
#: A steady band of at most so many mel bands is searched for a tone.
TONE_BANDS = 6
#: A spot that lasts for this share of the recording is steady.
STEADY_SHARE = 0.8


def named_regions(map: np.ndarray, front_end: FrontEnd, limits: MapLimits, *, count: int = 4) -> list[Region]:
    """Return what a z-score map shows beyond the limits of normal recordings.

    Args:
        map: (T, n_mels) z-scores, as in `auscult.model.Score`.
        front_end: the front end that computed the frames.
        limits: what normal recordings show.
        count: the maximum number of regions.

    Returns:
        Regions that hold at least 1 % of the deviation, the one with the largest share first. A steady band
        is one region, and so are all knocks together.

    Raises:
        OptionError: the map does not match the front end, or has values that are not finite.
    """
    check_map(map, front_end)
    values, parts = np.asarray(map, np.float64), MapParts.of(map)
    positive = np.maximum(values - ZSCORE_FLOOR, 0.0)
    total = positive.sum()
    if not total > 0:
        return []
    taken = np.zeros(values.shape, bool)  # bins that are in a region
    regions = []
    for kind, times, frames, bands in _boxes(parts, limits, front_end, taken):
        share = float(positive[frames, bands][~taken[frames, bands]].sum() / total)
        if share >= MIN_SHARE:
            regions.append(_region(kind, times, frames, bands, len(values), front_end, share))
        taken[frames, bands] = True
    return sorted(regions, key=lambda region: -region.share)[:count]


def score_regions(score: Score, front_end: FrontEnd) -> list[Region]:
    """Return the regions of a score with a map: named ones if it is in standard deviations.

    Raises:
        OptionError: there is no map, or it does not match the front end.
    """
    if score.map is None:
        raise OptionError(f"{score.path} was scored without a map: score it with explain=True")
    if not score.maps_are_zscores:
        return strongest_regions(score.map, front_end)
    return named_regions(score.map, front_end, score.map_limits or MapLimits())


def strongest_part(score: Score, front_end: FrontEnd) -> list[Region]:
    """Return the region that comes closest to the limits of normal recordings, or none.

    Raises as `score_regions`.
    """
    if score.map is None or not score.maps_are_zscores:
        return []
    limits, parts = score.map_limits or MapLimits(), MapParts.of(score.map)
    largest = (parts.steady.max(), parts.bursts.max(), parts.spots.max())
    share = max(v / limit for v, limit in zip(largest, astuple(limits), strict=True)) * (1 - 1e-6)
    if not share > 0:
        return []
    lowered = MapLimits(*(min(limit, share * limit) for limit in astuple(limits)))
    return named_regions(score.map, front_end, lowered, count=1)


def with_comparison(
    regions: Sequence[Region],
    front_end: FrontEnd,
    waveform: Waveform,
    frames: np.ndarray,
    nearest: tuple[Waveform, np.ndarray] | None,
) -> list[Region]:
    """Add to regions their level relative to the nearest normal recording, and the frequency of tones.

    Args:
        regions: of `named_regions`.
        front_end: the front end that computed the frames.
        waveform: the recording.
        frames: (T, n_mels) its log-mel, dB.
        nearest: the same of the nearest normal recording; ``None`` if there is none.
    """
    edges, compared = band_edges(front_end), []
    for region in regions:
        bands = slice(*np.searchsorted(edges, [region.low_hz, region.high_hz]))
        if nearest is not None:
            seconds = frame_edges(len(frames), front_end)
            first, last = np.searchsorted(seconds, [region.start_seconds, region.end_seconds])
            here, there = frames[first : max(last, first + 1), bands], nearest[1][:, bands]
            region = replace(region, level_db=float(_mean_db(here) - _mean_db(there)))
        if region.kind == "steady band" and bands.stop - bands.start <= TONE_BANDS:
            other = nearest[0] if nearest else None
            margin = edges[bands.stop] - edges[bands.stop - 1]
            hertz = tone(waveform, region.low_hz - margin, region.high_hz + margin, other)
            region = replace(region, kind="tone", hertz=hertz) if hertz else region
        compared.append(region)
    return compared


def _boxes(
    parts: MapParts, limits: MapLimits, front_end: FrontEnd, taken: np.ndarray
) -> Iterator[tuple[str, list[int], slice, slice]]:
    """Kind, frames of the peaks, frames and bands of each region; ``taken`` marks bins of those before."""
    from scipy import ndimage

    count, frame_seconds = len(parts.bursts), front_end.hop / front_end.sample_rate
    everything = slice(0, count)
    for start, stop in _steady_bands(parts.steady, limits.steady):
        yield "steady band", [], everything, slice(start, stop)
    bursts = list(_bursts(parts.bursts, limits.burst, frame_seconds))
    knocks = [run for run in bursts if (run[1] - run[0]) * frame_seconds <= KNOCK_SECONDS]
    if len(knocks) >= MIN_KNOCKS:
        peaks = [start + int(np.argmax(parts.bursts[start:stop])) for start, stop in knocks]
        yield "knocks", peaks, slice(knocks[0][0], knocks[-1][1]), _range_of(parts.spots, knocks)
    for start, stop in bursts:
        if len(knocks) < MIN_KNOCKS or (start, stop) not in knocks:
            yield "burst", [], slice(start, stop), _range_of(parts.spots, [(start, stop)])
    labels, label_count = ndimage.label(parts.spots > limits.spot, structure=np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(labels, label_count), start=1):
        frames, bands = box
        if np.mean(taken[labels == number]) < 0.5:
            steady = frames.stop - frames.start > STEADY_SHARE * count
            yield ("steady band" if steady else "event"), [], everything if steady else frames, bands


def _steady_bands(steady: np.ndarray, limit: float) -> Iterator[tuple[int, int]]:
    """First band, and the band after the last, of each run of bands that has one above the limit."""
    for run in _runs(steady, limit, EXTENT * limit, BAND_GAP):
        yield from _without_traces(steady, run, limit, EXTENT * limit, BAND_GAP)


def _bursts(bursts: np.ndarray, limit: float, frame_seconds: float) -> Iterator[tuple[int, int]]:
    """First frame and the one after the last of each burst; knocks that ring into each other are split."""
    for start, stop in _runs(bursts, limit, limit, round(GAP_SECONDS / frame_seconds)):
        if (stop - start) * frame_seconds <= KNOCK_SECONDS:
            yield start, stop
        else:
            yield from _without_traces(bursts, (start, stop), limit, limit, gap=1)


def _without_traces(
    values: np.ndarray, run: tuple[int, int], above: float, extent: float, gap: int
) -> Iterator[tuple[int, int]]:
    """The parts of a run that also exceed `PEAK_EXTENT` of its largest value; all of it, if this is lower."""
    start, stop = run
    inside = values[start:stop]
    level = PEAK_EXTENT * float(inside.max())
    if level <= extent:
        yield run
    else:
        yield from ((start + low, start + high) for low, high in _runs(inside, above, level, gap))


def _runs(values: np.ndarray, above: float, extent: float, gap: int) -> Iterator[tuple[int, int]]:
    """Start and end of each run of values above ``extent`` that has one above ``above``.

    Runs that are at most ``gap`` apart are one.
    """
    from scipy.ndimage import binary_closing, find_objects, label

    high = values > extent
    if gap > 0:
        closed = np.pad(high, gap + 1)
        high = high | binary_closing(closed, np.ones(gap + 1))[gap + 1 : -gap - 1]
    for (run,) in find_objects(label(high)[0]):
        if values[run].max() > above:
            yield run.start, run.stop


def _range_of(spots: np.ndarray, runs: Sequence[tuple[int, int]]) -> slice:
    """The bands in the middle that hold `KNOCK_SHARE` of the deviation in some runs of frames."""
    mass = np.maximum(np.concatenate([spots[start:stop] for start, stop in runs]), 0.0).sum(axis=0)
    sums = np.cumsum(mass) / max(float(mass.sum()), 1e-12)
    low, high = np.searchsorted(sums, [(1 - KNOCK_SHARE) / 2, (1 + KNOCK_SHARE) / 2])
    return slice(int(low), int(min(high, len(mass) - 1)) + 1)


def _region(
    kind: str,
    peaks: Sequence[int],
    frames: slice,
    bands: slice,
    count: int,
    front_end: FrontEnd,
    share: float,
) -> Region:
    seconds, hertz = frame_edges(count, front_end), band_edges(front_end)
    times = tuple(float(peak * front_end.hop / front_end.sample_rate) for peak in peaks)
    return Region(
        float(seconds[frames.start]),
        float(seconds[frames.stop]),
        float(hertz[bands.start]),
        float(hertz[bands.stop]),
        share,
        kind,
        times,
    )


def _mean_db(frames: np.ndarray) -> float:
    """The level of the mean power of frames in dB."""
    return float(10 * np.log10(np.mean(10 ** (np.asarray(frames, np.float64) / 10))))
