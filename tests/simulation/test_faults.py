"""Faults sound as the mechanics say."""

import numpy as np
import pytest
from scipy import signal

from auscult.simulation.faults import belt_slip, chipped_tooth, imbalance, leak, outer_race, rubbing
from auscult.simulation.sources import Modes, gear_mesh, rms, shaped_noise
from auscult.simulation.take import Take, stream

TAKE = Take(80000, 8000, (0, "test"))
REVOLUTIONS = 20.0 * TAKE.times
HOUSING = Modes.draw(stream(1), 1200, 3000, 4, 0.004)
MESH = gear_mesh(REVOLUTIONS, 17, [1.0, 0.5], np.array([0.1, 0.2]), 0.2)
FLOW = shaped_noise(TAKE, stream(2), np.ones_like(TAKE.frequencies))

FAULTS = {
    "outer_race": lambda: outer_race(TAKE, REVOLUTIONS, HOUSING, 3.6),
    "imbalance": lambda: imbalance(TAKE, REVOLUTIONS, FLOW),
    "rubbing": lambda: rubbing(TAKE, REVOLUTIONS, 1500, 3500),
    "chipped_tooth": lambda: chipped_tooth(TAKE, REVOLUTIONS, MESH, HOUSING),
    "leak": lambda: leak(TAKE, 2500.0),
    "belt_slip": lambda: belt_slip(TAKE, 1500.0),
}


def envelope_lines(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and amplitudes of the squared envelope's spectrum."""
    envelope = np.abs(signal.hilbert(samples)) ** 2
    return np.fft.rfftfreq(len(samples), 1 / 8000), np.abs(np.fft.rfft(envelope - envelope.mean()))


def strongest(samples: np.ndarray, low: float, high: float) -> float:
    hertz, lines = envelope_lines(samples)
    inside = (hertz >= low) & (hertz <= high)
    return float(hertz[inside][np.argmax(lines[inside])])


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_unit_mean_square_and_is_the_same_each_time(fault):
    sound = FAULTS[fault]()
    assert sound.shape == (80000,)
    assert sound.dtype == np.float32
    assert rms(sound) == pytest.approx(1.0, rel=1e-4)
    assert np.array_equal(sound, FAULTS[fault]())


def test_the_envelope_of_outer_race_impacts_repeats_at_the_ball_pass_frequency():
    assert strongest(FAULTS["outer_race"](), 30, 110) == pytest.approx(3.6 * 20, rel=0.02)


@pytest.mark.parametrize("fault", ["rubbing", "chipped_tooth"])
def test_what_happens_once_a_turn_repeats_with_the_shaft(fault):
    assert strongest(FAULTS[fault](), 10, 35) == pytest.approx(20.0, abs=0.3)


def test_imbalance_has_the_shaft_line_and_makes_the_flow_swell():
    sound = FAULTS["imbalance"]()
    hertz, power = signal.periodogram(sound, 8000)
    low = (hertz > 5) & (hertz < 30)
    assert hertz[low][np.argmax(power[low])] == pytest.approx(20.0, abs=0.2)
    above = signal.sosfilt(signal.butter(4, 500, "high", fs=8000, output="sos"), sound)
    assert strongest(above, 30, 50) == pytest.approx(40.0, abs=0.3)  # cos² of the once-a-turn swell


def test_a_leak_hisses_above_its_corner():
    hertz, density = signal.welch(FAULTS["leak"](), 8000, nperseg=1024)
    assert density[hertz > 2500].sum() > 8 * density[hertz < 2000].sum()


def test_a_slipping_belt_squeals_for_moments_near_its_pitch():
    sound = FAULTS["belt_slip"]()
    assert np.mean(np.abs(sound) < 1e-6) > 0.4
    hertz, density = signal.welch(sound, 8000, nperseg=2048)
    assert 0.65 * 1500 < hertz[np.argmax(density)] < 1.3 * 1500


def test_a_slipping_belt_fits_into_a_very_short_clip():
    assert rms(belt_slip(Take(1000, 8000, (0,)), 1500.0)) == pytest.approx(1.0, rel=1e-3)
