"""The interface of all detectors: fit on normal recordings, then compute anomaly scores of any recording."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.detectors.typed_options import config_from_options
from auscult.errors import MissingExtraError, NotFittedError, OptionError
from auscult.findings import Finding, findings_from_json
from auscult.runtime.option_fields import check_choices, option
from auscult.spectrum import FrontEnd

T = TypeVar("T")

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

    Args:
        config: the options, default those of ``config_type``.
        options: or single options by name, also those of the front end, as in `auscult.fit`:
            ``PooledGaussian(components=3, n_mels=64)``.

    Raises:
        OptionError: an option does not exist, or a value is invalid.

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
        maps_are_zscores: whether maps are z-scores with respect to normal recordings already. Otherwise they
            are contributions to the score, which the model standardises before it shows them.
        fits_all_scores: whether what is fitted does not depend on the score in the configuration, so that a
            detector that was fitted with another score can be used.

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
    maps_are_zscores: ClassVar[bool] = False
    fits_all_scores: ClassVar[bool] = False

    #: Options that were given by keyword, also those with their default value; ``None``: a configuration.
    given_options: Mapping[str, Any] | None = None

    def __init__(self, config: Config | None = None, **options: Any) -> None:
        if config is None:
            config = config_from_options(self.config_type, options, self.name, self.scores)
            self.given_options = options
        elif options:
            raise OptionError(f"{self.name}: give a configuration or options, not both")
        elif not isinstance(config, self.config_type):
            raise OptionError(
                f"{self.name}: {config!r} is no {self.config_type.__name__}; single options are given by name"
            )
        self.config = config
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

    def check_fitted(self) -> None:
        """Raise `NotFittedError` if `fit` was not called; `score` begins with it."""
        if not self.arrays:
            raise NotFittedError

    def derived(self, name: str, compute: Callable[[], T]) -> T:
        """Return what follows from ``arrays``; computed once, and again after these have been replaced.

        It is no part of the state, and never in copies. In several threads it may be computed more than once.
        """
        arrays, values = self.__dict__.get("_derived", (None, {}))
        if arrays is not self.arrays:
            values = {}
            self._derived = self.arrays, values
        if name not in values:
            values[name] = compute()
        result: T = values[name]
        return result

    def __getstate__(self) -> dict[str, Any]:
        """State for pickling and copying: only what defines the detector, not what is derived from it."""
        state: dict[str, Any] = {"config": self.config, "arrays": self.arrays, "facts": self.facts}
        if self.given_options is not None:  # `auscult.fit` sets those that were not given by the recordings
            state["given_options"] = dict(self.given_options)
        return state

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
