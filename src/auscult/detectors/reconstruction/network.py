"""Base class of detectors with a network on context windows of frames, which is scored with ONNX.

A subclass defines the network (`build`) and its training loss (`loss`) with PyTorch, which only fitting
imports, and its outputs for scoring (`outputs`) as an ONNX graph.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from auscult.corpus import AudioClip
from auscult.corpus.prefetch import prefetch
from auscult.detectors.base import Config, FleetDetector, Progress, Representation, fit_error
from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.errors import AudioError, FitError, OptionError, TooShortAudio
from auscult.evaluation.remarks import NOT_CONVERGED_WARNING
from auscult.runtime.option_fields import option
from auscult.spectrum import context_windows

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import Value
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.step import Loss

#: Training has not converged if the loss falls by a larger share than this over the last tenth of the epochs,
#: or would over `_LEAST_EPOCHS` at the same rate if a tenth is fewer.
MAX_CONVERGED_FALL = 0.2
_LEAST_EPOCHS = 10
#: Precisions of matrix products in training; scoring always uses float32.
PRECISIONS = ("float32", "bf16")


@dataclass
class WindowConfig(Config):
    """Options of a network on context windows; the defaults are the DCASE baseline's."""

    epochs: int = option(100, "Passes over the training vectors.")
    batch_size: int = option(256, "Vectors in one training step.")
    learning_rate: float = option(1e-3, "Learning rate of Adam.")
    context: int = option(5, "Frames in one vector.")
    validation: float = option(
        0.1,
        "Share of the training vectors that are held out to show the validation loss. It is 0 where fit "
        "calibrates by cross-fitting, which holds out recordings itself.",
    )
    device: str = option("auto", "Device to train on: auto, cpu, cuda or mps.")
    precision: str = option("float32", "Precision of matrix products in training.", choices=PRECISIONS)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs < 1 or self.context < 1 or not self.learning_rate > 0:
            raise OptionError("epochs, context and learning_rate must be positive")
        if self.batch_size < 2:
            raise OptionError(f"batch_size must be at least 2 for batch normalisation, got {self.batch_size}")
        if not 0 <= self.validation < 1:
            raise OptionError(f"validation must be at least 0 and less than 1, got {self.validation:g}")


@dataclass(frozen=True)
class ScoringGraph:
    """A part of a trained network that is stored as an ONNX graph, with input ``x``.

    Attributes:
        outputs: computes the named outputs, each (N, …), from the trained network and x (N, width).
        width: length of one input vector.
    """

    outputs: Callable[[TrainedNetwork, Value], Mapping[str, Value]]
    width: int


class WindowDetector(OnnxNetwork, FleetDetector):
    """A detector with a network on context windows of log-mel frames.

    Shapes: M machines, B vectors per batch, width = context · bands.

    Class attributes:
        batch_score: the score that is the reconstruction error of training, if one is; then
            ``facts["batch_scores"]`` holds its values for the batches of the last epoch.
    """

    config: WindowConfig
    config_type = WindowConfig
    extra = "train"
    trains_together = True
    batch_score: ClassVar[str] = ""

    @abstractmethod
    def build(self, generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        """Return the untrained network of a fleet, from one random generator per machine."""

    def prepare(self, network: torch.nn.ModuleDict, frames: np.ndarray, starts: Sequence[np.ndarray]) -> None:
        """Initialise a new network from statistics of its training recordings; does nothing by default.

        Args:
            network: the network to initialise.
            frames: (F, bands), the frames of all recordings one after the other.
            starts: for every machine the first frame of each of its training windows.
        """

    @abstractmethod
    def loss(
        self,
        network: torch.nn.ModuleDict,
        x: torch.Tensor,
        mask: torch.Tensor,
        generators: Sequence[torch.Generator],
        epochs: torch.Tensor,
    ) -> Loss:
        """Return the loss of each machine, (M,), and figures to log, each (M,) or (M, K).

        Args:
            network: the network of the fleet.
            x: (M, B, width), a batch of windows of each machine.
            mask: (M, B, 1), 1 for real vectors, which come first, and 0 for padding.
            generators: random generators, one per machine.
            epochs: (M,) index of the current epoch of each machine, from 0.
        """

    @abstractmethod
    def outputs(self, network: TrainedNetwork, x: Value) -> Mapping[str, Value]:
        """Return the network outputs needed for scoring x (N, width), by name; each (N, …) float32."""

    def graphs(self) -> dict[str, ScoringGraph]:
        """Return the parts of the network that scoring runs, by the name of their array in ``arrays``.

        One part by default, ``network``, which computes `outputs` of the windows.
        """
        return {"network": ScoringGraph(self.outputs, self.config.context * self.config.front_end.n_mels)}

    @classmethod
    def without_validation_split(cls, config: WindowConfig) -> WindowConfig:  # type: ignore[override]
        return replace(config, validation=0.0)

    @classmethod
    def fit_fleet(  # type: ignore[override]
        cls,
        detectors: Sequence[WindowDetector],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit several machines in one batched program; they differ only in seed and recordings."""
        cls.check_can_fit()
        from auscult.detectors.training.layers_onnx import TrainedNetwork
        from auscult.detectors.training.training import FleetVectors, TrainingPlan, train_fleet

        splits = _Splits(detectors, training_sets, progress)
        outcomes = splits.errors
        fittable = [i for i, error in enumerate(outcomes) if error is None]
        if not fittable:
            return outcomes
        first = detectors[fittable[0]]
        config = first.config
        train = [splits.train[i] for i in fittable]
        plan = TrainingPlan(
            config.epochs, config.batch_size, config.learning_rate, config.device, config.precision
        )

        def build(generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
            network = first.build(generators)
            first.prepare(network, splits.frames, train)
            return network

        def report_epoch(epochs: int, figures: Mapping[str, float]) -> None:
            if progress:
                progress("train", epochs, config.epochs, figures)

        network, histories, errors, batch_errors = train_fleet(
            build,
            first.loss,
            FleetVectors(splits.frames, train, [splits.validation[i] for i in fittable], config.context),
            [detectors[i].config.seed for i in fittable],
            plan,
            names=[detectors[i].describe() for i in fittable],
            progress=report_epoch,
        )
        trained = [slot for slot, error in enumerate(errors) if error is None]
        parameters = sum(p.numel() for p in network.parameters()) // len(fittable)
        for slot, error in enumerate(errors):
            outcomes[fittable[slot]] = error
        for slot in trained:
            detector, history = detectors[fittable[slot]], histories[slot]
            weights = TrainedNetwork.of_machine(network, slot)
            graphs = detector.graphs().items()
            detector.arrays = {name: weights.to_onnx(graph.outputs, graph.width) for name, graph in graphs}
            detector.facts = {"parameters": parameters, "history": history, "warnings": []}
            if first.batch_score:
                detector.facts["batch_scores"] = {first.batch_score: batch_errors[slot]}
            outcomes[fittable[slot]] = fit_error(
                partial(detector._fit_statistics, splits, train[slot], training_sets[fittable[slot]])
            )
        return outcomes

    def refitted(self, recordings: Sequence[AudioClip]) -> WindowDetector:
        """Return a new detector for which only these recordings are normal; see `Detector.refitted`.

        The network is unchanged; what else is fitted is fitted on these recordings alone.
        """
        other = self._copy()
        assert isinstance(other, WindowDetector)
        splits = _Splits([other], [recordings], None)
        if splits.errors[0]:
            raise splits.errors[0]
        other.facts["warnings"] = []
        other.facts.pop("batch_scores", None)  # they belong to the recordings that are forgotten
        other._fit_statistics(splits, splits.train[0], recordings)
        other.facts.setdefault("adaptations", []).append(
            f"covariances and densities fitted to {len(recordings)} new recordings alone; network unchanged"
        )
        return other

    def _fit_statistics(self, splits: _Splits, starts: np.ndarray, recordings: Sequence[AudioClip]) -> None:
        """Fit everything other than the network, which is already trained."""
        self.fit_window_statistics(splits.frames, starts, splits.is_target)
        self._warn_if_not_converged(self.facts["history"])
        self.fit_densities(recordings)

    def describe(self) -> str:
        """Return the name of this detector in training errors."""
        return f"{self.name}, seed {self.config.seed}"

    def _warn_if_not_converged(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Add a warning if training stopped early: anomalies can then score lower than normal clips.

        Args:
            history: the figures of every epoch.
        """
        tenth = max(1, len(history) // 10)
        if len(history) < 2 * tenth:
            self.facts["warnings"].append(
                f"{NOT_CONVERGED_WARNING}: it has one epoch; train longer (epochs=100), otherwise "
                "anomalies can score lower than normal clips"
            )
            return
        key = "reconstruction" if "reconstruction" in history[0] else "loss"
        before = np.mean([epoch[key] for epoch in history[-2 * tenth : -tenth]])
        fall = 1 - np.mean([epoch[key] for epoch in history[-tenth:]]) / before
        if fall * max(1.0, _LEAST_EPOCHS / tenth) > MAX_CONVERGED_FALL:
            epochs = max(100, 3 * len(history))
            last = "epoch" if tenth == 1 else f"{tenth} epochs"
            self.facts["warnings"].append(
                f"{NOT_CONVERGED_WARNING}: the loss fell by {100 * fall:.0f} % over the last {last} of "
                f"{len(history)}; train longer (epochs={epochs}), otherwise anomalies can score lower than "
                "normal clips"
            )

    def fit_window_statistics(
        self, frames: np.ndarray, starts: np.ndarray, target_frames: np.ndarray
    ) -> None:
        """Fit statistics of the network's outputs on its training windows; does nothing by default.

        Args:
            frames: (F, bands), the frames of all recordings one after the other.
            starts: (N,) first frame of each training window.
            target_frames: (F,) bool, true for frames of the target domain.
        """

    def fit_densities(self, recordings: Sequence[AudioClip]) -> None:
        """Fit densities of the network's outputs for whole recordings; does nothing by default."""

    def run(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the network's named outputs for (N, width) float32 vectors, computed by ONNX Runtime."""
        return self.run_network({"x": windows})

    def run_for_fitting(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return the function whose outputs statistics are fitted to: `run` by default.

        A detector with random outputs returns a function that draws other numbers at every call.
        """
        return self.run

    def run_in_graph(self, samples: Value) -> tuple[Value, Callable[[str], Value]]:
        """Add the network to an ONNX graph; return the windows (V, width) of the samples, and a function that
        returns the network's output for them by name."""
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.onnx_export.windows import context_windows

        windows = context_windows(log_mel(samples, self.config.front_end), self.config.context)
        return windows, samples.graph.merge(self.arrays["network"], "network/", x=windows)

    def minimum_samples(self) -> int:
        return (self.config.context - 1) * self.config.front_end.hop

    @property
    def parameters(self) -> int:
        return int(self.facts["parameters"])

    def represent(self, recording: AudioClip) -> Representation:
        if not self.has_codes:
            return super().represent(recording)
        return self.representation_by(self.codes(recording))

    def representation_by(self, codes: np.ndarray) -> Representation:
        """Return codes (V, K) of the windows of a recording with their mean."""
        front_end = self.config.front_end
        middles = np.arange(len(codes)) + (self.config.context - 1) / 2  # in frames
        seconds = middles * front_end.hop / front_end.sample_rate
        return Representation({"mean_code": codes.mean(axis=0)}, {"codes": codes}, seconds)

    def _windows(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, width) context windows of a recording.

        Raises:
            TooShortAudio: the recording is shorter than one window.
        """
        frames = recording.log_mel(self.config.front_end)
        windows = context_windows(frames, self.config.context)
        if not len(windows):
            seconds = self.minimum_samples() / self.config.front_end.sample_rate
            raise TooShortAudio(
                recording.clip.path, f"shorter than the {seconds:.3f} s that {self.name} needs"
            )
        return windows


class _Splits:
    """The training and held-out windows of each machine, on frames that are loaded once for all.

    Attributes:
        frames: (F, bands) float32, the frames of all recordings one after the other.
        is_target: (F,) bool, true for frames of the target domain.
        train: for every machine the first frame of each of its training windows.
        validation: the same for its held-out windows.
        errors: for every machine the error if it has too few windows, or ``None``.
    """

    def __init__(
        self,
        detectors: Sequence[WindowDetector],
        training_sets: Sequence[Sequence[AudioClip]],
        progress: Progress | None,
    ) -> None:
        config = detectors[0].config
        unique = list({id(r): r for recordings in training_sets for r in recordings}.values())
        spectra = []
        compute_log_mel = methodcaller("log_mel", config.front_end)
        for done, (_, frames) in enumerate(prefetch(unique, compute_log_mel), start=1):
            if isinstance(frames, AudioError):
                raise frames
            spectra.append(frames)
            if progress:
                progress("features", done, len(unique), {})
        lengths = [len(s) for s in spectra]
        first_frames = dict(zip(map(id, unique), np.cumsum([0, *lengths])[:-1], strict=True))
        counts = {id(r): length - config.context + 1 for r, length in zip(unique, lengths, strict=True)}
        self.frames = (
            np.concatenate(spectra) if spectra else np.empty((0, config.front_end.n_mels), np.float32)
        )
        targets = [np.full(n, r.clip.domain == "target") for r, n in zip(unique, lengths, strict=True)]
        self.is_target = np.concatenate(targets) if targets else np.empty(0, bool)
        self.train: list[np.ndarray] = []
        self.validation: list[np.ndarray] = []
        self.errors: list[FitError | None] = []
        for detector, recordings in zip(detectors, training_sets, strict=True):
            runs = [first_frames[id(r)] + np.arange(max(0, counts[id(r)])) for r in recordings]
            starts = np.concatenate(runs).astype(np.int64) if runs else np.empty(0, np.int64)
            available = f"{len(recordings)} recordings hold {len(starts)} windows of {config.context} frames"
            enough = len(starts) >= 2
            self.errors.append(
                None if enough else FitError(f"{detector.name}: {available}; at least 2 are needed")
            )
            order = np.random.default_rng([detector.config.seed, 10]).permutation(len(starts))
            held_out = min(round(detector.config.validation * len(starts)), len(starts) - 2)
            self.validation.append(starts[order[:held_out]])  # shuffled, so that batches mix recordings
            self.train.append(starts[np.sort(order[held_out:])])
