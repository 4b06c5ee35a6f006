"""What every test may use: made-up machines, and the real recordings and reference figures where they are."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small matrices: a second thread only adds noise

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

RATE = 8000  # Hz: half of the usual, and half of the work


def _folder_from(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"set {variable} to the folder that this test needs")
    return Path(value)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings."""
    return _folder_from("AUSCULT_REAL_DATA")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of reference figures."""
    return _folder_from("AUSCULT_REFERENCE")


@pytest.fixture(scope="session")
def machine_sound() -> Callable[..., np.ndarray]:
    """``machine_sound(seed, seconds=1.0, broken=False)``: float32 samples of a made-up fan at 8 kHz."""

    def sound(seed: int, seconds: float = 1.0, *, broken: bool = False) -> np.ndarray:
        rng = np.random.default_rng([seed, 42])
        t = np.arange(round(seconds * RATE)) / RATE
        shaft = 47.0 * (1 + 0.01 * rng.standard_normal())
        hum = sum(np.sin(2 * np.pi * k * shaft * t + rng.uniform(0, 6.3)) / k for k in range(1, 9))
        samples = 0.05 * hum + 0.02 * rng.standard_normal(len(t))
        if broken:  # a bearing knocks 31 times a second and rings at 2.6 kHz
            since = t % (1 / 31.0)
            samples = samples + 0.5 * np.exp(-since / 0.004) * np.sin(2 * np.pi * 2600 * since)
        return samples.astype(np.float32)

    return sound
