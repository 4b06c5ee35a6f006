"""A virtual sound card: what is played into it arrives from a microphone."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np

RATE = 16_000
ALSA = Path("/usr/share/alsa/alsa.conf")


def missing() -> str | None:
    """Return why there can be no virtual sound card, if so."""
    for program in ("pulseaudio", "pacat", "pactl"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")) or not ALSA.exists():
        return "the PulseAudio plugin of ALSA is not installed"
    if importlib.util.find_spec("sounddevice") is None:
        return "sounddevice is not installed"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "PortAudio is not installed"
    return None


class VirtualCard:
    """A PulseAudio server with a sink, whose monitor ALSA lists as the microphone ``machine``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "socket"
        self.environment = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{self.socket}",
        }
        self.process: subprocess.Popen | None = None
        config = folder / "asoundrc"
        server = f'type pulse server "unix:{self.socket}" device "room.monitor"'
        shown = 'hint { show on description "Machine" }'
        config.write_text(f"pcm.machine {{ {server} {shown} }}\npcm.!default {{ {server} }}\n")
        self.alsa = f"{ALSA}:{config}"

    def plug_in(self) -> None:
        self.process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                *("--realtime=no", "--high-priority=no", "--log-level=error"),
                *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.socket}"),
                *("-L", f"module-null-sink sink_name=room rate={RATE} channels=1"),
            ],
            env=self.environment,
            stderr=subprocess.DEVNULL,
        )
        command, deadline = ["pactl", "info"], time.monotonic() + 10
        while subprocess.run(command, env=self.environment, capture_output=True).returncode:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def unplug(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.socket.unlink(missing_ok=True)

    def play(self, samples: np.ndarray) -> subprocess.Popen:
        command = ["pacat", "--playback", "--device=room", "--raw", "--format=s16le", f"--rate={RATE}"]
        command += ["--channels=1", "--latency-msec=100"]
        player = subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE)

        def send() -> None:
            with contextlib.suppress(BrokenPipeError):  # the player was stopped
                player.stdin.write((samples * 2**15).astype("<i2").tobytes())
                player.stdin.close()

        threading.Thread(target=send, daemon=True).start()
        return player
