"""Which machine a recording belongs to, and when that is refused."""

from __future__ import annotations

import pytest

from auscult.monitor.watch.assignment import Assigner

MACHINES = ("fan", "pump", "fan-id_00", "Pump 3", "Lüfter")


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("fan/x.wav", "fan"),
        ("FAN/2026-11-28/x.wav", "fan"),
        ("hall 3/fan/x.wav", "fan"),
        ("fan/id_00/normal/00000001.wav", "fan-id_00"),
        ("fan/test/section_00_source_test_normal_0001_spd_1.wav", "fan"),
        ("fan-id_00/x.wav", "fan-id_00"),
        ("pump_3/x.wav", "Pump 3"),
        ("2026-11-28T06-00_fan.wav", "fan"),
        ("fan_0001.wav", "fan"),
        ("Lu\u0308fter 0001.wav", "Lüfter"),  # decomposed, as macOS writes it
        ("day 3/fan 12.wav", "fan"),
        ("fan/pump-fan-1.wav", "fan"),
        ("fan/id_00/fan_01.wav", "fan-id_00"),
    ],
)
def test_folders_and_file_names_name_a_machine(name, machine):
    assert Assigner(MACHINES).assign(name).machine == machine


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("x.wav", "names no machine"),
        ("fans/x.wav", "names no machine"),
        ("pump3/x.wav", "names no machine"),
        ("fan/pump/x.wav", "several machines"),
        ("fan_pump.wav", "several machines"),
        ("pump_3_0001.wav", "several machines"),  # of pump the recording 3, or of pump 3?
        ("fan/pump_0001.wav", "its file name pump"),
    ],
)
def test_what_is_not_clear_is_refused(name, reason):
    assignment = Assigner(MACHINES).assign(name)
    assert assignment.machine is None
    assert reason in assignment.reason


def test_a_folder_beside_folders_of_machines_may_be_another_machine():
    assigner = Assigner(MACHINES)
    assignment = assigner.assign("compressor/fan_1.wav", [["compressor", "fan", "pump"]])
    assert assignment.machine is None
    assert "no model of compressor" in assignment.reason
    assert assigner.assign("compressor/fan_1.wav", [["compressor", "hall"]]).machine == "fan"
    assert assigner.assign("day 2/fan_1.wav", [["day 2", "fan"]]).machine == "fan"


def test_what_the_user_states_comes_first():
    assigner = Assigner(MACHINES, {"recorder7": "fan", "line 1/*": "pump", "x?.wav": "fan", "odd": "press"})
    assert assigner.assign("recorder7/pump.wav").machine == "fan"
    assert assigner.assign("line 1/b/c.wav").machine == "pump"
    assert assigner.assign("x1.wav").machine == "fan"
    assert "no model of press" in assigner.assign("odd/fan.wav").reason
    assert assigner.assign("line 1/x1.wav").machine is None  # two of them


def test_names_that_are_no_words_and_no_machines():
    assert Assigner(["--", "fan"]).assign("---.wav").machine is None
    assert Assigner([]).assign("fan.wav").machine is None
    assert Assigner(["fan"]).assign("\udcff fan.wav").machine == "fan"


def test_machines_with_the_same_words_are_refused():
    assert Assigner(["pump 1", "pump_1"]).assign("pump-1/x.wav").machine is None
