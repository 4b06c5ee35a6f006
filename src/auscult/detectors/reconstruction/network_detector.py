"""Detectors with a network on context windows of log-mel frames.

A detector of this kind has two parts: a `WindowNetwork`, which is trained on single windows, and one or more
`Scorer` objects, which are fitted to the outputs of the trained network for whole recordings.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from auscult.corpus import AudioClip, is_target
from auscult.detectors.adaptable import Refittable
from auscult.detectors.base import Evidence, Progress
from auscult.detectors.crossfit import FleetDetector, fit_error
from auscult.detectors.exportable import Exportable
from auscult.detectors.onnx_export.runtime import OnnxNetwork
from auscult.detectors.reconstruction.clip_windows import FleetWindows, windows_of
from auscult.detectors.reconstruction.scorer import Outputs, Scorer
from auscult.detectors.reconstruction.training_warnings import collapse_findings, convergence_findings
from auscult.detectors.reconstruction.window_network import NetworkConfig, WindowNetwork
from auscult.detectors.representable import Representable, Representation
from auscult.errors import DivergedError, FitError
from auscult.findings import findings_to_json

if TYPE_CHECKING:
    import torch

    from auscult.detectors.onnx_export.graph import GraphEvidence, Value
    from auscult.detectors.training.training import FleetVectors


class NetworkDetector(OnnxNetwork, FleetDetector, Refittable, Representable, Exportable):
    """A network that is trained on context windows, and the scorers of its outputs.

    Class attributes:
        network_type: the definition of the network.
        batch_score: the score that is the reconstruction error of training, if one is; then
            ``facts["batch_scores"]`` holds its values for the batches of the last epoch.
    """

    config: NetworkConfig
    network_type: ClassVar[type[WindowNetwork]]
    batch_score: ClassVar[str] = ""
    extra = "train"
    trains_together = True

    @property
    @abstractmethod
    def scorers(self) -> Sequence[Scorer]:
        """The scorers, on the arrays and facts of this detector."""

    @property
    def network(self) -> WindowNetwork:
        """The definition of the network."""
        return self.network_type(self.config)

    @classmethod
    def without_validation_split(cls, config: NetworkConfig) -> NetworkConfig:  # type: ignore[override]
        return replace(config, validation=0.0)

    @classmethod
    def fit_fleet(
        cls,
        detectors: Sequence[NetworkDetector],
        training_sets: Sequence[Sequence[AudioClip]],
        *,
        other_machines: Sequence[AudioClip] = (),
        progress: Progress | None = None,
    ) -> list[FitError | None]:
        """Fit several machines in one batched program; they differ only in seed and recordings."""
        cls.check_can_fit()
        seeds = [detector.config.seed for detector in detectors]
        windows = FleetWindows(cls.name, detectors[0].config, seeds, training_sets, progress)
        outcomes = windows.errors
        fittable = [i for i, error in enumerate(outcomes) if error is None]
        if fittable:
            errors = _train([detectors[i] for i in fittable], windows.vectors(fittable), progress)
            for i, error in zip(fittable, errors, strict=True):
                fit_scorers = partial(detectors[i]._fit_scorers, windows, i, training_sets[i])
                outcomes[i] = error or fit_error(fit_scorers)
        return outcomes

    def refitted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Refittable`: the network is unchanged, the scorers are fitted to these recordings alone."""
        other = self.copied()
        windows = FleetWindows(self.name, self.config, [self.config.seed], [recordings])
        if windows.errors[0]:
            raise windows.errors[0]
        other.facts["findings"] = []
        other.facts.pop("batch_scores", None)  # they belong to the recordings that are forgotten
        other._fit_scorers(windows, 0, recordings)
        return other.with_adaptation(
            f"covariances and densities fitted to {len(recordings)} new recordings alone; network unchanged"
        )

    def _fit_scorers(self, windows: FleetWindows, machine: int, recordings: Sequence[AudioClip]) -> None:
        """Fit the scorers to a trained network, and add warnings about the training."""
        history, scorers = self.facts["history"], self.scorers
        for scorer in scorers:
            starts = windows.train[machine]
            scorer.fit_windows(self.run_for_fitting(), windows.frames, starts, windows.is_target)
        self.facts["findings"] += findings_to_json(convergence_findings(history))
        clips, target = [self.windows(r) for r in recordings], is_target(recordings)
        if len(clips) == 1:  # one clip has no variance: use its two halves as two clips
            half = len(clips[0]) // 2
            clips, target = [clips[0][:half], clips[0][half:]], np.repeat(target, 2)
        run = self.run_for_fitting()
        with_outputs = ((clip, run(clip)) for clip in clips)  # those of all clips may not fit into memory
        vectors = [[scorer.pooled(*clip) for scorer in scorers] for clip in with_outputs]
        for scorer, of_scorer in zip(scorers, zip(*vectors, strict=True), strict=True):
            scorer.fit(of_scorer, target)
        if "active_units" in history[-1]:
            findings = collapse_findings(history, self.config.variant)
            self.facts["collapsed"] = bool(findings)
            self.facts["findings"] += findings_to_json(findings)

    def adapted(self, recordings: Sequence[AudioClip]) -> Self:
        """As in `Adaptable`: the network is unchanged, the scorers are updated."""
        self.require_recordings(recordings)
        other, run = self.copied(), self.run_for_fitting()
        windows = [self.windows(recording) for recording in recordings]
        clips, target = [(clip, run(clip)) for clip in windows], is_target(recordings)
        notes = [note for scorer in other.scorers for note in scorer.update(clips, target)]
        count = f"{len(recordings)} {'recording' if len(recordings) == 1 else 'recordings'}"
        return other.with_adaptation(f"{count} added: {'; '.join(notes)}")

    def score(self, recording: AudioClip, *, explain: bool = False) -> Evidence:
        self.check_fitted()
        windows = self.windows(recording)
        outputs = self.run(windows)
        return reduce(or_, (s.evidence(windows, outputs, explain=explain) for s in self.scorers))

    def export(self, samples: Value) -> GraphEvidence:
        from auscult.detectors.onnx_export.front_end import log_mel
        from auscult.detectors.onnx_export.windows import context_windows

        windows = context_windows(log_mel(samples, self.config.front_end), self.config.context)
        output = samples.graph.merge(self.arrays["network"], "network/", x=windows)
        return reduce(or_, (scorer.evidence_in_graph(windows, output) for scorer in self.scorers))

    def run(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the network's named outputs for (N, width) float32 vectors, computed by ONNX Runtime."""
        return self.run_network({"x": windows})

    def run_for_fitting(self) -> Callable[[np.ndarray], Outputs]:
        """Return the function whose outputs scorers are fitted to: `run` by default.

        A detector with random outputs returns a function that draws other numbers at every call.
        """
        return self.run

    def windows(self, recording: AudioClip) -> np.ndarray:
        """Return the (V, width) context windows of a recording.

        Raises:
            TooShortAudio: the recording is shorter than one window.
        """
        return windows_of(recording, self.config.front_end, self.config.context)

    def representation_by(self, codes: np.ndarray) -> Representation:
        """Return codes (V, K) of the windows of a recording with their mean."""
        front_end = self.config.front_end
        middles = np.arange(len(codes)) + (self.config.context - 1) / 2  # in frames
        seconds = middles * front_end.hop / front_end.sample_rate
        return Representation({"mean_code": codes.mean(axis=0)}, {"codes": codes}, seconds)

    def expected_shapes(self) -> Mapping[str, tuple[int | None, ...]]:
        shapes: dict[str, tuple[int | None, ...]] = {"network": (None,)}
        for scorer in self.scorers:
            shapes |= scorer.expected_shapes()
        return shapes

    def minimum_samples(self) -> int:
        return (self.config.context - 1) * self.config.front_end.hop


def _train(
    fleet: Sequence[NetworkDetector], vectors: FleetVectors, progress: Progress | None
) -> list[DivergedError | None]:
    """Train the networks of a fleet and store them; return the error of each that diverged."""
    from auscult.detectors.training.layers_onnx import TrainedNetwork
    from auscult.detectors.training.training import TrainingPlan, train_fleet

    network, config = fleet[0].network, fleet[0].config

    def build(generators: Sequence[torch.Generator]) -> torch.nn.ModuleDict:
        modules = network.build(generators)
        network.initialise(modules, vectors.frames, vectors.train)
        return modules

    def report_epoch(epochs: int, figures: Mapping[str, float]) -> None:
        if progress:
            progress("train", epochs, config.epochs, figures)

    variant = f", {config.variant}" if config.variant else ""
    modules, machines = train_fleet(
        build,
        network.loss,
        vectors,
        [detector.config.seed for detector in fleet],
        TrainingPlan(config.epochs, config.batch_size, config.learning_rate, config.device, config.precision),
        names=[f"{detector.name}, seed {detector.config.seed}{variant}" for detector in fleet],
        progress=report_epoch,
    )
    parameters = sum(p.numel() for p in modules.parameters()) // len(fleet)
    for slot, (detector, machine) in enumerate(zip(fleet, machines, strict=True)):
        if machine.error:
            continue
        trained = TrainedNetwork.of_machine(modules, slot)
        detector.arrays = network.stored(trained)
        detector.facts = {"parameters": parameters, "history": machine.history, "findings": []}
        detector.facts |= network.trained_facts(trained)
        if detector.batch_score:
            detector.facts["batch_scores"] = {detector.batch_score: machine.batch_errors}
    return [machine.error for machine in machines]
