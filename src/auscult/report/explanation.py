"""Everything that a picture of a score and its description in words need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.corpus.dcase_names import SOURCE_ATTRIBUTES, parse_name
from auscult.model import Score
from auscult.report.impacts import Impacts, repeating_impacts
from auscult.report.named_regions import score_regions, strongest_part, with_comparison
from auscult.report.regions import MIN_SHARE, Region
from auscult.report.timeline import Timeline
from auscult.sound import Waveform
from auscult.spectrum import FrontEnd


@dataclass(frozen=True)
class Explanation:
    """A score with its recording, the nearest normal recording, and what differs.

    Attributes:
        score: the score, with a map.
        front_end: the front end of the map.
        waveform: the recording, or the section of it that was scored.
        nearest: the nearest normal recording; ``None`` if there is none or it cannot be read.
        regions: where the map shows more than those of normal recordings.
        strongest: if the score is anomalous and there are no regions, the part that comes closest to what
            normal recordings show.
        impacts: impacts that repeat regularly, and do not in the nearest normal recording; ``None`` if there
            are none, or if the recording is normal in every other respect.
        start_seconds: start of the section in its file.
        timeline: the scores of all sections of the file, of which this is one; ``None`` if it is the whole.
    """

    score: Score
    front_end: FrontEnd
    waveform: Waveform
    nearest: Waveform | None
    regions: tuple[Region, ...]
    strongest: Region | None
    impacts: Impacts | None
    start_seconds: float = 0.0
    timeline: Timeline | None = None

    @property
    def map(self) -> np.ndarray:
        """(T, n_mels) float64 map of the score."""
        return np.asarray(self.score.map, np.float64)

    @property
    def nearest_name(self) -> str:
        """The nearest normal recording, with its window; empty if there is none."""
        score = self.score
        return Clip(score.nearest, window=score.nearest_window).name if score.nearest else ""

    @property
    def nearest_start(self) -> float:
        """Start of the nearest normal recording in its file, seconds."""
        return self.score.nearest_window[0] if self.score.nearest_window else 0.0

    @property
    def nearest_differs(self) -> str:
        """Attributes that both file names state and that differ: ``spd 1650, not 1400``; or empty."""
        return differing_attributes(self.score.path, self.score.nearest) if self.score.nearest else ""

    @property
    def unnamed_share(self) -> float:
        """The share of all that exceeds normal that is in none of the regions; 0 without named regions."""
        named = [region.share for region in self.regions if region.kind != "region"]
        return max(1.0 - sum(named), 0.0) if named else 0.0

    def in_words(self) -> list[str]:
        """Return what deviates, a line each."""
        lines = [str(region) for region in self.regions]
        if self.unnamed_share >= MIN_SHARE:
            lines.append(f"smaller parts: {100 * self.unnamed_share:.0f} % of all that exceeds normal")
        if self.strongest is not None:
            most = f"{self.strongest.what} ({100 * (self.strongest.multiple or 0):.0f} % of the limit)"
            lines.append(f"no part alone exceeds normal recordings; most deviates: {most}")
        return lines or ["nothing beyond what normal recordings show"]

    def impacts_text(self) -> str | None:
        """Return the impacts in words, or ``None``."""
        if self.impacts is None:
            return None
        return f"repeat {self.impacts.hertz:.1f} times a second ({self.impacts.band})"


def differing_attributes(path: str, nearest: str) -> str:
    """Return in what two recordings differ by their names: ``spd 1650, not 1400``; empty if in nothing.

    Only attributes that both names state count, and not the one that numbers recordings.

    Args:
        path: the recording.
        nearest: the one that it is compared with.
    """
    here, there = (parse_name(name) for name in (path, nearest))
    if here is None or there is None:
        return ""
    return "; ".join(
        f"{key} {there.attributes[key]}, not {value}"
        for key, value in here.attributes.items()
        if key not in SOURCE_ATTRIBUTES and there.attributes.get(key, value) != value
    )


def explanation(
    score: Score,
    front_end: FrontEnd,
    recording: AudioClip,
    nearest: AudioClip | None = None,
    *,
    start_seconds: float = 0.0,
    timeline: Timeline | None = None,
) -> Explanation:
    """Compare a scored recording with the nearest normal one.

    Args:
        score: the score of the recording, with a map.
        front_end: the front end of the detector.
        recording: the recording.
        nearest: the recording at ``score.nearest``.
        start_seconds: start of the recording in its file, if it is a section.
        timeline: the scores of all sections.

    Raises:
        OptionError: there is no map, or it does not match the front end.
        AudioError: a recording cannot be read.
    """
    regions = score_regions(score, front_end)
    looks_normal = score.anomalous is False and not regions
    strongest = strongest_part(score, front_end) if score.anomalous and not regions else []
    waveform, frames = recording.waveform(), recording.log_mel(front_end)
    normal = None if nearest is None else (nearest.waveform(), nearest.log_mel(front_end))
    compared = [
        region.shifted(start_seconds)
        for region in with_comparison([*regions, *strongest], front_end, waveform, frames, normal)
    ]
    return Explanation(
        score,
        front_end,
        waveform,
        None if normal is None else normal[0],
        tuple(compared[: len(regions)]),
        compared[-1] if strongest else None,
        None if looks_normal else repeating_impacts(waveform, None if normal is None else normal[0]),
        start_seconds,
        timeline,
    )
