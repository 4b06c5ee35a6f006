"""A camera by RTSP, which is switched off and on again, freezes, or wants a password."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import SourceError
from auscult.sound.live import Block, Reconnecting, open_source
from auscult.sound.live.address import address_of
from auscult.sound.live.url_stream import UrlStream

RATE = 16_000
PYTHON = "/usr/bin/python3"  # that of the system, for which Debian has the bindings of GStreamer
SERVER = Path(__file__).with_name("rtsp_server.py")
_CHECK = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst, GstRtspServer; "
    "Gst.init(None); assert Gst.ElementFactory.find('rtpL16pay') and Gst.ElementFactory.find('wavparse')"
)


def missing() -> str | None:
    if not shutil.which("ffmpeg"):
        return "ffmpeg is not installed"
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", _CHECK], capture_output=True).returncode:
        return "the RTSP server of GStreamer is not installed"
    return None


_MISSING = missing()
pytestmark = pytest.mark.skipif(_MISSING is not None, reason=str(_MISSING))


class Camera:
    """An RTSP server on a fixed port that can be switched on and off."""

    def __init__(self, path: Path, *login: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.command = [PYTHON, str(SERVER), str(self.port), str(path), *login]
        self.url = f"rtsp://127.0.0.1:{self.port}/mic"
        self.process: subprocess.Popen | None = None

    def switch_on(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"

    def send(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def switch_off(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    samples = np.random.default_rng(1).integers(-8000, 8000, 30 * RATE).astype(np.int16)
    path = tmp_path_factory.mktemp("rtsp") / "noise.wav"
    soundfile.write(path, samples, RATE)
    return path, (samples / 2**15).astype(np.float32)


@pytest.fixture
def camera(recording):
    camera = Camera(recording[0])
    yield camera
    camera.switch_off()


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


def assert_is_a_part(blocks, samples):
    """The blocks are consecutive samples of the recording, so that nothing is lost between them."""
    received = np.concatenate([block.samples[:, 0] for block in blocks])
    scores = np.correlate(samples, received[:2000], "valid")
    start = int(np.argmax(scores))
    np.testing.assert_array_equal(received, samples[start : start + len(received)])
    assert [block.first for block in blocks[1:]] == [block.end for block in blocks[:-1]]


def test_a_camera_that_is_switched_off_and_on_again_returns(camera, recording, collect):
    camera.switch_on()
    source = open_source(camera.url)

    def refused(items):
        return any("refused" in item.reason for item in items if not isinstance(item, Block))

    def control(items):
        if len(blocks_of(items)) == 6 and camera.process:
            camera.switch_off()
        if refused(items) and not camera.process:
            camera.switch_on()
        return refused(items) and len(blocks_of(items[-6:])) == 6

    items = collect(source, control)
    assert (source.sample_rate, source.channels) == (RATE, 1)
    items = items[items.index(blocks_of(items)[0]) :]  # without "connecting", on a busy computer
    gaps = [i for i, item in enumerate(items) if not isinstance(item, Block)]
    assert gaps == list(range(gaps[0], gaps[-1] + 1)), "one interruption, with no blocks within"
    assert {items[i].kind for i in gaps} <= {"gone", "stalled"}
    before, after = items[: gaps[0]], items[gaps[-1] + 1 :]
    assert_is_a_part(before, recording[1])
    assert_is_a_part(after, recording[1])
    missing = after[0].first - before[-1].end
    assert missing > 0
    seconds = after[0].time - (before[-1].time + len(before[-1].samples) / RATE)
    assert missing == pytest.approx(seconds * RATE, abs=1)
    assert np.all(np.diff([block.time for block in blocks_of(items)]) > 0)


def test_a_camera_that_freezes_is_connected_again(camera, recording, collect):
    camera.switch_on()

    def connect(closed):
        return UrlStream(address_of(camera.url), stall_seconds=0.5, connect_seconds=3, cancelled=closed)

    source = Reconnecting(connect, "camera", lost_seconds=0.9, first_pause=0.2)
    frozen = [0]  # number of items when the camera froze

    def control(items):
        if len(blocks_of(items)) == 6 and not frozen[0]:
            camera.send(signal.SIGSTOP)
            frozen[0] = len(items)
        since = [getattr(item, "kind", "block") for item in items[frozen[0] :]]
        if frozen[0] and "gone" in since:
            camera.send(signal.SIGCONT)
        return "gone" in since and since[-6:] == ["block"] * 6

    items = collect(source, control)
    since = items[frozen[0] :]
    interruptions = [item for item in since if not isinstance(item, Block)]
    assert interruptions[0].kind == "stalled"
    assert "no data" in interruptions[0].reason
    last = since.index(interruptions[-1])
    assert_is_a_part(since[last + 1 :], recording[1])


def test_a_camera_that_is_off_at_the_start_is_waited_for(camera, collect):
    source = open_source(camera.url)
    assert (source.sample_rate, source.channels) == (0, 0)

    def control(items):
        if len(items) == 2:
            camera.switch_on()
        return isinstance(items[-1], Block)

    items = collect(source, control)
    assert items[0].kind == "gone"
    assert items[-1].first == 0
    assert (source.sample_rate, source.channels) == (RATE, 1)


def test_a_password_opens_the_stream_and_is_shown_nowhere(recording, collect, monkeypatch):
    camera = Camera(recording[0], "root", "sEcr@t9")
    try:
        camera.switch_on()
        monkeypatch.setenv("CAMERA_AUTH", "root:sEcr@t9")
        source = open_source(camera.url, auth_env="CAMERA_AUTH", reconnect=False)
        assert source.description == camera.url.replace("//", "//***@")
        assert_is_a_part(collect(source, lambda items: len(items) == 4), recording[1])
        monkeypatch.setenv("CAMERA_AUTH", "root:wrong-Key")
        with pytest.raises(SourceError, match="401") as error:
            open_source(camera.url, auth_env="CAMERA_AUTH", reconnect=False)
        assert "wrong-Key" not in repr(error.value)
    finally:
        camera.switch_off()
