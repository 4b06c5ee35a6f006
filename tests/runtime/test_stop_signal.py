"""A stop request by a signal handler arrives at whatever moment of waiting."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import faulthandler, os, signal, threading, time
from auscult.runtime.stop_signal import StopSignal

faulthandler.dump_traceback_later(90, exit=True)
for i in range(30_000):
    stop = StopSignal()
    signal.signal(signal.SIGALRM, lambda *_: stop.set())
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + (i % 97) * 1e-6)
    while not stop.wait(1e-6):
        pass
signal.signal(signal.SIGUSR1, lambda *_: stop.set())
started = time.monotonic()
stop = StopSignal()
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
assert not stop.is_set()
assert stop.wait(60)
assert stop.wait(60)
assert time.monotonic() - started < 30
print("done")
"""


def test_signals_at_any_moment():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120)
    assert done.stdout == "done\n", done.stderr
