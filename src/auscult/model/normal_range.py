"""The range of the normal recordings of a model in what shows a sensor fault, or a machine that is off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.sound.level import SILENCE_DB
from auscult.sound.measures import Measures
from auscult.spectrum import FrontEnd, spectral_detail


@dataclass(frozen=True)
class NormalRange:
    """Extremes over normal recordings. Silent ones are left out, so that one of them does not hide others.

    Attributes:
        sample_rate: lowest sample rate of the files, Hz.
        highest_rate: highest sample rate of the files, Hz.
        level: lowest level, dB re 1.
        highest_level: highest level, dB re 1.
        mean: smallest and largest DC offset.
        few_values: whether a recording has no more than three different values.
        clipped_share: largest fraction of clipped samples.
        held_seconds: longest time that a value is held.
        held_share: largest fraction of samples that are held.
        level_without_hum: lowest level of what is not mains hum, dB re 1; ``None`` if unknown.
        hum: by how much multiples of the mains frequency raise the level at most, dB; ``None`` if unknown.
        detail: least detail of the mean spectrum, see `auscult.spectrum.spectral_detail`.
        fluctuation: least fluctuation of the level, dB, see `Measures`.
        quietest: lowest level over 2 ms, dB re 1, see `Measures`; ``None`` if unknown.
    """

    sample_rate: int
    highest_rate: int
    level: float
    highest_level: float
    mean: tuple[float, float]
    few_values: bool
    clipped_share: float
    held_seconds: float
    held_share: float
    level_without_hum: float | None
    hum: float | None
    detail: float
    fluctuation: float
    quietest: float | None

    @classmethod
    def of(
        cls, recordings: Sequence[AudioClip], measures: Sequence[Measures], front_end: FrontEnd
    ) -> NormalRange | None:
        """Return the range of some recordings; ``None`` if it is unknown or all are constant.

        Args:
            recordings: the N recordings.
            measures: N, of each recording; none if nothing was measured.
            front_end: the front end of the model.
        """
        if not measures:
            return None
        small_unit = max(measured.level for measured in measures) < SILENCE_DB
        silent_below = -np.inf if small_unit else SILENCE_DB
        ranges = []
        for recording, measured in zip(recordings, measures, strict=True):
            if measured.level >= silent_below and measured.level > -np.inf:
                frames = recording.log_mel(front_end)
                ranges.append(
                    cls(
                        sample_rate=measured.sample_rate,
                        highest_rate=measured.sample_rate,
                        level=measured.level,
                        highest_level=measured.level,
                        mean=(measured.mean, measured.mean),
                        few_values=measured.few_values,
                        clipped_share=measured.clipped_share,
                        held_seconds=measured.held_seconds,
                        held_share=measured.held_share,
                        level_without_hum=measured.level_without_hum,
                        hum=measured.hum,
                        detail=spectral_detail(frames, front_end),
                        fluctuation=measured.fluctuation,
                        quietest=measured.quietest,
                    )
                )
        return cls.merged(ranges)

    @classmethod
    def merged(cls, ranges: Iterable[NormalRange | None]) -> NormalRange | None:
        """Return the range of all recordings of several ranges; ``None`` stands for no recordings."""
        known = [r for r in ranges if r is not None]
        if not known:
            return None
        without_hum = [r.level_without_hum for r in known if r.level_without_hum is not None]
        hum = [r.hum for r in known if r.hum is not None]
        quietest = [r.quietest for r in known if r.quietest is not None]
        return cls(
            sample_rate=min(r.sample_rate for r in known),
            highest_rate=max(r.highest_rate for r in known),
            level=min(r.level for r in known),
            highest_level=max(r.highest_level for r in known),
            mean=(min(r.mean[0] for r in known), max(r.mean[1] for r in known)),
            few_values=any(r.few_values for r in known),
            clipped_share=max(r.clipped_share for r in known),
            held_seconds=max(r.held_seconds for r in known),
            held_share=max(r.held_share for r in known),
            level_without_hum=min(without_hum, default=None),
            hum=max(hum, default=None),
            detail=min(r.detail for r in known),
            fluctuation=min(r.fluctuation for r in known),
            quietest=min(quietest, default=None),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the range as plain data, for the model file."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> NormalRange | None:
        """Return the range of a model file; ``None`` if the file holds none, or other fields, as of 0.1.0."""
        names = {field.name for field in fields(cls)}
        if not data or not names <= set(data):
            return None
        low, high = data["mean"]
        return cls(**{**{name: data[name] for name in names}, "mean": (low, high)})


@dataclass(frozen=True)
class SpectrumRange:
    """The range of the mean spectra of the normal recordings.

    Attributes:
        low, high: (n_mels,) lowest and highest mean level of each band, dB.
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> SpectrumRange | None:
        """Return the range of the (N, 2 · n_mels) vectors of a `NormalIndex`; ``None`` if there are none."""
        if not len(vectors):
            return None
        spectra = vectors[:, : vectors.shape[1] // 2]
        return cls(spectra.min(axis=0), spectra.max(axis=0))
