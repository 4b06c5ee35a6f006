"""A network that learns to tell clips apart, and the distance from its nearest normal ones.

The dual-branch network of Wilkinghoff (ICASSP 2023 and 2024, see `learning.dual_branch`), trained to tell
machines, their attributes and exchanged branches apart by sub-cluster AdaCos with mixup and FeatEx. What it
had to notice for that is where anomalies show: a clip is scored by the distance of its embedding from the
nearest normal ones, made comparable by density (Wilkinghoff et al. 2025, see `pooled.neighbours`).

The defaults differ from the publications, which learn from thousands of clips of many machines. With one
machine hardly any class is left to tell apart, so that each has a twin of clips made odd on purpose
(`learning.disturbing`). Normalisation spreads few classes over the whole sphere, where no direction is odd:
the distance is Euclidean. And the frames of the compact size are pooled by their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from auscult.corpus import AudioClip, of_target
from auscult.detectors.base import Config, Evidence, FleetDetector, Progress, outcome
from auscult.detectors.discriminative.dual_views import DualViews, dual_views, edge_frames
from auscult.detectors.discriminative.occlusion import Hiding
from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.detectors.statistics.neighbours import METRICS, SCORES, Neighbours
from auscult.detectors.statistics.pooled_views import pooled_view
from auscult.errors import FitError, OptionError
from auscult.spectrum import band_centres

#: A map hides so many groups of bands and stretches of time, one after the other.
_BAND_GROUPS, _STRETCHES = 16, 8


@dataclass(frozen=True)
class Size:
    """How finely a clip is heard, and how large the network is."""

    mels: bool  # frames are log-mel, not all bins of the short-time transform
    joined: int  # frames that become one
    points: int  # of the clip's spectrum
    network: Mapping[str, Any]  # of `learning.dual_branch.Shape`


SIZES = {
    "compact": Size(True, 2, 8000, {}),
    "published": Size(
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
    """Settings of `Discriminative`; the preset ``published`` has the published ones."""

    size: str = "compact"  # compact: minutes of a CPU; published: for a GPU
    width: int = 16  # channels of the first residual stage
    points: int = 0  # of the clip's spectrum; 0: 8000 if compact, 80,000 as published
    epochs: int = 16  # passes over the clips
    batch_size: int = 16  # clips in one step; 64 as published, where there are thousands
    learning_rate: float = 1e-3  # of AdamW
    mixup: float = 0.5  # share of the clips that another one is added to
    exchange: float = 0.5  # share of the clips that take the other branch from another one
    disturb: float = 0.5  # share of the clips made odd, as twins of the classes; 0: none, as published
    least_clips: int = 300  # clips in an epoch at least: of fewer recordings each is taken several times
    metric: str = "euclidean"  # between embeddings: euclidean, or cosine as published
    max_others: int = 200  # clips taken of each other machine at most
    device: str = "auto"  # auto, cpu, cuda, mps

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size not in SIZES:
            raise OptionError(f"size={self.size!r}: choose one of {', '.join(SIZES)}")
        if min(self.width, self.epochs) < 1 or not self.learning_rate > 0:
            raise OptionError("width, epochs and learning_rate must be positive")
        if self.batch_size < 2:
            raise OptionError(f"batch_size={self.batch_size}: batch normalisation needs 2 clips or more")
        if not all(0 <= share <= 1 for share in (self.mixup, self.exchange, self.disturb)):
            raise OptionError("mixup, exchange and disturb are shares: from 0 to 1")
        if min(self.max_others, self.least_clips) < 0:
            raise OptionError("max_others and least_clips must be 0 or more")
        if self.metric not in METRICS:
            raise OptionError(f"metric={self.metric!r}: choose one of {', '.join(METRICS)}")
        if self.points and self.points < 64:
            raise OptionError(f"points={self.points}: 64 or more, or 0 for those of the size")

    @property
    def spectrum_points(self) -> int:
        """Points of the clip's spectrum."""
        return self.points or SIZES[self.size].points


class Discriminative(OnnxNetwork, FleetDetector):
    """An embedding that tells machines and their states apart, scored by its nearest normal neighbours."""

    name = "discriminative"
    config: DiscriminativeConfig
    config_type = DiscriminativeConfig
    scores: ClassVar[tuple[str, ...]] = SCORES
    export_needs = (
        "the spectrum of the whole clip, a Fourier transform of any length, its banks of embeddings, and for "
        "maps the network once for every part that is hidden from it"
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "published": {
            "size": "published",
            "batch_size": 64,
            "least_clips": 0,
            "disturb": 0.0,
            "metric": "cosine",
        },
    }
    extra = "train"

    @classmethod
    def learns_from_others(cls, config: DiscriminativeConfig) -> bool:  # type: ignore[override]
        """As in `Detector`: unless it may take no clip of them."""
        return config.max_others > 0

    @classmethod
    def fit_fleet(  # type: ignore[override]
        cls,
        detectors: Sequence[Discriminative],
        fleets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fits one after the other; the views of every recording are worked out once for all of them. Clips
        of ``others`` become further classes; the neighbours are each detector's own."""
        cls.check_can_fit()
        first = detectors[0]
        other_machines = first._some_of(other_machines)
        unique = list({id(r): r for part in (*fleets, other_machines) for r in part}.values())
        views: dict[int, DualViews] = {}
        for recording in unique:
            views[id(recording)] = first._views(recording)
            if progress:
                progress("features", len(views), len(unique), {})
        return [
            outcome(partial(detector._learn, recordings, other_machines, views, progress))
            for detector, recordings in zip(detectors, fleets, strict=True)
        ]

    def _some_of(self, other_machines: Sequence[AudioClip]) -> list[AudioClip]:
        """At most ``max_others`` clips of each other machine, drawn by the seed."""
        machines: dict[str | None, list[AudioClip]] = {}
        for recording in other_machines:
            machines.setdefault(recording.clip.machine, []).append(recording)
        rng = np.random.default_rng([self.config.seed, 20])
        kept = []
        for clips in machines.values():
            places = rng.permutation(len(clips))[: self.config.max_others]
            kept += [clips[i] for i in np.sort(places)]
        return kept

    def _learn(
        self,
        recordings: Sequence[AudioClip],
        other_machines: Sequence[AudioClip],
        views: Mapping[int, DualViews],
        progress: Progress | None,
    ) -> None:
        from auscult.detectors.discriminative.classes import classes_of
        from auscult.detectors.discriminative.dual_branch import Shape
        from auscult.detectors.discriminative.dual_training import DualPlan, export_dual, train_dual

        if len(recordings) < 2:
            raise FitError(f"{self.name}: {len(recordings)} recordings; at least 2 are needed")
        c = self.config
        everyone = [*recordings, *other_machines]
        heard = [views[id(r)] for r in everyone]
        own = [True] * len(recordings) + [False] * len(other_machines)
        levels = [r.log_mel(c.front_end) for r in everyone]
        pooled = np.stack([np.concatenate([x.mean(axis=0), x.std(axis=0)]) for x in levels])
        labels, names = classes_of([r.clip for r in everyone], own, pooled, c.seed)
        shape = Shape(
            bands=heard[0].frames.shape[1],
            points=c.spectrum_points,
            **{"width": c.width, "line_width": 4 * c.width, **SIZES[c.size].network},
        )
        plan = DualPlan(
            c.epochs,
            c.batch_size,
            c.learning_rate,
            least_clips=c.least_clips,
            mixup=c.mixup,
            exchange=c.exchange,
            disturb=c.disturb,
            device=c.device,
        )
        axes = self._axes(shape.bands)

        def tell(epochs: int, figures: Mapping[str, float]) -> None:
            if progress:
                progress("train", epochs, c.epochs, figures)

        name = f"{self.name}, seed {c.seed}"
        network, history = train_dual(shape, heard, labels, axes, plan, c.seed, name=name, progress=tell)
        kind = f"{self.name} {replace(c, seed=0)}"
        self.arrays = {"network": export_dual(network, shape, kind=kind)}
        self.facts = {
            "parameters": sum(p.numel() for p in network.parameters()),
            "classes": names,
            "history": history,
            "cut_from": [r.clip.source_recording for r in recordings],
            "warnings": [],
        }
        own_views = heard[: len(recordings)]
        self.arrays["usual_frames"] = np.mean([v.frames.mean(axis=0) for v in own_views], axis=0)
        self.arrays["usual_spectrum"] = np.mean([v.spectrum for v in own_views], axis=0)
        self.arrays["usual_mel"] = np.mean([pooled_view(x, "mean") for x in levels[: len(own_views)]], axis=0)
        self._remember(np.stack([self._embed(v) for v in own_views]), of_target(recordings))

    def adapted(self, recordings: Sequence[AudioClip]) -> Discriminative:
        """A new detector that takes these recordings for normal too; see `Detector.adapted`.

        The network stays; the bank of neighbours gains a row for each, and densities are worked out anew.
        """
        if not recordings:
            raise FitError(f"{self.name}: there are no recordings to adapt to")
        other = self._copy()
        assert isinstance(other, Discriminative)
        bank, more = self._bank(), np.stack([self._embed(self._views(r)) for r in recordings])
        new = of_target(recordings)
        other.facts["cut_from"] += [r.clip.source_recording for r in recordings]
        other._remember(np.concatenate([bank.vectors, more]), np.concatenate([bank.target, new]))
        other.facts.setdefault("adaptations", []).append(
            f"{sum(~new)} source and {sum(new)} target clips added to the neighbours, which were "
            f"{sum(~bank.target)} source and {sum(bank.target)} target clips; network unchanged"
        )
        return other

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        views, bank = self._views(recording), self._bank()
        whole = bank.scores(self._embed(views))
        return Evidence(whole, self._maps(recording, views, bank, whole) if explain else {})

    def _maps(
        self, recording: AudioClip, views: DualViews, bank: Neighbours, whole: Mapping[str, float]
    ) -> dict[str, np.ndarray]:
        """Where each score of ``whole`` comes from: by how much it falls when a part is hidden."""
        frames = recording.log_mel(self.config.front_end)  # (T, B)
        hiding = Hiding(
            self._axes(views.frames.shape[1]),
            self.arrays["usual_frames"],
            self.arrays["usual_spectrum"],
            groups=min(_BAND_GROUPS, frames.shape[1]),
            stretches=_STRETCHES,
        )
        changes, lines = np.split(self._embed(views), 2)
        spectra = hiding.spectra(views)
        of_lines = self.run_network({"frames": views.frames[None], "spectrum": spectra})["lines"]
        without_group = [bank.scores(np.concatenate([changes, e])) for e in of_lines]
        without_block = []
        for group in hiding.frames(views):
            of_changes = self.run_network({"frames": group, "spectrum": views.spectrum[None]})["changes"]
            without_block += [bank.scores(np.concatenate([e, lines])) for e in of_changes]
        place = np.arange(len(frames)) - edge_frames(self.config.front_end)
        stretch = hiding.stretch_of(views, place // SIZES[self.config.size].joined)
        return {
            name: hiding.map(
                frames,
                stretch,
                value - np.array([s[name] for s in without_block]),
                value - np.array([s[name] for s in without_group]),
                self.arrays["usual_mel"],
            )
            for name, value in whole.items()
        }

    def _axes(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the values of a frame (F,) and the points of the spectrum (P,) lie among the mel bands, from
        0 to 1."""
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
        """(256,) embeddings of both branches, one clip at a time, so that no clip depends on another."""
        outputs = self.run_network({"frames": views.frames[None], "spectrum": views.spectrum[None]})
        return np.concatenate([outputs["changes"][0], outputs["lines"][0]])

    def _remember(self, vectors: np.ndarray, target: np.ndarray) -> None:
        """Makes these embeddings (N, 256) the normal ones."""
        cut_from = self.facts["cut_from"]
        known: dict[Any, int] = {}
        groups = [known.setdefault(i if name is None else name, i) for i, name in enumerate(cut_from)]
        bank = Neighbours.fit(vectors, target, groups=groups, metric=self.config.metric)
        self.arrays |= {f"bank_{name}": array for name, array in bank.arrays().items()}

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
