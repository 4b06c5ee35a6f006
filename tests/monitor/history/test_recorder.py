"""What is written of one machine when its monitor ends."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import RATE, model_without_alarms, noise

from auscult.monitor.history.recorder import STOPPED, Recorder
from auscult.monitor.store import EventStore, Machine
from auscult.monitor.stream.machine import MachineMonitor
from auscult.sound.live import Block

START = 1_700_000_000.0


@pytest.mark.parametrize(("quiet", "reasons"), [(2.5, [STOPPED]), (12, ["machine stopping", "machine off"])])
def test_whether_a_machine_stops_is_unknown_when_the_monitor_stops(tmp_path, quiet, reasons):
    samples = np.concatenate([noise(6), noise(quiet, 1, level=1e-3)])
    machine = MachineMonitor("fan", model_without_alarms(), None, sample_rate=RATE)
    with EventStore(tmp_path / "store") as store:
        store.put_machine(Machine("fan", "1", "", {}, START))
        recorder = Recorder(store, machine)
        for first in range(0, len(samples), RATE // 2):
            block = Block(samples[first : first + RATE // 2, None], first, START + first / RATE)
            for change in machine.push(block):
                list(recorder.record(change))
        recorder.close(START + len(samples) / RATE)
        gaps = store.read.gaps("fan")
    assert [gap.reason for gap in gaps] == reasons
    assert all(gap.end is not None for gap in gaps)
