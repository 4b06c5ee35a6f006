"""Recordings and helpers for the tests of live sources."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.sound.live import Block, Interruption, Source

RATE = 16_000
#: 2 seconds of noise, (N, 2), in steps of 16 bits.
NOISE = (np.random.default_rng(5).integers(-8000, 8000, (2 * RATE, 2)) / 2**15).astype(np.float32)
LIMIT = 20.0  # seconds after which a test stops waiting


@pytest.fixture(scope="session")
def noise() -> np.ndarray:
    return NOISE


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write(name, samples, rate=RATE)`` writes a recording in the folder of the test."""

    def write(name: str, samples: np.ndarray = NOISE, rate: int = RATE) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, rate)
        return path

    return write


@pytest.fixture
def collect() -> Callable[..., list[Block | Interruption]]:
    """``collect(source, until)`` iterates until a condition on the items holds, or the source ends.

    The source is closed by another thread if this takes too long, and then the test fails.
    """

    def collect(
        source: Source, until: Callable[[list[Block | Interruption]], bool] = lambda items: False
    ) -> list[Block | Interruption]:
        items: list[Block | Interruption] = []
        timer = threading.Timer(LIMIT, source.close)
        timer.start()
        try:
            for item in source:
                items.append(item)
                if until(items):
                    break
        finally:
            late = not timer.is_alive()
            timer.cancel()
            source.close()
        assert not late, f"nothing after {LIMIT} s: {[item for item in items if not isinstance(item, Block)]}"
        return items

    return collect
