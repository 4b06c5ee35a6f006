"""Bank of normal clips as pooled views, and the base class of detectors that are fitted on such a bank.

The detector stores all clips of the bank, a few kilobytes each. Adapting it to more clips is therefore the
same as fitting it on all of them at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from auscult.corpus import AudioClip, Clip
from auscult.corpus.clip import Domain
from auscult.corpus.folds import source_keys
from auscult.detectors.adaptable import Refittable
from auscult.detectors.base import Config, Progress
from auscult.detectors.crossfit import CrossFitting, TrainingSet
from auscult.detectors.exportable import Exportable
from auscult.detectors.representable import Representable, Representation
from auscult.detectors.score_selection import ScoreSelection
from auscult.detectors.statistics.pooled_views import FAMILIES, VIEWS, distribute_over_frames, pooled_views
from auscult.errors import FitError, OptionError
from auscult.runtime.option_fields import option
from auscult.runtime.parallel import blas_single_thread


@dataclass(frozen=True)
class NormalBank:
    """Normal clips as pooled views.

    Attributes:
        vectors: (N, V, B) float32.
        clips: the N clips, of whose metadata only domain and source recording are stored, not even the path.
    """

    vectors: np.ndarray
    clips: tuple[Clip, ...]

    @property
    def target(self) -> np.ndarray:
        """(N,) bool, true for clips of the target domain. A clip of unknown domain counts as source."""
        return np.array([clip.domain == "target" for clip in self.clips])

    @property
    def groups(self) -> np.ndarray:
        """(N,) int, equal for clips cut from the same source recording."""
        keys = source_keys(self.clips)
        first_index = {key: i for i, key in reversed(list(enumerate(keys)))}
        return np.array([first_index[key] for key in keys])

    def __len__(self) -> int:
        return len(self.clips)

    def select(self, mask: np.ndarray) -> NormalBank:
        """Return the bank of the clips where ``mask``, (N,) bool, is true."""
        return NormalBank(self.vectors[mask], tuple(self.clips[i] for i in np.flatnonzero(mask)))

    def __add__(self, other: NormalBank) -> NormalBank:
        return NormalBank(np.concatenate([self.vectors, other.vectors]), self.clips + other.clips)

    def to_facts(self) -> list[list[str | None]]:
        """Return domain and source recording of each clip, JSON-serialisable; inverse of `from_facts`."""
        return [[clip.domain, clip.source_recording] for clip in self.clips]

    @classmethod
    def from_facts(cls, vectors: np.ndarray, facts: Iterable[Sequence[str | None]]) -> NormalBank:
        """Make a bank of its vectors and what `to_facts` returned."""
        # Early models may contain other values, which count as source like an unknown domain.
        known: dict[str | None, Domain] = {"source": "source", "target": "target"}
        clips = (Clip("", domain=known.get(d), source_recording=r) for d, r in facts)
        return cls(vectors, tuple(clips))


@dataclass
class BankConfig(Config):
    """Options of detectors that are fitted on a bank."""

    views: str = option(
        "levels",
        f"Pooled views of a recording: {' or '.join(FAMILIES)}, or some of {', '.join(VIEWS)}, "
        "comma-separated.",
    )
    all_scores: bool = option(
        True,
        "Compute all scores; false: only the one that is compared with the threshold, which is faster.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [view for view in self.view_names if view not in VIEWS]
        if unknown or len(set(self.view_names)) < len(self.view_names):
            raise OptionError(
                f"views={self.views!r} is not valid: use {' or '.join(FAMILIES)}, "
                f"or some of {','.join(VIEWS)}, each at most once"
            )

    @property
    def view_names(self) -> tuple[str, ...]:
        """Names of the views."""
        return FAMILIES.get(self.views) or tuple(view.strip() for view in self.views.split(","))


class BankDetector(ScoreSelection, CrossFitting, Refittable, Representable, Exportable):
    """Base class of detectors whose arrays are all computed from the bank, by `fit_bank`."""

    config: BankConfig
    config_type = BankConfig
    min_recordings = 2  #: the smallest training set

    @classmethod
    def has_cheap_folds(cls, config: Config) -> bool:
        """As in `Detector`: true, since a fold model is fitted to a part of the bank."""
        return True

    @abstractmethod
    def fit_bank(self, bank: NormalBank) -> Mapping[str, np.ndarray]:
        """Compute all arrays except the bank itself, from a bank of at least ``min_recordings`` clips."""

    def fit_subsets(
        self, bank: NormalBank, subsets: Sequence[np.ndarray], progress: Progress | None = None
    ) -> list[Mapping[str, np.ndarray]]:
        """`fit_bank` for each of several subsets of a bank, (N,) bool; overridden where that is faster."""
        fitted = []
        for subset in subsets:
            fitted.append(self.fit_bank(bank.select(subset)))
            if progress:
                progress("folds", len(fitted), len(subsets), {})
        return fitted

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        self._check_enough(len(recordings))
        return self._fit_to(self._pool(recordings, progress))

    @classmethod
    def crossfit(
        cls, config: Config, training: TrainingSet, progress: Progress | None = None
    ) -> tuple[Self, list[Self]]:
        """As in `CrossFitting`; views are computed once, and each fold model gets a part of the bank."""
        final = cls(config)
        final._check_enough(len(training.recordings))
        bank = final._pool(training.recordings, progress)
        outside = [np.array(training.folds) != fold for fold in range(training.fold_count)]
        for subset in outside:
            final._check_enough(int(subset.sum()))
        with blas_single_thread():
            of_all, *of_folds = final.fit_subsets(bank, [np.ones(len(bank), bool), *outside], progress)
        fold_models = [
            cls(config)._with_bank(bank.select(subset), arrays)
            for subset, arrays in zip(outside, of_folds, strict=True)
        ]
        return final._with_bank(bank, of_all), fold_models

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`; equal to a detector fitted on the old recordings followed by the new ones."""
        self.require_recordings(recordings)
        old, new = self.bank, self._pool(recordings)
        bank = old + new
        other = self.copied()._with_bank(bank, self.fit_bank(bank))
        recordings_added = f"{len(new)} recording{'' if len(new) == 1 else 's'} added"
        return other.with_adaptation(f"{recordings_added} to the bank: {len(old)} → {len(bank)}")

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`; equal to a detector fitted on these recordings."""
        return self._replaced(type(self)(self.config).fit(recordings))

    def cross_refitted(self, training: TrainingSet) -> tuple[Self, list[Self]]:
        """As in `Refittable`; equal to `crossfit` on these recordings."""
        final, fold_models = self.crossfit(self.config, training)
        return self._replaced(final), [self._replaced(model) for model in fold_models]

    @property
    def bank(self) -> NormalBank:
        """The normal clips that the detector is fitted on."""
        return NormalBank.from_facts(self.arrays["bank"], self.facts["clips"])

    def view(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, B) float64 pooled views of a recording, read-only."""
        front_end, views = self.config.front_end, self.config.view_names
        return recording.feature(
            ("pooled views", front_end, views), lambda: pooled_views(recording.log_mel(front_end), views)
        )

    def represent(self, recording: AudioClip) -> Representation:
        axes = {"view_names": self.config.view_names}
        return Representation({"views": self.view(recording)}, axes=axes)

    def map_of(self, frames: np.ndarray, shares: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Distribute the contributions of all views and bands to a score over the frames.

        Args:
            frames: (T, B) log-mel in dB.
            shares: (V, B) contributions to a score.
            references: (V, B) normal vectors that the views were compared with.

        Returns:
            (T, B) float32 map whose mean over time, summed over bands, is the sum of ``shares``.
        """
        return distribute_over_frames(shares, frames, self.config.view_names, references).astype(np.float32)

    def _check_enough(self, count: int) -> None:
        if count < self.min_recordings:
            recordings = f"{count} recording{'' if count == 1 else 's'}"
            raise FitError(
                f"{self.name}: cannot estimate a variance from {recordings}; "
                f"at least {self.min_recordings} are required"
            )

    def _fit_to(self, bank: NormalBank) -> Self:
        self._check_enough(len(bank))
        self.facts = {}
        return self._with_bank(bank, self.fit_bank(bank))

    def _replaced(self, other: Self) -> Self:
        """Return another detector, with this one's adaptations and a further one."""
        line = f"the {len(self.bank)} recordings in the bank replaced by {len(other.bank)}"
        return other.with_adaptation(line, after=self)

    def _with_bank(self, bank: NormalBank, arrays: Mapping[str, np.ndarray]) -> Self:
        """Replace the bank and what `fit_bank` computed from it, in place; return the detector."""
        self.arrays = {"bank": bank.vectors, **arrays}
        self.facts = {"findings": [], **self.facts, "clips": bank.to_facts()}
        return self

    def _pool(self, recordings: Sequence[AudioClip], progress: Progress | None = None) -> NormalBank:
        """Compute the pooled views of recordings."""
        vectors = []
        for done, recording in enumerate(recordings):
            vectors.append(self.view(recording).astype(np.float32))
            if progress:
                progress("features", done + 1, len(recordings), {})
        clips = (Clip("", domain=r.clip.domain, source_recording=r.clip.source_recording) for r in recordings)
        return NormalBank(np.stack(vectors), tuple(clips))
