"""Scores of the candidate members of `auto` for `bench.fusion`, computed once for each machine and stored."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from auscult.benchmark.detector_choices import DetectorChoice
from auscult.benchmark.grouping import group_training_clips
from auscult.benchmark.machine import MachineData
from auscult.benchmark.stage import run_stage
from auscult.corpus import AudioClip, folds_of, machine_folders
from auscult.corpus.folds import FOLDS
from auscult.detectors import detector_type
from auscult.detectors.crossfit import TrainingSet, crossfit
from auscult.detectors.options import config_for_recordings, make_config
from auscult.evaluation import labels_of
from auscult.evaluation.protocol import Labels
from auscult.runtime.files import write_atomically
from auscult.runtime.parallel import blas_single_thread
from auscult.simulation import simulate
from auscult.spectrum import FrontEnd, shorter_frames, without_empty_bands
from bench.recordings import with_recordings
from bench.trial import Trial

#: Seeds of folds, pseudo-anomalies and networks.
SEEDS = (13711, 1, 2)
#: Pseudo-anomalies of each kind, as in `auto` of version 0.1.0.
PSEUDO_ANOMALIES = 24
#: The baseline that `auto` is compared with.
BASELINE = "autoencoder"


@dataclass(frozen=True)
class Source:
    """A detector with its options; all of its scores are candidate members.

    Attributes:
        detector: name of the detector.
        settings: options that differ from the defaults.
        divisor: how many times shorter frames are than those of the machine's front end; 0: frames of 16 ms,
            as in version 0.1.0.
    """

    detector: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    divisor: int = 1

    def front_end(self, front_end: FrontEnd) -> FrontEnd:
        """The front end of the source on a machine with this front end."""
        return shorter_frames(front_end, self.divisor) if self.divisor else _frames_of_16_ms(front_end)

    @property
    def trains(self) -> bool:
        """Whether it is a network."""
        return bool(detector_type(self.detector).extra)


def _frames_of_16_ms(front_end: FrontEnd) -> FrontEnd:
    """The short frames of version 0.1.0: a hop of 4 ms and 32 bands."""
    half, hop = round(front_end.sample_rate * 0.008), round(front_end.sample_rate * 0.004)
    return without_empty_bands(replace(front_end, n_fft=2 * half, hop=hop, n_mels=32))


#: Name of a family of members to its detector and settings.
FAMILIES: dict[str, Source] = {
    "levels": Source("pooled_gaussian"),
    "modulation": Source("pooled_gaussian", {"views": "modulation"}),
    "neighbours": Source("spectral_memory"),
    "residual": Source("subspace_residual"),
    "low_residual": Source("subspace_residual", {"ranks": "1,2,4"}),
}
#: Prefix of a source's name to the divisor of its frames.
LENGTHS = {"": 1, "half_": 2, "quarter_": 4, "16_ms_": 0}
#: Name to source. A candidate member is named ``source:score``.
SOURCES: dict[str, Source] = {
    **{
        prefix + name: replace(source, divisor=divisor)
        for name, source in FAMILIES.items()
        for prefix, divisor in LENGTHS.items()
        if divisor or name in ("levels", "modulation", "neighbours")
    },
    "vae": Source("gamma_vae"),
    "likelihood": Source("gamma_observation"),
}


@dataclass(frozen=True)
class Stored:
    """The scores of one source on one machine with one seed, by name of the score.

    Attributes:
        normal: (N,) held-out scores of the training clips, each by the model of its fold.
        pseudo: (A,) scores of pseudo-anomalies, likewise.
        test: (M,) scores of the test clips by the model of all training clips.
        folds: (N,) fold of each training clip.
    """

    normal: Mapping[str, np.ndarray]
    pseudo: Mapping[str, np.ndarray]
    test: Mapping[str, np.ndarray]
    folds: np.ndarray


class Machine:
    """A machine, its recordings and its stored scores.

    Args:
        folder: with ``train/`` and ``test/``.
        output: folder for the scores.
    """

    def __init__(self, folder: str, output: Path) -> None:
        self.data = MachineData(Path(folder).name, folder)
        self.output = output / self.data.name
        self._recordings: list[AudioClip] | None = None
        self._trials: dict[int, Trial] = {}
        self._labels: Labels | None = None
        self._stored: dict[tuple[str, int], Stored] = {}

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def front_end(self) -> FrontEnd:
        """The front end that `fit` chooses for `auto`."""
        form = self.data.format
        return config_for_recordings("auto", form.sample_rate, form.seconds).front_end

    @property
    def labels(self) -> Labels:
        """Labels of the test clips, with the recordings that they were cut from."""
        if self._labels is None:
            self._labels = labels_of(with_recordings(self.data.test))
        return self._labels

    def recordings(self) -> list[AudioClip]:
        """The training recordings that `fit` would use, with those cut from one recording marked."""
        if self._recordings is None:
            front_ends = tuple({source.front_end(self.front_end) for source in SOURCES.values()})
            inspection = self.data.inspect_training(front_ends, self.front_end.n_fft, None)
            self._recordings = list(group_training_clips(self.data, inspection, "auto").usable)
        return self._recordings

    def trial(self, seed: int) -> Trial:
        """Folds and pseudo-anomalies as of `auto` of version 0.1.0."""
        if seed not in self._trials:
            recordings = self.recordings()
            folds = folds_of(recordings, FOLDS, seed)
            self._trials = {seed: Trial(recordings, folds, PSEUDO_ANOMALIES, seed)}
        return self._trials[seed]

    def member_scores(self, members: Sequence[str], seed: int, part: str) -> np.ndarray:
        """The scores of members ``source:score`` as columns; ``part`` is an attribute of `Stored`."""
        pairs = (member.split(":") for member in members)
        return np.stack([getattr(self.stored(name, seed), part)[score] for name, score in pairs], axis=1)

    def folds(self, seed: int) -> np.ndarray:
        """(N,) fold of each training clip."""
        return self.stored(next(iter(SOURCES)), seed).folds

    def stored(self, name: str, seed: int) -> Stored:
        """The scores of a source; computed and written first if that was not done."""
        if (name, seed) not in self._stored:
            self._stored[name, seed] = self._read_or_compute(name, seed)
        return self._stored[name, seed]

    def _read_or_compute(self, name: str, seed: int) -> Stored:
        path = self.output / f"{name}-{seed}.npz"
        if not path.exists():
            print(f"{self.name}: {name}, seed {seed}", file=sys.stderr, flush=True)
            self.output.mkdir(parents=True, exist_ok=True)
            buffer = BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **self._compute(SOURCES[name], seed))
            write_atomically(path, buffer.getvalue())
        with np.load(path) as arrays:
            parts = {
                part: {k.partition("/")[2]: arrays[k] for k in arrays.files if k.startswith(f"{part}/")}
                for part in ("normal", "pseudo", "test")
            }
            return Stored(**parts, folds=arrays["folds"])

    @blas_single_thread()
    def _compute(self, source: Source, seed: int) -> dict[str, np.ndarray]:
        kind, trial = detector_type(source.detector), self.trial(seed)
        front_end = source.front_end(self.front_end)
        config = make_config(source.detector, settings={**source.settings, "seed": seed})
        config = kind.without_validation_split(replace(config, front_end=front_end))
        final, fold_models = crossfit(kind, config, TrainingSet(trial.recordings, trial.folds))
        tests = [final.score(r).scores for r in self.data.test_audio(front_end.sample_rate)]
        parts = {
            "normal": trial.normal_scores(fold_models),
            "pseudo": trial.pseudo_anomaly_scores(fold_models),
            "test": {name: np.array([scores[name] for scores in tests]) for name in tests[0]},
        }
        arrays = {f"{part}/{name}": v for part, scores in parts.items() for name, v in scores.items()}
        return {**arrays, "folds": np.array(trial.folds)}

    def baseline(self, seed: int) -> np.ndarray:
        """(M,) scores ``mse`` of the baseline as in `auscult bench`: fitted once, on all training clips."""
        folder = self.output / f"{BASELINE}-{seed}"
        if not (folder / "test.json").exists():
            print(f"{self.name}: {BASELINE}, seed {seed}", file=sys.stderr, flush=True)
        return run_stage(folder, self.data, DetectorChoice(BASELINE), seed, {}).scores["mse"]

    def clear(self) -> None:
        """Free the log-mels."""
        self.data.clear_cache()
        self._recordings, self._trials = None, {}


def real_machines(root: Path, output: Path) -> list[Machine]:
    """The real machines below ``AUSCULT_REAL_DATA``."""
    folders = {**machine_folders(root / "bldc"), **machine_folders(root / "real")}
    return [Machine(folder, output / "real") for folder in folders.values()]


def simulated_machines(output: Path, count: int, seconds: float, clips: int, seed: int) -> list[Machine]:
    """Simulated machines, which are written first."""
    folder = output / f"simulated-{seconds:g}s-{seed}"
    simulate(folder / "recordings", machines=count, clips=clips, test_clips=50, seconds=seconds, seed=seed)
    return [Machine(path, folder) for path in machine_folders(folder / "recordings").values()]


def real_data() -> Path:
    """The folder with the real recordings."""
    root = os.environ.get("AUSCULT_REAL_DATA")
    if not root:
        sys.exit("set AUSCULT_REAL_DATA to the folder that contains bldc/ and real/")
    return Path(root)
