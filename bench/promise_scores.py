"""Held-out scores and test scores for `bench.promise`, computed once for each machine and stored."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.grouping import group_training_clips
from auscult.benchmark.machine import MachineData
from auscult.corpus import folds_of, machine_folders
from auscult.corpus.folds import source_keys
from auscult.detectors import detector_type
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.options import config_for_recordings
from auscult.evaluation import labels_of
from auscult.evaluation.protocol import Labels
from auscult.runtime.files import write_atomically
from auscult.runtime.parallel import blas_single_thread
from auscult.simulation import simulate
from bench.promise_candidates import HeldOut
from bench.promise_cases import CASES, case_of
from bench.recordings import with_recordings

#: Seeds of folds and of what is random in a detector.
SEEDS = (13711, 1, 2)
FIVE = 5
#: Maximum number of folds with one for each recording.
MAX_FOLDS = 50


@dataclass(frozen=True)
class Choice:
    """A detector with the score that its threshold is for."""

    detector: str
    settings: Mapping[str, Any] = field(default_factory=dict)


#: Name to detector; none of them trains a network.
DETECTORS: dict[str, Choice] = {
    "auto": Choice("auto"),
    "pooled_gaussian": Choice("pooled_gaussian"),
    "spectral_memory": Choice("spectral_memory", {"score": "density"}),
    "subspace_residual": Choice("subspace_residual"),
}


class PromiseMachine:
    """A machine with its stored scores and the cases of its test normals.

    Args:
        folder: with ``train/`` and ``test/``.
        output: folder for the scores.
        by_fold: whether the fold models score the test clips too, which takes most of the time and only
            jackknife+ needs.
    """

    def __init__(self, folder: str, output: Path, *, by_fold: bool) -> None:
        self.data = MachineData(Path(folder).name, folder)
        self.by_fold = by_fold
        self.name, self.output = self.data.name, output / self.data.name
        self._held_out: dict[tuple[str, int, int], HeldOut] = {}

    @cached_property
    def labels(self) -> Labels:
        """Labels of the test clips, with the recordings that they were cut from."""
        return labels_of(with_recordings(self.data.test))

    @property
    def anomaly(self) -> np.ndarray:
        """(M,) bool, true for anomalous test clips."""
        return self.labels.anomaly

    @property
    def target(self) -> np.ndarray:
        """(M,) bool, true for test clips of the target domain."""
        return np.zeros(len(self.labels), bool) if self.labels.target is None else self.labels.target

    @property
    def recordings(self) -> np.ndarray:
        """(M,) the recording of each test clip."""
        return self.labels.recording_numbers

    @cached_property
    def groups(self) -> dict[tuple[str, str], np.ndarray]:
        """Domain and case to an (M,) mask of normal test clips; groups without clips are left out."""
        cases = np.array([case_of(self.name, clip, self.data.train) for clip in self.data.test])
        groups = {}
        for case in CASES:
            for domain, of_domain in (("source", ~self.target), ("target", self.target)):
                mask = ~self.anomaly & of_domain & (cases == case)
                if mask.any():
                    groups[domain, case] = mask
        return groups

    def held_out(self, detector: str, seed: int, folds: int) -> HeldOut:
        """The scores with some number of folds; computed and written first if that was not done."""
        key = (detector, seed, folds)
        if key not in self._held_out:
            path = self.output / f"{detector}-{seed}-{folds}.npz"
            if not path.exists():
                print(f"{self.name}: {detector}, seed {seed}, {folds} folds", file=sys.stderr, flush=True)
                buffer = BytesIO()
                np.savez_compressed(buffer, **vars(self._compute(DETECTORS[detector], seed, folds)))
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, buffer.getvalue())
            with np.load(path) as arrays:
                self._held_out[key] = HeldOut(**arrays)
        return self._held_out[key]

    @blas_single_thread()
    def _compute(self, choice: Choice, seed: int, count: int) -> HeldOut:
        kind, data = detector_type(choice.detector), self.data
        settings, form = {**choice.settings, "seed": seed}, data.format
        config = config_for_recordings(choice.detector, form.sample_rate, form.seconds, settings=settings)
        config = kind.without_validation_split(config)
        inspection = data.inspect_training(kind.front_ends(config), kind(config).minimum_samples(), None)
        recordings = group_training_clips(data, inspection, "auto").usable
        folds = folds_of(recordings, count, seed)
        final, fold_models = crossfit(kind, config, TrainingSet(recordings, folds))
        name = final.decisive_score
        keys = source_keys([r.clip for r in recordings])
        sources = {key: i for i, key in reversed([*enumerate(keys)])}
        test = list(data.test_audio(config.front_end.sample_rate))
        scorers = fold_models if self.by_fold else []
        return HeldOut(
            normal=np.array(
                [fold_models[f].score(r).scores[name] for f, r in zip(folds, recordings, strict=True)]
            ),
            folds=np.array(folds),
            target=np.array([r.clip.domain == "target" for r in recordings]),
            recordings=np.array([sources[key] for key in keys]),
            test=np.array([final.score(r).scores[name] for r in test]),
            test_by_fold=np.array([[model.score(r).scores[name] for model in scorers] for r in test]),
        )


def real_data() -> Path:
    """The folder with the real recordings."""
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/ and real/")
    return Path(root)


def real_machines(root: Path, output: Path) -> list[PromiseMachine]:
    """The real machines below ``AUSCULT_REAL_DATA``."""
    folders = {**machine_folders(root / "bldc"), **machine_folders(root / "real")}
    return [PromiseMachine(folder, output / "real", by_fold=True) for folder in folders.values()]


def simulated_machines(
    output: Path, *, clips: int, target_clips: int, seconds: float
) -> list[PromiseMachine]:
    """Simulated machines with independent clips, which are written first."""
    folder = output / f"simulated-{clips}-{target_clips}"
    machines = ("fan", "gearbox", "valve")
    simulate(
        folder / "recordings",
        machines=machines,
        clips=clips,
        target_clips=target_clips,
        seconds=seconds,
        seed=0,
    )
    folders = machine_folders(folder / "recordings")
    return [PromiseMachine(path, folder, by_fold=False) for path in folders.values()]
