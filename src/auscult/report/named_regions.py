"""Names what a z-score map shows beyond normal recordings: steady bands, tones, knocks and single events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from auscult.detectors.maps.map_limits import MapLimits, MapParts
from auscult.errors import OptionError
from auscult.report.impacts import tone
from auscult.report.regions import (
    MIN_SHARE,
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
BAND_GAP, GAP_SECONDS = 2, 0.05
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
        Regions that hold at least 1 % of what exceeds the limits, the one with the largest share first. A
        steady band is one region, and so are all knocks together. What a steady band exceeds the limit by is
        its own at all times; knocks, bursts and events have only what they add to it.

    Raises:
        OptionError: the map does not match the front end, or has values that are not finite.
    """
    check_map(map, front_end)
    values, parts = np.asarray(map, np.float64), MapParts.of(map)
    multiples = limits.relative(values)
    above = np.maximum(multiples - 1.0, 0.0)
    total = above.sum()
    if not total > 0:
        return []
    steady = np.maximum(parts.steady / limits.steady - 1.0, 0.0)  # (B,) the share of `above` of steady bands
    rest = above - steady
    taken = np.zeros(values.shape, bool)  # bins of ``rest`` that are in a region
    regions = []
    for part in _parts(parts, limits, front_end, taken):
        own = part.bins & ~taken
        mass, peak = float(rest[own].sum()), multiples[part.bins].max(initial=0.0)
        if part.over_all_time:
            mass += float(steady[part.bands].sum() * len(values))
            peak = max(float(parts.steady[part.bands].max() / limits.steady), 1.0)
        taken |= part.bins
        if mass >= MIN_SHARE * total:
            regions.append(_region(part, front_end, mass / total, float(peak)))
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
    regions = named_regions(score.map, front_end, lowered, count=1)
    return [replace(region, multiple=float(share)) for region in regions]


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


@dataclass(frozen=True)
class _Part:
    """A region in frames and bands.

    Attributes:
        kind: as of `Region`.
        frames, bands: the box.
        bins: (T, B) mask of the bins that count.
        peaks: frames of the knocks.
        over_all_time: whether it is a steady band whose median exceeds the limit.
    """

    kind: str
    frames: slice
    bands: slice
    bins: np.ndarray
    peaks: tuple[int, ...] = ()
    over_all_time: bool = False


def _parts(parts: MapParts, limits: MapLimits, front_end: FrontEnd, taken: np.ndarray) -> Iterator[_Part]:
    """What exceeds the limits; ``taken`` marks the bins of the parts before."""
    from scipy import ndimage

    shape = parts.spots.shape
    count, frame_seconds = shape[0], front_end.hop / front_end.sample_rate
    everything = slice(0, count)
    for start, stop in _steady_bands(parts.steady, limits.steady):
        bands = slice(start, stop)
        yield _Part("steady band", everything, bands, np.zeros(shape, bool), over_all_time=True)
    bursts = list(_bursts(parts.bursts, limits.burst, frame_seconds))
    knocks = [run for run in bursts if (run[1] - run[0]) * frame_seconds <= KNOCK_SECONDS]
    if len(knocks) >= MIN_KNOCKS:
        peaks = tuple(start + int(np.argmax(parts.bursts[start:stop])) for start, stop in knocks)
        frames = slice(knocks[0][0], knocks[-1][1])
        bins = _bins_in(shape, knocks)
        yield _Part("knocks", frames, _range_of(parts.spots, knocks), bins, peaks)
    for run in bursts:
        if len(knocks) < MIN_KNOCKS or run not in knocks:
            yield _Part("burst", slice(*run), _range_of(parts.spots, [run]), _bins_in(shape, [run]))
    labels, label_count = ndimage.label(parts.spots > limits.spot, structure=np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(labels, label_count), start=1):
        frames, bands = box
        bins = labels == number
        if np.mean(taken[bins]) < 0.5:
            steady = frames.stop - frames.start > STEADY_SHARE * count
            kind = "steady band" if steady else "event"
            yield _Part(kind, everything if steady else frames, bands, bins)


def _bins_in(shape: tuple[int, ...], runs: Sequence[tuple[int, int]]) -> np.ndarray:
    """A (T, B) mask of all bands in some runs of frames."""
    bins = np.zeros(shape, bool)
    for start, stop in runs:
        bins[start:stop] = True
    return bins


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


def _region(part: _Part, front_end: FrontEnd, share: float, multiple: float) -> Region:
    seconds, hertz = frame_edges(len(part.bins), front_end), band_edges(front_end)
    return Region(
        float(seconds[part.frames.start]),
        float(seconds[part.frames.stop]),
        float(hertz[part.bands.start]),
        float(hertz[part.bands.stop]),
        share,
        part.kind,
        tuple(float(peak * front_end.hop / front_end.sample_rate) for peak in part.peaks),
        multiple=multiple,
    )


def _mean_db(frames: np.ndarray) -> float:
    """The level of the mean power of frames in dB."""
    return float(10 * np.log10(np.mean(10 ** (np.asarray(frames, np.float64) / 10))))
