"""A local HTTP server that imitates Zenodo, with simulated network failures."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class Zenodo:
    """Files and behaviour of the server.

    Attributes:
        url: address of the server.
        files: path to contents.
        ranges: whether range requests are supported.
        break_after: bytes after which the connection breaks, for each coming file request; ``None``: never.
        statuses: for each coming request, the HTTP status to respond with; 200 sends the file.
        content_range: sent with ranges of files instead of the correct header.
        retry_after: value of the header ``Retry-After`` of responses with an error status.
        moved: old path to the new one, to which requests are redirected.
        requests: every request, as path and Range header.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    break_after: list[int | None] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    content_range: str | None = None
    retry_after: str | None = None
    moved: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def add_record(self, number: int, files: dict[str, bytes], *, licence: str | None = "cc-by-4.0") -> None:
        """Publish files under a record, in the format of Zenodo's API."""
        entries = [
            {"key": name, "size": len(data), "checksum": "md5:" + hashlib.md5(data).hexdigest()}
            for name, data in files.items()
        ]
        metadata = {"license": {"id": licence}} if licence else {}
        self.files[f"/api/records/{number}"] = json.dumps({"files": entries, "metadata": metadata}).encode()
        self.files |= {f"/records/{number}/files/{name}": data for name, data in files.items()}


@pytest.fixture
def zenodo() -> Iterator[Zenodo]:
    state = Zenodo()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, byte_range = unquote(urlsplit(self.path).path), self.headers.get("Range")
            state.requests.append((path, byte_range))
            if path in state.moved:
                self.send_response(301)
                self.send_header("Location", state.moved[path])
                self.end_headers()
                return
            status = state.statuses.pop(0) if state.statuses else 200
            data = state.files.get(path)
            if status != 200 or data is None:
                self.send_response(404 if status == 200 else status)
                if state.retry_after is not None:
                    self.send_header("Retry-After", state.retry_after)
                self.end_headers()
                return
            start = (
                int(byte_range.removeprefix("bytes=").removesuffix("-")) if byte_range and state.ranges else 0
            )
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                correct = f"bytes {start}-{len(data) - 1}/{len(data)}"
                self.send_header("Content-Range", state.content_range or correct)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            limit = None
            if not path.startswith("/api/") and state.break_after:
                limit = state.break_after.pop(0)
            self.wfile.write(data[start:][:limit])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
