"""Machines sound as their attributes say, and their faults as faults."""

import numpy as np
import pytest
from scipy import signal

from auscult.simulation import MACHINE_TYPES
from auscult.simulation.bearing import Bearing
from auscult.simulation.fan import Fan
from auscult.simulation.faults import Fault
from auscult.simulation.gearbox import Gearbox
from auscult.simulation.slider import Slider
from auscult.simulation.sources import rms
from auscult.simulation.take import Take, stream
from auscult.simulation.toytrain import ToyTrain
from auscult.simulation.valve import Valve

RATE = 16000
TAKE = Take(6 * RATE, RATE, (0, "test"))
TYPES = list(MACHINE_TYPES.values())
FAULTS = [(machine, fault) for machine in TYPES for fault in machine.fault_levels]


def unit(machine, seed: int = 0):
    return machine(stream(seed, "unit"))


def peak_hertz(samples: np.ndarray, low: float, high: float) -> float:
    hertz, power = signal.periodogram(samples, RATE)
    inside = (hertz >= low) & (hertz <= high)
    return float(hertz[inside][np.argmax(power[inside])])


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_a_machine_runs_in_every_operation_and_sounds_the_same_each_time(machine):
    for operation in (*machine.source, *machine.target):
        sound = unit(machine).sound(TAKE, operation, None)
        assert sound.rest.shape == (TAKE.samples,)
        assert np.isfinite(sound.rest).all()
        assert rms(sound.rest) > 0.01
        assert sound.gained is None
        assert sound.lost is None
        assert np.array_equal(sound.rest, unit(machine).sound(TAKE, operation, None).rest)


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_units_of_a_type_and_takes_of_a_unit_differ(machine):
    sound = unit(machine).sound(TAKE, machine.source[0], None).rest
    assert not np.allclose(sound, unit(machine, 1).sound(TAKE, machine.source[0], None).rest)
    assert not np.allclose(
        sound, unit(machine).sound(Take(TAKE.samples, RATE, (1,)), machine.source[0], None).rest
    )


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_domains_differ_in_one_thing_alone(machine):
    differing = {
        key
        for key in machine.source[0]
        if {operation[key] for operation in machine.source}
        != {operation[key] for operation in machine.target}
    }
    assert len(differing) == 1
    key = differing.pop()
    assert not {o[key] for o in machine.source} & {o[key] for o in machine.target}


@pytest.mark.parametrize(("machine", "fault"), FAULTS, ids=lambda x: getattr(x, "type", x))
def test_a_fault_changes_only_what_it_says_and_more_when_severe(machine, fault):
    healthy = unit(machine).sound(TAKE, machine.source[0], None).rest
    changes = []
    for decibels in (-6.0, 0.0, 6.0):
        sound = unit(machine).sound(TAKE, machine.source[0], Fault(fault, "", decibels))
        lost = 0.0 if sound.lost is None else sound.lost
        assert np.allclose(sound.rest + lost, healthy, atol=1e-4)  # the same draws beside the fault
        assert np.isfinite(sound.gained).all()
        changes.append((rms(sound.gained), rms(sound.gained - lost)))
    gained, changed = np.transpose(changes)
    if sound.lost is None:
        assert gained / gained[1] == pytest.approx([0.501, 1.0, 1.995], rel=1e-3)
    assert changed[0] < changed[2]


def test_the_blades_of_a_fan_pass_at_the_speed_of_its_attribute():
    for spd in (1000, 1600):
        fan = unit(Fan)
        sound = fan.sound(TAKE, {"spd": str(spd), "mic": "1"}, None).rest
        expected = fan.blades * spd / 60
        assert peak_hertz(sound, 0.9 * expected, 1.1 * expected) == pytest.approx(expected, rel=0.04)
        hertz, power = signal.periodogram(sound, RATE)
        around = (hertz > 0.8 * expected) & (hertz < 1.2 * expected)
        assert power[around].max() > 30 * np.median(power[around])


def _near(hertz: float) -> np.ndarray:
    return signal.butter(2, [0.95 * hertz, 1.05 * hertz], "band", fs=RATE, output="sos")


def test_a_gearbox_meshes_at_teeth_times_speed_and_louder_under_load():
    box = unit(Gearbox)
    mesh = box.teeth[0] * 1500 / 60
    light, heavy = (box.sound(TAKE, {"spd": "1500", "load": load}, None).rest for load in ("20", "90"))
    assert peak_hertz(heavy, 0.9 * mesh, 1.1 * mesh) == pytest.approx(mesh, rel=0.05)
    assert rms(signal.sosfilt(_near(0.985 * mesh), heavy)) > 1.5 * rms(
        signal.sosfilt(_near(0.985 * mesh), light)
    )


def test_a_pitted_outer_race_is_heard_at_the_ball_pass_frequency():
    bearing = unit(Bearing)
    sound = bearing.sound(TAKE, {"spd": "1200", "mic": "1"}, Fault("outer_race", "high", 6.0))
    envelope = np.abs(signal.hilbert(sound.gained)) ** 2
    expected = bearing.order * 1200 / 60
    assert peak_hertz(envelope - envelope.mean(), 0.7 * expected, 1.3 * expected) == pytest.approx(
        expected, rel=0.04
    )


def test_a_valve_strokes_at_its_period():
    valve = unit(Valve)
    sound = valve.sound(TAKE, {"pat": "1", "noise": "1"}, None).rest
    open_share = np.mean(np.abs(sound) > 0.1 * np.abs(sound).max())
    assert open_share < 0.6
    envelope = signal.decimate(np.abs(sound), 8)
    lag = np.correlate(envelope - envelope.mean(), envelope - envelope.mean(), "full")[len(envelope) :]
    strongest = (np.argmax(lag[1000:4000]) + 1001) / (RATE / 8)
    assert strongest == pytest.approx(valve.period["1"], rel=0.05)


def test_a_sticking_valve_strokes_later_and_softer():
    valve = unit(Valve)
    valve.air_level = 0.0  # blows alone
    sound = valve.sound(TAKE, {"pat": "1", "noise": "1"}, Fault("sticking_stroke", "high", 6.0))
    first, late = (np.argmax(np.abs(x) > 0.3 * np.abs(x).max()) for x in (sound.lost, sound.gained))
    assert late > first + 0.02 * RATE
    assert np.abs(sound.gained[: first - 50]).max() < 1e-4
    assert rms(sound.gained) < 0.8 * rms(sound.lost)


def test_a_slider_is_quiet_at_its_reversals_and_quicker_at_higher_velocity():
    def dips(vel: str) -> int:
        sound = unit(Slider).sound(TAKE, {"vel": vel}, None).rest
        high = signal.sosfilt(signal.butter(4, 1500, "high", fs=RATE, output="sos"), sound)
        smooth = signal.filtfilt(*signal.butter(2, 12, fs=RATE), np.abs(high))
        return len(signal.find_peaks(-smooth, height=-0.5 * np.median(smooth), distance=RATE // 5)[0])

    assert dips("400") == pytest.approx(6 * 0.4 / 0.3, abs=2)
    assert dips("700") == pytest.approx(6 * 0.7 / 0.3, abs=2)


def test_a_stuck_slider_is_silent_until_it_breaks_loose():
    sound = unit(Slider).sound(TAKE, {"vel": "400"}, Fault("sticking_stroke", "high", 6.0))
    halted = sound.lost != 0
    assert 0.05 < halted.mean() < 0.6
    assert not (sound.rest[halted] - sound.rest[halted].mean()).std() > 0.8 * sound.rest[~halted].std()
    assert np.abs(sound.gained).max() > 0


def test_wheels_of_a_train_click_over_every_joint():
    train = unit(ToyTrain)
    train.amplitudes[:] = 0  # no motor, no gears
    sound = train.sound(TAKE, {"spd": "35", "mic": "1"}, None).rest
    crest = np.abs(sound).max() / rms(sound)
    assert crest > 6
