"""Signs of a sensor fault in a recording, compared with the normal recordings of the model.

A sensor fault is no machine fault. What the normal recordings have too is no sign of one: vibration with many
zeros, a machine that hums, recordings that clip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from auscult.model.normal_range import NormalRange, SpectrumRange
from auscult.sound.level import SILENCE_DB, has_offset
from auscult.sound.measures import Measures
from auscult.spectrum import FrontEnd, band_centres

#: ``unusable``: the recording cannot be judged. ``doubt``: a score below the threshold does not mean that the
#: machine is normal. ``note``: no influence on the verdict.
Effect = Literal["unusable", "doubt", "note"]
Verdict = Literal["normal", "anomaly", "sensor"]
Kind = Literal[
    "silence", "stuck", "dead", "hum", "gaps", "rate", "clipping", "bandwidth", "offset", "level", "length"
]  # fmt: skip

#: A recording this far below the quietest normal recording, dB, is silent, even if it is above `SILENCE_DB`.
SILENT_BELOW_DB = 80.0
#: Near or below `SILENCE_DB`, as in units of which a machine gives little, this margin below the quietest
#: normal recording, dB, is not silence.
QUIET_MARGIN_DB = 20.0
#: Mains hum alone: hum is stronger than the rest by this, and the rest weaker than in every normal recording.
HUM_DB = 20.0
#: Hum over the machine: it raises the level by this more than in any normal recording.
HUM_OVER_DB = 12.0
#: The level of hum does not change by more than this, dB; a step has low frequencies too.
STEADY_DB = 10.0
#: A recording with gaps is no more than this below the quietest normal recording, dB: otherwise the machine
#: may stand still in a quiet room.
REST_DB = 15.0
#: A recording that has a defect more than this many times as much as any normal recording differs from them.
EXCESS = 2.0
#: A smaller fraction of clipped samples changes no score.
CLIPPED_SHARE = 0.0005
#: From this fraction of held samples on the channel is stuck; below it has gaps.
STUCK_SHARE = 0.5
#: A level outside the range of the normal recordings by more than this, dB. Normal recordings of the real
#: machines on other days than those of training are outside by up to 6.2 dB.
LEVEL_DB = 8.0
#: Bands at the upper end are cut off if this fraction of them, since a filter may have side lobes, is lower
#: than in every normal recording by this, dB, …
CUT_SHARE, CUT_DB = 0.9, 20.0
#: … if they are at least this fraction of the bands; and if no more than this, since otherwise all is quiet.
CUT_MINIMUM, CUT_MAXIMUM = 0.08, 0.9
#: The lower half of the other bands is lower than in the normal recordings by no more than this, dB, and by
#: less than the bands that are cut off, with this margin: otherwise all is quiet.
KEPT_DB, KEPT_MARGIN_DB = 15.0, 10.0
#: Bands are empty in the normal recordings if they are this far below their median band, dB.
EMPTY_DB = 50.0


@dataclass(frozen=True)
class SensorFinding:
    """A sign that the sensor or the recorder does not work as it did in the normal recordings.

    Attributes:
        kind: a fixed identifier, for programs.
        message: what was found and what to check, for people.
        effect: its influence on the verdict.
    """

    kind: Kind
    message: str
    effect: Effect

    def to_json(self) -> dict[str, str]:
        """Return ``{"kind", "message", "effect"}``."""
        return {"kind": self.kind, "message": self.message, "effect": self.effect}


def verdict(above: bool | None, findings: Iterable[SensorFinding]) -> Verdict | None:
    """Return the verdict on a recording.

    A score above the threshold stays an anomaly if there is only doubt: knocks clip, and a machine that has
    seized is quiet. Where the recording cannot be judged, the score says nothing.

    Args:
        above: whether the score is above the threshold; ``None`` without a threshold.
        findings: of the recording.
    """
    effects = {finding.effect for finding in findings}
    if "unusable" in effects:
        return "sensor"
    if above is None or above:
        return "anomaly" if above else None
    return "sensor" if "doubt" in effects else "normal"


def sensor_findings(
    spectrum: np.ndarray,
    measures: Measures,
    front_end: FrontEnd,
    spectra: SpectrumRange | None,
    normal: NormalRange | None,
    *,
    file_rate: int | None,
) -> tuple[SensorFinding, ...]:
    """Return all signs of a sensor fault in a recording.

    Args:
        spectrum: (n_mels,) mean level of each band of the recording, dB.
        measures: of the recording.
        front_end: the front end of the model.
        spectra: the range of the mean spectra of normal recordings; ``None`` if there are none.
        normal: the range of the normal recordings; ``None`` if it is unknown.
        file_rate: sample rate of the file, Hz, if the recording was resampled.
    """
    rate = front_end.sample_rate
    findings = tuple(signal_findings(measures, normal, file_rate=file_rate or rate, sample_rate=rate))
    if spectra is None or any(finding.effect == "unusable" for finding in findings):
        return findings
    return (*findings, *bandwidth_findings(spectrum, spectra, front_end))


def signal_findings(
    measures: Measures, normal: NormalRange | None, *, file_rate: int, sample_rate: int
) -> Iterator[SensorFinding]:
    """Compare the samples of a recording with those of the normal recordings.

    Args:
        measures: of the recording.
        normal: the range of the normal recordings; ``None`` if unknown.
        file_rate: sample rate of the recording, Hz.
        sample_rate: sample rate of the model, Hz.
    """
    yield from _rate(file_rate, sample_rate, normal)
    no_signal = _no_signal(measures, normal)
    if no_signal:
        yield no_signal
        return
    if fault := _held(measures, normal) or _hum(measures, normal) or _quiet(measures, normal):
        yield fault
    yield from _clipping(measures, normal)
    yield from _offset(measures, normal)
    if fault or normal is None:
        return
    if finding := _hum_over_machine(measures, normal) or _level(measures, normal):
        yield finding


def bandwidth_findings(
    spectrum: np.ndarray, normal: SpectrumRange, front_end: FrontEnd
) -> Iterator[SensorFinding]:
    """Compare the bandwidth of a recording with that of the normal recordings.

    Args:
        spectrum: (n_mels,) mean level of each band, dB.
        normal: the range of the mean spectra of normal recordings.
        front_end: the front end of all spectra.
    """
    centres, enough = band_centres(front_end), int(np.ceil(CUT_MINIMUM * len(spectrum)))
    excess = spectrum - normal.low
    first = _first_of_upper_bands(excess < -CUT_DB, CUT_SHARE)
    if enough <= len(excess) - first <= CUT_MAXIMUM * len(excess):
        kept, cut = np.median(excess[: max(1, first // 2)]), np.median(excess[first:])
        if kept > max(-KEPT_DB, cut + KEPT_MARGIN_DB):
            message = (
                f"nearly nothing above about {_rounded(centres[first - 1])} Hz, unlike the recordings of "
                "the model: a covered or another microphone, a loose sensor, a filter, or a lower sample "
                "rate before"
            )
            yield SensorFinding("bandwidth", message, "doubt")
    empty = np.arange(_first_of_upper_bands(normal.high < np.median(normal.high) - EMPTY_DB), len(excess))
    lowest = empty[:enough]
    if len(empty) >= enough and np.all(spectrum[lowest] > normal.high[lowest] + CUT_DB):
        message = (
            f"sound above about {_rounded(centres[empty[0]])} Hz, where the recordings of the model have "
            "none: another microphone or recorder"
        )
        yield SensorFinding("bandwidth", message, "doubt")


def _rounded(frequency: float) -> str:
    return f"{float(f'{frequency:.2g}'):g}"


def _first_of_upper_bands(mask: np.ndarray, share: float = 1.0) -> int:
    """The band from which on an (n,) mask is true for at least this fraction of the bands; n without any."""
    from_the_top = np.cumsum(mask[::-1]) / np.arange(1, len(mask) + 1)
    enough = np.flatnonzero(from_the_top >= share)
    return len(mask) - (int(enough[-1]) + 1 if len(enough) else 0)


def _rate(file_rate: int, sample_rate: int, normal: NormalRange | None) -> Iterator[SensorFinding]:
    needed = sample_rate if normal is None else min(sample_rate, normal.sample_rate)
    highest = sample_rate if normal is None else max(sample_rate, normal.highest_rate)
    if file_rate < needed:
        message = (
            f"sampled at {file_rate} Hz, but the model needs {needed} Hz: the recording has nothing above "
            f"{file_rate / 2:g} Hz"
        )
        yield SensorFinding("rate", message, "unusable")
    elif file_rate > highest:
        message = (
            f"sampled at {file_rate} Hz, but the recordings of the model at {highest} Hz: another recorder "
            "or setting, or a wrong rate in the file; if it is right, resample the recording"
        )
        yield SensorFinding("rate", message, "note" if normal is None else "doubt")


def _no_signal(measures: Measures, normal: NormalRange | None) -> SensorFinding | None:
    """Silence, a constant value, or the rounding noise of a converter."""
    if measures.constant:
        message = f"stuck: all samples are {measures.constant:.3g}; check sensor, cable and recorder"
        return SensorFinding("stuck", message, "unusable")
    if measures.level < _silence_limit(None if normal is None else normal.level):
        message = "silent: is the microphone connected?"
        return SensorFinding("silence", message, "unusable")
    if measures.few_values and not (normal is not None and normal.few_values):
        message = "dead: the samples have no more than three different values; is the sensor connected?"
        return SensorFinding("dead", message, "unusable")
    return None


def _silence_limit(normal_level: float | None) -> float:
    """The level in dB re 1 below which there is no signal, given the lowest one of normal recordings."""
    if normal_level is None:
        return SILENCE_DB
    return max(min(SILENCE_DB, normal_level - QUIET_MARGIN_DB), normal_level - SILENT_BELOW_DB)


def _hum(measures: Measures, normal: NormalRange | None) -> SensorFinding | None:
    rest, normal_rest = measures.level_without_hum, normal.level_without_hum if normal else None
    if rest is None or normal_rest is None or measures.level_change > STEADY_DB:
        return None
    if rest < measures.level - HUM_DB and rest < normal_rest - HUM_DB:
        message = "mains hum alone: is the sensor connected, and does the machine run?"
        return SensorFinding("hum", message, "unusable")
    return None


def _hum_over_machine(measures: Measures, normal: NormalRange) -> SensorFinding | None:
    """Hum that is much louder than the machine, whose sound is still there."""
    hum, usual = measures.hum, normal.hum
    if hum is None or usual is None or hum <= usual + HUM_OVER_DB or measures.level_change > STEADY_DB:
        return None
    message = (
        f"mains hum and its multiples raise the level by {hum:.0f} dB, but in the recordings of the model by "
        f"{usual:.0f} dB at most: check cable, shield and ground; or an electrical fault of the machine"
    )
    return SensorFinding("hum", message, "doubt")


def _level(measures: Measures, normal: NormalRange) -> SensorFinding | None:
    above, below = measures.level - normal.highest_level, normal.level - measures.level
    if max(above, below) <= LEVEL_DB:
        return None
    if above > 0:
        message = (
            f"{above:.0f} dB louder than the loudest recording of the model: another gain, a microphone that "
            "was moved, or a loud fault"
        )
    else:
        message = (
            f"{below:.0f} dB quieter than the quietest recording of the model: another gain, a microphone "
            "that was moved or covered, or a machine that is off"
        )
    return SensorFinding("level", message, "doubt")


def _held(measures: Measures, normal: NormalRange | None) -> SensorFinding | None:
    """Samples that do not change for a time that is too long to be chance."""
    if _held_more_than_normal(measures, normal):
        share = f"{_percent(measures.held_share)} of the samples"
        if measures.held_share >= STUCK_SHARE:
            message = f"stuck: {share} do not change; check sensor, cable and recorder"
            return SensorFinding("stuck", message, "unusable")
        message = f"gaps (drop-outs): {share} do not change; check cable and recorder"
        return SensorFinding("gaps", message, "unusable")
    return None


def _percent(share: float) -> str:
    """A share with two significant digits, and never with an exponent."""
    return f"{np.format_float_positional(100 * share, precision=2, fractional=False, trim='-')} %"


def _quiet(measures: Measures, normal: NormalRange | None) -> SensorFinding | None:
    """A time in which only the last bit changes, in a recording that is not quiet otherwise."""
    usual, quietest = normal.quietest if normal else None, measures.quietest
    if normal is None or usual is None or quietest is None:
        return None
    if quietest < _silence_limit(usual) and measures.level > normal.level - REST_DB:
        message = "gaps (drop-outs): silent for at least 2 ms; check cable and recorder"
        return SensorFinding("gaps", message, "unusable")
    return None


def _held_more_than_normal(measures: Measures, normal: NormalRange | None) -> bool:
    if not measures.held_seconds or normal is None:
        return measures.held_seconds > 0
    return (
        measures.held_seconds > EXCESS * normal.held_seconds
        or measures.held_share > EXCESS * normal.held_share
    )


def _clipping(measures: Measures, normal: NormalRange | None) -> Iterator[SensorFinding]:
    if not measures.clipped_share:
        return
    usual = max(CLIPPED_SHARE, EXCESS * normal.clipped_share if normal is not None else 0.0)
    message = f"clipped ({_percent(measures.clipped_share)} of samples in flat tops): lower the gain"
    yield SensorFinding("clipping", message, "doubt" if measures.clipped_share > usual else "note")


def _offset(measures: Measures, normal: NormalRange | None) -> Iterator[SensorFinding]:
    usual = (0.0, 0.0) if normal is None else normal.mean
    if has_offset(measures.mean, measures.level, usual):
        message = (
            f"DC offset of {measures.mean:.2g}, unlike the recordings of the model: it can raise the score; "
            "check the recorder, or remove it with a high-pass filter"
        )
        yield SensorFinding("offset", message, "note")
