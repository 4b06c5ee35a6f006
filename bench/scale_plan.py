"""Extrapolate the cost of a plant and of an archive from measured steps. Nothing here is measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.speed_child import steps_per_epoch

HOUR, DAY, YEAR = 3600.0, 86400.0, 8760 * 3600.0  # seconds
WAV = 32000  # bytes per second of audio, 16 bits at 16 kHz


@dataclass(frozen=True)
class Steps:
    """Measurements on one core.

    Attributes:
        feature_seconds: time to decode one second of audio and compute its log-mels, s.
        step_seconds: time of one training step per machine of a fleet, s.
        score_seconds: time to score one second of audio from disk, s.
        model_bytes: size of a model file.
        cache_bytes: size of the log-mels of one second of audio.
        worker_bytes: resident memory of a worker process that scores.
    """

    feature_seconds: float
    step_seconds: float
    score_seconds: float
    model_bytes: float
    cache_bytes: float
    worker_bytes: float


@dataclass(frozen=True)
class Resources:
    """The resources that a job needs.

    Attributes:
        core_hours: total processor time; of a continuous job the time per hour, which is the number of cores.
        disk_bytes: models or scores that are kept. Features are not, since their cache is bounded.
        read_bytes: total size of the audio; of a continuous job the size per second.
        memory_bytes: of one worker process per busy core, at least one.
    """

    core_hours: float
    disk_bytes: float
    read_bytes: float
    memory_bytes: float


def fitting(
    steps: Steps, machines: int, *, clips: int = 1000, seconds: float = 10.0, epochs: int = 100
) -> Resources:
    """Fit a network for every machine once, with a tenth of the clips held out for calibration."""
    audio = machines * clips * seconds
    training_steps = steps_per_epoch(round(0.9 * clips), seconds) * epochs * machines
    work = (
        audio * steps.feature_seconds
        + training_steps * steps.step_seconds
        + 0.1 * audio * steps.score_seconds
    )
    return Resources(work / HOUR, machines * steps.model_bytes, audio * WAV, steps.worker_bytes)


def monitoring(steps: Steps, machines: int, *, seconds: float, every: float) -> Resources:
    """Score recordings of every machine continuously.

    Args:
        seconds: length of a recording.
        every: seconds from the start of one recording to the next of the same machine.
    """
    audio = machines * seconds / every  # seconds of audio per second
    cores = audio * steps.score_seconds
    return Resources(cores, machines * steps.model_bytes, audio * WAV, max(1.0, cores) * steps.worker_bytes)


def archive(
    steps: Steps, machines: int, *, seconds: float = YEAR, row_bytes: int = 200, clip: float = 10.0
) -> Resources:
    """Score existing recordings once: ``seconds`` of audio of every machine, one row of results per clip."""
    audio = machines * seconds
    return Resources(
        audio * steps.score_seconds / HOUR, row_bytes * audio / clip, audio * WAV, steps.worker_bytes
    )


def bottleneck(need: Resources, *, cores: int, disk: float, network: float) -> tuple[str, float]:
    """The most used resource of a continuous job, and its utilisation, where 1 is its full capacity.

    Args:
        need: of the job.
        cores: number of available cores.
        disk, network: throughput of each, bytes per second.
    """
    used = {
        "cores": need.core_hours / cores,
        "disk": need.read_bytes / disk,
        "network": need.read_bytes / network,
    }
    name = max(used, key=lambda n: used[n])
    return name, used[name]
