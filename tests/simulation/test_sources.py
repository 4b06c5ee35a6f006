"""Sound sources have the spectral lines, sidebands and intervals of their physical model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from auscult.simulation.sources import (
    Modes,
    band,
    gear_mesh,
    harmonics,
    level,
    passing_times,
    pulse,
    rms,
    shaped_noise,
    strike,
    tilt,
    turns,
    wander,
)
from auscult.simulation.take import Take, seeded_rng

TAKE = Take(32000, 8000, (0, "test"))


def amplitude(samples: np.ndarray, hertz: float, sample_rate: int = 8000) -> float:
    """Amplitude of the sine at exactly ``hertz``."""
    angle = 2j * np.pi * hertz * np.arange(len(samples)) / sample_rate
    return 2 * abs(np.mean(samples * np.exp(-angle)))


def steady(hertz: float) -> np.ndarray:
    """Revolutions at a constant speed."""
    return hertz * TAKE.times


def test_random_generators_depend_only_on_their_keys():
    assert seeded_rng(0, "fan", 3).uniform() == seeded_rng(0, "fan", 3).uniform()
    others = [
        seeded_rng(*keys).uniform() for keys in [(0, "fan", 3), (1, "fan", 3), (0, "fan_2", 3), (0, "fan", 4)]
    ]
    assert len(set(others)) == 4
    assert TAKE.rng("flow").uniform() != TAKE.rng("hum").uniform()


def test_harmonics_have_the_given_amplitudes_at_multiples_of_the_speed():
    sound = harmonics(steady(25.0), [1.0, 0.5, 0.25], np.array([0.1, 1.0, 2.0]))
    assert [amplitude(sound, f) for f in (25, 50, 75)] == pytest.approx([1.0, 0.5, 0.25], rel=1e-3)
    assert amplitude(sound, 100) < 1e-3


def test_harmonics_above_the_nyquist_frequency_are_omitted():
    sound = harmonics(steady(1500.0), [1.0, 1.0, 1.0], np.zeros(3))  # 4500 Hz would alias to 3500 Hz
    assert amplitude(sound, 3000) == pytest.approx(1.0, rel=1e-3)
    assert amplitude(sound, 3500) < 1e-3


def test_gear_mesh_has_sidebands_spaced_by_the_shaft_frequency():
    mesh = gear_mesh(steady(10.0), 20, [1.0], np.array([0.3]), 0.3)
    assert amplitude(mesh, 200) > 0.9
    assert amplitude(mesh, 190) > 0.1
    assert amplitude(mesh, 210) > 0.1
    assert amplitude(mesh, 195) < 0.01
    assert amplitude(gear_mesh(steady(10.0), 20, [1.0], np.array([0.3]), 0.0), 210) < 1e-3


def test_the_speed_of_turns_varies_around_the_given_speed():
    revolutions = turns(TAKE, seeded_rng(1), 20.0, unsteady=0.01)
    speed = np.diff(revolutions) * TAKE.sample_rate
    assert speed.mean() == pytest.approx(20.0, rel=0.03)
    assert 0.001 < speed.std() / 20.0 < 0.03
    assert 0 <= revolutions[0] < 1.1


def test_wander_varies_slowly():
    curve = wander(TAKE, seeded_rng(2), rate=2.0, depth=1.0)
    assert np.abs(np.diff(curve)).max() < 20 / TAKE.sample_rate
    assert curve.std() > 0.2


def test_pulse_is_one_once_per_turn_and_silent_in_between():
    train = pulse(steady(5.0), width=0.03, angle=0.25)
    peaks, _ = signal.find_peaks(train, height=0.9)
    assert np.diff(peaks) == pytest.approx(1600, abs=1)
    assert peaks[0] == pytest.approx(400, abs=1)
    assert np.median(train) < 1e-6


@pytest.mark.parametrize("gain", [lambda f: band(f, 500, 2000), lambda f: tilt(f, -6.0)])
def test_shaped_noise_has_unit_mean_square_and_the_given_spectrum(gain):
    noise = shaped_noise(TAKE, seeded_rng(3), gain(TAKE.frequencies))
    assert rms(noise) == pytest.approx(1.0, rel=1e-5)
    hertz, density = signal.welch(noise, 8000, nperseg=512)
    inside = (hertz > 100) & (hertz < 3800)
    ratio = 10 * np.log10(density[inside] / gain(hertz[inside]) ** 2)
    assert ratio.std() < 1.0


def test_tilt_falls_by_the_slope_per_octave():
    gain = tilt(np.array([500.0, 1000.0, 2000.0]), -6.0)
    assert 20 * np.log10(gain) == pytest.approx([6.0, 0.0, -6.0])


def test_an_impact_rings_at_the_modes_and_decays():
    modes = Modes(hertz=np.array([1000.0]), decays=np.array([0.02]), amplitudes=np.array([1.0]))
    sound = strike(TAKE, modes, np.array([0.5]), np.array([2.0]))
    assert np.all(sound[:3990] < 1e-5)
    assert np.sum(sound**2) == pytest.approx(4.0, rel=0.01)
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 8000 / 32000 == pytest.approx(1000, abs=10)
    assert rms(sound[4800:]) < 0.01 * rms(sound[4000:4200])


def test_impacts_outside_the_clip_are_ignored():
    modes = Modes.draw(seeded_rng(4), 500, 2000, 3, 0.01)
    assert not strike(TAKE, modes, np.array([-0.1, 4.0, 99.0]), np.ones(3)).any()


def test_modes_above_the_nyquist_frequency_are_silent():
    response = Modes(np.array([6000.0]), np.array([0.01]), np.array([1.0])).response(8000)
    assert not response.any()


@settings(max_examples=25, deadline=None)
@given(order=st.floats(0.5, 8.0), hertz=st.floats(5.0, 40.0))
def test_passing_times_occur_order_times_per_turn(order, hertz):
    times = passing_times(TAKE, seeded_rng(5), steady(hertz), order, slip=0.0)
    assert np.diff(times) == pytest.approx(1 / (order * hertz), rel=1e-6)
    assert len(times) == pytest.approx(4.0 * order * hertz, abs=2)


def test_slip_makes_the_intervals_uneven_and_deviations_add_up():
    even = passing_times(TAKE, seeded_rng(6), steady(20.0), 3.5, slip=0.0)
    times = passing_times(TAKE, seeded_rng(6), steady(20.0), 3.5, slip=0.01)
    assert np.std(np.diff(times[:-3])) * 70 == pytest.approx(0.01, rel=0.3)
    deviations = (times - even)[:-3] * 70
    assert np.abs(deviations[-100:]).mean() > np.abs(deviations[:10]).mean()


def test_level_is_an_amplitude_factor():
    assert level(-6.0206) == pytest.approx(0.5, rel=1e-4)
