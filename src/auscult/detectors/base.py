"""What every detector is: it learns from normal recordings, and says how far a recording is from them."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.crossfit import FitJob, FittedFolds, fit_jobs
from auscult.errors import FitError, MissingExtraError, OptionError
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: What an optional part brings that fitting imports.
_OF_EXTRA = {"train": ("torch", "onnxscript")}
#: Told what is being done: stage name, steps done, steps in all, and figures worth showing.
Progress = Callable[[str, int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Evidence:
    """What a detector says of one recording.

    Attributes:
        scores: score name to value; higher is more anomalous.
        maps: score name to (T, n_mels) float32, how much each time-frequency bin added to the score;
            empty unless it was asked for.
    """

    scores: Mapping[str, float]
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Config:
    """Settings that every detector has; each detector's own dataclass adds to them."""

    score: str = ""  # which of the detector's scores decides; empty: its first
    seed: int = 13711  # the baseline's
    front_end: FrontEnd = field(default_factory=FrontEnd)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise OptionError(f"seed={self.seed}: it must be 0 or more, and less than 2 to the 63rd")


class Detector(ABC):
    """The contract: ``fit`` on normal recordings, then ``score`` any recording.

    A score is a pure function of ``config``, ``arrays``, ``facts`` and the recording, so these three
    are all that a model file keeps.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[str, ...]]  # the first is the default
    config_type: ClassVar[type[Config]]
    has_codes: ClassVar[bool] = False  # whether `codes` gives a latent space to look at
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    extra: ClassVar[str] = ""  # the optional part of auscult that fitting imports, as "train"; scoring: none
    required_options: ClassVar[tuple[str, ...]] = ()  # without a default: what only the user can bring
    page: ClassVar[str] = "docs/detectors.md"  # where its options are explained
    export_needs: ClassVar[str] = "its arithmetic drawn by its method export"  # where it cannot be exported
    maps_point: ClassVar[bool] = False  # whether maps are in standard deviations of normal running already
    trains_together: ClassVar[bool] = False  # whether `fit_fleet` trains all its machines in the same steps

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()
        self.arrays: dict[str, np.ndarray] = {}  # everything learnt; empty until fitted
        self.facts: dict[str, Any] = {}  # what happened while learning, JSON-able

    @classmethod
    def learns_from_others(cls, config: Config) -> bool:
        """Whether `fit` under this configuration reads the recordings of other machines."""
        return False

    @classmethod
    def front_ends(cls, config: Config) -> tuple[FrontEnd, ...]:
        """The front ends whose log-mels this configuration asks recordings for, so that they can be worked
        out while the waveform is at hand."""
        return (config.front_end,)

    @classmethod
    def learning_from_all(cls, config: Config) -> Config:
        """The configuration that keeps nothing of what is given out of learning; asked for where
        calibration keeps whole recordings out."""
        return config

    def codes(self, recording: AudioClip) -> np.ndarray:
        """(V, K) latent code of each window of a recording, where ``has_codes``.

        Raises:
            OptionError: the detector has no latent space.
            AudioError: as `score`.
        """
        raise OptionError(f"{self.name} has no latent space, so no codes for {recording.clip.path}")

    @classmethod
    def check_can_fit(cls) -> None:
        """Raises `MissingExtraError` where fitting needs an optional part that is not installed."""
        if not all(map(find_spec, _OF_EXTRA.get(cls.extra, ()))):  # to import them takes seconds
            raise MissingExtraError(f"Fitting {cls.name}", cls.extra)

    @abstractmethod
    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Detector:
        """Learns what is normal.

        Args:
            recordings: normal recordings alone, all at ``config.front_end.sample_rate``.
            others: normal recordings of other machines at the same rate, from which a detector may learn
                how machines differ; read only by detectors that do.

        Raises:
            FitError: too little to learn from, or learning did not end well.
            AudioError: a recording cannot be used.
        """

    @abstractmethod
    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """Says how far a recording is from normal, and with ``explain`` where.

        Raises:
            AudioError: the recording cannot be used, or is shorter than one window.
        """

    @classmethod
    def fit_fleet(
        cls,
        detectors: Sequence[Detector],
        fleets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fits several detectors of this kind, each on its own recordings; networks do it in one program.
        No detector learns from the recordings of another, and one that cannot learn does not stop the rest.

        Returns:
            For every detector, in order, why it could not be fitted, or ``None`` where it was.

        Raises:
            AudioError: a recording cannot be used.
        """
        return [
            outcome(partial(detector.fit, recordings, other_machines=other_machines, progress=progress))
            for detector, recordings in zip(detectors, fleets, strict=True)
        ]

    @classmethod
    def crossfit(
        cls,
        config: Config,
        recordings: Sequence[AudioClip],
        folds: Sequence[int],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> FittedFolds:
        """A detector that learnt from all recordings, and for each fold a judge that learnt from the rest.

        Args:
            folds: the fold of each recording, counted from 0; see `auscult.corpus.folds_of`.

        Raises:
            FitError: one of them could not be fitted.
            AudioError: a recording cannot be used.
        """
        (found,) = fit_jobs(cls, [FitJob(config, recordings, folds, other_machines)], progress)
        if isinstance(found, FitError):
            raise found
        return found

    @classmethod
    def crossfit_fleet(
        cls, jobs: Sequence[FitJob], *, progress: Progress | None = None
    ) -> list[FittedFolds | FitError]:
        """What each machine's detector learnt, and its fold_models, as `crossfit` gives them: in one program where
        this kind trains together, else one machine after the other.

        Args:
            jobs: with configurations that differ in the seed alone.

        Returns:
            For every machine, in order, its detector and its fold_models, or why one of them could not be fitted.

        Raises:
            AudioError: a recording cannot be used.
        """
        if cls.trains_together and not any(job.other_machines for job in jobs):
            return fit_jobs(cls, jobs, progress)
        return [cls._learn_alone(job, progress) for job in jobs]

    @classmethod
    def _learn_alone(cls, job: FitJob, progress: Progress | None) -> FittedFolds | FitError:
        """One machine by what this kind makes of `crossfit`, which may be something of its own."""
        if not job.folds:
            (found,) = fit_jobs(cls, [job], progress)
            return found
        try:
            return cls.crossfit(
                job.config, job.recordings, job.folds, other_machines=job.other_machines, progress=progress
            )
        except FitError as error:
            return error

    def adapted(self, recordings: Sequence[AudioClip]) -> Detector:
        """A new detector that takes these recordings for normal too; this one stays as it is.

        Networks are not trained again: banks, statistics and densities are. What changed is added to
        ``facts["adaptations"]``, a line for each call.

        Args:
            recordings: normal recordings; those of a new domain say so by ``clip.domain``.

        Raises:
            FitError: there are no recordings.
            OptionError: this detector cannot learn more without being fitted again.
            AudioError: a recording cannot be used.
        """
        raise OptionError(f"{self.name} cannot take more recordings in: fit it again with them")

    def export(self, samples: Value) -> GraphEvidence:
        """Draws `score` as an ONNX graph, so that it runs without auscult.

        Args:
            samples: (N,) float32 at ``config.front_end.sample_rate``, N at least `minimum_samples`.

        Raises:
            OptionError: this detector cannot be exported; says what that would take.
        """
        raise OptionError(f"{self.name} cannot be exported: that would take {self.export_needs}")

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process, or into a copy; what is made of it when first needed stays."""
        return {"config": self.config, "arrays": self.arrays, "facts": self.facts}

    def _copy(self) -> Detector:
        """This detector with arrays and facts that can be changed without changing this one's."""
        other = copy.copy(self)
        other.arrays, other.facts = dict(self.arrays), copy.deepcopy(self.facts)
        return other

    @abstractmethod
    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """Shape of every fitted array under this configuration; ``None`` for a length that varies."""

    @property
    def decisive_score(self) -> str:
        """The score that decides: the configured one, or the detector's first."""
        return self.config.score or self.scores[0]

    @property
    def parameters(self) -> int:
        """Number of learnt parameters."""
        return int(self.facts.get("parameters", sum(a.size for a in self.arrays.values())))

    def minimum_samples(self) -> int:
        """Samples that a recording must have to be scored."""
        return 1


class FleetDetector(Detector):
    """A kind whose fits share work: it says how a fleet is fitted, and one detector is a fleet of one."""

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        (error,) = self.fit_fleet([self], [recordings], other_machines=other_machines, progress=progress)
        if error:
            raise error
        return self

    @classmethod
    @abstractmethod
    def fit_fleet(
        cls,
        detectors: Sequence[Any],
        fleets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """As in `Detector`."""


def outcome(fit: Callable[[], object]) -> FitError | None:
    """Why one detector of a fleet could not be fitted, or ``None``."""
    try:
        fit()
    except FitError as error:
        return error
    return None
