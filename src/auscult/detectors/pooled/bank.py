"""The normal clips that a detector on pooled views keeps, and how such detectors are fitted and adapted.

The bank is kept whole, a few kilobytes a clip: adapting to more clips is then the same as learning from all
of them at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.detectors.base import Config, Detector, Progress
from auscult.detectors.statistics.pooled_views import FAMILIES, VIEWS, pooled_views, shared_out
from auscult.errors import FitError, OptionError


@dataclass(frozen=True)
class Bank:
    """Normal clips as pooled views.

    Attributes:
        vectors: (N, V, B) float32.
        clips: (N,) domain and recording of each; nothing else is kept, its path neither.
    """

    vectors: np.ndarray
    clips: tuple[Clip, ...]

    @property
    def target(self) -> np.ndarray:
        """(N,) bool: the target domain. A clip of unknown domain counts as source."""
        return np.array([clip.domain == "target" for clip in self.clips])

    @property
    def groups(self) -> np.ndarray:
        """(N,) int, the same for clips cut from one recording."""
        keys = [
            i if clip.source_recording is None else clip.source_recording for i, clip in enumerate(self.clips)
        ]
        first = {key: i for i, key in reversed(list(enumerate(keys)))}
        return np.array([first[key] for key in keys])

    @property
    def domains(self) -> str:
        """How many clips of source and of target domain: ``97 + 3``."""
        return f"{np.sum(~self.target)} + {np.sum(self.target)}"

    def __len__(self) -> int:
        return len(self.clips)

    def only(self, chosen: np.ndarray) -> Bank:
        """The clips that are marked in ``chosen``, (N,) bool."""
        return Bank(self.vectors[chosen], tuple(self.clips[i] for i in np.flatnonzero(chosen)))

    def __add__(self, other: Bank) -> Bank:
        return Bank(np.concatenate([self.vectors, other.vectors]), self.clips + other.clips)

    def as_facts(self) -> list[list[str | None]]:
        """The clips as plain data: domain, recording."""
        return [[clip.domain, clip.source_recording] for clip in self.clips]

    @classmethod
    def from_facts(cls, vectors: np.ndarray, facts: Iterable[Sequence[str | None]]) -> Bank:
        """The inverse of `as_facts`."""
        clips = (Clip("", domain=d, source_recording=r) for d, r in facts)  # type: ignore[arg-type]
        return cls(vectors, tuple(clips))


@dataclass
class BankConfig(Config):
    """Settings of a detector that keeps a bank."""

    views: str = "levels"  # a family out of pooled.views.FAMILIES, or names out of VIEWS parted by commas

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [view for view in self.view_names if view not in VIEWS]
        if unknown or len(set(self.view_names)) < len(self.view_names):
            raise OptionError(
                f"views={self.views!r}: give {' or '.join(FAMILIES)}, or some of {','.join(VIEWS)}, each once"
            )

    @property
    def view_names(self) -> tuple[str, ...]:
        """The views that are used."""
        return FAMILIES.get(self.views) or tuple(view.strip() for view in self.views.split(","))


class BankDetector(Detector):
    """A detector all of whose knowledge follows from its bank: ``learn`` works it out anew."""

    config: BankConfig
    config_type = BankConfig
    least = 2  #: recordings without which nothing can be learnt

    @abstractmethod
    def learn(self, bank: Bank) -> Mapping[str, np.ndarray]:
        """Every array but the bank's own, learnt from a bank of ``least`` clips or more."""

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        if len(recordings) < self.least:
            raise FitError(
                f"{self.name}: {len(recordings)} recordings tell no spread; at least {self.least} are needed"
            )
        self.facts = {"warnings": []}
        self._keep(self._heard(recordings, progress))
        return self

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Detector`: the same as a detector fitted on all, these recordings after those before."""
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")
        other, before, more = self._copy(), self.bank, self._heard(recordings)
        assert isinstance(other, type(self))
        bank = before + more
        other._keep(bank)
        counts = {"source": int(np.sum(~more.target)), "target": int(np.sum(more.target))}
        added = " and ".join(f"{count} {domain}" for domain, count in counts.items() if count)
        clips = "clip" if len(more) == 1 else "clips"
        line = f"{added} {clips} added to the bank: {before.domains} → {bank.domains}"
        other.facts["adaptations"] = [*self.facts.get("adaptations", []), line]
        return other

    @property
    def bank(self) -> Bank:
        """The normal clips that it knows."""
        return Bank.from_facts(self.arrays["bank"], self.facts["clips"])

    def view(self, recording: AudioClip) -> np.ndarray:
        """(V, B) float64, the recording as this detector sees it."""
        return pooled_views(recording.log_mel(self.config.front_end), self.config.view_names)

    def map_of(self, frames: np.ndarray, shares: np.ndarray, compared: np.ndarray) -> np.ndarray:
        """What the bands of every view added, where it came from in time.

        Args:
            frames: (T, B) log-mel in dB.
            shares: (V, B) part of a score.
            compared: (V, B) what the views were compared with.

        Returns:
            (T, B) float32 whose mean over time, summed over bands, is the sum of ``shares``.
        """
        whole = np.zeros(frames.shape)
        for share, view, usual in zip(shares, self.config.view_names, compared, strict=True):
            if share.any():
                whole += shared_out(share, frames, view, usual)
        return whole.astype(np.float32)

    def _keep(self, bank: Bank) -> None:
        self.arrays = {"bank": bank.vectors, **self.learn(bank)}
        self.facts["clips"] = bank.as_facts()

    def _heard(self, recordings: Sequence[AudioClip], progress: Progress | None = None) -> Bank:
        vectors = []
        for done, recording in enumerate(recordings):
            vectors.append(self.view(recording).astype(np.float32))
            if progress:
                progress("features", done + 1, len(recordings), {})
        clips = (Clip("", domain=r.clip.domain, source_recording=r.clip.source_recording) for r in recordings)
        return Bank(np.stack(vectors), tuple(clips))
