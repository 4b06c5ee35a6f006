"""Fetching files over an unreliable network."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from tests.helpers import time_with_sleep

from auscult.dcase.transfer import fetch_file, fetch_json, md5_of
from auscult.errors import DownloadError

DATA = os.urandom(700_000)
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture(autouse=True)
def served(zenodo) -> None:
    zenodo.files["/a.zip"] = DATA


def fetch(zenodo, path: Path, **options) -> None:
    options = {"size": len(DATA), "md5": MD5, "backoff": 0.001, "attempts": 3} | options
    fetch_file(f"{zenodo.url}/a.zip", str(path), **options)


def ranges(zenodo) -> list[str | None]:
    return [byte_range for _, byte_range in zenodo.requests]


def test_fetches_a_complete_file_with_progress(zenodo, tmp_path: Path) -> None:
    reports: list[int] = []
    fetch(zenodo, tmp_path / "a.zip", progress=reports.append)
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert reports == sorted(reports)
    assert reports[-1] == len(DATA)
    assert os.listdir(tmp_path) == ["a.zip"]


def test_resumes_after_a_broken_connection(zenodo, tmp_path: Path) -> None:
    zenodo.break_after = [100_000, 50_000, None]
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(zenodo) == [None, "bytes=100000-", "bytes=150000-"]


def test_resumes_an_earlier_run(zenodo, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(DATA[:600_000])
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(zenodo) == ["bytes=600000-"]


def test_a_complete_part_file_needs_no_network(zenodo, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(DATA)
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert zenodo.requests == []


def test_a_server_that_ignores_ranges_sends_the_complete_file(zenodo, tmp_path: Path) -> None:
    zenodo.ranges = False
    zenodo.break_after = [100_000, None]
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(zenodo) == [None, "bytes=100000-"]


@pytest.mark.parametrize("length", [100_000, 700_000, 800_000], ids=["shorter", "as long", "too long"])
def test_a_part_file_of_another_file_is_discarded(zenodo, tmp_path: Path, length: int) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"x" * length)
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_file_that_became_shorter_on_the_server_is_an_error(zenodo, tmp_path: Path) -> None:
    (tmp_path / "a.zip.part").write_bytes(b"x" * 650_000)
    zenodo.files["/a.zip"] = DATA[:600_000]
    with pytest.raises(DownloadError, match="become shorter: it does not match the record"):
        fetch(zenodo, tmp_path / "a.zip")


@pytest.mark.parametrize("total", ["701000", "*"])
def test_a_wrong_content_range_is_not_appended(zenodo, tmp_path: Path, total: str) -> None:
    (tmp_path / "a.zip.part").write_bytes(DATA[:600_000])
    zenodo.content_range = f"bytes 599999-699999/{total}"
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert ranges(zenodo) == ["bytes=600000-", None]


def test_a_wrong_checksum_is_an_error_and_leaves_no_file(zenodo, tmp_path: Path) -> None:
    zenodo.files["/a.zip"] = DATA[:-1] + bytes([DATA[-1] ^ 1])
    with pytest.raises(DownloadError, match="MD5 checksum") as caught:
        fetch(zenodo, tmp_path / "a.zip")
    assert caught.value.path == f"{zenodo.url}/a.zip"
    assert os.listdir(tmp_path) == []
    fetch(zenodo, tmp_path / "a.zip", md5=None)
    assert os.listdir(tmp_path) == ["a.zip"]


def test_a_file_larger_than_expected_is_an_error(zenodo, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="size and MD5"):
        fetch(zenodo, tmp_path / "a.zip", size=1000, md5=None)
    assert os.listdir(tmp_path) == []


def test_temporary_server_errors_are_retried(zenodo, tmp_path: Path) -> None:
    zenodo.statuses = [503, 429]
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA


@pytest.mark.parametrize("as_date", [False, True])
def test_waits_as_long_as_the_server_asks(zenodo, tmp_path: Path, monkeypatch, caplog, as_date: bool) -> None:
    zenodo.statuses = [429, 503]
    zenodo.retry_after = formatdate(time.time() + 120, usegmt=True) if as_date else "120"
    waits: list[float] = []
    monkeypatch.setattr("auscult.dcase.transfer.time", time_with_sleep(waits.append))
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert len(waits) == 2
    assert all(110 < wait <= 120 for wait in waits)
    assert "asks to wait for" in caplog.text


def test_a_server_that_asks_to_wait_for_an_hour_stops_the_download(zenodo, tmp_path: Path) -> None:
    zenodo.statuses, zenodo.retry_after = [429], "3600"
    with pytest.raises(DownloadError, match="asks to wait for 60 minutes; run the command again"):
        fetch(zenodo, tmp_path / "a.zip")


@pytest.mark.parametrize("header", ["soon", "-5", "", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_retry_after_that_says_nothing_leaves_the_usual_wait(zenodo, tmp_path: Path, header: str) -> None:
    zenodo.statuses, zenodo.retry_after = [503], header
    fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_gives_up_after_attempts_without_progress_and_keeps_the_part_file(zenodo, tmp_path: Path) -> None:
    zenodo.break_after = [100_000]
    zenodo.statuses = [200, 500, 500, 500]
    with pytest.raises(DownloadError, match=r"stopped at 100000 .* 3 attempts .*500.*run the command again"):
        fetch(zenodo, tmp_path / "a.zip")
    assert (tmp_path / "a.zip.part").read_bytes() == DATA[:100_000]


def test_a_missing_file_is_requested_only_once(zenodo, tmp_path: Path) -> None:
    zenodo.files.clear()
    with pytest.raises(DownloadError, match="responded with 404"):
        fetch(zenodo, tmp_path / "a.zip")
    assert len(zenodo.requests) == 1


def test_an_unwritable_path_is_an_error(zenodo, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="cannot be written"):
        fetch(zenodo, tmp_path / "nowhere" / "a.zip")


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_no_network(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/a.zip"
    with pytest.raises(DownloadError, match=r"0 of 5 bytes after 2 attempts .*refused"):
        fetch_file(url, str(tmp_path / "a.zip"), size=5, md5=None, attempts=2, backoff=0.001)
    with pytest.raises(DownloadError, match=r"no response .*refused") as caught:
        fetch_json(url, attempts=2, backoff=0.001)
    assert caught.value.path == url


def test_fetch_json(zenodo) -> None:
    zenodo.files["/api/x"] = b'{"a": 1}'
    zenodo.statuses = [503]
    assert fetch_json(f"{zenodo.url}/api/x", backoff=0.001) == {"a": 1}
    zenodo.files["/api/x"] = b"<html>"
    with pytest.raises(DownloadError, match="not JSON"):
        fetch_json(f"{zenodo.url}/api/x", backoff=0.001)


def test_md5_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    assert md5_of(str(tmp_path / "a")) == MD5
