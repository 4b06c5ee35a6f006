"""Run one task of a speed measurement in a separate process, and print the results as JSON.

    python -m bench.speed_child TASK '{"argument": …}'

Tasks of `auscult` use its public functions where possible, those of the plain reference use `bench.plain`.
Neither imports the other, so that each is measured with its own memory and start-up time.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.memory import peak_of_this_process
from bench.speed_clock import Record

RATE, HOP, CONTEXT, BATCH = 16000, 512, 5, 256  # of simulated clips and of the networks


class _TrainingDone(Exception):
    """Raised by a progress callback to skip everything after the measured training."""


def features(folder: str) -> Record:
    """Compute the log-mels of all recordings of a folder, as `fit` does."""
    from auscult.corpus import AudioClip, open_corpus
    from auscult.corpus.prefetch import prefetch
    from auscult.spectrum import FrontEnd

    recordings = [AudioClip.from_file(clip, cached=True) for clip in open_corpus(folder)]
    front_end = FrontEnd()
    started = time.perf_counter()
    frames = 0
    for recording, _ in prefetch(recordings, lambda r: r.log_mel(front_end)):
        frames += len(recording.log_mel(front_end))
    return {"seconds": time.perf_counter() - started, "frames": frames}


def plain_features(folder: str) -> Record:
    """Compute the log-mels of all recordings of a folder with librosa."""
    from bench.plain import log_mel

    paths = _files(folder)
    log_mel(paths[0])  # the first call of librosa imports its modules
    started = time.perf_counter()
    frames = sum(len(log_mel(path)) for path in paths)
    return {"seconds": time.perf_counter() - started, "frames": frames}


def train(
    detector: str,
    folders: list[str],
    epochs: int,
    *,
    seconds: float,
    machines: int = 0,
    settings: dict[str, Any] | None = None,
) -> Record:
    """Train a fleet and time the epochs after the first one, which is a warm-up.

    Args:
        detector: name of the detector.
        folders: the recordings of each machine.
        epochs: at least two.
        seconds: length of a recording.
        machines: size of the fleet; the folders are used several times if there are fewer. 0: one per folder.
        settings: of the detector.
    """
    from auscult.corpus import AudioClip, open_corpus
    from auscult.detectors import detector_type
    from auscult.detectors.crossfit import fit_all
    from auscult.detectors.options import make_config

    detector_class = detector_type(detector)
    recordings = [[AudioClip.from_file(clip) for clip in open_corpus(folder)] for folder in folders]
    training_sets = [recordings[i % len(recordings)] for i in range(machines or len(folders))]
    options = {"epochs": epochs, "validation": 0.0, "device": "cpu", **(settings or {})}
    detectors = [
        detector_class(make_config(detector, settings={**options, "seed": i}))
        for i in range(len(training_sets))
    ]
    epoch_ends: dict[int, float] = {}

    def progress(stage: str, done: int, total: int, metrics: Any) -> None:
        if stage == "train":
            epoch_ends.setdefault(done, time.perf_counter())
            if done == epochs:
                raise _TrainingDone

    with suppress(_TrainingDone):
        fit_all(detectors, training_sets, progress=progress)
    first, last = min(epoch_ends), max(epoch_ends)
    steps = (last - first) * steps_per_epoch(len(training_sets[0]), seconds)
    step = (epoch_ends[last] - epoch_ends[first]) / steps / len(training_sets)
    return {"milliseconds": 1e3 * step, "steps": steps, "megabytes": peak_of_this_process()}


def plain_train(network: str, folder: str, epochs: int, *, seconds: float) -> Record:
    """Time the epochs of the plain reference after the first one."""
    import torch

    from bench import plain

    paths = _files(folder)
    vectors = torch.from_numpy(plain.vectors_of(paths))
    steps = (epochs - 1) * steps_per_epoch(len(paths), seconds)
    torch.manual_seed(0)
    epoch_ends = []
    for _ in plain.train(plain.NETWORKS[network](), vectors, epochs):
        epoch_ends.append(time.perf_counter())
    step = (epoch_ends[-1] - epoch_ends[0]) / steps
    return {"milliseconds": 1e3 * step, "steps": steps, "megabytes": peak_of_this_process()}


def first_epoch(folder: str, detector: str) -> Record:
    """Fit until the end of the first epoch: inspection of the files, features, one epoch of training."""
    import auscult

    result: dict[str, float] = {}

    def progress(stage: str, done: int, total: int, metrics: Any) -> None:
        if stage == "train":
            result["loss"] = float(metrics["loss"])
            raise _TrainingDone

    with suppress(_TrainingDone):
        clips = auscult.open_corpus(folder)
        auscult.fit(
            clips, detector, epochs=1, calibrate="none", validation=0.0, device="cpu", progress=progress
        )
    return {**result, "megabytes": peak_of_this_process()}


def plain_first_epoch(folder: str, network: str) -> Record:
    """Features and first epoch of the plain reference."""
    import torch

    from bench import plain

    torch.manual_seed(0)
    vectors = torch.from_numpy(plain.vectors_of(_files(folder)))
    (loss,) = plain.train(plain.NETWORKS[network](), vectors, epochs=1)
    return {"loss": loss, "megabytes": peak_of_this_process()}


def fit(
    folder: str, detector: str, model: str, epochs: int, settings: dict[str, Any] | None = None
) -> Record:
    """Fit and save a model with default calibration, the given number of epochs, and other settings."""
    import auscult
    from auscult.detectors import detector_type

    config = detector_type(detector).config_type
    options: dict[str, Any] = {"epochs": epochs, "device": "cpu"} if hasattr(config, "epochs") else {}
    options |= settings or {}
    started = time.perf_counter()
    auscult.fit(auscult.open_corpus(folder), detector, **options).save(model)
    return {
        "seconds": time.perf_counter() - started,
        "megabytes": peak_of_this_process(),
        "bytes": Path(model).stat().st_size,
    }


def plain_fit(folder: str, network: str, model: str, epochs: int) -> Record:
    """Train the plain reference and save its network."""
    import torch

    from bench import plain

    torch.manual_seed(0)
    started = time.perf_counter()
    fitted = plain.NETWORKS[network]()
    for _ in plain.train(fitted, torch.from_numpy(plain.vectors_of(_files(folder))), epochs):
        pass
    torch.save((network, fitted.state_dict()), model)
    return {
        "seconds": time.perf_counter() - started,
        "megabytes": peak_of_this_process(),
        "bytes": Path(model).stat().st_size,
    }


def accuracy(folder: str, detector: str, precision: str, seed: int, epochs: int) -> Record:
    """Harmonic mean of AUC-source, AUC-target and pAUC on a machine's test clips, in percent."""
    import auscult

    corpus = auscult.open_corpus(folder)
    options: dict[str, Any] = {"precision": precision, "seed": seed, "epochs": epochs, "device": "cpu"}
    model = auscult.fit(corpus.for_training(), detector, calibrate="none", validation=0.0, **options)
    result = auscult.evaluate(model, corpus.for_evaluation(), intervals=False)
    return {"percent": 100 * float(result.evaluation.overall.harmonic_mean.value or 0.0)}


def score(folder: str, model: str, cores: int = 0, singles: int = 20) -> Record:
    """Score a folder from disk, and time single recordings.

    Args:
        cores: number of cores that the process may use; 0: all.
        singles: number of recordings to time one by one.
    """
    _limit_cores(cores)
    import auscult
    from auscult.model import Score

    clips = list(auscult.open_corpus(folder))
    loaded = auscult.load(model)
    loaded.score_recording(loaded.audio_clip(clips[0]))
    started = time.perf_counter()
    scored = sum(isinstance(score, Score) for score in loaded.score_many(clips))
    seconds = time.perf_counter() - started
    if scored < len(clips):
        raise RuntimeError(f"{len(clips) - scored} of {len(clips)} clips could not be scored")
    latencies = []
    for clip in clips[:singles]:
        started = time.perf_counter()
        loaded.score_recording(loaded.audio_clip(clip))
        latencies.append(time.perf_counter() - started)
    return _score_record(seconds, latencies)


def plain_score(folder: str, model: str, cores: int = 0, singles: int = 20) -> Record:
    """As `score`, with the plain reference."""
    _limit_cores(cores)
    import torch

    from bench import plain

    paths = _files(folder)
    kind, state = torch.load(model, weights_only=True)
    network = plain.NETWORKS[kind]()
    network.load_state_dict(state)
    list(plain.scores(network, paths[:1]))
    started = time.perf_counter()
    list(plain.scores(network, paths))
    seconds = time.perf_counter() - started
    latencies = []
    for path in paths[:singles]:
        started = time.perf_counter()
        list(plain.scores(network, [path]))
        latencies.append(time.perf_counter() - started)
    return _score_record(seconds, latencies)


def peak(on: int, seconds: float) -> Record:
    """Rates of matrix products with ``on`` threads; see `bench.speed_peak`."""
    from bench.speed_peak import measured

    return measured(on, seconds)


def steps_per_epoch(clips: int, seconds: float) -> int:
    """Number of batches of 256 in one epoch over all context windows of clips at 16 kHz."""
    windows = clips * (1 + round(seconds * RATE) // HOP - (CONTEXT - 1))
    return -(-windows // BATCH)


def _score_record(seconds: float, latencies: list[float]) -> Record:
    return {
        "seconds": seconds,
        "milliseconds_single": 1e3 * statistics.median(latencies),
        "megabytes": peak_of_this_process(),
    }


def _files(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).glob("*.wav"))


def _limit_cores(cores: int) -> None:
    """Restrict the process to some cores; call it before any library counts them to start threads."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


TASKS: dict[str, Callable[..., Record]] = {
    task.__name__: task
    for task in (
        features, plain_features, train, plain_train, first_epoch, plain_first_epoch, fit, plain_fit,
        accuracy, score, plain_score, peak,
    )
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))
