"""The page of ``monitor``: options, token and addresses, on a real process."""

from __future__ import annotations

import re
import signal
import stat
import sys

import httpx
import pytest
import soundfile
from tests.helpers import RATE, model_without_alarms, noise

from auscult.cli.monitor_page import PageFlags
from auscult.errors import OptionError
from auscult.monitor.settings.page_settings import PageSettings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    model = model_without_alarms()
    model.save(str(folder / "fan.auscult"))
    soundfile.write(folder / "long.wav", noise(120, 4), RATE)
    soundfile.write(folder / "short.wav", noise(5, 4), RATE)
    return folder


@pytest.fixture
def monitor(start, folder, tmp_path):
    """Starts a monitor; returns the process, the address of the page, and the lines printed before."""
    processes = []

    def begin(*options: object):
        process = start(
            "monitor", folder / "fan.auscult", "--source", folder / "long.wav", "--store", tmp_path / "store",
            "--port", 0, *options,
        )  # fmt: skip
        processes.append(process)
        lines = []
        for line in process.stderr:
            if line.startswith("page: "):
                return process, line.split()[1].rstrip(","), lines
            lines.append(line)
        raise AssertionError("".join(lines))

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def test_the_page_is_there_and_ends_with_the_monitor(monitor):
    process, address, _ = monitor("--prefix", "/plant")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/plant/", address)
    with httpx.Client(base_url=address, timeout=20) as client:
        (machine,) = client.get("api/machines").json()["machines"]
        assert machine["name"] == "fan"
        assert machine["source"].endswith("long.wav")
        with client.stream("GET", "api/stream") as response:
            lines = response.iter_lines()
            assert next(lines) == "event: status"
            process.send_signal(signal.SIGTERM)
            assert list(lines)[-1] == "", "the stream ends in order"
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_a_new_token_is_shown_once_and_stays(monitor, tmp_path):
    process, address, lines = monitor("--new-token")
    (token,) = [line.split()[-1] for line in lines if line.startswith("token of the page")]
    kept = tmp_path / "store" / "page-token"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in kept.read_text()
    bearer = {"authorization": f"Bearer {token}"}
    assert httpx.get(f"{address}api/info").status_code == 401
    assert httpx.get(f"{address}api/info", headers=bearer).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    process, address, lines = monitor()
    assert not any(token in line for line in lines)
    assert httpx.get(f"{address}api/info").status_code == 401
    assert httpx.get(f"{address}api/info", headers=bearer).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    process, address, lines = monitor("--new-token", "--host", "0.0.0.0")
    assert address.startswith("http://127.0.0.1:")
    assert httpx.get(f"{address}api/info", headers=bearer).status_code == 401


def test_a_token_from_the_environment(monitor, monkeypatch, tmp_path):
    monkeypatch.setenv("AUSCULT_TOKEN", "chosen-by-the-user-1")
    _, address, lines = monitor()
    assert not (tmp_path / "store" / "page-token").exists()
    assert not any("chosen-by" in line for line in lines)
    assert httpx.get(f"{address}api/info").status_code == 401
    bearer = {"authorization": "Bearer chosen-by-the-user-1"}
    assert httpx.get(f"{address}api/info", headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--host", "0.0.0.0"), "--new-token"),
        (("--host", "no.such.host.invalid", "--new-token"), "not an address"),
        (("--prefix", "plant"), "prefix"),
        (("--no-page", "--port", 5), "--no-page"),
        (("--port", 70000), "70000"),
    ],
)
def test_wrong_options(run, folder, tmp_path, options, word):
    result = run(
        "monitor", folder / "fan.auscult", "--source", folder / "short.wav", "--speed", "max",
        "--store", tmp_path / "store", *options,
    )  # fmt: skip
    assert result.exit_code == 2
    assert word in result.stderr
    assert "fan: " not in result.stderr, "nothing is monitored"


@pytest.mark.parametrize("token", ["", "short", "with spaces in the token", "x" * 600])
def test_tokens_that_are_not_accepted(run, folder, tmp_path, monkeypatch, token):
    monkeypatch.setenv("AUSCULT_TOKEN", token)
    result = run(
        "monitor", folder / "fan.auscult", "--source", folder / "short.wav", "--store", tmp_path / "s"
    )
    assert result.exit_code == 2
    assert "AUSCULT_TOKEN" in result.stderr
    assert not token or token not in result.stderr


def test_no_page(run, folder, tmp_path):
    arguments = ("--source", folder / "short.wav", "--speed", "max", "--store", tmp_path / "store")
    result = run("monitor", folder / "fan.auscult", *arguments, "--no-page")
    assert result.exit_code == 0
    assert "page: " not in result.stderr


def test_options_replace_the_file():
    settings = PageSettings(host="0.0.0.0", port=5, prefix="/a", names=("x",))
    assert PageFlags().over(settings) == settings
    assert PageFlags(port=0).over(settings) == PageSettings(host="0.0.0.0", port=0, prefix="/a", names=("x",))
    assert not PageFlags(no_page=True).over(settings).enabled
    with pytest.raises(OptionError):
        PageFlags(no_page=True, prefix="/b").over(settings)


def test_without_the_extra_there_is_no_page(run, folder, tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("auscult.monitor.web")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    arguments = (
        "monitor", folder / "fan.auscult", "--source", folder / "short.wav", "--speed", "max",
        "--store", tmp_path / "store",
    )  # fmt: skip
    result = run(*arguments)
    assert result.exit_code == 0
    assert "auscult[monitor]" in result.stderr
    result = run(*arguments, "--port", 0)
    assert result.exit_code != 0
    assert "auscult[monitor]" in result.stderr
