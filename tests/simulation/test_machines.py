"""The sound of simulated machines depends on their attributes and faults as it should."""

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
from auscult.simulation.take import Take, seeded_rng
from auscult.simulation.toytrain import ToyTrain
from auscult.simulation.valve import Valve

RATE = 16000
TAKE = Take(6 * RATE, RATE, (0, "test"))
TYPES = list(MACHINE_TYPES.values())
FAULTS = [(machine, fault) for machine in TYPES for fault in machine.fault_levels]


def make_unit(machine, seed: int = 0):
    return machine(seeded_rng(seed, "unit"))


def peak_hertz(samples: np.ndarray, low: float, high: float) -> float:
    hertz, power = signal.periodogram(samples, RATE)
    inside = (hertz >= low) & (hertz <= high)
    return float(hertz[inside][np.argmax(power[inside])])


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_a_machine_supports_every_operation_and_is_reproducible(machine):
    for operation in (*machine.source, *machine.target):
        sound = make_unit(machine).sound(TAKE, operation, None)
        assert sound.unaffected.shape == (TAKE.samples,)
        assert np.isfinite(sound.unaffected).all()
        assert rms(sound.unaffected) > 0.01
        assert sound.added is None
        assert sound.removed is None
        assert np.array_equal(sound.unaffected, make_unit(machine).sound(TAKE, operation, None).unaffected)


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_units_of_a_type_and_clips_of_a_unit_differ(machine):
    sound = make_unit(machine).sound(TAKE, machine.source[0], None).unaffected
    assert not np.allclose(sound, make_unit(machine, 1).sound(TAKE, machine.source[0], None).unaffected)
    assert not np.allclose(
        sound, make_unit(machine).sound(Take(TAKE.samples, RATE, (1,)), machine.source[0], None).unaffected
    )


@pytest.mark.parametrize("machine", TYPES, ids=lambda m: m.type)
def test_domains_differ_in_one_attribute(machine):
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
def test_a_fault_leaves_the_unaffected_part_and_grows_with_severity(machine, fault):
    healthy = make_unit(machine).sound(TAKE, machine.source[0], None).unaffected
    changes = []
    for decibels in (-6.0, 0.0, 6.0):
        sound = make_unit(machine).sound(TAKE, machine.source[0], Fault(fault, "", decibels))
        removed = 0.0 if sound.removed is None else sound.removed
        assert np.allclose(sound.unaffected + removed, healthy, atol=1e-4)  # the same random numbers
        assert np.isfinite(sound.added).all()
        changes.append((rms(sound.added), rms(sound.added - removed)))
    added, changed = np.transpose(changes)
    if sound.removed is None:
        assert added / added[1] == pytest.approx([0.501, 1.0, 1.995], rel=1e-3)
    assert changed[0] < changed[2]


def test_the_blade_frequency_of_a_fan_follows_the_speed_attribute():
    for spd in (1000, 1600):
        fan = make_unit(Fan)
        sound = fan.sound(TAKE, {"spd": str(spd), "mic": "1"}, None).unaffected
        expected = fan.blades * spd / 60
        assert peak_hertz(sound, 0.9 * expected, 1.1 * expected) == pytest.approx(expected, rel=0.04)
        hertz, power = signal.periodogram(sound, RATE)
        around = (hertz > 0.8 * expected) & (hertz < 1.2 * expected)
        assert power[around].max() > 30 * np.median(power[around])


def bandpass_around(hertz: float) -> np.ndarray:
    return signal.butter(2, [0.95 * hertz, 1.05 * hertz], "band", fs=RATE, output="sos")


def test_the_gear_mesh_is_at_teeth_times_speed_and_louder_under_load():
    gearbox = make_unit(Gearbox)
    mesh = gearbox.teeth[0] * 1500 / 60
    light, heavy = (
        gearbox.sound(TAKE, {"spd": "1500", "load": load}, None).unaffected for load in ("20", "90")
    )
    assert peak_hertz(heavy, 0.9 * mesh, 1.1 * mesh) == pytest.approx(mesh, rel=0.05)
    assert rms(signal.sosfilt(bandpass_around(0.985 * mesh), heavy)) > 1.5 * rms(
        signal.sosfilt(bandpass_around(0.985 * mesh), light)
    )


def test_an_outer_race_fault_is_at_the_ball_pass_frequency():
    bearing = make_unit(Bearing)
    sound = bearing.sound(TAKE, {"spd": "1200", "mic": "1"}, Fault("outer_race", "high", 6.0))
    envelope = np.abs(signal.hilbert(sound.added)) ** 2
    expected = bearing.order * 1200 / 60
    assert peak_hertz(envelope - envelope.mean(), 0.7 * expected, 1.3 * expected) == pytest.approx(
        expected, rel=0.04
    )


def test_a_valve_repeats_at_the_stroke_period():
    valve = make_unit(Valve)
    sound = valve.sound(TAKE, {"pat": "1", "noise": "1"}, None).unaffected
    open_fraction = np.mean(np.abs(sound) > 0.1 * np.abs(sound).max())
    assert open_fraction < 0.6
    envelope = signal.decimate(np.abs(sound), 8)
    correlation = np.correlate(envelope - envelope.mean(), envelope - envelope.mean(), "full")
    correlation = correlation[len(envelope) :]  # from a lag of 1 on
    period = (np.argmax(correlation[1000:4000]) + 1001) / (RATE / 8)
    assert period == pytest.approx(valve.period["1"], rel=0.05)


def test_a_sticking_valve_strikes_later_and_softer():
    valve = make_unit(Valve)
    valve.air_level = 0.0  # impacts only
    sound = valve.sound(TAKE, {"pat": "1", "noise": "1"}, Fault("sticking_stroke", "high", 6.0))
    removed, added = (np.argmax(np.abs(x) > 0.3 * np.abs(x).max()) for x in (sound.removed, sound.added))
    assert added > removed + 0.02 * RATE
    assert np.abs(sound.added[: removed - 50]).max() < 1e-4
    assert rms(sound.added) < 0.8 * rms(sound.removed)


def test_a_slider_is_quiet_at_reversals_which_are_more_frequent_at_higher_velocity():
    def quiet_moments(vel: str) -> int:
        sound = make_unit(Slider).sound(TAKE, {"vel": vel}, None).unaffected
        high = signal.sosfilt(signal.butter(4, 1500, "high", fs=RATE, output="sos"), sound)
        smooth = signal.filtfilt(*signal.butter(2, 12, fs=RATE), np.abs(high))
        return len(signal.find_peaks(-smooth, height=-0.5 * np.median(smooth), distance=RATE // 5)[0])

    assert quiet_moments("400") == pytest.approx(6 * 0.4 / 0.3, abs=2)
    assert quiet_moments("700") == pytest.approx(6 * 0.7 / 0.3, abs=2)


def test_a_sticking_slider_is_silent_until_it_breaks_loose():
    sound = make_unit(Slider).sound(TAKE, {"vel": "400"}, Fault("sticking_stroke", "high", 6.0))
    halted = sound.removed != 0
    assert 0.05 < halted.mean() < 0.6
    assert (
        not (sound.unaffected[halted] - sound.unaffected[halted].mean()).std()
        > 0.8 * sound.unaffected[~halted].std()
    )
    assert np.abs(sound.added).max() > 0


def test_the_wheels_of_a_train_click_at_rail_joints():
    train = make_unit(ToyTrain)
    train.amplitudes[:] = 0  # no motor, no gears
    sound = train.sound(TAKE, {"spd": "35", "mic": "1"}, None).unaffected
    crest_factor = np.abs(sound).max() / rms(sound)
    assert crest_factor > 6
