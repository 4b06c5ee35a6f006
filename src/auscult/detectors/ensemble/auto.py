"""The default detector: an ensemble of simple detectors at three resolutions in time.

A member is another detector with fixed options and one of its scores. Every member is cross-fitted, so that
each normal recording is scored by a fold model that was not fitted on it. These held-out scores standardise
the scores of the members. The inverse hyperbolic sine compresses the standardised scores z: it is linear up
to about one standard deviation and logarithmic beyond, so that a normal recording with an unusual background,
which has a z of 20 or more for some members, does not get the highest score of all. The score of the ensemble
is the weighted mean of the compressed scores. No recordings of anomalies are needed or used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, folds_of
from auscult.corpus.folds import FOLDS
from auscult.detectors import detector_type
from auscult.detectors.adaptable import Adaptable, Refittable, adaptable
from auscult.detectors.base import Config, Detector, Evidence, Progress
from auscult.detectors.crossfit import CrossFitting, TrainingSet
from auscult.detectors.embedding.config import EmbeddingMemoryConfig
from auscult.detectors.embedding.embedding_memory import EmbeddingMemory
from auscult.detectors.ensemble.member_fit import (
    MemberFit,
    config_within_budget,
    crossfit_member,
    held_out,
    prefixed_progress,
)
from auscult.detectors.ensemble.member_maps import placed
from auscult.detectors.ensemble.members import ENCODER, MEMBERS, Member, chosen_members
from auscult.detectors.exportable import Exportable
from auscult.detectors.maps.bin_residuals import CONTEXT, BinResiduals, WindowSums, sharpened, smoothed
from auscult.detectors.maps.map_profile import MapProfile
from auscult.detectors.options import config_from_json, config_to_json
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import FitError, OptionError
from auscult.findings import Finding, findings_to_json, messages
from auscult.runtime.option_fields import option, same_option
from auscult.spectrum import FrontEnd, order_front_end

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value

#: Weight of the members' maps in the map of ``mean``, relative to the bin residuals of the spectrogram.
MEMBERS_WEIGHT = 0.5
#: Options that are passed on to the member with a pretrained encoder.
ENCODER_OPTIONS = ("encoder", "encoder_input", "encoder_output", "encoder_rate", "embed_encoder")


#: Name of a fusion to the function that is applied to the standardised scores before their mean.
FUSIONS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"arsinh": np.arcsinh, "mean": np.asarray}


@dataclass
class AutoConfig(Config):
    """Options of `Auto`."""

    members: str = option(
        "untrained",
        "Names of members, comma-separated: untrained (all that are not networks), all (also networks, if "
        f"PyTorch is installed), or some of {', '.join(MEMBERS)}.",
    )
    fusion: str = option(
        "arsinh",
        "Combination of the members' standardised scores: their mean, or the mean of their arsinh.",
        choices=FUSIONS,
    )
    folds: int = option(
        FOLDS, "Folds in which the members are cross-fitted, where calibration does not set them."
    )
    order_n_fft: int | None = option(
        None,
        "Frame length of additional members that resolve the orders of a shaft; none: no such members.",
        unit="samples",
    )
    time_limit: float | None = option(None, "Approximate time limit for fitting; none: no limit.", unit="s")
    encoder: str = option(
        "",
        "ONNX file of a pretrained encoder, which becomes a member; empty: none. See "
        "docs/how-to/encoders.md.",
    )
    encoder_input: str = same_option(EmbeddingMemoryConfig, "encoder_input")
    encoder_output: str = same_option(EmbeddingMemoryConfig, "encoder_output")
    encoder_rate: int | None = same_option(EmbeddingMemoryConfig, "encoder_rate")
    embed_encoder: bool = same_option(EmbeddingMemoryConfig, "embed_encoder")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.candidates()
        if self.folds < 2:
            raise OptionError(f"folds must be at least 2, got {self.folds}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise OptionError(f"time_limit must be positive, got {self.time_limit:g}")
        if self.order_n_fft is not None:
            order_front_end(self.front_end, self.order_n_fft)
        if not self.encoder and (self.encoder_output or self.encoder_rate is not None):
            raise OptionError("encoder_output and encoder_rate describe an encoder: set encoder too")

    def candidates(self) -> dict[str, Member]:
        """Return the candidate members by name."""
        options = {name: getattr(self, name) for name in ENCODER_OPTIONS}
        return chosen_members(self.members, options if self.encoder else None, self.order_n_fft)


class Auto(CrossFitting, Refittable, Exportable):
    """Ensemble of simple detectors.

    The score ``mean`` is the weighted mean of the members' compressed standardised scores. ``minimum`` is the
    smallest standardised score, which is high only if the recording is anomalous for all members.
    """

    name = "auto"
    config: AutoConfig
    config_type = AutoConfig
    scores: ClassVar[tuple[str, ...]] = ("mean", "minimum")
    maps_are_zscores = True
    #: Of a fold model, the (K,) scores of its members by recording of its fold. Copies do not have it.
    _held_out: dict[AudioClip, np.ndarray]

    @classmethod
    def uses_other_machines(cls, config: AutoConfig) -> bool:  # type: ignore[override]
        """As in `Detector`: true if any member uses them."""
        return any(
            detector_type(member.detector).uses_other_machines(member.config(config.seed, config.front_end))
            for member in config.candidates().values()
        )

    @classmethod
    def has_cheap_folds(cls, config: AutoConfig) -> bool:  # type: ignore[override]
        """As in `Detector`: true if all members have."""
        return all(
            detector_type(member.detector).has_cheap_folds(member.config(config.seed, config.front_end))
            for member in config.candidates().values()
        )

    @classmethod
    def files(cls, config: AutoConfig) -> tuple[str, ...]:  # type: ignore[override]
        """As in `Detector`: the encoder, if there is one."""
        return (config.encoder,) if config.encoder else ()

    @classmethod
    def front_ends(cls, config: AutoConfig) -> tuple[FrontEnd, ...]:  # type: ignore[override]
        """As in `Detector`: the front ends of the ensemble and of its members."""
        members = config.candidates().values()
        of_members = (member.config(config.seed, config.front_end).front_end for member in members)
        return tuple(dict.fromkeys((config.front_end, *of_members)))

    def fit(
        self,
        recordings: Sequence[AudioClip],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> Self:
        if not recordings:
            raise FitError("auto: there are no recordings")
        folds = folds_of(recordings, self.config.folds, self.config.seed)
        if max(folds) < 1:  # all are cut from one recording: split it
            folds = [i % self.config.folds for i in range(len(recordings))]
        fitted, _ = self.crossfit(self.config, TrainingSet(recordings, folds, other_machines), progress)
        self.arrays, self.facts = fitted.arrays, fitted.facts
        return self

    @classmethod
    def crossfit(
        cls, config: AutoConfig, training: TrainingSet, progress: Progress | None = None
    ) -> tuple[Self, list[Self]]:
        """As in `CrossFitting`.

        The fold models have the same members and standardisation as the final ensemble; these are estimated
        from the held-out scores of all recordings. What maps are standardised by is estimated without the
        fold, since maps of recordings that it was estimated from deviate too little.
        """
        fits, skipped = _fit_members(config, training, progress)
        findings = [
            Finding("skipped_member", f"skipped {', '.join(names)}: {reason}")
            for reason, names in skipped.items()
        ]
        if not fits:
            raise FitError(
                f"auto: no member could be fitted: {'; '.join(messages(findings)) or 'there are none'}"
            )
        for fit in fits:
            findings += [replace(f, message=f"{fit.name}: {f.message}") for f in fit.final.findings]
        normal_scores = np.stack([fit.normal_scores for fit in fits], axis=1)  # (N, K)
        standard = Standardizer.fit(normal_scores).to_arrays()
        maps = _map_arrays(training, {fit.name: fit.profiles for fit in fits}, config.front_end)
        details = {fit.name: {"weight": fit.member.weight, "seconds": fit.seconds} for fit in fits}
        ensembles = []
        for index, map_arrays in enumerate(maps, start=-1):
            members = {fit.name: fit.final if index < 0 else fit.fold_models[index] for fit in fits}
            ensemble = cls(config)._with_members(members, details)
            ensemble.arrays |= {"standard": standard, **map_arrays}
            ensemble.facts["findings"] = findings_to_json(findings)
            ensembles.append(ensemble)
        _keep_held_out(ensembles[1:], training, normal_scores)
        return ensembles[0], ensembles[1:]

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`. Maps are z-scores: `_mean_map` for ``mean``, and for ``minimum`` the map of the
        member with the smallest score."""
        self.check_fitted()
        members = self._members()
        raw: np.ndarray | None = getattr(self, "_held_out", {}).get(recording)
        if raw is None or explain:
            evidence = {name: member.score(recording, explain=explain) for name, member in members.items()}
            raw = np.array([evidence[name].scores[m.decisive_score] for name, m in members.items()])
        z = Standardizer.from_arrays(self.arrays["standard"]).z(raw)  # (K,)
        weights = self._weights()
        compressed = FUSIONS[self.config.fusion](z)
        scores = {"mean": float(weights @ compressed), "minimum": float(z.min())}
        if not explain:
            return Evidence(scores)
        frames = recording.log_mel(self.config.front_end)
        maps = []
        for name, member in members.items():
            zscores = self._profile(name).smoothed_zscore(evidence[name].maps[member.decisive_score])
            maps.append(placed(zscores, member.config.front_end, self.config.front_end, len(frames)))
        return Evidence(
            scores, {"mean": self._mean_map(frames, weights, maps), "minimum": maps[int(z.argmin())]}
        )

    def export(self, samples: Value) -> GraphEvidence:
        """As in `Detector`; members of `discriminative` and `embedding_memory` cannot be exported."""
        from auscult.detectors.ensemble.auto_onnx import ensemble_evidence

        members = self._members()
        return ensemble_evidence(
            samples,
            self.config.front_end,
            members,
            {name: self._profile(name) for name in (*members, "bins")},
            Standardizer.from_arrays(self.arrays["standard"]),
            self._weights(),
            MEMBERS_WEIGHT,
            BinResiduals(self.arrays["bins/mean"], self.arrays["bins/weights"]),
            compress=self.config.fusion == "arsinh",
        )

    def _mean_map(self, frames: np.ndarray, weights: np.ndarray, maps: Sequence[np.ndarray]) -> np.ndarray:
        """Combine the members' maps (T, B), by weights (K,), with the bin residuals of the log-mel frames.

        The members' maps locate an anomaly well in frequency but hardly in time, since members score pooled
        clips; the bin residuals locate it in time. The maps are compressed as the scores are. Both parts are
        smoothed, so that a weak fault that covers several bins stands out. `sharpened` then shows in which of
        these bins it is.
        """
        bins = BinResiduals(self.arrays["bins/mean"], self.arrays["bins/weights"])
        residuals = bins.residuals(frames)
        of_members = np.tensordot(weights, np.arcsinh(maps), axes=1)
        map = self._profile("bins").zscore(smoothed(residuals)) + MEMBERS_WEIGHT * of_members
        return sharpened(map, residuals).astype(np.float32)

    def _weights(self) -> np.ndarray:
        """Return the (K,) weights of the members, which sum to 1."""
        weights = np.array([member.get("weight", 1.0) for member in self.facts["members"].values()])
        return weights / weights.sum()

    def _profile(self, name: str) -> MapProfile:
        return MapProfile.from_arrays(self.arrays[f"profile/{name}"])

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`: adapts every member that can be; the standardisation is unchanged."""
        members: dict[str, Detector] = {}
        lines, unchanged = [], []
        for name, member in self._members().items():
            members[name] = member
            if isinstance(member, Adaptable):
                members[name] = member.adapted(recordings)
                lines.append(f"{name}: {members[name].facts['adaptations'][-1]}")
            else:
                unchanged.append(name)
        if not lines:
            raise OptionError(
                "auto: none of its members can be adapted to more recordings: fit it again with all of them"
            )
        if unchanged:
            lines.append(f"unchanged: {', '.join(unchanged)}")
        other = type(self)(self.config)._with_members(members, self.facts["members"])
        other.arrays = {**self.arrays, **other.arrays}
        other.facts = {**self.copied().facts, **other.facts}
        return other.with_adaptation("; ".join(lines))

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`: every member is, and the standardisation is estimated again."""
        folds = folds_of(recordings, self.config.folds, self.config.seed) if recordings else []
        if max(folds, default=0) < 1:
            raise FitError(
                f"auto: {len(recordings)} recordings; at least two that are not cut from the same one are "
                "needed to standardise the scores of its members"
            )
        return self.cross_refitted(TrainingSet(recordings, folds))[0]

    def cross_refitted(self, training: TrainingSet) -> tuple[Self, list[Self]]:
        """As in `Refittable`; see `crossfit`."""
        members = {
            name: adaptable(member, replace=True).cross_refitted(training)
            for name, member in self._members().items()
        }
        of_members, profiles = [], {}
        for name, (final, fold_models) in members.items():
            scores, profiles[name] = held_out(final.decisive_score, fold_models, training)
            of_members.append(scores)
        normal_scores = np.stack(of_members, axis=1)  # (N, K)
        standard = Standardizer.fit(normal_scores).to_arrays()
        maps = _map_arrays(training, profiles, self.config.front_end)
        line = "; ".join(f"{name}: {final.facts['adaptations'][-1]}" for name, (final, _) in members.items())
        ensembles = []
        for index, map_arrays in enumerate(maps, start=-1):
            chosen = {name: final if index < 0 else fits[index] for name, (final, fits) in members.items()}
            ensemble = type(self)(self.config)._with_members(chosen, self.facts["members"])
            ensemble.arrays |= {"standard": standard, **map_arrays}
            ensemble.facts = {**self.copied().facts, **ensemble.facts}
            ensembles.append(ensemble.with_adaptation(line))
        _keep_held_out(ensembles[1:], training, normal_scores)
        return ensembles[0], ensembles[1:]

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        members, bands = self._members(), self.config.front_end.n_mels
        shapes: dict[str, tuple[int | None, ...]] = {
            "standard": (2, len(members)),
            "bins/mean": (CONTEXT * bands,),
            "bins/weights": (CONTEXT * bands, bands),
            "profile/bins": (2, bands),
        }
        for name, member in members.items():
            shapes[f"profile/{name}"] = (2, member.config.front_end.n_mels)
            shapes |= {f"{name}/{array}": shape for array, shape in member.expected_shapes().items()}
        return shapes

    def minimum_samples(self) -> int:
        """As in `Detector`; before fitting, the largest minimum of all candidate members."""
        members = list(self._members().values()) or [
            detector_type(member.detector)(member.config(self.config.seed, self.config.front_end))
            for member in self.config.candidates().values()
        ]
        return max(member.minimum_samples() for member in members)

    @property
    def parameters(self) -> int:
        return sum(member.parameters for member in self._members().values())

    def _with_members(
        self, members: Mapping[str, Detector], details: Mapping[str, Mapping[str, Any]]
    ) -> Self:
        """Store members in this detector, in place, with their weights and times; return the detector."""
        self.arrays = {f"{n}/{key}": array for n, m in members.items() for key, array in m.arrays.items()}
        self._cached = self.arrays, dict(members)
        self.facts["members"] = {
            name: {
                **details[name],
                "detector": m.name,
                "config": config_to_json(m.config),
                "facts": m.facts,
            }
            for name, m in members.items()
        }
        return self

    def _members(self) -> dict[str, Detector]:
        """Return the members by name, rebuilt from ``arrays`` and ``facts`` and cached; thread-safe."""
        cached: tuple[dict[str, np.ndarray], dict[str, Detector]] | None = getattr(self, "_cached", None)
        if cached is not None and cached[0] is self.arrays:
            return cached[1]
        members: dict[str, Detector] = {}
        for name, stored in self.facts.get("members", {}).items():
            member = detector_type(stored["detector"])(config_from_json(stored["detector"], stored["config"]))
            prefix = f"{name}/"
            keys = [key for key in self.arrays if key.startswith(prefix)]
            member.arrays = {key.removeprefix(prefix): self.arrays[key] for key in keys}
            member.facts = stored["facts"]
            members[name] = member
        self._cached = self.arrays, members
        return members


def _keep_held_out(fold_models: Sequence[Auto], training: TrainingSet, scores: np.ndarray) -> None:
    """Give the fold models the (N, K) held-out scores of the members, which calibration asks for again."""
    for model in fold_models:
        model._held_out = {}
    for recording, fold, of_members in zip(training.recordings, training.folds, scores, strict=True):
        fold_models[fold]._held_out[recording] = of_members


def _fit_members(
    config: AutoConfig, training: TrainingSet, progress: Progress | None
) -> tuple[list[MemberFit], dict[str, list[str]]]:
    """Cross-fit all members within the time limit; also return the names of skipped members by reason."""
    members = config.candidates()
    for member in members.values():  # before anything is fitted
        detector_type(member.detector).check_can_fit()
    if config.encoder:
        EmbeddingMemory(members[ENCODER].config(config.seed, config.front_end)).load_encoder()
    fits: list[MemberFit] = []
    skipped: dict[str, list[str]] = {}
    started = time.monotonic()
    for name, member in members.items():
        left = math.inf if config.time_limit is None else config.time_limit - (time.monotonic() - started)
        if fits and left < max(fit.seconds for fit in fits):
            reason = f"not enough of the time limit of {config.time_limit:g} s is left"
            skipped.setdefault(reason, []).append(name)
            continue
        report = prefixed_progress(progress, name)
        try:
            member_config = config_within_budget(left, member, config, training, report)
            fits.append(crossfit_member(name, member, member_config, training, report, earlier=fits))
        except FitError as error:
            skipped.setdefault(str(error), []).append(name)
    return fits, skipped


def _map_arrays(
    training: TrainingSet,
    profiles: Mapping[str, Sequence[MapProfile]],
    front_end: FrontEnd,
) -> list[dict[str, np.ndarray]]:
    """The arrays that maps are standardised by, of the final ensemble and of each fold model.

    Args:
        training: the normal recordings and their folds.
        profiles: by member as from `MapProfile.cross_merged`.
        front_end: the front end of the ensemble.
    """
    folds = training.folds
    spectra = [recording.log_mel(front_end) for recording in training.recordings]
    sums = [
        WindowSums.of(frames for frames, fold in zip(spectra, folds, strict=True) if fold == index)
        for index in range(training.fold_count)
    ]
    total = reduce(add, sums)
    bins = BinResiduals.fit(total)
    # Single recordings hardly change the residuals, so those of the final ensemble serve for all profiles.
    of_bins = MapProfile.cross_merged([MapProfile.fit([bins.map(frames)]) for frames in spectra], folds)
    profiles = {**profiles, "bins": of_bins}
    result = []
    for index, bins_of in enumerate((bins, *(BinResiduals.fit(total - of_fold) for of_fold in sums))):
        arrays = {f"profile/{name}": merged[index].to_arrays() for name, merged in profiles.items()}
        arrays["bins/mean"] = bins_of.mean.astype(np.float32)
        arrays["bins/weights"] = bins_of.weights.astype(np.float32)
        result.append(arrays)
    return result
