"""Units of services: what they run, and whether systemd accepts them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

from auscult.errors import OptionError
from auscult.monitor.service.service_unit import ServiceUnit
from auscult.runtime.service_notify import notify, watchdog_seconds

VERIFY = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
UNUSUAL = "a b%c$d'e\"f\\g é"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / UNUSUAL
    folder.mkdir()
    (folder / "fan.auscult").touch()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SUDO_USER", raising=False)
    return folder


def settings(unit: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] != "#")


def verify(unit, tmp_path, *options):
    path = tmp_path / "auscult.service"
    path.write_text(unit)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "SYSTEMD_LOG_LEVEL": "warning"}
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *options, str(path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    # Without a running manager it also complains of other units.
    return done.returncode, [line for line in done.stderr.splitlines() if "auscult.service" in line]


@VERIFY
def test_systemd_accepts_the_unit(run, folder, tmp_path):
    result = run(
        "service", "--run-as", "nobody", folder / "fan.auscult", "--source", "mic:USB $x", "--store", "s t"
    )
    assert result.exit_code == 0, result.stderr
    assert verify(result.stdout, tmp_path) == (0, [])
    known = settings(result.stdout)
    assert known["User"] == "nobody"
    assert known["SupplementaryGroups"] == "audio"
    assert known["DeviceAllow"] == "char-alsa rw"
    assert known["ProtectSystem"] == "strict"
    assert known["ReadWritePaths"].endswith('/s t"')
    assert "StateDirectory" not in known
    assert "sudo install -d -o nobody" in result.stderr


@VERIFY
def test_systemd_accepts_the_unit_of_a_user(run, folder, tmp_path):
    result = run("service", "--user", "fan.auscult")
    code, messages = verify(result.stdout, tmp_path, "--user")
    assert (code, messages) == (0, [])
    known = settings(result.stdout)
    assert "User" not in known
    assert known["WantedBy"] == "default.target"
    assert known["ExecStart"].endswith(" -m auscult monitor fan.auscult --store monitor")


@VERIFY
def test_a_wrong_unit_would_be_noticed(run, folder, tmp_path):
    unit = run("service", "--run-as", "nobody", "fan.auscult").stdout
    wrong = unit.replace("RestartSec=5", "RestartSec=soon").replace("ExecStart=/", "ExecStart=relative/")
    code, messages = verify(wrong, tmp_path)
    assert code or messages


@VERIFY
def test_systemd_finds_a_program_of_any_name(tmp_path):
    """It reports a program that does not exist, so that it has read quotes and escapes as they are meant."""
    program = tmp_path / "a b%c$d é"
    unit = ServiceUnit([str(program), UNUSUAL, "", "$HOME", "%h"], str(tmp_path), f"/srv/{UNUSUAL}", "nobody")
    code, messages = verify(unit.text(), tmp_path)
    assert code or messages
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert verify(unit.text(), tmp_path) == (0, [])


def test_arguments_are_quoted():
    unit = ServiceUnit(["/bin/echo", UNUSUAL, "", "a=b", "$HOME", "%h"], "/srv", "/srv/store", "nobody")
    quoted = '"a b%%c$$d\'e\\"f\\\\g é" "" a=b $$HOME %%h'
    assert settings(unit.text())["ExecStart"] == f"/bin/echo {quoted}"


def test_the_command_runs_with_the_same_arguments(run, folder):
    result = run("service", "--run-as", "nobody", "fan.auscult", "--source", "watch:in", "--every", "5")
    known = settings(result.stdout)
    assert known["ExecStart"] == (
        f"{sys.executable} -m auscult monitor fan.auscult --source watch:in --every 5 "
        "--store /var/lib/auscult"
    )
    assert known["WorkingDirectory"] == str(folder).replace("%", "%%")
    assert known["StateDirectory"] == "auscult"
    assert "ReadWritePaths" not in known
    assert "DeviceAllow" not in known


def test_store_devices_and_secrets_follow_from_a_file(run, folder):
    (folder / "monitor.toml").write_text(
        'store = "events"\n[webhook]\nurl = "https://example.org"\nsecret_env = "HOOK_KEY"\n'
        '[[machine]]\nname = "fan"\nmodel = "fan.auscult"\nsource = "mic"\n'
        '[[machine]]\nname = "pump"\nmodel = "fan.auscult"\nsource = "rtsp://camera/a"\nauth_env = "CAMERA"\n'
    )
    result = run("service", "--run-as", "nobody", "--config", "monitor.toml")
    known = settings(result.stdout)
    assert known["ExecStart"].endswith("monitor --config monitor.toml")
    assert known["ReadWritePaths"].endswith('/events"')
    assert "DeviceAllow" in known
    assert "CAMERA, HOOK_KEY" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nothing.auscult",),
        ("fan.auscult", "--source", "-"),
        ("fan.auscult", "--config", "monitor.toml"),
        ("--config", "nothing.toml"),
        ("fan.auscult", "--sauce", "mic"),
        ("--user", "--run-as", "nobody", "fan.auscult"),
    ],
)
def test_wrong_usage(run, folder, arguments):
    result = run("service", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error" in result.stderr


def test_root_is_not_used_by_itself(run, folder, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    assert "--run-as" in run("service", "fan.auscult").stderr
    monkeypatch.setenv("SUDO_USER", "me")
    assert settings(run("service", "fan.auscult").stdout)["User"] == "me"


@pytest.mark.parametrize("program", ["/a'b", '/a"b', "/a\\b"])
def test_programs_that_a_unit_cannot_run(program):
    with pytest.raises(OptionError):
        ServiceUnit([program], "/srv", "/srv/store")


@pytest.mark.parametrize("folder", ["/srv/a\nb", "/srv/a ", "/srv/a\\"])
def test_paths_that_a_unit_cannot_contain(folder):
    with pytest.raises(OptionError):
        ServiceUnit(["/bin/true"], folder, "/srv/store")


def test_the_service_manager_is_notified(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        os.chdir(tmp_path)
        manager.bind("notify")
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert notify("READY=1")
        assert manager.recv(100) == b"READY=1"
    assert not notify("READY=1"), "nobody listens any more"


def test_the_watchdog_is_that_of_this_process(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    assert watchdog_seconds() == 30.0
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    assert watchdog_seconds() is None
