"""The states of a machine."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.errors import OptionError
from auscult.model.normal_range import SpectrumRange
from auscult.monitor.stream.gate import GateSettings, RunningGate

NORMAL = SpectrumRange(np.full(16, -40.0), np.full(16, -30.0))
RUNNING, QUIET = np.full(16, -35.0), np.full(16, -60.0)


def states(*spectra, settings=None):
    gate = RunningGate(NORMAL, settings or GateSettings(settle=3.0, run_down=2.0))
    return [gate.push(float(time), spectrum) for time, spectrum in enumerate(spectra)]


def test_a_stop_and_a_start():
    observed = states(*[RUNNING] * 2, *[QUIET] * 4, *[RUNNING] * 5)
    assert observed == ["running"] * 2 + ["stopping"] * 2 + ["off"] * 2 + ["starting"] * 3 + ["running"] * 2


def test_a_short_pause_is_no_stop():
    assert states(RUNNING, QUIET, RUNNING) == ["running", "stopping", "running"]


def test_a_start_that_fails():
    assert states(*[QUIET] * 4, RUNNING, *[QUIET] * 3)[4:] == ["starting", "stopping", "stopping", "off"]


def test_loud_bands_of_another_machine_do_not_count():
    spectrum = QUIET.copy()
    spectrum[:5] = -10.0
    assert states(*[spectrum] * 4)[-1] == "off"


def test_a_fault_in_some_bands_is_not_off():
    spectrum = RUNNING.copy()
    spectrum[:6] = -70.0
    assert set(states(*[spectrum] * 5)) == {"running"}
    assert set(states(*[RUNNING + 30] * 5)) == {"running"}


def test_without_a_range_every_machine_is_running():
    gate = RunningGate(None)
    assert [gate.push(t, QUIET) for t in (0.0, 5.0, 10.0)] == ["running"] * 3


@pytest.mark.parametrize(
    "change", [{"settle": -1.0}, {"settle": 1e6}, {"off_margin": float("nan")}, {"run_down": 1e9}]
)
def test_impossible_settings_are_refused(change):
    with pytest.raises(OptionError):
        GateSettings(**change)


def test_a_machine_that_is_off_for_longer_than_it_may_be():
    gate = RunningGate(NORMAL, GateSettings(settle=3.0, run_down=2.0, longest_off=5.0))
    too_long = []
    for time, spectrum in enumerate([RUNNING] * 2 + [QUIET] * 12 + [RUNNING] * 2):
        gate.push(float(time), spectrum)
        too_long.append(gate.is_off_for_too_long(float(time)))
    assert [time for time, value in enumerate(too_long) if value] == [10, 11, 12, 13]
    off = RunningGate(NORMAL, GateSettings(run_down=0.0))
    for time in range(100):
        off.push(float(time), QUIET)
    assert not off.is_off_for_too_long(99.0), "by default it may be off for ever"
