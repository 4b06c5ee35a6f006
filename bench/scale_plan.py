"""The arithmetic of a plant and of an archive: what measured steps add up to. Nothing here is measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.speed_child import steps_an_epoch

HOUR, DAY, YEAR = 3600.0, 86400.0, 8760 * 3600.0  # seconds
WAV = 32000  # bytes a second of sound, 16 bits at 16 kHz


@dataclass(frozen=True)
class Steps:
    """What was measured, of one core.

    Attributes:
        feature_seconds: to decode a second of sound and work out its log-mels, s.
        step_seconds: of one training step of one machine in a fleet, s.
        score_seconds: to score a second of sound from disk, s.
        model_bytes: of a model file.
        cache_bytes: of the log-mels of a second of sound.
        worker_bytes: resident memory of a worker process that scores.
    """

    feature_seconds: float
    step_seconds: float
    score_seconds: float
    model_bytes: float
    cache_bytes: float
    worker_bytes: float


@dataclass(frozen=True)
class Need:
    """What a load takes.

    Attributes:
        core_hours: of processor, in all; of a load that never ends, in each hour, which is cores.
        disk_bytes: that stay: models or scores; features do not, for their cache is bounded.
        read_bytes: of sound, in all; of a load that never ends, a second.
        memory_bytes: of as many worker processes as there are cores busy, at least one.
    """

    core_hours: float
    disk_bytes: float
    read_bytes: float
    memory_bytes: float


def fitting(
    steps: Steps, machines: int, *, clips: int = 1000, seconds: float = 10.0, epochs: int = 100
) -> Need:
    """To fit every machine once, with a network, a tenth of the clips kept out to calibrate."""
    sound = machines * clips * seconds
    learnt = steps_an_epoch(round(0.9 * clips), seconds) * epochs * machines
    work = sound * steps.feature_seconds + learnt * steps.step_seconds + 0.1 * sound * steps.score_seconds
    return Need(work / HOUR, machines * steps.model_bytes, sound * WAV, steps.worker_bytes)


def listening(steps: Steps, machines: int, *, seconds: float, every: float) -> Need:
    """To score a recording of so many seconds of every machine, again and again.

    Args:
        every: seconds from one recording to the next of the same machine.
    """
    sound = machines * seconds / every  # seconds of sound in a second
    cores = sound * steps.score_seconds
    return Need(cores, machines * steps.model_bytes, sound * WAV, max(1.0, cores) * steps.worker_bytes)


def archive(
    steps: Steps, machines: int, *, seconds: float = YEAR, row_bytes: int = 200, clip: float = 10.0
) -> Need:
    """To score recordings that are there already: of every machine so many seconds, for each clip a row."""
    sound = machines * seconds
    return Need(sound * steps.score_seconds / HOUR, row_bytes * sound / clip, sound * WAV, steps.worker_bytes)


def bottleneck(need: Need, *, cores: int, disk: float, network: float) -> tuple[str, float]:
    """What is used most, of a load that never ends, and how much of it: 1 is all of it.

    Args:
        disk, network: bytes a second that each can bring.
    """
    used = {
        "cores": need.core_hours / cores,
        "disk": need.read_bytes / disk,
        "network": need.read_bytes / network,
    }
    name = max(used, key=lambda n: used[n])
    return name, used[name]
