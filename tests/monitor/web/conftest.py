"""A real monitor with its page on a real port: one recording replayed at once, one that goes on."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from tests.helpers import model_of_noise, noise
from tests.monitor.web.browsing import ARGUMENTS, BROWSER

from auscult.monitor.service.engine import Engine
from auscult.monitor.service.runner import WatchedMachine
from auscult.monitor.settings.page_settings import PageSettings
from auscult.monitor.store import EventStore
from auscult.monitor.stream.gate import GateSettings
from auscult.monitor.web.server import PageServer
from auscult.monitor.web.tokens import Token
from auscult.sound.live import Block, Interruption, Source, open_source
from auscult.sound.live.clock import Pacer

RATE = 8000
#: Of the recording with a fault, which is replayed as fast as possible.
START = float(round(time.time())) - 1000.0


@dataclass
class Monitor:
    """A running monitor."""

    engine: Engine
    server: PageServer

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.server.address, timeout=20, **options)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the first value of a condition that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def model():
    return model_of_noise()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory) -> Path:
    """``fan.wav`` with a fault."""
    folder = tmp_path_factory.mktemp("recordings")
    faulty = np.concatenate([noise(25, 1), noise(15, 2, level=0.4), noise(25, 3)])
    soundfile.write(folder / "fan.wav", faulty, RATE, subtype="FLOAT")
    return folder


class Endless(Source):
    """Noise that never ends, four times as fast as in real time."""

    sample_rate, channels = RATE, 1

    def __iter__(self) -> Iterator[Block | Interruption]:
        samples, pacer = noise(60, 4), Pacer(4.0, self._closed)
        length = RATE // 4
        for first in itertools.count(0, length):
            pacer.wait_until(first / RATE)
            if self._closed.is_set():
                return
            start = first % (len(samples) - length)
            yield Block(samples[start : start + length, None], first, START + first / RATE)


@contextmanager
def running(
    machines: list[WatchedMachine],
    folder: Path,
    *,
    token: Token | None = None,
    simulation: Any = None,
    **page: Any,
) -> Iterator[Monitor]:
    """A monitor that runs with its page."""
    with EventStore(folder) as store:
        engine = Engine(machines, store)
        with PageServer(engine, PageSettings(port=0, **page), token=token, simulation=simulation) as server:
            thread = threading.Thread(target=engine.run)
            thread.start()
            try:
                yield Monitor(engine, server)
            finally:
                engine.stop()
                thread.join(20)
                assert not thread.is_alive()


@pytest.fixture(scope="session")
def machines(model, recordings):
    """Returns new descriptions of both machines."""

    def make() -> list[WatchedMachine]:
        gate = GateSettings(settle=2.0, run_down=2.0)
        fan = partial(open_source, str(recordings / "fan.wav"), speed="max", start_time=START)
        return [
            WatchedMachine("fan", model, fan, gate, waits=True, model_id="a1b2", source="fan.wav"),
            WatchedMachine('pump "2"', model, lambda: Endless("pump"), gate, model_id="c3d4", source="noise"),
        ]

    return make


@pytest.fixture(scope="session")
def monitor(machines, tmp_path_factory):
    """A monitor whose first machine has had its alarm."""
    with running(machines(), tmp_path_factory.mktemp("monitor") / "store") as monitor:
        wait_for(lambda: monitor.engine.runners["fan"].ended)
        read = monitor.engine.store.read
        wait_for(lambda: len(read.scores("fan", START, START + 100).time))  # written about once a second
        wait_for(lambda: monitor.engine.runners['pump "2"'].windows > 5)
        yield monitor


@pytest.fixture
def client(monitor):
    with monitor.client() as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    if not os.access(BROWSER, os.X_OK):
        pytest.skip(f"{BROWSER} is missing")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        yield browser
        browser.close()
