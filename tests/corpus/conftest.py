"""A small stand-in for Zenodo on this machine, with the faults that networks have."""

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
    """What the server holds and how it behaves.

    Attributes:
        files: path to contents.
        ranges: whether parts of a file are sent when asked for.
        break_after: for each coming file request, bytes after which the connection breaks; ``None``: never.
        answers: for each coming request, a status to answer instead.
        content_range: said with parts of files instead of the truth.
        asked: every request, as path and Range header.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    break_after: list[int | None] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    content_range: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def add_record(self, number: int, files: dict[str, bytes], *, licence: str | None = "cc-by-4.0") -> None:
        """Publishes files under a record, in the form of Zenodo's API."""
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
            path, span = unquote(urlsplit(self.path).path), self.headers.get("Range")
            state.asked.append((path, span))
            status = state.answers.pop(0) if state.answers else 200
            data = state.files.get(path)
            if status != 200 or data is None:
                self.send_error(404 if status == 200 else status)
                return
            start = int(span.removeprefix("bytes=").removesuffix("-")) if span and state.ranges else 0
            if start and start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                truth = f"bytes {start}-{len(data) - 1}/{len(data)}"
                self.send_header("Content-Range", state.content_range or truth)
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
