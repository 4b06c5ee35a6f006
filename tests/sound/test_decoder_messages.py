"""Messages of libmpg123 do not reach standard error, and those of others do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auscult.errors import AudioError
from auscult.sound import read_audio
from auscult.sound.decoder_messages import without_decoder_messages


@pytest.fixture
def mp3(tmp_path: Path) -> bytes:
    path = tmp_path / "plain.mp3"
    soundfile.write(path, 0.2 * np.random.default_rng(0).standard_normal(48_000), 16000)
    return path.read_bytes()


def read_or_not(path: Path) -> None:
    with contextlib.suppress(AudioError):
        read_audio(path)


def unusual(mp3: bytes) -> dict[str, bytes]:
    tag = b"ID3\x04\0\0\0\0\x08\0"
    return {
        "hole.mp3": mp3[:4000] + bytes(3000) + mp3[8000:],
        "garbage": mp3 + b"\xff\xfb\x90\x64" + b"garbage" * 200,
        "tag.mp3": tag + b"TIT2\xff\xff\xff\xff\0\0" + bytes(1014) + mp3,
        "cut.mp3": mp3[:5000],
        "one": mp3[:300],
        "text.mp3": b"ID3 this is not audio" * 100,
        "no_mp3.wav": b"\xff\xfb\x90\x64" + bytes(3000),
    }


def test_nothing_reaches_standard_error(
    tmp_path: Path, mp3: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    files = unusual(mp3)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        read_or_not(tmp_path / name)
    assert capfd.readouterr().err == ""
    with pytest.raises((soundfile.LibsndfileError, ValueError)):  # without it there is a message
        soundfile.read(tmp_path / "text.mp3")
    assert "libmpg123" in capfd.readouterr().err


def test_threads(tmp_path: Path, mp3: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hole.mp3").write_bytes(unusual(mp3)["hole.mp3"])
    threads = [
        threading.Thread(target=lambda: [read_or_not(tmp_path / "hole.mp3") for _ in range(20)])
        for _ in range(4)
    ]
    before = os.fstat(2).st_ino
    for thread in threads:
        thread.start()
    for i in range(50):
        os.write(2, f"line {i}\n".encode())
    for thread in threads:
        thread.join()
    assert os.fstat(2).st_ino == before
    assert sorted(capfd.readouterr().err.split("\n")) == sorted([*(f"line {i}" for i in range(50)), ""])


def test_what_others_write_meanwhile_appears(capfd: pytest.CaptureFixture[str]) -> None:
    with without_decoder_messages():
        os.write(
            2, b"Warning: the disk is full\n[src/libmpg123/parse.c:f():1] error: resync\nNote: 3 files\n"
        )
        with without_decoder_messages():
            os.write(2, b"inner\n")
    assert capfd.readouterr().err == "Warning: the disk is full\nNote: 3 files\ninner\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_closed_standard_error(tmp_path: Path, mp3: bytes) -> None:
    (tmp_path / "a.mp3").write_bytes(mp3)
    code = "import sys; from auscult.sound import read_audio; print(read_audio(sys.argv[1]).seconds)"
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", code, str(tmp_path / "a.mp3")]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert result.stdout == "3.0\n"
