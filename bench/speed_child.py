"""What one side of a measurement does in a process of its own: one task, its figures printed as JSON.

    python -m bench.speed_child TASK '{"argument": …}'

Tasks of `auscult` go through what a user calls; those of the plain reference through `bench.plain`. Neither
imports the other, so that memory and start-up are each side's own.
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


class _Enough(Exception):
    """Raised from a progress call, since what comes after training is not what is measured."""


def features(folder: str) -> Record:
    """Log-mels of all recordings of a folder as `fit` gets them."""
    from auscult.corpus import AudioClip, open_corpus
    from auscult.corpus.prefetch import heard
    from auscult.spectrum import FrontEnd

    recordings = [AudioClip.from_file(clip, cached=True) for clip in open_corpus(folder)]
    front_end = FrontEnd()
    started = time.perf_counter()
    frames = 0
    for recording, _ in heard(recordings, lambda r: r.log_mel(front_end)):
        frames += len(recording.log_mel(front_end))
    return {"seconds": time.perf_counter() - started, "frames": frames}


def plain_features(folder: str) -> Record:
    """Log-mels of all recordings of a folder by librosa."""
    from bench.plain import log_mel

    paths = _files(folder)
    log_mel(paths[0])  # librosa imports what it needs at its first call
    started = time.perf_counter()
    frames = sum(len(log_mel(path)) for path in paths)
    return {"seconds": time.perf_counter() - started, "frames": frames}


def train(
    detector: str,
    folders: list[str],
    epochs: int,
    *,
    seconds: float,
    device: str = "cpu",
    machines: int = 0,
    settings: dict[str, Any] | None = None,
) -> Record:
    """Trains a fleet and times the epochs after the first, which warms up.

    Args:
        folders: recordings of each machine.
        epochs: in all; two at least.
        seconds: length of a recording.
        machines: how many; more than there are folders hear those again.
    """
    from auscult.corpus import AudioClip, open_corpus
    from auscult.detectors import detector_type
    from auscult.detectors.options import make_config

    kind = detector_type(detector)
    heard = [[AudioClip.from_file(clip) for clip in open_corpus(folder)] for folder in folders]
    fleets = [heard[i % len(heard)] for i in range(machines or len(folders))]
    given = {"epochs": epochs, "validation": 0.0, "device": device, **(settings or {})}
    detectors = [kind(make_config(detector, settings={**given, "seed": i})) for i in range(len(fleets))]
    marks: dict[int, float] = {}

    def progress(stage: str, done: int, whole: int, figures: Any) -> None:
        if stage == "train":
            marks.setdefault(done, time.perf_counter())
            if done == epochs:
                raise _Enough

    with suppress(_Enough):
        kind.fit_fleet(detectors, fleets, progress=progress)
    first, last = min(marks), max(marks)
    steps = (last - first) * steps_an_epoch(len(fleets[0]), seconds)
    each = (marks[last] - marks[first]) / steps / len(fleets)
    return {"milliseconds": 1e3 * each, "steps": steps, "megabytes": peak_of_this_process(), **_gpu(device)}


def plain_train(network: str, folder: str, epochs: int, *, seconds: float, device: str = "cpu") -> Record:
    """The plain reference's epochs after the first."""
    import torch

    from bench import plain

    paths = _files(folder)
    vectors = torch.from_numpy(plain.vectors_of(paths)).to(device)
    steps = (epochs - 1) * steps_an_epoch(len(paths), seconds)
    torch.manual_seed(0)
    marks = []
    for _ in plain.train(plain.NETWORKS[network](), vectors, epochs):
        marks.append(time.perf_counter())
    each = (marks[-1] - marks[0]) / steps
    return {"milliseconds": 1e3 * each, "steps": steps, "megabytes": peak_of_this_process(), **_gpu(device)}


def first_epoch(folder: str, detector: str) -> Record:
    """A fit up to the end of its first epoch: look at the files, features, one pass."""
    import auscult

    told: dict[str, float] = {}

    def progress(stage: str, done: int, whole: int, figures: Any) -> None:
        if stage == "train":
            told["loss"] = float(figures["loss"])
            raise _Enough

    with suppress(_Enough):
        clips = auscult.open_corpus(folder)
        auscult.fit(
            clips, detector, epochs=1, calibrate="none", validation=0.0, device="cpu", progress=progress
        )
    return {**told, "megabytes": peak_of_this_process()}


def plain_first_epoch(folder: str, network: str) -> Record:
    """The same of the plain reference."""
    import torch

    from bench import plain

    torch.manual_seed(0)
    vectors = torch.from_numpy(plain.vectors_of(_files(folder)))
    (loss,) = plain.train(plain.NETWORKS[network](), vectors, epochs=1)
    return {"loss": loss, "megabytes": peak_of_this_process()}


def fit(folder: str, detector: str, model: str, epochs: int) -> Record:
    """A fit as a user starts it, calibration and all, but with few epochs where there are any."""
    import auscult
    from auscult.detectors import detector_type

    config = detector_type(detector).config_type
    options: dict[str, Any] = {"epochs": epochs, "device": "cpu"} if hasattr(config, "epochs") else {}
    started = time.perf_counter()
    auscult.fit(auscult.open_corpus(folder), detector, **options).save(model)
    return {
        "seconds": time.perf_counter() - started,
        "megabytes": peak_of_this_process(),
        "bytes": Path(model).stat().st_size,
    }


def plain_fit(folder: str, network: str, model: str, epochs: int) -> Record:
    """The plain reference with the same epochs, its network and nothing else kept."""
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
    """Harmonic mean of AUC-source, AUC-target and pAUC in percent on a machine's test clips."""
    import auscult

    corpus = auscult.open_corpus(folder)
    options: dict[str, Any] = {"precision": precision, "seed": seed, "epochs": epochs, "device": "cpu"}
    model = auscult.fit(corpus.for_training(), detector, calibrate="none", validation=0.0, **options)
    result = auscult.evaluate(model, corpus.for_evaluation(), resamples=0)
    return {"percent": 100 * float(result.evaluation.overall.harmonic_mean.value or 0.0)}


def score(folder: str, model: str, cores: int = 0, singles: int = 20) -> Record:
    """A folder from disk to scores, and single recordings one by one.

    Args:
        cores: hold the process to so many; 0: all there are.
        singles: recordings whose latency is taken.
    """
    _hold_to(cores)
    import auscult
    from auscult.model import Score

    clips = list(auscult.open_corpus(folder))
    loaded = auscult.load(model)
    loaded.score_recording(loaded.audio_clip(clips[0]))
    started = time.perf_counter()
    done = sum(isinstance(score, Score) for score in loaded.score_clips(clips))
    whole = time.perf_counter() - started
    if done < len(clips):
        raise RuntimeError(f"{len(clips) - done} of {len(clips)} clips could not be scored")
    latencies = []
    for clip in clips[:singles]:
        started = time.perf_counter()
        loaded.score_recording(loaded.audio_clip(clip))
        latencies.append(time.perf_counter() - started)
    return _scored(whole, latencies)


def plain_score(folder: str, model: str, cores: int = 0, singles: int = 20) -> Record:
    """The same by the plain reference."""
    _hold_to(cores)
    import torch

    from bench import plain

    paths = _files(folder)
    kind, state = torch.load(model, weights_only=True)
    network = plain.NETWORKS[kind]()
    network.load_state_dict(state)
    list(plain.scores(network, paths[:1]))
    started = time.perf_counter()
    list(plain.scores(network, paths))
    whole = time.perf_counter() - started
    latencies = []
    for path in paths[:singles]:
        started = time.perf_counter()
        list(plain.scores(network, [path]))
        latencies.append(time.perf_counter() - started)
    return _scored(whole, latencies)


def peak(on: int, seconds: float) -> Record:
    """The machine's matrix products on so many threads; see `bench.speed_peak`."""
    from bench.speed_peak import measured

    return measured(on, seconds)


def gpu_peak() -> Record:
    """TFLOP/s of a large product on the GPU, in float32 and with TF32."""
    import torch

    a = torch.randn(8192, 8192, device="cuda")
    found = {}
    for name, allowed in (("float32", False), ("tf32", True)):
        torch.backends.cuda.matmul.allow_tf32 = allowed
        torch.mm(a, a)
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(10):
            torch.mm(a, a)
        torch.cuda.synchronize()
        found[name] = 10 * 2 * 8192**3 / (time.perf_counter() - started) / 1e12
    return found


def steps_an_epoch(clips: int, seconds: float) -> int:
    """Batches of 256 in one pass over all context windows of clips at 16 kHz."""
    windows = clips * (1 + round(seconds * RATE) // HOP - (CONTEXT - 1))
    return -(-windows // BATCH)


def _scored(whole: float, latencies: list[float]) -> Record:
    return {
        "seconds": whole,
        "milliseconds_single": 1e3 * statistics.median(latencies),
        "megabytes": peak_of_this_process(),
    }


def _files(folder: str) -> list[str]:
    return sorted(str(path) for path in Path(folder).glob("*.wav"))


def _hold_to(cores: int) -> None:
    """Before anything counts the cores to start its threads."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _gpu(device: str) -> Record:
    if device != "cuda":
        return {}
    import torch

    return {"gpu_megabytes": torch.cuda.max_memory_allocated() / 1e6}


TASKS: dict[str, Callable[..., Record]] = {
    task.__name__: task
    for task in (
        features, plain_features, train, plain_train, first_epoch, plain_first_epoch, fit, plain_fit,
        accuracy, score, plain_score, peak, gpu_peak,
    )
}  # fmt: skip

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))
