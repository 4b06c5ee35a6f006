"""The default detector: an ensemble of simple detectors at three resolutions in time.

A member is another detector with fixed options and one of its scores. Every member is cross-fitted, so that
each normal recording is scored by a fold model that was not fitted on it. These held-out scores standardise
the scores of the members. The inverse hyperbolic sine compresses the standardised scores z: it is linear up
to about one standard deviation and logarithmic beyond, so that a normal recording with an unusual background,
which has a z of 20 or more for some members, does not get the highest score of all. The score of the ensemble
is the weighted mean of the compressed scores. No recordings of anomalies are needed or used.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, folds_of
from auscult.detectors import detector_type
from auscult.detectors.adaptable import Adaptable, Refittable
from auscult.detectors.base import Detector, Evidence, Progress
from auscult.detectors.crossfit import CrossFitting, TrainingSet
from auscult.detectors.ensemble.config import FUSIONS, AutoConfig
from auscult.detectors.ensemble.ensemble_maps import MEMBERS_WEIGHT, EnsembleMaps, fit_maps, map_shapes
from auscult.detectors.ensemble.member_fit import MemberFit, loaded_members, refit_member, stored_members
from auscult.detectors.ensemble.member_maps import placed
from auscult.detectors.ensemble.time_limit import fit_members
from auscult.detectors.exportable import Exportable
from auscult.detectors.statistics.standardizer import Standardizer
from auscult.errors import FitError, OptionError
from auscult.findings import Finding, findings_to_json, messages
from auscult.spectrum import FrontEnd

if TYPE_CHECKING:
    from auscult.detectors.onnx_export.graph import GraphEvidence, Value


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
    #: Of a fold model, the (K,) scores of its members by recording of its fold, which calibration asks for
    #: again. Copies do not have it.
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
        fits, skipped = fit_members(config, training, progress)
        findings = [
            Finding("skipped_member", f"skipped {', '.join(names)}: {reason}")
            for reason, names in skipped.items()
        ]
        if not fits:
            raise FitError(
                f"auto: no member could be fitted: {'; '.join(messages(findings)) or 'there are none'}"
            )
        for fit in fits:
            findings += [replace(f, message=f"{fit.name}: {f.message}") for f in fit.models[0].findings]
        return cls._combined(config, fits, training, {"findings": findings_to_json(findings)})

    @classmethod
    def _combined(
        cls, config: AutoConfig, fits: Sequence[MemberFit], training: TrainingSet, facts: Mapping[str, Any]
    ) -> tuple[Self, list[Self]]:
        """Combine the members into the final ensemble and the fold models."""
        normal_scores = np.stack([fit.normal_scores for fit in fits], axis=1)  # (N, K)
        standard = Standardizer.fit(normal_scores).to_arrays()
        details = {fit.name: fit.details for fit in fits}
        ensembles = []
        of_maps = fit_maps(training, {fit.name: fit.profiles for fit in fits}, config.front_end)
        for index, map_arrays in enumerate(of_maps):
            ensemble = cls(config)
            ensemble.facts = copy.deepcopy(dict(facts))
            ensemble._set_members({fit.name: fit.models[index] for fit in fits}, details)
            ensemble.arrays |= {"standard": standard, **map_arrays}
            ensembles.append(ensemble)
        final, *fold_models = ensembles
        for model in fold_models:
            model._held_out = {}
        for recording, fold, scores in zip(training.recordings, training.folds, normal_scores, strict=True):
            fold_models[fold]._held_out[recording] = scores
        return final, fold_models

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`. Maps are z-scores: `EnsembleMaps.mean_map` for ``mean``, and for ``minimum`` that
        of the member with the smallest score."""
        self.check_fitted()
        members = self.members
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
        frames, ensemble_maps = recording.log_mel(self.config.front_end), EnsembleMaps(self.arrays)
        maps = []
        for name, member in members.items():
            zscores = ensemble_maps.profile(name).smoothed_zscore(evidence[name].maps[member.decisive_score])
            maps.append(placed(zscores, member.config.front_end, self.config.front_end, len(frames)))
        mean_map = ensemble_maps.mean_map(frames, weights, maps)
        return Evidence(scores, {"mean": mean_map, "minimum": maps[int(z.argmin())]})

    def export(self, samples: Value) -> GraphEvidence:
        """As in `Detector`; members of `discriminative` and `embedding_memory` cannot be exported."""
        from auscult.detectors.ensemble.auto_onnx import ensemble_evidence

        members, maps = self.members, EnsembleMaps(self.arrays)
        return ensemble_evidence(
            samples,
            self.config.front_end,
            members,
            {name: maps.profile(name) for name in (*members, "bins")},
            Standardizer.from_arrays(self.arrays["standard"]),
            self._weights(),
            MEMBERS_WEIGHT,
            maps.bins,
            compress=self.config.fusion == "arsinh",
        )

    def _weights(self) -> np.ndarray:
        """Return the (K,) weights of the members, which sum to 1."""
        weights = np.array([member.get("weight", 1.0) for member in self.facts["members"].values()])
        return weights / weights.sum()

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`: adapts every member that can be; the standardisation is unchanged."""
        members: dict[str, Detector] = {}
        lines, unchanged = [], []
        for name, member in self.members.items():
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
        other = self.copied()
        other._set_members(members, self.facts["members"])
        other.arrays = {**self.arrays, **other.arrays}
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
        fits = [
            refit_member(name, member, self.facts["members"][name], training)
            for name, member in self.members.items()
        ]
        line = "; ".join(f"{fit.name}: {fit.models[0].facts['adaptations'][-1]}" for fit in fits)
        final, fold_models = self._combined(self.config, fits, training, self.facts)
        return final.with_adaptation(line), [model.with_adaptation(line) for model in fold_models]

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        bands = {name: member.config.front_end.n_mels for name, member in self.members.items()}
        shapes: dict[str, tuple[int | None, ...]] = {"standard": (2, len(bands))}
        shapes |= map_shapes(self.config.front_end.n_mels, bands)
        for name, member in self.members.items():
            shapes |= {f"{name}/{array}": shape for array, shape in member.expected_shapes().items()}
        return shapes

    def minimum_samples(self) -> int:
        """As in `Detector`; before fitting, the largest minimum of all candidate members."""
        members = list(self.members.values()) or [
            detector_type(member.detector)(member.config(self.config.seed, self.config.front_end))
            for member in self.config.candidates().values()
        ]
        return max(member.minimum_samples() for member in members)

    @property
    def parameters(self) -> int:
        return sum(member.parameters for member in self.members.values())

    @property
    def members(self) -> dict[str, Detector]:
        """The members by name."""
        return self.derived("members", lambda: loaded_members(self.arrays, self.facts.get("members", {})))

    def _set_members(self, members: Mapping[str, Detector], details: Mapping[str, Mapping[str, Any]]) -> None:
        """Store members instead of all other arrays, with their weights and times."""
        self.arrays, self.facts["members"] = stored_members(members, details)
        self.derived("members", lambda: dict(members))
