"""The interface of all detectors: fit on normal recordings, then compute anomaly scores of any recording."""

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
from auscult.errors import FitError, MissingExtraError, NotFittedError, OptionError
from auscult.findings import Finding, findings_from_json
from auscult.runtime.option_fields import check_choices, option
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Optional dependency group (extra) to the packages of it that fitting imports.
_PACKAGES_OF_EXTRA = {"train": ("torch", "onnx")}
#: Callback for progress: stage name, steps done, total number of steps, and figures to display.
Progress = Callable[[str, int, int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Evidence:
    """The scores of one recording and, if requested, their maps.

    Attributes:
        scores: score name to value; higher is more anomalous.
        maps: score name to (T, n_mels) float32 map, the contribution of each time-frequency bin to the
            score; empty unless requested.
    """

    scores: Mapping[str, float]
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __or__(self, other: Evidence) -> Evidence:
        """Return the scores and maps of both."""
        return Evidence({**self.scores, **other.scores}, {**self.maps, **other.maps})


@dataclass(frozen=True)
class Representation:
    """What a detector computes of one recording before the score, by name.

    Attributes:
        recording: arrays of the recording, each of the same shape for every recording.
        windows: (V, …) arrays of its V windows or frames.
        seconds: (V,) times of the middles of the windows.
        axes: names of the entries along an axis, such as the views of ``views``.
    """

    recording: Mapping[str, np.ndarray]
    windows: Mapping[str, np.ndarray] = field(default_factory=dict)
    seconds: np.ndarray = field(default_factory=lambda: np.empty(0))
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass
class Config:
    """Options common to all detectors; each detector adds its own in a subclass.

    They are fields defined by `auscult.runtime.option_fields.option`, with their description. A subclass
    that checks values calls ``super().__post_init__()`` first.
    """

    score: str = option("", "Score that is compared with the threshold; empty: the detector's first.")
    seed: int = option(13711, "Seed of the random numbers; the default is that of the DCASE baseline.")
    front_end: FrontEnd = field(default_factory=FrontEnd)

    def __post_init__(self) -> None:
        check_choices(self)
        if not 0 <= self.seed < 2**63:
            raise OptionError(f"seed must be at least 0 and less than 2**63, got {self.seed}")


class Detector(ABC):
    """Base class of all detectors.

    `fit` estimates a model from normal recordings only; `score` then gives every recording one or more
    anomaly scores. A subclass must define ``name``, ``scores``, ``config_type`` and the methods `fit`,
    `score` and `expected_shapes`. Everything else has a default.

    The whole state of a fitted detector is ``config``, ``arrays`` and ``facts``; these are what a model
    file contains. A score depends only on them and on the recording: scoring changes nothing, may run in
    several threads at once, and gives the same values in any order. Fitting the same recordings with the
    same ``config``, seed included, gives the same detector.

    Class attributes:
        name: the name in the registry, model files and the command line.
        scores: names of the scores; the first is the default.
        config_type: the dataclass of the options, a subclass of `Config`.
        presets: preset name to the options that it sets.
        required_options: options without a default, which the user must set.
        docs_page: the page of the documentation that describes the options.
        extra: the optional dependency group that fitting needs, such as ``"train"``; scoring never needs one.
        fits_frame_length: whether frames are shortened for short recordings; otherwise they always have the
            1024 samples of the baseline.
        has_codes: whether `codes` is implemented.
        maps_are_zscores: whether maps are z-scores with respect to normal recordings already. Otherwise they
            are contributions to the score, which the model standardises before it shows them.
        fits_all_scores: whether what is fitted does not depend on the score in the configuration, so that a
            detector that was fitted with another score can be used.
        trains_together: whether `fit_fleet` trains the networks of all detectors in the same steps, so that
            it is faster than fitting one after the other.
        export_needs: what an ONNX export would require, if `export` is not implemented.

    Attributes:
        config: the options.
        arrays: fitted arrays by name; empty until fitted.
        facts: facts about the fit, JSON-serialisable; empty until fitted. Common keys are ``findings``,
            ``parameters``, ``history`` and ``adaptations``.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[str, ...]]
    config_type: ClassVar[type[Config]]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    required_options: ClassVar[tuple[str, ...]] = ()
    docs_page: ClassVar[str] = "docs/reference/detectors/index.md"
    extra: ClassVar[str] = ""
    fits_frame_length: ClassVar[bool] = True
    has_codes: ClassVar[bool] = False
    maps_are_zscores: ClassVar[bool] = False
    fits_all_scores: ClassVar[bool] = False
    trains_together: ClassVar[bool] = False
    export_needs: ClassVar[str] = "an implementation of its method export"

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_type()
        self.arrays: dict[str, np.ndarray] = {}
        self.facts: dict[str, Any] = {}

    @classmethod
    def uses_other_machines(cls, config: Config) -> bool:
        """Return whether `fit` with this configuration uses the recordings of other machines."""
        return False

    @classmethod
    def has_cheap_folds(cls, config: Config) -> bool:
        """Return whether a fold model costs little compared with reading the recordings.

        Such detectors are cross-fitted with a fold for each recording, the others with few folds: networks,
        and detectors of your own unless they override this.
        """
        return False

    @classmethod
    def front_ends(cls, config: Config) -> tuple[FrontEnd, ...]:
        """Return all front ends whose log-mels this configuration needs.

        With them, all features of a recording can be computed while its waveform is in memory.
        """
        return (config.front_end,)

    @classmethod
    def files(cls, config: Config) -> tuple[str, ...]:
        """Return the paths of files besides recordings that `fit` with this configuration reads."""
        return ()

    @classmethod
    def without_validation_split(cls, config: Config) -> Config:
        """Return the configuration with which `fit` trains on all recordings it is given.

        Used where calibration holds out recordings itself, so that no further ones are held out for
        validation during training.
        """
        return config

    def codes(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, K) latent code of each window of a recording; only if ``has_codes``.

        Raises:
            OptionError: the detector has no latent space.
            AudioError: as in `score`.
        """
        raise OptionError(f"{self.name} has no latent space, so no codes for {recording.clip.path}")

    def represent(self, recording: AudioClip) -> Representation:
        """Return the codes, embeddings or pooled views of a recording.

        Names and shapes, where D is the length of an embedding and K that of a code:

        - ``codes`` (V, K) of the windows and ``mean_code`` (K,) of the recording: `autoencoder`, `gamma_vae`
          and `gamma_observation` (see their `codes`);
        - ``frames`` (F, D) as encoded and ``embedding`` (D,) pooled over them: `embedding_memory`;
        - ``embedding`` (D,): `discriminative`;
        - ``views`` (V, B) of B bands, named by ``view_names``: `spectral_memory` and `pooled_gaussian`.

        Raises:
            OptionError: the detector has none of these.
            AudioError: as in `score`.
        """
        raise OptionError(
            f"{self.name} has no codes, embeddings or pooled views: use a model of another detector, such as "
            "autoencoder, gamma_vae, embedding_memory or spectral_memory; a detector of your own has them if "
            "it implements the method represent (docs/how-to/own-detector.md)"
        )

    @classmethod
    def check_can_fit(cls) -> None:
        """Raise `MissingExtraError` if fitting needs an optional dependency that is not installed."""
        # Looks the packages up without importing them, which would take seconds.
        if not all(map(find_spec, _PACKAGES_OF_EXTRA.get(cls.extra, ()))):
            raise MissingExtraError(f"Fitting {cls.name}", cls.extra)

    @abstractmethod
    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Detector:
        """Fit the detector to normal recordings; sets ``arrays`` and ``facts``.

        Args:
            recordings: normal recordings only, all at ``config.front_end.sample_rate``.
            other_machines: normal recordings of other machines at the same rate, from which a detector may
                learn how machines differ; ignored unless `uses_other_machines`.
            progress: called after each step.

        Returns:
            The detector itself.

        Raises:
            FitError: there are too few recordings, or training failed.
            AudioError: a recording cannot be used.
        """

    def prepare_scoring(self, recordings: Sequence[AudioClip]) -> None:  # noqa: B027 - nothing by default
        """Compute what `score` needs of several recordings at once and cache it, where that is faster.

        Scores are the same without it, to rounding. Recordings that cannot be used, or that are not cached,
        are left to `score`.
        """

    @abstractmethod
    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """Compute every score of a recording.

        Args:
            recording: a recording at ``config.front_end.sample_rate``.
            explain: also compute the map of every score.

        Raises:
            AudioError: the recording cannot be used, or is shorter than one window.
            NotFittedError: `fit` was not called.
        """

    @classmethod
    def fit_fleet(
        cls,
        detectors: Sequence[Detector],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit several detectors of this class, a fleet, each on its own training set.

        Detectors with networks train all of them in one program. No detector uses the recordings of
        another, and if one cannot be fitted, the others still are.

        Args:
            detectors: the detectors to fit.
            training_sets: normal recordings for each detector.
            other_machines: as in `fit`, the same for all.
            progress: called after each step.

        Returns:
            For each detector, in order, the error that prevented fitting it, or ``None``.

        Raises:
            AudioError: a recording cannot be used.
        """
        return [
            fit_error(partial(detector.fit, recordings, other_machines=other_machines, progress=progress))
            for detector, recordings in zip(detectors, training_sets, strict=True)
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
        """Fit a detector on all recordings, and for each fold a fold model on all other folds.

        Args:
            config: the configuration of all of them.
            recordings: normal recordings only.
            folds: the fold of each recording, numbered from 0; see `auscult.corpus.folds_of`.
            other_machines: as in `fit`.
            progress: called after each step.

        Returns:
            The final detector, and the fold models in the order of the folds.

        Raises:
            FitError: one of them could not be fitted.
            AudioError: a recording cannot be used.
        """
        (result,) = fit_jobs(cls, [FitJob(config, recordings, folds, other_machines)], progress)
        if isinstance(result, FitError):
            raise result
        return result

    @classmethod
    def crossfit_fleet(
        cls, jobs: Sequence[FitJob], *, progress: Progress | None = None
    ) -> list[FittedFolds | FitError]:
        """Cross-fit the detectors of several machines, as `crossfit` does for one.

        If the class ``trains_together``, all are trained in one program, otherwise one machine after the
        other.

        Args:
            jobs: one for each machine, with configurations that differ only in the seed.
            progress: called after each step.

        Returns:
            For each machine, in order, its final detector and fold models, or the error that prevented
            fitting one of them.

        Raises:
            AudioError: a recording cannot be used.
        """
        if cls.trains_together and not any(job.other_machines for job in jobs):
            return fit_jobs(cls, jobs, progress)
        return [cls._crossfit_one(job, progress) for job in jobs]

    @classmethod
    def _crossfit_one(cls, job: FitJob, progress: Progress | None) -> FittedFolds | FitError:
        """Cross-fit one machine by `crossfit`, which subclasses may override."""
        if not job.folds:
            (result,) = fit_jobs(cls, [job], progress)
            return result
        try:
            return cls.crossfit(
                job.config, job.recordings, job.folds, other_machines=job.other_machines, progress=progress
            )
        except FitError as error:
            return error

    def adapted(self, recordings: Sequence[AudioClip]) -> Detector:
        """Return a new detector for which these recordings are normal too; this one is not changed.

        Networks are not trained again; banks, statistics and densities are updated. Each call appends a
        line to ``facts["adaptations"]``.

        Args:
            recordings: normal recordings; those of a new domain are marked by ``clip.domain``.

        Raises:
            FitError: there are no recordings.
            OptionError: this detector has to be fitted again instead.
            AudioError: a recording cannot be used.
        """
        raise OptionError(f"{self.name} cannot be adapted to more recordings: fit it again with all of them")

    def refitted(self, recordings: Sequence[AudioClip]) -> Detector:
        """Return a new detector for which only these recordings are normal; this one is not changed.

        Networks are not trained again; banks, statistics and densities are fitted on these recordings alone.
        Each call appends a line to ``facts["adaptations"]``.

        Args:
            recordings: normal recordings.

        Raises:
            FitError: there are too few recordings.
            OptionError: this detector cannot forget its earlier recordings.
            AudioError: a recording cannot be used.
        """
        raise OptionError(
            f"{self.name} cannot forget the recordings that it was fitted on: fit it again on the new ones"
        )

    def check_can_adapt(self, *, replace: bool = False) -> None:
        """Raise `OptionError` if `adapted` or, with ``replace``, `refitted` is not implemented."""
        own = type(self).refitted if replace else type(self).adapted
        inherited = Detector.refitted if replace else Detector.adapted
        if own is inherited:
            inherited(self, [])  # raises the error

    def cross_refitted(self, recordings: Sequence[AudioClip], folds: Sequence[int]) -> FittedFolds:
        """Return this detector `refitted` on all recordings, and for each fold on all other folds.

        Args:
            recordings: normal recordings.
            folds: the fold of each recording, numbered from 0.

        Raises as `refitted`.
        """
        final, *fold_models = map(self.refitted, FitJob(self.config, recordings, folds).training_sets())
        return final, fold_models

    def export(self, samples: Value) -> GraphEvidence:
        """Build `score` as an ONNX graph, which runs without auscult.

        Args:
            samples: (N,) float32 at ``config.front_end.sample_rate``, N at least `minimum_samples`.

        Raises:
            OptionError: this detector cannot be exported; the message says what an export would require.
        """
        raise OptionError(f"{self.name} cannot be exported: that would require {self.export_needs}")

    def check_fitted(self) -> None:
        """Raise `NotFittedError` if `fit` was not called; `score` begins with it."""
        if not self.arrays:
            raise NotFittedError

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: only what defines the detector, not what is derived from it."""
        return {"config": self.config, "arrays": self.arrays, "facts": self.facts}

    def _copy(self) -> Self:
        """Return a copy whose ``arrays`` and ``facts`` can be changed without changing this detector's."""
        other = copy.copy(self)
        other.arrays, other.facts = dict(self.arrays), copy.deepcopy(self.facts)
        return other

    @abstractmethod
    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        """Return the shape of every fitted array for this configuration; ``None`` for a variable length."""

    @property
    def decisive_score(self) -> str:
        """Name of the score that is compared with the threshold: the configured one, or the first."""
        return self.config.score or self.scores[0]

    @property
    def parameters(self) -> int:
        """Number of fitted parameters."""
        return int(self.facts.get("parameters", sum(a.size for a in self.arrays.values())))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the user should know about the fit, from ``facts["findings"]``."""
        return findings_from_json(self.facts.get("findings", ()))

    def add_finding(self, kind: str, message: str) -> None:
        """Add a `Finding` to ``facts["findings"]``."""
        self.facts.setdefault("findings", []).append(Finding(kind, message).to_json())

    def minimum_samples(self) -> int:
        """Return the number of samples that a recording needs to be scored."""
        return 1


class FleetDetector(Detector):
    """Base class of detectors that share work when several are fitted.

    Subclasses implement `fit_fleet`; `fit` is the fleet of one detector.
    """

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
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """As in `Detector`."""


def fit_error(fit: Callable[[], object]) -> FitError | None:
    """Call ``fit`` and return the `FitError` that it raised, or ``None``."""
    try:
        fit()
    except FitError as error:
        return error
    return None
