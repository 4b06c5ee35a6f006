"""Fault sounds have the spectra and envelopes of their physical model."""

import numpy as np
import pytest
from scipy import signal

from auscult.simulation.faults import belt_slip, chipped_tooth, imbalance, leak, outer_race, rubbing
from auscult.simulation.sources import Modes, gear_mesh, rms, shaped_noise
from auscult.simulation.take import Take, seeded_rng

TAKE = Take(80000, 8000, (0, "test"))
REVOLUTIONS = 20.0 * TAKE.times
HOUSING = Modes.draw(seeded_rng(1), 1200, 3000, 4, 0.004)
MESH = gear_mesh(REVOLUTIONS, 17, [1.0, 0.5], np.array([0.1, 0.2]), 0.2)
FLOW = shaped_noise(TAKE, seeded_rng(2), np.ones_like(TAKE.frequencies))

FAULTS = {
    "outer_race": lambda: outer_race(TAKE, REVOLUTIONS, HOUSING, 3.6),
    "imbalance": lambda: imbalance(TAKE, REVOLUTIONS, FLOW),
    "rubbing": lambda: rubbing(TAKE, REVOLUTIONS, 1500, 3500),
    "chipped_tooth": lambda: chipped_tooth(TAKE, REVOLUTIONS, MESH, HOUSING),
    "leak": lambda: leak(TAKE, 2500.0),
    "belt_slip": lambda: belt_slip(TAKE, 1500.0),
}


def envelope_lines(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and amplitudes of the spectrum of the squared envelope."""
    envelope = np.abs(signal.hilbert(samples)) ** 2
    return np.fft.rfftfreq(len(samples), 1 / 8000), np.abs(np.fft.rfft(envelope - envelope.mean()))


def strongest_line(samples: np.ndarray, low: float, high: float) -> float:
    """Frequency of the strongest line between ``low`` and ``high`` Hz in the envelope spectrum."""
    hertz, lines = envelope_lines(samples)
    inside = (hertz >= low) & (hertz <= high)
    return float(hertz[inside][np.argmax(lines[inside])])


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_unit_mean_square_and_is_reproducible(fault):
    sound = FAULTS[fault]()
    assert sound.shape == (80000,)
    assert sound.dtype == np.float32
    assert rms(sound) == pytest.approx(1.0, rel=1e-4)
    assert np.array_equal(sound, FAULTS[fault]())


def test_outer_race_impacts_repeat_at_the_ball_pass_frequency():
    assert strongest_line(FAULTS["outer_race"](), 30, 110) == pytest.approx(3.6 * 20, rel=0.02)


@pytest.mark.parametrize("fault", ["rubbing", "chipped_tooth"])
def test_faults_once_per_turn_repeat_at_the_shaft_frequency(fault):
    assert strongest_line(FAULTS[fault](), 10, 35) == pytest.approx(20.0, abs=0.3)


def test_imbalance_has_a_shaft_line_and_modulates_the_flow():
    sound = FAULTS["imbalance"]()
    hertz, power = signal.periodogram(sound, 8000)
    low = (hertz > 5) & (hertz < 30)
    assert hertz[low][np.argmax(power[low])] == pytest.approx(20.0, abs=0.2)
    above = signal.sosfilt(signal.butter(4, 500, "high", fs=8000, output="sos"), sound)
    assert strongest_line(above, 30, 50) == pytest.approx(
        40.0, abs=0.3
    )  # cos² of the modulation once per turn


def test_a_leak_is_noise_above_the_given_frequency():
    hertz, density = signal.welch(FAULTS["leak"](), 8000, nperseg=1024)
    assert density[hertz > 2500].sum() > 8 * density[hertz < 2000].sum()


def test_a_slipping_belt_squeals_briefly_near_the_given_pitch():
    sound = FAULTS["belt_slip"]()
    assert np.mean(np.abs(sound) < 1e-6) > 0.4
    hertz, density = signal.welch(sound, 8000, nperseg=2048)
    assert 0.65 * 1500 < hertz[np.argmax(density)] < 1.3 * 1500


def test_a_slipping_belt_fits_into_a_very_short_clip():
    assert rms(belt_slip(Take(1000, 8000, (0,)), 1500.0)) == pytest.approx(1.0, rel=1e-3)
