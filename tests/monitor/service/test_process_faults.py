"""Faults around a real monitor process: it is killed, its clock is set, its store is opened twice or full."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
import soundfile
from tests.helpers import RATE, model_of_noise, noise

from auscult.errors import StoreError
from auscult.monitor.learning.folder import NormalFolder
from auscult.monitor.store import StoreReader
from auscult.monitor.store.connection import NAME

NORMAL, FAULTY = 0.03, 0.12  # levels of the noise that stands for the machine
#: Seconds within which the store reports a fault.
REPORTED_WITHIN = 10.0
_STARTING = 60.0
#: Imported by Python at its start: adds the seconds in a file to the time of day. The monotonic clock goes
#: on, as when a clock is set; libfaketime 0.9.10 cannot do this, since `time.sleep` fails with it.
_SET_CLOCK = """
import os
import time

_real = time.time


def _set_time():
    with open(os.environ["CLOCK_OFFSET"]) as file:
        return _real() + float(file.read() or 0)


time.time = _set_time
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model of noise with an alarm rule of few seconds."""
    path = tmp_path_factory.mktemp("model") / "fan.auscult"
    model_of_noise(NORMAL).save(str(path))
    return path


class Monitor:
    """A monitor process, which gets noise on standard input in real time unless it has another source.

    Attributes:
        level: of the noise.
        port: of its page.
    """

    def __init__(self, model: Path, store: Path, source: str = "-", **environment: str) -> None:
        command = [sys.executable, "-m", "auscult", "monitor", str(model), "--source", source, "--json"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command += ["--rate", str(RATE), "--store", str(store), "--port", str(self.port)]
        self.store, self.level = store, NORMAL
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        if source == "-":
            threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self) -> None:
        assert self.process.stdin is not None
        due = time.monotonic()
        with contextlib.suppress(OSError):  # the process has ended
            for index in range(10_000_000):
                samples = noise(0.25, index, self.level)
                self.process.stdin.write((samples * 32767).astype("<i2").tobytes())
                self.process.stdin.flush()
                due += 0.25
                time.sleep(max(0.0, due - time.monotonic()))

    def end(self) -> str:
        """End it as a service manager does, and return what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stderr is not None
        errors = self.process.stderr.read().decode()
        assert self.process.wait(30) == 0, errors
        assert "Traceback" not in errors
        return errors

    def wait(self, reached: Callable[[StoreReader], Any], seconds: float) -> Any:
        """Wait until something holds for the store, and return that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(StoreError), StoreReader(self.store) as reader:
                if result := reached(reader):
                    return result
            assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
            time.sleep(0.2)
        raise AssertionError(f"not reached within {seconds} s")

    def get(self, path: str) -> bytes:
        """Request something of the page."""
        with urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=30) as response:
            return response.read()

    def machine(self) -> dict[str, Any]:
        """Return the state of the machine by the page."""
        (state,) = json.loads(self.get("api/machines"))["machines"]
        return state

    def wait_for_scores(self, number: int = 1) -> float:
        """Wait for further scores, and return the time of the last one."""
        first = self.wait(_last_time, _STARTING)
        return self.wait(lambda reader: (t := _last_time(reader)) >= first + number - 1 and t, _STARTING)


def _last_time(reader: StoreReader) -> float:
    return next((state.time or 0.0 for state in reader.last_states()), 0.0)


@pytest.fixture
def monitor(model, tmp_path) -> Iterator[Callable[..., Monitor]]:
    started: list[Monitor] = []

    def start(store: Path = tmp_path / "store", source: str = "-", **environment: str) -> Monitor:
        started.append(Monitor(model, store, source, **environment))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.mark.parametrize("jump", [86400, -86400])
def test_the_clock_is_set_by_a_day(monitor, tmp_path, jump):
    offset, customized = tmp_path / "offset", tmp_path / "customized"
    offset.write_text("0")
    customized.mkdir()
    (customized / "sitecustomize.py").write_text(_SET_CLOCK)
    path = os.pathsep.join(filter(None, [str(customized), os.environ.get("PYTHONPATH")]))
    fan = monitor(PYTHONPATH=path, CLOCK_OFFSET=str(offset))
    before = fan.wait_for_scores(5)
    fan.level = FAULTY
    first = fan.wait(lambda reader: reader.events(kind="alarm"), _STARTING)[0]
    offset.write_text(str(jump))
    expected = time.time() + jump
    fan.wait(lambda reader: abs(_last_time(reader) - expected) < 60, REPORTED_WITHIN)
    fan.level = NORMAL
    fan.wait(lambda reader: reader.event(first.id).end, _STARTING)
    fan.level = FAULTY
    second = fan.wait(lambda reader: [e for e in reader.events(kind="alarm") if e.id > first.id], _STARTING)
    assert abs(second[0].start - expected) < 120
    fan.end()
    with StoreReader(fan.store) as reader:
        assert not reader.health(), "a clock that is set is no fault of the sensor"
        assert reader.scores("fan", before - 5, before + 1).count.sum() >= 5, "scores of before are kept"


def test_two_monitors_cannot_write_one_store(monitor):
    fan = monitor()
    fan.wait_for_scores()
    other = monitor()
    assert other.process.wait(30) == 1
    assert other.process.stderr is not None
    errors = other.process.stderr.read().decode()
    assert "already open" in errors
    assert str(fan.store) in errors
    fan.wait_for_scores(3)
    fan.end()


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A small disk of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill(disk: Path, left: int) -> Path:
    """Write a file that leaves so many bytes of a disk, and return it."""
    ballast = disk / "ballast"
    ballast.write_bytes(b"\1" * (shutil.disk_usage(disk).free - left))
    return ballast


def test_the_disk_fills_and_is_freed(monitor, disk):
    fan = monitor(disk / "store")
    fan.wait_for_scores(3)
    ballast = _fill(disk, 10 << 20)
    (health,) = fan.wait(lambda reader: reader.health(lasting=True), REPORTED_WITHIN)
    assert health.condition == "disk full"
    fan.level = FAULTY
    (event,) = fan.wait(lambda reader: reader.events(kind="alarm"), _STARTING)
    ballast.unlink()
    fan.wait(lambda reader: not reader.health(lasting=True), REPORTED_WITHIN)
    fan.level = NORMAL
    fan.wait(lambda reader: reader.event(event.id).end, _STARTING)
    fan.wait_for_scores(3)
    fan.end()


def test_the_disk_fills_while_normal_running_is_recorded(disk, tmp_path):
    soundfile.write(tmp_path / "running.wav", noise(330, 0, NORMAL), RATE)
    command = [sys.executable, "-m", "auscult", "monitor", "--learn", str(disk / "fan"), "--minutes", "5"]
    command += ["--source", str(tmp_path / "running.wav"), "--speed", "max", "--detector", "pooled_gaussian"]
    command += ["--store", str(tmp_path / "store"), "--no-page"]
    ballast = _fill(disk, 1 << 20)
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    *_, error = result.stderr.splitlines()
    assert re.search(rf"{disk}/fan-normal/\d+\.flac: cannot be written: No space left on device", error)
    kept = set(os.listdir(disk / "fan-normal"))
    assert 1 < len(kept) < 60
    assert not [name for name in kept if name.startswith(".") and name != ".lock"]
    ballast.unlink()
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "s are there already" in result.stderr
    assert kept < set(os.listdir(disk / "fan-normal"))
    assert NormalFolder(disk / "fan-normal", "fan").seconds >= 300


def test_the_sender_stops_and_goes_on(monitor):
    """A pipe cannot be opened again, but its sender can be stopped, as a camera that hangs."""
    fan = monitor()
    fan.wait_for_scores(3)
    samples, fan.level = fan.level, 0.0
    (health,) = fan.wait(lambda reader: reader.health(lasting=True), REPORTED_WITHIN)
    assert health.condition == "silent"
    fan.level = samples
    fan.wait(lambda reader: not reader.health(lasting=True), REPORTED_WITHIN)
    fan.wait_for_scores(2)
    fan.end()
    with StoreReader(fan.store) as reader:
        assert not reader.events(kind="alarm"), "a fault of the sensor is no anomaly"
        assert any("silent" in gap.reason for gap in reader.gaps("fan"))


def test_a_flood_of_requests_and_a_client_that_does_not_read(monitor):
    fan = monitor()
    fan.wait_for_scores(3)
    with socket.create_connection(("127.0.0.1", fan.port)) as idle:
        idle.sendall(f"GET /api/stream?machine=1 HTTP/1.1\r\nHost: 127.0.0.1:{fan.port}\r\n\r\n".encode())
        began, answers = time.monotonic(), 0
        paths = ["api/info", "api/machines", "api/events", "metrics"]
        with ThreadPoolExecutor(20) as pool:
            while time.monotonic() < began + 10 or answers < 1000:
                answers += sum(map(bool, pool.map(fan.get, paths * 50)))
        fan.level = FAULTY
        (event,) = fan.wait(lambda reader: reader.events(kind="alarm"), _STARTING)
        (shown,) = json.loads(fan.get("api/events"))["events"]
        assert (shown["id"], shown["start"]) == (event.id, event.start)
        machine = fan.wait(lambda reader: fan.machine()["alarm"] and fan.machine(), REPORTED_WITHIN)
        assert machine["age"] < REPORTED_WITHIN
    fan.end()
    with StoreReader(fan.store) as reader:
        assert {gap.reason for gap in reader.gaps("fan")} <= {"overload"}, "a slow computer may be overloaded"
        assert {health.condition for health in reader.health()} <= {"overload"}


class _Camera(BaseHTTPRequestHandler):
    """Sends an endless WAV file in real time."""

    ended: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        form = struct.pack("<HHIIHH", 1, 1, RATE, RATE * 2, 2, 16)
        with contextlib.suppress(OSError):
            self.wfile.write(b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff")
            for index in range(10_000_000):
                self.wfile.write((noise(0.25, index, NORMAL) * 32767).astype("<i2").tobytes())
                self.wfile.flush()
                if self.ended.wait(0.25):
                    break

    def log_message(self, *arguments: object) -> None: ...


@contextlib.contextmanager
def _camera(port: int = 0) -> Iterator[int]:
    """A camera that is switched on, at a port."""
    handler = type("Camera", (_Camera,), {"ended": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        handler.ended.set()
        server.shutdown()
        server.server_close()


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
def test_a_camera_is_switched_off_and_on(monitor):
    with _camera() as port:
        fan = monitor(source=f"http://127.0.0.1:{port}/live.wav")
        last = fan.wait_for_scores(3)
    (health,) = fan.wait(lambda reader: reader.health(lasting=True), REPORTED_WITHIN)
    assert (health.machine, health.condition) == ("fan", "source gone")
    with _camera(port):
        fan.wait(lambda reader: not reader.health(lasting=True), _STARTING)
        fan.wait_for_scores(3)
        fan.end()
    with StoreReader(fan.store) as reader:
        assert not reader.events(kind="alarm")
        assert any(gap.end and gap.end > last for gap in reader.gaps("fan"))
        assert reader.scores("fan", last - 1.5, last + 0.5).count.sum() >= 1


def test_twenty_kills_lose_no_event_that_was_printed(model, tmp_path):
    bursts = [
        noise(seconds, seed, level) for seed in range(60) for seconds, level in ((12, NORMAL), (8, FAULTY))
    ]
    soundfile.write(tmp_path / "faults.wav", np.concatenate(bursts), RATE)
    store = tmp_path / "store"
    command = [sys.executable, "-m", "auscult", "monitor", str(model), "--json", "--store", str(store)]
    command += ["--source", str(tmp_path / "faults.wav"), "--speed", "max"]
    rng = random.Random(0)
    printed: set[float] = set()
    for _ in range(20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(rng.randrange(1, 6))]
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
            lines += process.stdout.readlines()
        records = [json.loads(line) for line in lines if line.endswith(b"\n")]
        printed |= {record["start"] for record in records if record.get("alarm") == "started"}
        with contextlib.closing(sqlite3.connect(store / NAME)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert printed <= {start for (start,) in connection.execute("SELECT start FROM events")}
            names = {name for (name,) in connection.execute("SELECT name FROM sounds")}
        assert names <= set(os.listdir(store / "sounds"))
    assert printed
