"""What the detectors with a network share: windows of frames in, and ONNX to score with.

A subclass says what its network is (`build`), what it is trained for (`loss`) and what it gives when it
scores (`outputs`); these three alone touch PyTorch, and only while fitting.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.prefetch import heard
from auscult.detectors.base import Config, FleetDetector, Progress, outcome
from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.errors import AudioError, FitError, OptionError, TooShortAudio
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.training.step import Loss

#: A fall of the training error over the last tenth of the epochs that says that learning was cut off.
UNSETTLED = 0.2
#: How exactly matrices are multiplied in training; scoring does it in float32 always.
PRECISIONS = ("float32", "tf32", "bf16")


@dataclass
class WindowConfig(Config):
    """Settings of a network on context windows; the defaults are the DCASE baseline's."""

    epochs: int = 100  # passes over the training vectors
    batch_size: int = 256  # vectors in one step
    learning_rate: float = 1e-3  # of Adam
    context: int = 5  # frames in one vector
    validation: float = 0.1  # share of the vectors kept out, for logging alone; 0 where fit calibrates
    device: str = "auto"  # auto, cpu, cuda, mps
    precision: str = "float32"  # of the products in training: float32, tf32 (on CUDA alone), bf16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.context < 1 or not self.learning_rate > 0:
            raise OptionError("epochs, context and learning_rate must be positive")
        if self.batch_size < 2:
            raise OptionError(f"batch_size={self.batch_size}: batch normalisation needs 2 vectors or more")
        if self.precision not in PRECISIONS:
            raise OptionError(f"precision={self.precision!r}: choose one of {', '.join(PRECISIONS)}")
        if not 0 <= self.validation < 1:
            raise OptionError(f"validation={self.validation:g} is a share: from 0 to less than 1")


class WindowDetector(OnnxNetwork, FleetDetector):
    """A network on context windows of log-mel frames."""

    config: WindowConfig
    config_type = WindowConfig
    extra = "train"
    trains_together = True

    @abstractmethod
    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        """The network of a fleet, one random generator a machine."""

    def prepare(self, network: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]) -> None:
        """Puts into a new network what it takes from its recordings before it trains.

        Args:
            frames: (F, bands), the frames of all recordings one after the other.
            starts: for every machine the first frame of each of its training windows.
        """

    @abstractmethod
    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        rows: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        """Loss of each machine on x (M, B, width).

        Args:
            rows: (M, B, 1), 1 for the vectors that count; those come first, the rest fills up the batch.
            epochs: (M,) the epoch that each machine is in, from 0.
        """

    @abstractmethod
    def outputs(self, network: torch.nn.ModuleDict, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """What scoring needs of x (M, N, width), by name; each (M, …)."""

    @classmethod
    def learning_from_all(cls, config: WindowConfig) -> WindowConfig:  # type: ignore[override]
        return replace(config, validation=0.0)

    @classmethod
    def fit_fleet(  # type: ignore[override]
        cls,
        detectors: Sequence[WindowDetector],
        fleets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fits several machines in one batched program; they differ in seed and recordings alone."""
        cls.check_can_fit()
        from auscult.detectors.training.export import export_fleet
        from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet

        splits = _Splits(detectors, fleets, progress)
        outcomes = splits.errors
        able = [i for i, error in enumerate(outcomes) if error is None]
        if not able:
            return outcomes
        first = detectors[able[0]]
        config = first.config
        train = [splits.train[i] for i in able]
        plan = TrainingPlan(
            config.epochs, config.batch_size, config.learning_rate, config.device, config.precision
        )

        def build(generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
            network = first.build(generators)
            first.prepare(network, splits.frames, train)
            return network

        def tell(epochs: int, figures: Mapping[str, float]) -> None:
            if progress:
                progress("train", epochs, config.epochs, figures)

        network, histories, errors = train_fleet(
            build,
            first.loss,
            FleetVectors(splits.frames, train, [splits.validation[i] for i in able], config.context),
            [detectors[i].config.seed for i in able],
            plan,
            names=[detectors[i].describe() for i in able],
            progress=tell,
        )
        trained = [place for place, error in enumerate(errors) if error is None]
        parameters = sum(p.numel() for p in network.parameters()) // len(able)
        width = config.context * config.front_end.n_mels
        kind = f"{first.name} {replace(config, seed=0)}"
        blobs = export_fleet(first.build, first.outputs, network, trained, width, kind=kind)
        for place, error in enumerate(errors):
            outcomes[able[place]] = error
        for place, blob in zip(trained, blobs, strict=True):
            detector, history = detectors[able[place]], histories[place]
            detector.arrays = {"network": blob}
            detector.facts = {"parameters": parameters, "history": history, "warnings": []}
            outcomes[able[place]] = outcome(
                partial(detector._learn_the_rest, splits, train[place], fleets[able[place]])
            )
        return outcomes

    def _learn_the_rest(self, splits: _Splits, starts: np.ndarray, recordings: Sequence[AudioClip]) -> None:
        self.learn_from_windows(splits.frames, starts, splits.is_target)
        self._tell_unsettled(self.facts["history"])
        self.after_training(recordings)

    def describe(self) -> str:
        """What to call this detector in an error about its training."""
        return f"{self.name}, seed {self.config.seed}"

    def _tell_unsettled(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Warns where learning was cut off: such a network can find faults less odd than normal running."""
        tenth = max(1, len(history) // 10)
        if len(history) < 2 * tenth:
            return
        key = "reconstruction" if "reconstruction" in history[0] else "loss"
        before = np.mean([epoch[key] for epoch in history[-2 * tenth : -tenth]])
        fall = 1 - np.mean([epoch[key] for epoch in history[-tenth:]]) / before
        if fall > UNSETTLED:
            self.facts["warnings"].append(
                f"learning had not settled: the error still fell by {100 * fall:.0f} % over the last {tenth} "
                f"of {len(history)} epochs; give more (--epochs {3 * len(history)}), for scores of such a "
                "model can be the wrong way round"
            )

    def learn_from_windows(self, frames: np.ndarray, starts: np.ndarray, is_target: np.ndarray) -> None:
        """What a subclass learns from its training windows once its network scores; nothing here."""

    def after_training(self, recordings: Sequence[AudioClip]) -> None:
        """What a subclass still learns once its network scores; nothing here."""

    def run(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """The network's named outputs for (N, width) float32 vectors, by ONNX Runtime."""
        return self.run_network({"x": windows})

    def run_in_graph(self, samples: Value) -> tuple[Value, Callable[[str], Value]]:
        """The windows (V, width) of samples in a graph, and the network's outputs for them by name."""
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.onnx_export.windows import context_windows

        windows = context_windows(log_mel(samples, self.config.front_end), self.config.context)
        return windows, samples.graph.merge(self.arrays["network"], "network/", x=windows)

    def minimum_samples(self) -> int:
        return (self.config.context - 1) * self.config.front_end.hop

    @property
    def parameters(self) -> int:
        return int(self.facts["parameters"])

    def _windows(self, recording: AudioClip) -> np.ndarray:
        frames = recording.log_mel(self.config.front_end)
        windows = context_windows(frames, self.config.context)
        if not len(windows):
            seconds = self.minimum_samples() / self.config.front_end.sample_rate
            raise TooShortAudio(
                recording.clip.path, f"shorter than the {seconds:.3f} s that {self.name} needs"
            )
        return windows


class _Splits:
    """The frames of all recordings once, and which windows each machine trains on and keeps out, or the
    error of one that has too few."""

    def __init__(
        self,
        detectors: Sequence[WindowDetector],
        fleets: Sequence[Sequence[AudioClip]],
        progress: Progress | None,
    ) -> None:
        config = detectors[0].config
        unique = list({id(r): r for recordings in fleets for r in recordings}.values())
        spectra = []
        hear_features = methodcaller("log_mel", config.front_end)
        for done, (_, frames) in enumerate(heard(unique, hear_features), start=1):
            if isinstance(frames, AudioError):
                raise frames
            spectra.append(frames)
            if progress:
                progress("features", done, len(unique), {})
        lengths = [len(s) for s in spectra]
        firsts = dict(zip(map(id, unique), np.cumsum([0, *lengths])[:-1], strict=True))
        counts = {id(r): length - config.context + 1 for r, length in zip(unique, lengths, strict=True)}
        self.frames = (
            np.concatenate(spectra) if spectra else np.empty((0, config.front_end.n_mels), np.float32)
        )
        targets = [np.full(n, r.clip.domain == "target") for r, n in zip(unique, lengths, strict=True)]
        self.is_target = np.concatenate(targets) if targets else np.empty(0, bool)
        self.train: list[np.ndarray] = []
        self.validation: list[np.ndarray] = []
        self.errors: list[FitError | None] = []
        for detector, recordings in zip(detectors, fleets, strict=True):
            runs = [firsts[id(r)] + np.arange(max(0, counts[id(r)])) for r in recordings]
            starts = np.concatenate(runs).astype(np.int64) if runs else np.empty(0, np.int64)
            error = f"{len(recordings)} recordings hold {len(starts)} windows of {config.context} frames"
            enough = len(starts) >= 2
            self.errors.append(
                None if enough else FitError(f"{detector.name}: {error}; at least 2 are needed")
            )
            order = np.random.default_rng([detector.config.seed, 10]).permutation(len(starts))
            kept_out = min(round(detector.config.validation * len(starts)), len(starts) - 2)
            self.validation.append(starts[np.sort(order[:kept_out])])
            self.train.append(starts[np.sort(order[kept_out:])])
