"""An ensemble that is put together for each machine from its normal recordings alone.

Every member is cross-fitted: what fold_models a recording has not learnt from it. Those scores of the normals
make members comparable (each in its own standard deviations), and altered normals tell which members hear
changes of this machine at all (`choice.trial`); a member that does not is left out. The verdict is the mean
of the others. No anomaly is needed for any of it, and none is used.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, folds_of
from auscult.detectors import detector_type
from auscult.detectors.base import Config, Detector, Evidence, Progress
from auscult.detectors.ensemble.member_fit import Tried, cross_fitted, tagged, that_hear, within
from auscult.detectors.ensemble.members import chosen_members
from auscult.detectors.ensemble.trial import Trial
from auscult.detectors.maps.bin_residuals import CONTEXT, BinResiduals
from auscult.detectors.maps.map_profile import MapProfile, resized
from auscult.detectors.options import config_from_json, config_to_json
from auscult.detectors.statistics.standardizer import Standard
from auscult.errors import FitError, OptionError
from auscult.spectrum import FrontEnd

#: What the members' maps weigh in the map, against what the spectrogram alone shows.
MEMBERS_WEIGHT = 0.5


@dataclass
class AutoConfig(Config):
    """Settings of `Auto`."""

    members: str = "untrained"  # names out of choice.members.MEMBERS, all that train nothing, or all
    drop_uninformative: bool = True  # leave out members that do not separate pseudo-anomalies from normals
    pseudo_anomalies: int = 24  # of each kind: enough to estimate an AUC to a few points
    folds: int = 5  # parts that are judged by what learnt from the others; `fit` that cross-fits has five
    time_limit: float | None = None  # approximate limit of fitting, in seconds; none: no limit

    def __post_init__(self) -> None:
        super().__post_init__()
        chosen_members(self.members)
        if self.pseudo_anomalies < 1:
            raise OptionError(f"pseudo_anomalies={self.pseudo_anomalies}: must be at least 1")
        if self.folds < 2:
            raise OptionError(f"folds={self.folds}: at least 2")
        if self.time_limit is not None and not self.time_limit > 0:
            raise OptionError(f"time_limit={self.time_limit:g}: must be positive")


class Auto(Detector):
    """``mean`` is the mean of the members' standardised scores, ``minimum`` the smallest of them:
    odd only where all members find it odd."""

    name = "auto"
    config: AutoConfig
    config_type = AutoConfig
    scores: ClassVar[tuple[str, ...]] = ("mean", "minimum")
    maps_point = True
    export_needs = (
        "each of its members as a graph, those that look for the nearest recordings among them, and the mean "
        "of their standardised scores and maps"
    )

    @classmethod
    def learns_from_others(cls, config: AutoConfig) -> bool:  # type: ignore[override]
        """As in `Detector`: where a member does."""
        return any(
            detector_type(member.detector).learns_from_others(member.config(config.seed, config.front_end))
            for member in chosen_members(config.members).values()
        )

    @classmethod
    def front_ends(cls, config: AutoConfig) -> tuple[FrontEnd, ...]:  # type: ignore[override]
        """As in `Detector`: its own, and those of its members."""
        members = chosen_members(config.members).values()
        theirs = (member.config(config.seed, config.front_end).front_end for member in members)
        return tuple(dict.fromkeys((config.front_end, *theirs)))

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
        if max(folds) < 1:  # cuts of one recording: there is nothing else to part
            folds = [i % self.config.folds for i in range(len(recordings))]
        fitted, _ = self.crossfit(
            self.config, recordings, folds, other_machines=other_machines, progress=progress
        )
        self.arrays, self.facts = fitted.arrays, fitted.facts
        return self

    @classmethod
    def crossfit(  # type: ignore[override]
        cls,
        config: AutoConfig,
        recordings: Sequence[AudioClip],
        folds: Sequence[int],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> tuple[Self, list[Self]]:
        """As in `Detector`. The fold_models share the members and their standards with the final ensemble: a mean
        and a spread for each member, learnt from the scores of all recordings."""
        members = chosen_members(config.members)
        for member in members.values():  # before those are fitted that lack nothing
            detector_type(member.detector).check_can_fit()
        trial = Trial(recordings, folds, config.pseudo_anomalies, config.seed)
        fitted: list[Tried] = []
        without: dict[str, list[str]] = {}  # members that are not tried, by the reason
        started = time.monotonic()
        for name, member in members.items():
            left = math.inf if config.time_limit is None else config.time_limit - (time.monotonic() - started)
            if fitted and left < fitted[-1].seconds:  # the cheap ones come first
                why = f"what is left of the {config.time_limit:g} s that fitting may take would not suffice"
                without.setdefault(why, []).append(name)
                continue
            tell = tagged(progress, name)
            try:
                its_config = within(left, member, config, trial, other_machines, tell)
                fitted.append(
                    cross_fitted(
                        name, member, its_config, config.drop_uninformative, trial, other_machines, tell
                    )
                )
            except FitError as error:
                without.setdefault(str(error), []).append(name)
        warnings = [f"without {', '.join(names)}: {why}" for why, names in without.items()]
        if not fitted:
            raise FitError(f"auto: no member could be fitted: {'; '.join(warnings) or 'there are none'}")
        normals = np.stack([f.normals for f in fitted], axis=1)  # (n, K)
        heard = that_hear([f.outcome for f in fitted])
        if not any(heard):
            warnings.append("no member tells altered recordings from normal ones: all count")
            heard = [True] * len(fitted)
        kept = [i for i, hears in enumerate(heard) if hears]
        for i in kept:
            warnings += [f"{fitted[i].name}: {told}" for told in fitted[i].final.facts.get("warnings", ())]
        shared = {
            "standard": Standard.fit(normals[:, kept]).array(),
            **{f"profile/{fitted[i].name}": fitted[i].profile for i in kept},
            **_usual_bins([recording.log_mel(config.front_end) for recording in recordings]),
        }
        facts = {
            "warnings": warnings,
            "tried": [f.told(hears) for f, hears in zip(fitted, heard, strict=True)],
        }
        ensembles = [
            cls(config)._of(
                {fitted[i].name: fitted[i].final if k < 0 else fitted[i].fold_models[k] for i in kept}
            )
            for k in range(-1, max(folds) + 1)
        ]
        for ensemble in ensembles:
            ensemble.arrays |= shared
            ensemble.facts |= facts
        return ensembles[0], ensembles[1:]

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        """As in `Detector`. Maps are in standard deviations of normal running: `_map` for ``mean``, that of
        the member which decides for ``minimum``."""
        members = self._members()
        evidence = {name: member.score(recording, explain=explain) for name, member in members.items()}
        raw = np.array([evidence[name].scores[member.decisive_score] for name, member in members.items()])
        z = Standard.from_array(self.arrays["standard"]).z(raw)  # (K,)
        scores = {"mean": float(z.mean()), "minimum": float(z.min())}
        if not explain:
            return Evidence(scores)
        frames = recording.log_mel(self.config.front_end)
        maps = [
            resized(self._profile(name).pointing(evidence[name].maps[member.decisive_score]), frames.shape)
            for name, member in members.items()
        ]
        return Evidence(scores, {"mean": self._map(frames, maps), "minimum": maps[int(z.argmin())]})

    def _map(self, frames: np.ndarray, maps: Sequence[np.ndarray]) -> np.ndarray:
        """The members' maps (T, B) fused, and with them what the bins around each bin do not foretell.

        Members know which band is odd and hardly the moment, for they look at whole clips; the spectrogram
        alone knows the moment. Logarithms of what is far out keep one member from drowning the rest.
        """
        bins = BinResiduals(self.arrays["bins/mean"], self.arrays["bins/weights"])
        local = self._profile("bins").odd(bins.map(frames))
        return (local + MEMBERS_WEIGHT * np.mean(np.arcsinh(maps), axis=0)).astype(np.float32)

    def _profile(self, name: str) -> MapProfile:
        return MapProfile.from_array(self.arrays[f"profile/{name}"])

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Detector`: every member that can takes the recordings in; standards stay."""
        grown: dict[str, Detector] = {}
        lines, unchanged = [], []
        for name, member in self._members().items():
            try:
                grown[name] = member.adapted(recordings)
                lines.append(f"{name}: {grown[name].facts['adaptations'][-1]}")
            except OptionError:
                grown[name] = member
                unchanged.append(name)
        if not lines:
            raise OptionError("auto: none of its members can take more recordings in: fit it again with them")
        if unchanged:
            lines.append(f"unchanged: {', '.join(unchanged)}")
        other = type(self)(self.config)._of(grown)
        other.arrays = {**self.arrays, **other.arrays}
        other.facts = {**self._copy().facts, **other.facts}
        other.facts["adaptations"] = [*self.facts.get("adaptations", []), "; ".join(lines)]
        return other

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
        """As in `Detector`; before fitting what those need that may become members."""
        members = list(self._members().values()) or [
            detector_type(member.detector)(member.config(self.config.seed, self.config.front_end))
            for member in chosen_members(self.config.members).values()
        ]
        return max(member.minimum_samples() for member in members)

    @property
    def parameters(self) -> int:
        return sum(member.parameters for member in self._members().values())

    def _of(self, members: Mapping[str, Detector]) -> Self:
        """Takes these members for its own: their arrays and facts become part of its own."""
        self.arrays = {f"{n}/{key}": array for n, m in members.items() for key, array in m.arrays.items()}
        self.facts["members"] = {
            name: {"detector": m.name, "config": config_to_json(m.config), "facts": m.facts}
            for name, m in members.items()
        }
        return self

    def _members(self) -> dict[str, Detector]:
        """The members, made of this detector's arrays and facts when first needed, by whichever thread."""
        made: tuple[dict[str, np.ndarray], dict[str, Detector]] | None = getattr(self, "_made", None)
        if made is not None and made[0] is self.arrays:
            return made[1]
        members: dict[str, Detector] = {}
        for name, told in self.facts.get("members", {}).items():
            member = detector_type(told["detector"])(config_from_json(told["detector"], told["config"]))
            prefix = f"{name}/"
            mine = [key for key in self.arrays if key.startswith(prefix)]
            member.arrays = {key.removeprefix(prefix): self.arrays[key] for key in mine}
            member.facts = told["facts"]
            members[name] = member
        self._made = self.arrays, members
        return members


def _usual_bins(spectra: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """What is usual around each bin of log-mels (T, B), and what its map is like."""
    bins = BinResiduals.fit(spectra)
    profile = MapProfile.fit(bins.map(frames) for frames in spectra)
    return {
        "bins/mean": bins.mean.astype(np.float32),
        "bins/weights": bins.weights.astype(np.float32),
        "profile/bins": profile.to_array(),
    }
