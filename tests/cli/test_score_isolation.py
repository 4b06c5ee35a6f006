"""``auscult score`` contacts nobody, and writes nothing but what was named; watched by strace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

#: Seconds that a process must have used ONNX Runtime: version 1.32 opened its first socket after 9.
LONG_ENOUGH = 15
_SOCKET = re.compile(r"\b(socket|connect|sendto|sendmsg)\(.*AF_INET")
_WRITE = re.compile(
    r'\b(?:openat2?|open|creat|mkdir(?:at)?|rename(?:at2?)?|symlink(?:at)?|mknod(?:at)?)\(.*?"(.*?)"'
)


def trace(log: Path, *command: str, environment: dict[str, str]) -> tuple[list[str], set[str]]:
    """Run a command; return the calls that use the internet, and the paths that were created or written."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-s", "300", "-e", "trace=network,file", "-o", str(log), *command],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"strace may not trace here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    calls = log.read_text(errors="replace").splitlines()
    assert any("fan.auscult" in call for call in calls), "strace followed the program"
    internet = [call for call in calls if _SOCKET.search(call)]
    written = set()
    for call in calls:
        match = _WRITE.search(call)
        opened = match and call[match.start() : match.start() + 4] == "open"
        if (
            match
            and " = -1 " not in call
            and "O_TMPFILE" not in call
            and (not opened or re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", call))
        ):
            written.add(match[1])
    return internet, written


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: apt-get install strace")
def test_scoring_contacts_nobody_and_writes_only_the_named_file(model, normal_clip, tmp_path):
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    shutil.copy(normal_clip, recordings / "old.wav")
    shutil.copy(normal_clip, recordings / "young.wav")  # waited for, while the network is loaded
    os.utime(recordings / "old.wav", (1.7e9, 1.7e9))
    home = tmp_path / "home"
    home.mkdir()
    output = tmp_path / "scores.csv"
    started = time.monotonic()
    internet, written = trace(
        tmp_path / "trace.txt",
        *(sys.executable, "-m", "auscult", "score", str(model), str(recordings)),
        *("-o", str(output), "--settle", str(LONG_ENOUGH)),
        environment={
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "ORT_DISABLE_TELEMETRY": "",  # auscult sets it, not the caller
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert time.monotonic() - started > LONG_ENOUGH - 3
    assert output.read_text().count("\n") == 3
    assert internet == []
    # "tmp…" checks whether the folder is writable, and exists only while it is open.
    named = (str(output), f"{tmp_path}/.scores.csv.made-by.json.", f"{tmp_path}/tmp", "/dev/", "/proc/")
    assert {path for path in written if not path.startswith(named)} == set()
    assert not list(tmp_path.glob("tmp*"))
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("module", ["auscult", "auscult.model", "auscult.cli"])
def test_telemetry_is_switched_off_by_importing_any_module(module):
    code = f"import os, {module}; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "1\n"


def test_every_page_and_script_switches_it_off_before_the_import():
    root = Path(__file__).parents[2]
    for path in (
        *root.glob("docs/**/*.md"),
        *root.glob("bench/*.py"),
        *root.glob("tools/**/*.py"),
        root / "README.md",
    ):
        content = path.read_text(encoding="utf-8")
        for imported in re.finditer(r"^\s*import .*\bonnxruntime\b", content, re.MULTILINE):
            before = content[: imported.start()]
            assert 'os.environ["ORT_DISABLE_TELEMETRY"] = "1"' in before, (
                f"{path.name}: {imported[0].strip()}"
            )
