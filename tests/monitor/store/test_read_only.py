"""A store on a file system that is read-only is read, with and without a log that was not yet merged."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from auscult.monitor.store import Event, EventStore, Machine, ScoreRow

#: Mounts a folder read-only; 99 if that is not permitted.
MOUNT = """
mount --bind "$0" "$1" && mount -o remount,bind,ro "$1" || exit 99
! touch "$1/new" 2>/dev/null || exit 98
"""


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    return bool(unshare) and not subprocess.run([unshare, "-m", "true"], capture_output=True).returncode


def read_only(folder, mount_point) -> subprocess.CompletedProcess[str]:
    """The state of the machines of a store that is mounted read-only."""
    command = f'{MOUNT}exec "$2" -m auscult status "$1" --json'
    arguments = [shutil.which("unshare"), "-m", "sh", "-c", command, folder, mount_point, sys.executable]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.skipif(not can_mount(), reason="a read-only mount is not permitted here")
@pytest.mark.parametrize("ended", [True, False])
def test_a_store_that_is_read_only(tmp_path, ended):
    original, folder, mount_point = (tmp_path / name for name in ("original", "store", "mounted"))
    mount_point.mkdir()
    with EventStore(original) as store:
        store.put_machine(Machine("fan", "a1b2", "", {}, 0.0))
        store.add_scores([ScoreRow("fan", 1000.0, 0.5)])
        store.add_event(Event("fan", "alarm", 1000.0, 1010.0))
        if not ended:
            shutil.copytree(original, folder)
            assert (folder / "events.sqlite-wal").stat().st_size
    if ended:
        shutil.copytree(original, folder)
    result = read_only(folder, mount_point)
    if result.returncode == 99:
        pytest.skip("a read-only mount is not permitted here")
    assert '"name": "fan"' in result.stdout, result.stderr
    assert result.returncode == 5, "nothing monitors it"
