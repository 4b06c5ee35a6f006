"""Discriminative training: a network that classifies normal clips, and nearest neighbours of its embeddings.

The dual-branch network of Wilkinghoff (ICASSP 2023 and 2024, see `dual_branch`) is trained with sub-cluster
AdaCos, mixup and FeatEx to separate machines, their attributes, and clips with exchanged embeddings. The
features that separate these classes also show anomalies: a clip is scored by the distance of its embedding
to the nearest normal ones, normalised by local density (Wilkinghoff et al. 2025, see
`statistics.neighbours`).

The defaults differ from the publications, which train on thousands of clips of many machines. One machine
alone has hardly any classes, so each class gets a second one of pseudo-anomalous clips (see `augmentation`).
Normalised embeddings of few classes cover the entire sphere, so that no direction is anomalous: the distance
is Euclidean. And the frames of the compact size are pooled by their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.adaptable import Refittable
from auscult.detectors.base import Config, Evidence, Progress
from auscult.detectors.crossfit import FleetDetector, fit_error
from auscult.detectors.discriminative.dual_views import DualViews, dual_views, edge_frames
from auscult.detectors.discriminative.occlusion import Occluder
from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.detectors.representable import Representable, Representation
from auscult.detectors.statistics.neighbours import METRICS, SCORES, Neighbours
from auscult.detectors.statistics.pooled_views import pooled_view
from auscult.errors import FitError, OptionError
from auscult.runtime.option_fields import option
from auscult.spectrum import band_centres

#: Numbers of groups of bands and of segments of time that are occluded in turn for a map.
_BAND_GROUPS, _SEGMENTS = 16, 8


@dataclass(frozen=True)
class SizePreset:
    """The resolution of both views of a clip, and the layer sizes of the network."""

    mels: bool  # frames are log-mel, not all bins of the short-time Fourier transform
    joined: int  # neighbouring frames that are averaged into one
    points: int  # of the clip's spectrum
    network: Mapping[str, Any]  # arguments of `dual_branch.DualBranchSize`


SIZES = {
    "compact": SizePreset(True, 2, 8000, {}),
    "published": SizePreset(
        False,
        1,
        80000,
        {
            "blocks": 2,
            "line_width": 128,
            "kernels": ((256, 64), (64, 32), (16, 4)),
            "published": True,
        },
    ),
}


@dataclass
class DiscriminativeConfig(Config):
    """Settings of `Discriminative`; the preset ``published`` has those of the publications."""

    size: str = option(
        "compact",
        "Size of the network and of its inputs: compact trains in minutes on a CPU; published is that of the "
        "publications, for a GPU.",
        choices=SIZES,
    )
    width: int = option(16, "Channels of the first residual stage.")
    points: int = option(
        0,
        "Points of the clip's spectrum, at least 64; 0: "
        + ", ".join(f"{preset.points} in the {size} size" for size, preset in SIZES.items())
        + ".",
    )
    epochs: int = option(16, "Passes over the training clips.")
    batch_size: int = option(16, "Clips in one training step; published: 64, for thousands of clips.")
    learning_rate: float = option(1e-3, "Learning rate of AdamW.")
    mixup: float = option(0.5, "Share of the clips that are mixed with another.")
    exchange: float = option(0.5, "Share of the clips that take the spectrum embedding of another.")
    disturb: float = option(
        0.5, "Share of pseudo-anomalous clips, which double the classes; 0: none, as published."
    )
    min_clips: int = option(
        300, "Minimum number of clips in an epoch; a smaller training set is repeated within it."
    )
    metric: str = option("euclidean", "Distance between embeddings; published: cosine.", choices=METRICS)
    max_others: int = option(200, "Maximum number of clips of each other machine; 0: use no other machines.")
    device: str = option("auto", "Device to train on: auto, cpu, cuda or mps.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.epochs) < 1 or not self.learning_rate > 0:
            raise OptionError("width, epochs and learning_rate must be positive")
        if self.batch_size < 2:
            raise OptionError(f"batch_size={self.batch_size}: batch normalisation needs at least 2 clips")
        if not all(0 <= share <= 1 for share in (self.mixup, self.exchange, self.disturb)):
            raise OptionError("mixup, exchange and disturb must be between 0 and 1")
        if min(self.max_others, self.min_clips) < 0:
            raise OptionError("max_others and min_clips must not be negative")
        if self.points and self.points < 64:
            raise OptionError(f"points={self.points}: must be at least 64, or 0 for the default of the size")

    @property
    def spectrum_points(self) -> int:
        """Number of points of the clip's spectrum."""
        return self.points or SIZES[self.size].points


class Discriminative(OnnxNetwork, FleetDetector, Refittable, Representable):
    """Nearest normal neighbours among embeddings of a network that classifies machines and their states."""

    name = "discriminative"
    config: DiscriminativeConfig
    config_type = DiscriminativeConfig
    scores: ClassVar[tuple[str, ...]] = SCORES
    export_needs = (
        "the spectrum of the entire clip (a Fourier transform of any length), the embeddings of the normal "
        "clips, and for maps one run of the network for each occluded part"
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "size": "published",
            "batch_size": 64,
            "min_clips": 0,
            "disturb": 0.0,
            "metric": "cosine",
        },
    }
    extra = "train"

    @classmethod
    def uses_other_machines(cls, config: DiscriminativeConfig) -> bool:  # type: ignore[override]
        """As in `Detector`: unless ``max_others`` is 0."""
        return config.max_others > 0

    @classmethod
    def fit_fleet(
        cls,
        detectors: Sequence[Discriminative],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit one detector after the other; the views of each recording are computed once for all of them.

        The clips of other machines are further classes; the neighbours come from each detector's own training
        set only.
        """
        cls.check_can_fit()
        first = detectors[0]
        other_machines = first._sample_other_machines(other_machines)
        unique = list({id(r): r for part in (*training_sets, other_machines) for r in part}.values())
        views: dict[int, DualViews] = {}
        for recording in unique:
            views[id(recording)] = first._views(recording)
            if progress:
                progress("features", len(views), len(unique), {})
        return [
            fit_error(partial(detector._fit, recordings, other_machines, views, progress))
            for detector, recordings in zip(detectors, training_sets, strict=True)
        ]

    def _sample_other_machines(self, other_machines: Sequence[AudioClip]) -> list[AudioClip]:
        """A random sample, fixed by the seed, of at most ``max_others`` clips of each other machine."""
        machines: dict[str | None, list[AudioClip]] = {}
        for recording in other_machines:
            machines.setdefault(recording.clip.machine, []).append(recording)
        rng = np.random.default_rng([self.config.seed, 20])
        sample = []
        for clips in machines.values():
            indices = rng.permutation(len(clips))[: self.config.max_others]
            sample += [clips[i] for i in np.sort(indices)]
        return sample

    def _fit(
        self,
        recordings: Sequence[AudioClip],
        other_machines: Sequence[AudioClip],
        views: Mapping[int, DualViews],
        progress: Progress | None,
    ) -> None:
        from auscult.detectors.discriminative.classes import assign_classes
        from auscult.detectors.discriminative.dual_branch import DualBranchSize
        from auscult.detectors.discriminative.dual_branch_onnx import export_dual
        from auscult.detectors.discriminative.dual_training import DualTrainingConfig, train_dual

        if len(recordings) < 2:
            raise FitError(f"{self.name}: {len(recordings)} recordings; at least 2 are needed")
        c = self.config
        all_recordings = [*recordings, *other_machines]
        all_views = [views[id(r)] for r in all_recordings]
        own = [True] * len(recordings) + [False] * len(other_machines)
        log_mels = [r.log_mel(c.front_end) for r in all_recordings]
        pooled = np.stack([np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in log_mels])
        labels, classes = assign_classes([r.clip for r in all_recordings], own, pooled, c.seed)
        size = DualBranchSize(
            bands=all_views[0].frames.shape[1],
            points=c.spectrum_points,
            **{"width": c.width, "line_width": 4 * c.width, **SIZES[c.size].network},
        )
        training = DualTrainingConfig(
            c.epochs,
            c.batch_size,
            c.learning_rate,
            min_clips=c.min_clips,
            mixup=c.mixup,
            exchange=c.exchange,
            disturb=c.disturb,
            device=c.device,
        )
        axes = self._axes(size.bands)

        def report_epoch(epochs: int, metrics: Mapping[str, float]) -> None:
            if progress:
                progress("train", epochs, c.epochs, metrics)

        name = f"{self.name}, seed {c.seed}"
        network, history = train_dual(
            size, all_views, labels, axes, training, c.seed, name=name, progress=report_epoch
        )
        self.arrays = {"network": export_dual(network, size)}
        self.facts = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "classes": classes,
            "history": history,
            "cut_from": [r.clip.source_recording for r in recordings],
            "findings": [],
        }
        own_views = all_views[: len(recordings)]
        self._set_usual(own_views, log_mels[: len(own_views)])
        self._set_bank(np.stack([self._embed(v) for v in own_views]), is_target(recordings))

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`.

        The network is unchanged. The bank of normal embeddings gains a row per recording, and densities are
        computed again.
        """
        self.require_recordings(recordings)
        adapted = self.copied()
        bank, vectors = self._bank(), np.stack([self._embed(self._views(r)) for r in recordings])
        target = is_target(recordings)
        adapted.facts["cut_from"] += [r.clip.source_recording for r in recordings]
        adapted._set_bank(np.concatenate([bank.vectors, vectors]), np.concatenate([bank.target, target]))
        return adapted.with_adaptation(
            f"{len(recordings)} recordings added to the bank of {len(bank.target)}; network unchanged"
        )

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`.

        The network is unchanged. The bank of normal embeddings holds these recordings alone, and so do the
        means that maps are computed with.
        """
        if len(recordings) < 2:
            raise FitError(f"{self.name}: {len(recordings)} recordings; at least 2 are needed")
        refitted = self.copied()
        views = [self._views(r) for r in recordings]
        refitted.facts["cut_from"] = [r.clip.source_recording for r in recordings]
        refitted._set_usual(views, [r.log_mel(self.config.front_end) for r in recordings])
        refitted._set_bank(np.stack([self._embed(v) for v in views]), is_target(recordings))
        return refitted.with_adaptation(
            f"the {len(self._bank().target)} recordings in the bank replaced by {len(recordings)}; network "
            "unchanged"
        )

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        views, bank = self._views(recording), self._bank()
        scores = bank.scores(self._embed(views))
        return Evidence(scores, self._maps(recording, views, bank, scores) if explain else {})

    def represent(self, recording: AudioClip) -> Representation:
        return Representation({"embedding": self._embed(self._views(recording))})

    def _maps(
        self, recording: AudioClip, views: DualViews, bank: Neighbours, scores: Mapping[str, float]
    ) -> dict[str, np.ndarray]:
        """The map of each score: how much it drops when a part of the clip is occluded."""
        frames = recording.log_mel(self.config.front_end)  # (T, B)
        occluder = Occluder(
            self._axes(views.frames.shape[1]),
            self.arrays["usual_frames"],
            self.arrays["usual_spectrum"],
            groups=min(_BAND_GROUPS, frames.shape[1]),
            segments=_SEGMENTS,
        )
        of_frames, of_spectrum = np.split(self._embed(views), 2)
        spectra = occluder.occluded_spectra(views)
        embeddings = self.run_network({"frames": views.frames[None], "spectrum": spectra})["lines"]
        spectrum_occluded = [bank.scores(np.concatenate([of_frames, e])) for e in embeddings]
        frames_occluded = []
        for copies in occluder.occluded_frames(views):
            embeddings = self.run_network({"frames": copies, "spectrum": views.spectrum[None]})["changes"]
            frames_occluded += [bank.scores(np.concatenate([e, of_spectrum])) for e in embeddings]
        positions = np.arange(len(frames)) - edge_frames(self.config.front_end)
        segment = occluder.segment_of(views, positions // SIZES[self.config.size].joined)
        return {
            name: occluder.map(
                frames,
                segment,
                score - np.array([s[name] for s in frames_occluded]),
                score - np.array([s[name] for s in spectrum_occluded]),
                self.arrays["usual_mel"],
            )
            for name, score in scores.items()
        }

    def _axes(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the values of a frame (F,) and of the points of the spectrum (P,) on the mel axis.

        Both are from 0 to 1.
        """
        front_end, points = self.config.front_end, self.config.spectrum_points
        middles = (np.arange(front_end.n_mels) + 0.5) / front_end.n_mels
        centres, top = band_centres(front_end), front_end.sample_rate / 2
        lines = np.interp((np.arange(points) + 0.5) * top / points, centres, middles)
        if SIZES[self.config.size].mels:
            return middles, lines
        return np.interp(np.linspace(0, top, bins), centres, middles), lines

    def _views(self, recording: AudioClip) -> DualViews:
        size = SIZES[self.config.size]
        return dual_views(
            recording,
            self.config.front_end,
            mels=size.mels,
            joined=size.joined,
            points=self.config.spectrum_points,
        )

    def _embed(self, views: DualViews) -> np.ndarray:
        """The (256,) embedding of both branches.

        The network runs on one clip at a time, so that no score depends on another clip.
        """
        outputs = self.run_network({"frames": views.frames[None], "spectrum": views.spectrum[None]})
        return np.concatenate([outputs["changes"][0], outputs["lines"][0]])

    def _set_usual(self, views: Sequence[DualViews], log_mels: Sequence[np.ndarray]) -> None:
        """Set the means over normal recordings that replace occluded parts in maps."""
        self.arrays["usual_frames"] = np.mean([v.frames.mean(axis=0) for v in views], axis=0)
        self.arrays["usual_spectrum"] = np.mean([v.spectrum for v in views], axis=0)
        self.arrays["usual_mel"] = np.mean([pooled_view(x, "mean") for x in log_mels], axis=0)

    def _set_bank(self, vectors: np.ndarray, target: np.ndarray) -> None:
        """Set the bank of normal embeddings, (N, 256)."""
        cut_from = self.facts["cut_from"]
        group_of: dict[Any, int] = {}
        groups = [group_of.setdefault(i if name is None else name, i) for i, name in enumerate(cut_from)]
        bank = Neighbours.fit(vectors, target, groups=groups, metric=self.config.metric)
        self.arrays |= {f"bank_{name}": array for name, array in bank.to_arrays().items()}

    def _bank(self) -> Neighbours:
        arrays = {k.removeprefix("bank_"): v for k, v in self.arrays.items() if k.startswith("bank_")}
        return Neighbours.from_arrays(arrays, metric=self.config.metric)

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        return {
            "network": (None,),
            "usual_frames": (None,),
            "usual_spectrum": (self.config.spectrum_points,),
            "usual_mel": (self.config.front_end.n_mels,),
            "bank_vectors": (None, 256),
            "bank_target": (None,),
            "bank_density": (None,),
            "bank_alpha": (1,),
            "bank_scale": (2,),
        }

    def minimum_samples(self) -> int:
        return self.config.front_end.n_fft
