"""Streams of web servers by ffmpeg: all samples, errors, passwords, pauses, and nothing that remains."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from auscult.errors import OptionError, SourceError
from auscult.sound.live import Block, open_source
from auscult.sound.live.source import WrongLayout

RATE = 16_000
SECRET = "sEcr-t9"
pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


class _Live(BaseHTTPRequestHandler):
    """Sends the header of an endless WAV file, 4 seconds, and then nothing until released."""

    samples: np.ndarray
    release: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        data = (self.samples * 2**15).astype("<i2").tobytes()
        form = struct.pack("<HHIIHH", 1, 2, RATE, RATE * 4, 4, 16)
        self.wfile.write(b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + form + b"data\xff\xff\xff\xff")
        self.wfile.write(data[: RATE * 16])  # more than ffmpeg examines before it begins
        self.release.wait(15)
        self.wfile.write(data[RATE * 16 :])

    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture
def serve():
    servers = []

    def serve(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def live(serve, noise):
    release = threading.Event()
    yield serve(type("Live", (_Live,), {"samples": np.tile(noise, (3, 1)), "release": release})), release
    release.set()


@pytest.fixture
def no_processes_remain():
    yield
    children = [
        Path(f"/proc/{pid}/stat").read_text()
        for pid in os.listdir("/proc")
        if pid.isdecimal() and Path(f"/proc/{pid}/stat").exists()
    ]
    own = f" {os.getpid()} "  # of the parent, after the state
    assert not [line for line in children if "(ffmpeg)" in line and own in line.rpartition(")")[2][:12]]


def blocks_of(items):
    return [item for item in items if isinstance(item, Block)]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
@pytest.mark.usefixtures("no_processes_remain")
def test_a_recording_is_received_completely(write, serve, collect, noise, name):
    path = write(name)
    base = serve(partial(_Files, directory=str(path.parent)))
    source = open_source(f"{base}/{name}", reconnect=False)
    assert (source.sample_rate, source.channels) == (RATE, 2)
    items = collect(source)
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks_of(items)]), noise)
    assert items[-1].kind == "ended"
    assert blocks_of(items)[-1].first == 2 * RATE - RATE // 4
    assert abs(blocks_of(items)[0].time - time.time()) < 20


def test_channels_and_rate_are_checked(write, serve, collect, noise):
    url = serve(partial(_Files, directory=str(write("a.wav").parent))) + "/a.wav"
    blocks = blocks_of(collect(open_source(url, reconnect=False, channels=1)))
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), noise[:, :1])
    for options in ({"sample_rate": 8000}, {"channels": 3}):
        with pytest.raises(WrongLayout):
            open_source(url, reconnect=False, **options)
    (item,) = collect(open_source(url, sample_rate=8000), lambda items: True)
    assert item.kind == "wrong_rate"


@pytest.mark.usefixtures("no_processes_remain")
def test_a_pause_is_reported_and_nothing_is_lost(live, collect, noise):
    url, release = live
    source = open_source(url, reconnect=False, stall_seconds=0.3)

    def when_stalled(items):
        if sum(not isinstance(item, Block) for item in items) == 2:
            release.set()
        return False

    items = collect(source, when_stalled)
    kinds = [getattr(item, "kind", "block") for item in items]
    pause = kinds.index("stalled")
    assert kinds[pause : pause + 2] == ["stalled", "stalled"]
    assert kinds[-2] == "block"
    assert 3 * RATE < items[pause - 1].end <= 4 * RATE
    received = np.concatenate([block.samples for block in blocks_of(items)])
    np.testing.assert_array_equal(received, np.tile(noise, (3, 1)))


@pytest.mark.usefixtures("no_processes_remain")
def test_closing_while_nothing_arrives_ends_the_iteration(live, collect):
    url, _ = live
    source = open_source(url, reconnect=False)
    threading.Timer(0.5, source.close).start()
    assert blocks_of(collect(source))[-1].end > 3 * RATE


@pytest.mark.usefixtures("no_processes_remain")
def test_errors_are_those_of_the_server_and_show_no_password(write, serve):
    path = write("a.wav")
    host = serve(partial(_Files, directory=str(path.parent))).removeprefix("http://")
    (path.parent / "text.wav").write_text("no audio\n" * 100)
    with pytest.raises(SourceError, match="404") as error:
        open_source(f"http://root:{SECRET}@{host}/absent.wav?token={SECRET}", reconnect=False)
    assert SECRET not in repr(error.value)
    assert error.value.source == f"http://***@{host}/absent.wav?token=***"
    with pytest.raises(SourceError, match="nvalid data"):
        open_source(f"http://{host}/text.wav", reconnect=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(SourceError, match="refused") as error:
            open_source(f"rtsp://root:{SECRET}@127.0.0.1:{free.getsockname()[1]}/mic", reconnect=False)
    assert SECRET not in repr(error.value)


def test_the_password_is_not_among_the_arguments_of_the_process(live):
    url, _ = live
    with open_source(url.replace("//", f"//root:{SECRET}@") + f"/a?key={SECRET}", reconnect=False) as source:
        arguments = Path(f"/proc/{source._process.pid}/cmdline").read_bytes()
    assert b"ffmpeg" in arguments
    assert SECRET.encode() not in arguments


def test_a_playlist_cannot_name_local_files(write, serve):
    path = write("a.wav")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{path}\n#EXT-X-ENDLIST\n"
    (path.parent / "list.m3u8").write_text(playlist)
    with pytest.raises(SourceError):
        open_source(serve(partial(_Files, directory=str(path.parent))) + "/list.m3u8", reconnect=False)


def test_without_ffmpeg_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="ffmpeg"):
        open_source("rtsp://127.0.0.1/mic")


def test_an_address_that_could_change_what_ffmpeg_reads_is_refused():
    for url in ("http://h/a\nfile '/etc/passwd'", "http://h/a b", "http://", "rtsp://h:x/"):
        with pytest.raises(OptionError):
            open_source(url)


@pytest.mark.usefixtures("no_processes_remain")
def test_a_host_that_does_not_answer_is_reported_and_closing_is_quick(collect):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        source = open_source(f"http://127.0.0.1:{silent.getsockname()[1]}/", stall_seconds=0.3)
        assert source.sample_rate == 0
        items = collect(source, lambda items: len(items) == 3)
        assert time.monotonic() - start < 5
    assert [item.kind for item in items] == ["stalled"] * 3
    assert all(item.reason.startswith("connecting for") for item in items)
