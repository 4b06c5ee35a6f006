"""The simulated machine of `bench.monitor`: its sound and its models, made once and kept in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import auscult
from auscult.monitor.calibrate import calibrate
from auscult.simulation.running import Running

RATE = 16_000
#: Length of a recording that a model is fitted on, and so of a window, seconds.
WINDOW = 10
MACHINE, FAULT = "fan", "rubbing"
#: Detector to its options. The network is trained briefly: its speed does not depend on the weights.
DETECTORS: dict[str, dict[str, Any]] = {
    "auto": {},
    "pooled_gaussian": {"score": "joint", "all_scores": False},
    "autoencoder": {"epochs": 2},
}


@dataclass(frozen=True)
class Size:
    """How much is prepared.

    Attributes:
        clips: recordings that a model is fitted on.
        calibration: minutes of normal running that set its alarms.
        sound: minutes that are played.
    """

    clips: int = 60
    calibration: int = 10
    sound: int = 5


def normal_sound(folder: Path, size: Size) -> Path:
    """The sound of the healthy machine, (N,) int16 in a file of NumPy."""
    return _sound(folder / f"normal {size.sound} min.npy", 60 * size.sound, None)


def faulty_sound(folder: Path) -> Path:
    """A minute of the machine with a fault."""
    return _sound(folder / "faulty.npy", 60, FAULT)


def model_file(folder: Path, detector: str, size: Size, period: float) -> Path:
    """A model with alarms for a time between scores, seconds."""
    path = folder / f"{detector} {size.clips} clips {period:g} s.auscult"
    if not path.exists():
        fitted = folder / f"{detector} {size.clips} clips.auscult"
        if not fitted.exists():
            running = Running(MACHINE, session="training")
            clips = [running.read(WINDOW * RATE) for _ in range(size.clips)]
            auscult.fit(clips, detector, sample_rate=RATE, **DETECTORS[detector]).save(str(fitted))
        normal = Running(MACHINE, session="calibration").read(60 * size.calibration * RATE)
        model = calibrate(auscult.load(str(fitted)), normal, "1/day", sample_rate=RATE, every=period)
        model.save(str(path))
    return path


def _sound(path: Path, seconds: int, fault: str | None) -> Path:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        running = Running(MACHINE, session="played")
        running.set_fault(fault)
        samples = running.read(seconds * RATE)
        np.save(path, np.round(32767 * np.clip(samples, -1, 1)).astype(np.int16))
    return path
